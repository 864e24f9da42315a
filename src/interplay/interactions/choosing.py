"""One door to all estimators: which of them a budget and a block call for, and why."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from interplay.errors import BudgetError, GameError
from interplay.interactions.block import block_evaluations, block_pairs, checked_block
from interplay.interactions.exact import MOST_PLAYERS, exact_pairs
from interplay.interactions.game import Game, WholeNumber
from interplay.interactions.hybrid import LEAST_DRAWS, hybrid_pairs, least_hybrid
from interplay.interactions.naive import naive_pairs
from interplay.interactions.paired import least_evaluations, paired_pairs
from interplay.interactions.scores import PairScores
from interplay.kinds import ESTIMATORS, Estimator


def estimate_pairs(
    game: Game,
    rows: Sequence[int] | np.ndarray,
    columns: Sequence[int] | np.ndarray,
    *,
    budget: WholeNumber,
    seed: int = 0,
    estimator: str = "auto",
    gaps: bool = True,
) -> PairScores:
    """Pair scores of I x J for at most `budget` evaluations, by the estimator named or the one that fits best.

    Args:
        game: its own budget holds as well.
        rows: players I.
        columns: players J; no player twice.
        budget: most evaluations.
        seed: decides every draw.
        estimator: "exact", "paired", "hybrid", "block" or "naive"; "auto" leaves it to `choose`, and the result's
            `choice` says which and why.
        gaps: whether redundancy gaps are wanted beside SII; only "auto" asks.

    Returns:
        Scores of the |I||J| pairs, row by row.

    Raises:
        GameError: for a bad block, an unknown estimator, or a budget that does not reach.

    >>> scores = estimate_pairs(Game(lambda c: c.all(axis=1) * 1.0, players=4), [0, 1], [2, 3], budget=100)
    >>> scores.estimator, scores.choice
    ('exact', 'exact: all 2^4 coalitions are within the budget of 100')
    """
    i, j = checked_block(game, rows, columns)
    reach = game.reach(budget)
    why = ""
    if estimator == "auto":
        estimator, why = choose(game.players, len(i), len(j), reach, gaps=gaps)
    return replace(_estimated(game, i, j, reach, seed, estimator), choice=why)


def _estimated(game: Game, i: np.ndarray, j: np.ndarray, reach: int, seed: int, estimator: str) -> PairScores:
    """Pair scores of I x J for at most `reach` evaluations by the estimator of this name."""
    pairs = list(product(i.tolist(), j.tolist()))
    if estimator == "exact":
        if 2**game.players > reach:
            raise BudgetError(
                f"2^{game.players} evaluations are more than {reach}",
                expected=f"a budget of {2**game.players}",
                fix="raise it, or take another estimator",
            )
        return exact_pairs(game, game.players, pairs)
    if estimator == "paired":
        return paired_pairs(game, i, j, budget=reach, seed=seed)
    if estimator == "hybrid":
        return hybrid_pairs(game, i, j, budget=reach, seed=seed)
    if estimator == "block":
        return block_pairs(game, i, j, budget=reach, seed=seed)
    if estimator == "naive":
        if reach < 4 * len(pairs):
            raise BudgetError(
                f"a budget of {reach} evaluations is too small for {len(pairs)} pairs one by one",
                expected=f"at least {4 * len(pairs)}, or {8 * len(pairs)} to have standard errors",
            )
        return naive_pairs(game, pairs, samples=reach // (4 * len(pairs)), seed=seed)
    raise GameError(f"no estimator {estimator!r}", expected=f"one of {', '.join(ESTIMATORS)}")


def choose(players: int, rows: int, columns: int, budget: int, *, gaps: bool) -> tuple[Estimator, str]:
    """Choose the estimator for a block and a budget.

    Args:
        players: n of the game.
        rows: number of players I.
        columns: number of players J.
        budget: most evaluations.
        gaps: whether redundancy gaps are wanted beside SII.

    Returns:
        Its name, and a sentence that says why.

    Raises:
        BudgetError: for a budget too small for any; the message names the smallest that works.
    """
    draw = block_evaluations(rows, columns, 2)
    if players <= MOST_PLAYERS and 2**players <= budget:
        return "exact", f"exact: all 2^{players} coalitions are within the budget of {budget}"
    if gaps and budget >= least_hybrid(players, rows, columns):
        return (
            "hybrid",
            f"hybrid: {budget} evaluations reach for a surrogate and at least {LEAST_DRAWS} draws of {draw}, for gaps",
        )
    if not gaps and budget >= least_evaluations(players):
        return "paired", f"paired: SII alone, and {budget} evaluations reach for a surrogate of {players} players"
    if budget >= 2 * draw:
        return "block", f"block: {budget} evaluations are too few for a surrogate; draws of {draw} are made instead"
    raise BudgetError(
        f"a budget of {budget} evaluations is too small for {rows} x {columns} pairs of {players} players",
        expected=f"at least {min(2 * draw, 2**players) if gaps else min(2 * draw, least_evaluations(players))}",
        fix="raise the budget, or take fewer candidates",
    )


def least_budget(estimator: str, players: int, rows: int, columns: int) -> int:
    """Smallest budget from which an estimator has scores with standard errors.

    Args:
        estimator: its name; not "auto".
        players: n of the game.
        rows: number of players I.
        columns: number of players J.

    Returns:
        Evaluations.
    """
    return {
        "exact": 2**players,
        "paired": least_evaluations(players),
        "hybrid": least_hybrid(players, rows, columns),
        "block": 2 * block_evaluations(rows, columns, 2),
        "naive": 8 * rows * columns,
    }[estimator]
