"""To and from other tools: shapiq's scores, games and approximators, and (`ablation`) models as Captum calls them.

Both SII are the same number: the mean of Delta over the backgrounds of each size, then over the sizes. shapiq is
optional (`pip install "interplay[shapiq]"`) and imported where it is used, not before.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import GameError
from interplay.interactions.ablation import Ablation, InterpretableAblation, captum_value, interpretable_value
from interplay.interactions.game import Game, Value, checked_pairs
from interplay.interactions.scores import PairScores

if TYPE_CHECKING:
    from shapiq import InteractionValues
else:
    InteractionValues = Any

__all__ = [
    "Ablation",
    "Approximator",
    "InterpretableAblation",
    "captum_value",
    "from_interaction_values",
    "interpretable_value",
    "shapiq_pairs",
    "to_interaction_values",
    "value_of",
]


@runtime_checkable
class Approximator(Protocol):
    """What is used of shapiq's approximators."""

    n: int
    index: str

    def approximate(self, budget: int, game: Callable[[np.ndarray], np.ndarray]) -> InteractionValues:
        """Estimate the values from at most `budget` questions to `game`, a function of (m, n) coalitions.

        Args:
            budget: how many evaluations of the game it may use.
            game: the game, as shapiq calls it: coalitions (m, n) -> values (m,).
        """
        ...


def to_interaction_values(scores: PairScores, players: int) -> InteractionValues:
    """Scores (P,) as shapiq's values of order 2, index "SII".

    Missing pairs are not stored. shapiq's `values[(i, j)]` is 0 for a pair that is not stored; whether it is there
    is in `values.interactions`. The redundancy gap and standard errors have no place there.

    Args:
        scores: of one output, (P,).
        players: n of the game the scores are of.

    Returns:
        shapiq's values.

    Raises:
        GameError: for scores of several outputs, pairs of other players, or where shapiq is not installed.
    """
    if scores.sii.ndim != 1:
        raise GameError(
            f"the scores are of several outputs, {scores.sii.shape[1:]} for each pair",
            expected="one",
            fix="pick one with scores.output(index)",
        )
    pairs = np.sort(checked_pairs(scores.pairs, players), axis=1).tolist()
    known = (scores.samples > 0) & np.isfinite(scores.sii)
    found = {(i, j): float(x) for (i, j), x, there in zip(pairs, scores.sii, known, strict=True) if there}
    made: InteractionValues = _shapiq().InteractionValues(
        found,
        index="SII",
        min_order=2,
        max_order=2,
        n_players=players,
        estimated="exact" not in scores.estimator,
        estimation_budget=scores.evaluations,
    )
    return made


def from_interaction_values(values: InteractionValues) -> PairScores:
    """The pairs that shapiq's values hold, in their order; none is made up, and other orders are left behind.

    Args:
        values: of index "SII".

    Returns:
        Scores (P,) of estimator "shapiq". Standard errors are NaN, or 0 where the values are not estimated; the gap is
        missing. `samples` and `evaluations` are what shapiq says it asked, 1 and 0 where it does not say.

    Raises:
        GameError: for another index than SII (values of order 1 and 2 have different meanings under each), or values
            that hold no pair.
    """
    if values.index != "SII":
        raise GameError(f"the values have index {values.index!r}", expected="'SII'", fix='compute them as index="SII"')
    pairs = [tuple(map(int, players)) for players in values.interactions if len(players) == 2]
    array = checked_pairs(pairs, values.n_players)
    sii = np.array([float(values.interactions[pair]) for pair in pairs])
    budget = int(values.estimation_budget or 0)
    missing = np.full(len(pairs), np.nan)
    return PairScores(
        pairs=array,
        sii=sii,
        sii_se=missing if values.estimated else np.zeros(len(pairs)),
        redundancy_gap=missing,
        redundancy_gap_se=missing,
        samples=np.where(np.isfinite(sii), max(1, budget), 0),
        evaluations=budget,
        estimator="shapiq",
        seed=None,
    )


def value_of(game: Callable[[np.ndarray], np.ndarray]) -> Value:
    """A shapiq game or imputer as a value function, normalized as it is; its `n_players` are the players.

    Its values move by a constant when it is normalized, which no pair score sees.

    Args:
        game: coalitions (m, n) -> values (m,).

    Returns:
        The same as a `Value`, in float64.
    """

    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m *V"]:
        return np.asarray(game(coalitions), dtype=np.float64)

    return value


def shapiq_pairs(
    approximator: Approximator, game: Game, pairs: Sequence[Sequence[int]] | np.ndarray, budget: int
) -> PairScores:
    """SII of pairs by one of shapiq's approximators, on our game: counted, remembered and checked there.

    Args:
        approximator: of index "SII", made for the game's players, with its own seed.
        game: one value for each coalition; its budget holds as well.
        pairs: (P, 2) players.
        budget: questions the approximator may ask, as it counts them: repeats cost it, and are free in the game.

    Returns:
        Scores (P,) of estimator "shapiq-NAME"; standard errors and the gap are missing. A pair that the approximator
        does not return is missing. Some return 0 for a pair they never sampled, which looks like a score of 0.
        `samples` are the coalitions asked of the game, `evaluations` those new to it.

    Raises:
        GameError: for another index or number of players, bad pairs, a game of several outputs, or a game whose
            budget does not reach. What the approximator itself refuses passes through.
    """
    array = checked_pairs(pairs, game.players)
    if approximator.index != "SII" or approximator.n != game.players:
        raise GameError(
            f"the approximator is of index {approximator.index!r} and {approximator.n} players",
            expected=f"index 'SII' and {game.players} players",
        )
    before, asked = game.evaluations, 0

    def ask(coalitions: np.ndarray) -> np.ndarray:
        nonlocal asked
        values = game(np.atleast_2d(coalitions).astype(bool))
        if values.ndim != 1:
            raise GameError(f"the game has several outputs, {values.shape[1:]} for each coalition", expected="one")
        asked += len(values)
        return values

    reach = game.reach(budget)
    found = approximator.approximate(reach, ask).interactions
    sii = np.array([float(found.get(pair, np.nan)) for pair in map(tuple, np.sort(array, axis=1).tolist())])
    missing = np.full(len(array), np.nan)
    return PairScores(
        pairs=array,
        sii=sii,
        sii_se=missing,
        redundancy_gap=missing,
        redundancy_gap_se=missing,
        samples=np.where(np.isfinite(sii), asked, 0),
        evaluations=game.evaluations - before,
        estimator=f"shapiq-{type(approximator).__name__}",
        seed=None,
    )


def _shapiq() -> Any:
    try:
        import shapiq
    except ImportError:
        raise GameError(
            "the package `shapiq` is not installed", expected="it", fix='pip install "interplay[shapiq]"'
        ) from None
    return shapiq
