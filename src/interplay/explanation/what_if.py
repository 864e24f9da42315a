"""What the model answers when a person takes out single features, two of them, a whole modality or all but one.

What it answers without more of them is estimated from these (terms of one and of two on the logit, as a second-order
Möbius expansion around the whole); how good that is, is measured on sets drawn at random, apart for those that hold
one of the features that change the answer most by themselves: where much is at stake, more is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, islice
from math import log, sqrt
from statistics import fmean

import numpy as np
from jaxtyping import Bool, Float

from interplay.explanation.players import Players
from interplay.interactions.intervals import student_quantile
from interplay.results import Pair, WhatIf

MOST = 760  # answers: a few percent of what the pair scores ask for
CHECKED = (3, 4, 6, 8)  # how many features are taken out where the estimate is checked
SETS, FEWEST = 12, 6  # sets of each size, with and without strong features: at most, and fewest for a summary
STRONG, SEVERAL = 0.5, 3  # strong features move the logit at least this share of what the strongest does, at most 3
CORE = 10  # features of the strongest pairs, of which all pairs are asked about before the weakest of the others
TRIES = 5  # for one set all pairs of which were asked about
LEVEL = 0.98  # of the normal law: errors have heavier tails, and at .95 only 90 to 94% held (benchmarks/what_if.py)
EDGE = 1e-12


def what_if(
    probabilities: Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m k"]],
    players: Players,
    *,
    pairs: Sequence[Pair],
    modalities: Sequence[str],
    most: int = MOST,
    seed: int = 0,
) -> list[WhatIf]:
    """The model's probability of a label without single players, without two, and without or with whole modalities.

    Players that form pairs come before others, and pairs by the size of their larger score, strongest first, but for
    those within the `CORE` strongest features; two candidates of one modality, which have no score, take what is left.

    Args:
        probabilities: coalitions (m, n) of players that stay -> (m, k) the label's probability, in double precision: by
            the model, and by each of the k - 1 models whose mean it is.
        players: what plays.
        pairs: the scored pairs of the players.
        modalities: their names, in the model's order.
        most: answers asked for, at most; whole, nothing and modalities are always among them.
        seed: of the sets that the estimate is checked on.

    Returns:
        k of them: the model's own answers, and to the same questions those of each model whose mean it is. Only of the
        model itself it is measured how far estimates are off.
    """
    candidates = sorted({at for pair in pairs for at in (pair.i, pair.j)})
    singles = [*candidates, *(at for at in range(len(players)) if at not in set(candidates))]
    alone = list(modalities) if len(modalities) > 2 else []  # of two, the answers without the other
    singles = singles[: max(0, most - 2 - len(modalities) - len(alone))]
    everyone = np.arange(len(players))
    each = [players.of(m) for m in range(len(modalities))]
    others = [np.setdiff1d(everyone, own) for own in each[: len(alone)]]
    found = iter(_without(probabilities, len(players), [[], everyone, *each, *others, *([at] for at in singles)]))
    whole, nothing = next(found), next(found)
    without_modality = dict(zip(modalities, islice(found, len(modalities)), strict=True))
    only_modality = dict(zip(alone, islice(found, len(alone)), strict=True))
    one = dict(zip(singles, found, strict=True))

    within = [(a, b) for a, b in combinations(candidates, 2) if players.modality[a] == players.modality[b]]
    strongest = sorted(pairs, key=lambda p: -max(abs(p.sii or 0.0), abs(p.redundancy_gap or 0.0)))
    sets, room = _sets_and_twos(len(singles), len(modalities), most)
    twos = _twos([(min(p.i, p.j), max(p.i, p.j)) for p in strongest], within, room, bool(sets))
    strong = _strong({at: abs(_logit(one[at][0]) - _logit(whole[0])) for at in candidates if at in one})
    groups = _groups(candidates, strong, twos, sets, np.random.default_rng(seed))
    found = iter(_without(probabilities, len(players), [*twos, *groups[0], *groups[1]]))
    both = dict(zip(twos, islice(found, len(twos)), strict=True))

    def by(model: int) -> WhatIf:
        return WhatIf(
            whole=whole[model],
            nothing=nothing[model],
            without_modality={m: p[model] for m, p in without_modality.items()},
            only_modality={m: p[model] for m, p in only_modality.items()},
            without=[one[at][model] if at in one else None for at in range(len(players))],
            i=[i for i, _ in both],
            j=[j for _, j in both],
            without_both=[p[model] for p in both.values()],
            evaluations=2 + len(modalities) + len(alone) + len(one) + len(twos) + sum(map(len, groups)),
        )

    own, *members = map(by, range(len(whole)))
    off, off_strong = (_off(some, [p[0] for p in islice(found, len(some))], own) for some in groups)
    return [own.model_copy(update={"off": off, "strong": strong, "off_strong": off_strong}), *members]


def _without(
    probabilities: Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m k"]],
    n: int,
    gone: Sequence[Sequence[int] | np.ndarray],
) -> list[list[float]]:
    """The answers without each of these sets of players, by each model."""
    left = np.ones((len(gone), n), dtype=bool)
    for row, out in zip(left, gone, strict=True):
        row[np.asarray(out, dtype=np.intp)] = False
    return probabilities(left).tolist() if len(gone) else []


def _groups(
    candidates: Sequence[int],
    strong: Sequence[int],
    twos: Sequence[tuple[int, int]],
    sets: int,
    rng: np.random.Generator,
) -> list[list[tuple[int, ...]]]:
    """The sets on which estimates are checked: without strong features, and with one of them at least."""
    weak = _sets([at for at in candidates if at not in strong], twos, sets, rng)
    each = sets // max(1, len(strong))
    holding = [some for at in strong for some in _sets(candidates, twos, each, rng, holding=at)]
    return [weak, list(dict.fromkeys(holding))]


def _strong(moves: Mapping[int, float]) -> list[int]:
    """The features that move the logit most by themselves, strongest first."""
    least = STRONG * max(moves.values(), default=0.0)
    return [at for at in sorted(moves, key=lambda at: -moves[at]) if moves[at] >= least > 0][:SEVERAL]


def room_for_pairs(players: int, modalities: int) -> int:
    """Most pairs of players whose joint removal `what_if` evaluates; with no more scored pairs than that, it takes all.

    Args:
        players: their number.
        modalities: their number.
    """
    return _sets_and_twos(players, modalities, MOST)[1]


def _sets_and_twos(singles: int, modalities: int, most: int) -> tuple[int, int]:
    """How many sets of each size in CHECKED, and how many pairs, are left room for."""
    room = most - 2 - modalities * (2 if modalities > 2 else 1) - singles
    sets = SETS if room > 4 * SETS * len(CHECKED) else 0
    return sets, room - 2 * sets * len(CHECKED)


def _twos(
    strongest: Sequence[tuple[int, int]], within: Sequence[tuple[int, int]], most: int, core: bool
) -> list[tuple[int, int]]:
    """Which two are taken out together: without some of one modality no set of three could be estimated."""
    first = set(list(dict.fromkeys(at for two in strongest for at in two))[:CORE]) if core else set()
    close = [two for two in (*strongest, *within) if first.issuperset(two)]
    kept = dict.fromkeys([*strongest[: max(0, most - len(close))], *close, *strongest, *within])
    return list(kept)[: max(0, most)]


def _sets(
    candidates: Sequence[int],
    twos: Sequence[tuple[int, int]],
    sets: int,
    rng: np.random.Generator,
    holding: int | None = None,
) -> list[tuple[int, ...]]:
    """Sets of each size in CHECKED, at random among those all pairs of which are in `twos`, with `holding` in each."""
    known, out = set(twos), list[tuple[int, ...]]()
    for size in CHECKED:
        found = set[tuple[int, ...]]()
        for _ in range(sets * TRIES):
            chosen: list[int] = [] if holding is None else [holding]
            for at in rng.permutation(candidates).tolist():
                if at not in chosen and all((min(at, other), max(at, other)) in known for other in chosen):
                    chosen.append(at)
                if len(chosen) == size:
                    found.add(tuple(sorted(chosen)))
                    break
            if len(found) == sets:
                break
        out += sorted(found)
    return out


def _off(sets: Sequence[Sequence[int]], answers: Sequence[float], found: WhatIf) -> dict[int, float]:
    """Size -> how far about 95 of 100 estimates are off at most, on the logit (assets/whatif.js makes the estimate).

    The root mean square of estimate less answer, times Student's t of as many sets, at `LEVEL`.
    """
    one = {at: p for at, p in enumerate(found.without) if p is not None}
    both = {(i, j): p for i, j, p in zip(found.i, found.j, found.without_both, strict=True)}
    squares = dict[int, list[float]]()
    for gone, answer in zip(sets, answers, strict=True):
        squares.setdefault(len(gone), []).append((estimate(gone, found.whole, one, both) - _logit(answer)) ** 2)
    return {
        size: float(student_quantile(np.array([len(found)]), LEVEL)[0]) * sqrt(fmean(found))
        for size, found in squares.items()
        if len(found) >= FEWEST
    }


def estimate(
    gone: Sequence[int], whole: float, one: Mapping[int, float], both: Mapping[tuple[int, int], float]
) -> float:
    """The logit without some features, from terms of one and of two around the whole.

    Args:
        gone: the features, in ascending order.
        whole: the probability with everything.
        one: feature -> the probability without it.
        both: two features, in ascending order -> the probability without them.
    """
    start = _logit(whole)
    alone = {at: _logit(one[at]) - start for at in gone}
    return (
        start
        + sum(alone.values())
        + sum(_logit(both[i, j]) - start - alone[i] - alone[j] for i, j in combinations(gone, 2))
    )


def _logit(p: float) -> float:
    inside = min(1 - EDGE, max(EDGE, p))
    return log(inside / (1 - inside))
