"""Scores that get better while they are watched, and when they are good enough to stop [ours]."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from interplay.errors import GameError
from interplay.interactions.block import checked_block
from interplay.interactions.choosing import choose, estimate_pairs, least_budget
from interplay.interactions.game import Game
from interplay.interactions.intervals import interval
from interplay.interactions.scores import PairScores

Stop = Callable[[PairScores], bool]
ScoreName = Literal["sii", "redundancy_gap"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while scores were refined: `scores` are the last that were ready."""

    def __init__(self, scores: PairScores) -> None:
        super().__init__(f"stopped; the scores of {scores.evaluations} evaluations were ready")
        self.scores = scores


def refined_pairs(
    game: Game,
    rows: Sequence[int] | np.ndarray,
    columns: Sequence[int] | np.ndarray,
    *,
    budget: int,
    seed: int = 0,
    estimator: str = "auto",
    gaps: bool = True,
) -> Iterator[PairScores]:
    """Pair scores again and again, each time for about twice the evaluations, the last for all of `budget`.

    The estimator is the one that the whole budget calls for. What was drawn for one result is drawn for the next too,
    so that the last costs no more evaluations than it would alone; all results together take at most twice its time.

    Args:
        game: its own budget holds as well.
        rows: players I.
        columns: players J; no player twice.
        budget: most evaluations.
        seed: decides every draw.
        estimator: as in `estimate_pairs`.
        gaps: as in `estimate_pairs`.

    Returns:
        An iterator over scores of the |I||J| pairs. Each step asks the game for what its scores need beyond what was
        asked before.

    Raises:
        GameError: as `estimate_pairs`, at once.
    """
    i, j = checked_block(game, rows, columns)
    most, before = game.reach(budget), game.evaluations
    why = ""
    if estimator == "auto":
        estimator, why = choose(game.players, len(i), len(j), most, gaps=gaps)
    least = least_budget(estimator, game.players, len(i), len(j))
    rounds = [most]
    while estimator != "exact" and rounds[0] // 2 >= least:
        rounds.insert(0, rounds[0] // 2)
    # Without a budget of its own, since what was asked before must not count against it; the game still counts.
    again = Game(game, game.players, batch_size=game.batch_size, check=False)

    def results() -> Iterator[PairScores]:
        for reach in rounds:
            scores = estimate_pairs(again, i, j, budget=reach, seed=seed, estimator=estimator, gaps=gaps)
            yield replace(scores, evaluations=game.evaluations - before, choice=why)

    return results()


def refine_until(results: Iterator[PairScores], stop: Stop) -> PairScores:
    """The first scores that are good enough, or the last there are.

    Args:
        results: scores that get better, from `refined_pairs`.
        stop: whether scores are good enough: `narrower`, `top_certain` or any other rule.

    Returns:
        The last scores that were computed; no further coalition is evaluated.

    Raises:
        Interrupted: by Ctrl-C, with the scores that were ready; a plain KeyboardInterrupt if none were.

    >>> from interplay.interactions import Term, TermGame
    >>> game = Game(TermGame((Term("and", (0, 9)),)), players=20)
    >>> scores = refine_until(refined_pairs(game, [0, 1], [9, 10], budget=20_000), narrower(0.1))
    >>> print(scores.evaluations < 20_000, *(f"{score:z.3f}" for score in scores.sii))
    True 1.000 0.000 0.000 0.000
    """
    scores = None
    try:
        for scores in results:
            if stop(scores):
                break
    except KeyboardInterrupt:
        if scores is None:
            raise
        raise Interrupted(scores) from None
    if scores is None:
        raise GameError("there were no scores to refine")
    return scores


def narrower(width: float, score: ScoreName = "sii", level: float = 0.95) -> Stop:
    """Stop once every pair's interval is at most `width` wide, in every output.

    Args:
        width: from the lower to the upper bound, in the unit of the game's values.
        score: which of the two scores.
        level: of each interval.

    Returns:
        A rule for `refine_until`.

    Raises:
        GameError: for a width that is not above 0.
    """
    if not width > 0:
        raise GameError(f"the width is {width}", expected="a number above 0")

    def stop(scores: PairScores) -> bool:
        low, high = _bounds(scores, score, level)
        return bool((high - low <= width).all())

    return stop


def top_certain(k: int, score: ScoreName = "sii", level: float = 0.95) -> Stop:
    """Stop once it is certain which k pairs have the largest scores.

    That is, once the lowest lower bound among them is not below the highest upper bound among the others, in every
    output. The level holds for all pairs together (Bonferroni).

    Args:
        k: number of pairs.
        score: which of the two scores.
        level: of the intervals, together.

    Returns:
        A rule for `refine_until`.

    Raises:
        GameError: for k below 1.
    """
    if k < 1:
        raise GameError(f"the number of pairs at the top is {k}", expected="at least 1")

    def stop(scores: PairScores) -> bool:
        if k >= len(scores):
            return True
        low, high = _bounds(scores, score, 1 - (1 - level) / len(scores))
        order = np.argsort(-np.where(np.isfinite(low), getattr(scores, score), -np.inf), axis=0)
        low, high = np.take_along_axis(low, order, axis=0), np.take_along_axis(high, order, axis=0)
        return bool((low[:k].min(axis=0) >= high[k:].max(axis=0)).all())

    return stop


def _bounds(scores: PairScores, score: ScoreName, level: float) -> tuple[np.ndarray, np.ndarray]:
    bounds = interval(scores, level)
    return getattr(bounds, f"{score}_low"), getattr(bounds, f"{score}_high")
