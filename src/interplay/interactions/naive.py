"""Pair by pair Monte Carlo: the baseline that the block design is measured against."""

from collections.abc import Sequence

import numpy as np

from interplay.errors import GameError
from interplay.interactions.draws import UNSEEN, Moments
from interplay.interactions.formulas import delta, redundancy_gap
from interplay.interactions.game import Game, checked_pairs
from interplay.interactions.scores import PairScores


def naive_pairs(
    game: Game, pairs: Sequence[Sequence[int]] | np.ndarray, *, samples: int = 64, seed: int = 0
) -> PairScores:
    """SII and redundancy gap with independent backgrounds for every pair, four evaluations each.

    The plain way to estimate METHOD 9's mean, and likely the paper's (its abstract does not say). Per pair: |S|
    uniform on 0..n-2, then S uniform of that size, `samples` times.

    Args:
        game: its budget, if it has one, must reach 4 P samples (less where coalitions repeat).
        pairs: (P, 2) players.
        samples: backgrounds per pair; a single one leaves standard errors NaN.
        seed: of the backgrounds.

    Returns:
        Scores of the P pairs.

    Raises:
        GameError: for bad pairs or fewer than one sample.

    >>> game = Game(lambda coalitions: coalitions.all(axis=1) * 1.0, players=2)
    >>> naive_pairs(game, [(0, 1)], samples=4).sii.tolist()
    [1.0]
    """
    array = checked_pairs(pairs, game.players)
    if samples < 1:
        raise GameError(f"samples is {samples}", expected="1 or more")
    rng = np.random.default_rng(seed)
    before = game.evaluations
    deltas, gaps = [], []
    for i, j in array.tolist():
        s = _backgrounds(rng, samples, game.players, i, j)
        four = np.repeat(s[None], 4, axis=0)  # S, S+i, S+j, S+i+j
        four[[1, 3], :, i] = True
        four[[2, 3], :, j] = True
        flat = game(four.reshape(-1, game.players))
        values = flat.reshape(4, samples, *flat.shape[1:])
        deltas.append(delta(*values))
        gaps.append(redundancy_gap(*values))
    sii, gap = Moments(), Moments()
    sii.add(np.stack(deltas, axis=1))
    gap.add(np.stack(gaps, axis=1))
    return PairScores(
        pairs=array,
        sii=sii.mean,
        sii_se=sii.standard_error(),
        redundancy_gap=gap.mean,
        redundancy_gap_se=gap.standard_error(unseen=UNSEEN * np.mean(np.square(deltas), axis=1)),
        samples=np.full(len(array), samples),
        evaluations=game.evaluations - before,
        estimator="naive",
        seed=seed,
        rounding=game.rounding,
    )


def _backgrounds(rng: np.random.Generator, samples: int, players: int, i: int, j: int) -> np.ndarray:
    """(samples, n) backgrounds without i and j, as METHOD 9 words the law."""
    size = rng.integers(0, players - 1, size=(samples, 1))  # 0..n-2
    order = rng.random((samples, players))
    order[:, [i, j]] = 2.0  # last in line, so never among the first n-2
    rank = order.argsort(axis=1).argsort(axis=1)
    return rank < size
