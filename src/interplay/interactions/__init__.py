"""Pair interactions of any game: a value function over coalitions in, `PairScores` out. Knows no model.

>>> import numpy as np
>>> value = TermGame((Term("and", (0, 3)), Term("or", (1, 4), weight=2.0)))  # or any coalitions (m, n) -> (m,)
>>> game = Game(value, players=6)
>>> scores = block_pairs(game, rows=[0, 1, 2], columns=[3, 4, 5], samples=16, seed=0)
>>> for (i, j), sii, gap in zip(scores.pairs, scores.sii, scores.redundancy_gap):
...     print(i, j, f"{sii:+.1f} {gap:+.1f}") if sii else None
0 3 +1.0 -1.0
1 4 -2.0 +2.0
>>> estimate_pairs(game, [0, 1, 2], [3, 4, 5], budget=64).choice
'exact: all 2^6 coalitions are within the budget of 64'
>>> bounds = interval(scores, level=0.95)
>>> bool(np.all(bounds.sii_low <= value.sii(scores.pairs)))
True
"""

from interplay.interactions.block import block_evaluations, block_pairs
from interplay.interactions.choosing import choose, estimate_pairs, least_budget
from interplay.interactions.exact import exact_pairs
from interplay.interactions.formulas import delta, redundancy_gap, sii_weights
from interplay.interactions.game import Game, Value
from interplay.interactions.games import Term, TermGame
from interplay.interactions.hybrid import hybrid_pairs, least_hybrid
from interplay.interactions.intervals import EXACT, Intervals, independent_draws, interval, student_quantile
from interplay.interactions.naive import naive_pairs
from interplay.interactions.paired import least_evaluations, paired_pairs
from interplay.interactions.refining import Interrupted, narrower, refine_until, refined_pairs, top_certain
from interplay.interactions.scores import PairScores
from interplay.interactions.testing import gap_p_values, redundant_pairs, step_up
from interplay.kinds import Estimator

__all__ = [
    "EXACT",
    "Estimator",
    "Game",
    "Interrupted",
    "Intervals",
    "PairScores",
    "Term",
    "TermGame",
    "Value",
    "block_evaluations",
    "block_pairs",
    "choose",
    "delta",
    "estimate_pairs",
    "exact_pairs",
    "gap_p_values",
    "hybrid_pairs",
    "independent_draws",
    "interval",
    "least_budget",
    "least_evaluations",
    "least_hybrid",
    "naive_pairs",
    "narrower",
    "paired_pairs",
    "redundancy_gap",
    "redundant_pairs",
    "refine_until",
    "refined_pairs",
    "sii_weights",
    "step_up",
    "student_quantile",
    "top_certain",
]
