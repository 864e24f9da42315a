"""The games of the comparison, each with its true SII: by enumeration for 16 players, in closed form for more."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from closed_forms import (
    Products,
    maximum,
    of_sums,
    one_neighbour,
    softmax_pooling,
    sums_between,
)
from trained_models import GROUPS, Model, loaded

from interplay.interactions import Game, Term, TermGame, exact_pairs

Values = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Known:
    """A game with its true scores.

    Attributes:
        name: ends in its number of players, and " f32" where its values are rounded to single precision.
        players: n.
        value: coalitions (m, n) -> (m,).
        rows: players I of the pairs.
        columns: players J.
        truth: (|I||J|,) SII, row by row, of the values before rounding.
        scale: the largest value seen, by size.
    """

    name: str
    players: int
    value: Values
    rows: list[int]
    columns: list[int]
    truth: np.ndarray
    scale: float

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return list(product(self.rows, self.columns))

    @property
    def mark(self) -> str:
        """Tells the game from one of the same name made elsewhere, by other versions say."""
        return f"{float((self.truth**2).sum()):.5g}"


def block(players: int) -> tuple[list[int], list[int]]:
    """Rows and columns of the pairs asked: the first half of the players with the second (32 x 49 of 81)."""
    half = 32 if players == 81 else players // 2
    return list(range(half)), list(range(half, players))


def make(name: str) -> Known:
    """Make the game of this name, which may end in " f32"."""
    plain = name.removesuffix(" f32")
    kind, n = plain.rpartition(" n")[0], int(plain.rpartition(" n")[2])
    value, sii = BUILDERS[plain](n) if plain in BUILDERS else (_unknown(name), None)
    rows, columns = block(n)
    if n <= 16:
        value = tabled(value, n)
        truth = exact_pairs(Game(value, n, batch_size=2**n, check=False), n, list(product(rows, columns))).sii
    else:
        assert sii is not None, kind
        truth = sii(rows, columns)
    some = np.random.default_rng(0).random((256, n)) < 0.5
    scale = float(np.abs(value(np.concatenate([some, np.ones((1, n), dtype=bool)]))).max())
    if name != plain:
        return Known(name, n, rounded(value), rows, columns, truth, scale)
    return Known(name, n, value, rows, columns, truth, scale)


def _unknown(name: str) -> Any:
    raise SystemExit(f"no game {name!r}; there are {', '.join(NAMES)}")


def tabled(value: Values, n: int) -> Values:
    """The same game from a table of all 2^n values, so that its answers cost next to nothing."""
    index = np.arange(2**n)
    chunks = np.array_split(index, max(1, 2**n // 4096))
    table = np.concatenate([value((some[:, None] >> np.arange(n)) & 1 == 1) for some in chunks]).astype(float)
    places = 1 << np.arange(n)
    return lambda coalitions: table[coalitions @ places]


def rounded(value: Values) -> Values:
    """The same game in single precision."""
    return lambda coalitions: value(coalitions).astype(np.float32)


Built = tuple[Values, Callable[[list[int], list[int]], np.ndarray] | None]


def _closed(products: Products, value: Values | None = None) -> Built:
    return value or products, products.sii


def _trained(data: str, kind: str) -> Callable[[int], Built]:
    def build(n: int) -> Built:
        model = Model(data, kind, 64, GROUPS) if (data, n) == ("digits", 16) else Model(data, kind, n)
        return model, model.sii

    return build


def _probability(data: str) -> Callable[[int], Built]:
    return lambda n: (
        Model(data, "mlp", 64, GROUPS).probability if data == "digits" else Model(data, "mlp", n).probability,
        None,
    )


def neighbours(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of 60 digits (an 8 or not): (60, n) training points, nearest first, and (60, n) whether each has their label."""
    x, y = loaded("digits")
    rng = np.random.default_rng(3)
    eights, rest = rng.permutation(np.flatnonzero(y == 1)), rng.permutation(np.flatnonzero(y == 0))
    train = rng.permutation(np.concatenate([eights[: n // 2], rest[: n - n // 2]]))
    tests = np.concatenate([eights[n : n + 30], rest[n : n + 30]])
    nearest = np.argsort(((x[tests][:, None] - x[train]) ** 2).sum(axis=2), axis=1)
    return nearest, y[train][None] == y[tests][:, None]


def _valuation(n: int) -> Built:
    """How many of the 5 nearest training points that are in have the label of one digit, over 5 (training points play).

    The digit is the first whose 6th and 7th neighbour have one label: no pair interacts around the empty or full set.
    """
    nearest, right = neighbours(n)
    good = np.take_along_axis(right, nearest, axis=1)
    of = int(np.flatnonzero((good[:, 5] == good[:, 6]) & (np.ptp(good[:, :5].astype(int), axis=1) > 0))[0])
    order, one = nearest[of], good[of]

    def value(coalitions: np.ndarray) -> np.ndarray:
        inside = coalitions[:, order]
        return (inside & (np.cumsum(inside, axis=1) <= 5)) @ (one / 5)

    return value, None


def _neighbours(k: int) -> Callable[[int], Built]:
    """Accuracy of a k-nearest-neighbour vote on 60 digits; training points play."""

    def build(n: int) -> Built:
        nearest, right = neighbours(n)
        if k == 1:
            return _closed(one_neighbour(nearest, right), lambda c: votes_of_neighbours(c, nearest, right, 1))
        return lambda c: votes_of_neighbours(c, nearest, right, k), None

    return build


def votes_of_neighbours(coalitions: np.ndarray, nearest: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """Share of the tests that most of their k nearest training points in are right about; a tie is half."""
    total = np.zeros(len(coalitions))
    for order, good in zip(nearest, right, strict=True):
        inside = coalitions[:, order]
        voting = inside & (np.cumsum(inside, axis=1) <= k)
        lead = voting @ np.where(good[order], 1, -1)
        total += np.where(voting.any(axis=1), (np.sign(lead) + 1) / 2, 0.0)
    return total / len(nearest)


def _correlation(n: int) -> Built:
    """Total correlation of features of the cancer data as if they were normal: - log det of their correlations / 2."""
    x, _ = loaded("cancer")
    c = np.corrcoef(x[:, :n].T) + 1e-3 * np.eye(n)

    def value(coalitions: np.ndarray) -> np.ndarray:
        inside = coalitions[:, :, None] & coalitions[:, None, :]
        return -np.linalg.slogdet(np.where(inside, c, np.diag(np.diag(c))))[1] / 2

    return value, None


def _softmax(n: int) -> Built:
    rng = np.random.default_rng(4)
    logits, x = rng.normal(0, 1.5, n), rng.normal(0, 1, n)
    mass = np.exp(logits)

    def value(coalitions: np.ndarray) -> np.ndarray:
        below = coalitions @ mass
        return np.where(below > 0, coalitions @ (mass * x) / np.where(below > 0, below, 1), 0.0)

    return _closed(softmax_pooling(logits, x), value)


def _maximum(n: int) -> Built:
    scores = np.random.default_rng(5).gamma(2.0, size=n)
    return _closed(maximum(scores), lambda c: np.where(c, scores, 0.0).max(axis=1))


def _votes(n: int) -> Built:
    """Accuracy on 60 samples of the majority of those trees of a forest that are in; a tie is half, nobody 0.5."""
    from sklearn.ensemble import RandomForestClassifier

    x, y = loaded("cancer")
    rng = np.random.default_rng(6)
    mixed = rng.permutation(len(x))
    train, tests = mixed[:100], mixed[100:160]
    forest = RandomForestClassifier(n, max_depth=2, max_features=2, random_state=0, n_jobs=1).fit(x[train], y[train])
    right = np.stack([tree.predict(x[tests]) == y[tests] for tree in forest.estimators_], axis=1)  # (60, n)
    steps = np.where(right, 1, -1)
    parts = [of_sums((np.sign(sums_between(s)) + 1) / 2, s) for s in steps]
    whole = Products(
        np.concatenate([p.weights for p in parts]) / len(parts),
        np.concatenate([p.inside for p in parts]),
        np.concatenate([p.outside for p in parts]),
    )
    return _closed(whole, lambda c: ((np.sign(c.astype(int) @ steps.T) + 1) / 2).mean(axis=1))


def _activation(function: Callable[[np.ndarray], np.ndarray], seed: int) -> Callable[[int], Built]:
    """f of a weighted count less a threshold; weights are whole numbers, by which SII has a closed form."""

    def build(n: int) -> Built:
        steps = np.random.default_rng(seed).integers(-15, 21, n)
        middle, spread = steps.sum() / 2, np.sqrt((steps**2).sum()) / 2

        def of(sums: np.ndarray) -> np.ndarray:
            return function((sums - middle - 0.5 * spread) / spread)

        return _closed(of_sums(of(sums_between(steps)), steps), lambda c: of(c @ steps))

    return build


def _terms(n: int) -> Built:
    """24 AND, OR and XOR terms of orders 1 to 4."""
    rng = np.random.default_rng(7)
    kinds = ("and", "or", "xor")
    game = TermGame(
        tuple(
            Term(kinds[k % 3], tuple(rng.choice(n, 1 + k % 4, replace=False).tolist()), float(rng.normal()))  # type: ignore[arg-type]
            for k in range(24)
        )
    )
    return game, lambda rows, columns: game.sii(list(product(rows, columns)))


MODELS = ("mlp", "svc", "forest", "xgboost")
MORE = (48, 81)
BUILDERS: dict[str, Callable[[int], Built]] = {
    **{f"{data} {kind} n16": _trained(data, kind) for data in ("cancer", "digits") for kind in MODELS},
    **{f"{data} mlp probability n16": _probability(data) for data in ("cancer", "digits")},
    "5-nn one digit n16": _valuation,
    "5-nn accuracy n16": _neighbours(5),
    "total correlation n16": _correlation,
    **{
        f"{name} n{n}": build
        for n in (16, *MORE)
        for name, build in {
            "1-nn accuracy": _neighbours(1),
            "softmax": _softmax,
            "max": _maximum,
            "votes": _votes,
            "relu": _activation(lambda x: np.maximum(x, 0.0), 8),
            "sigmoid": _activation(lambda x: 1 / (1 + np.exp(-4 * x)), 9),
        }.items()
    },
    **{f"cancer {kind} n30": _trained("cancer", kind) for kind in MODELS[1:]},
    **{f"digits {kind} n64": _trained("digits", kind) for kind in MODELS[1:]},
    "terms n48": _terms,
}
# In both precisions: one game of each way by which an estimator finds that it is exact, and three that are not.
SINGLE = (
    "cancer mlp n16",
    "5-nn one digit n16",
    "softmax n16",
    "cancer xgboost n30",
    "digits svc n64",
    "terms n48",
    "max n81",
)
NAMES = (*BUILDERS, *(f"{name} f32" for name in SINGLE))
