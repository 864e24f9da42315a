"""Which pairs back each other up: one-sided tests over backgrounds, with false discovery control."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import GameError
from interplay.interactions.intervals import independent_draws
from interplay.interactions.scores import PairScores

ROUNDING = 1e-6, 1e-9
"""Where the game's rounding is unknown: a gap below this share of the largest score, or this size, is rounding where 0
is meant, and no backup."""


def gap_p_values(scores: PairScores) -> Float[np.ndarray, "P *V"]:
    """One-sided p-values against "the redundancy gap is not above 0", by Student's t over independent draws.

    NaN where the gap or its error is missing; where all draws agreed to the last digits, 0 if the gap is above 0 by
    more than rounding, else 1.

    Args:
        scores: of P pairs, with redundancy gaps.

    Returns:
        (P, *V) p-values.
    """
    from scipy.stats import t as student  # half a second to load: not before it is needed

    gap, se = scores.unbiased[1], scores.redundancy_gap_se
    certain = np.where(gap > (rounding := _rounding(scores)), 0.0, 1.0)
    if scores.estimator == "exact":
        return certain
    freedom = (independent_draws(scores) - 1).reshape(-1, *[1] * (scores.sii.ndim - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf(gap / se, np.maximum(freedom, 1))
    return np.where((se <= rounding) & np.isfinite(gap), certain, np.where(freedom >= 1, p, np.nan))


def _rounding(scores: PairScores) -> Float[np.ndarray, " *V"]:
    """What a score of each output must be above to be more than rounding."""
    if scores.rounding is not None:
        return scores.rounding
    share, least = ROUNDING
    sizes = np.abs(np.concatenate(scores.unbiased))
    return np.asarray(np.maximum(least, share * np.nan_to_num(sizes).max(axis=0)))


def redundant_pairs(
    scores: PairScores, level: float = 0.1, dependence: Literal["positive", "any"] = "positive"
) -> Bool[np.ndarray, "P *V"]:
    """The pairs declared to back each other up, of which at most a share `level` is expected not to.

    Args:
        scores: of P pairs, with redundancy gaps.
        level: the nominal false discovery rate.
        dependence: Benjamini and Hochberg's step-up holds for independent and for positively dependent tests; under
            "any" dependence the level is divided by 1 + 1/2 + ... + 1/P (Benjamini and Yekutieli).

    Returns:
        (P, *V), True where a pair is declared; each output is a family of tests of its own.

    Raises:
        GameError: for a level outside 0..1.
    """
    if not 0 < level < 1:
        raise GameError(f"the level is {level}", expected="a share between 0 and 1")
    p = gap_p_values(scores)
    flat = p.reshape(len(p), -1)
    if dependence == "any":
        level = level / float((1 / np.arange(1, len(p) + 1)).sum())
    found = np.zeros(flat.shape, dtype=bool)
    for r, column in enumerate(flat.T):
        known = np.isfinite(column)
        found[known, r] = step_up(column[known], level)
    return found.reshape(p.shape)


def step_up(p: Float[np.ndarray, " P"], level: float) -> Bool[np.ndarray, " P"]:
    """Benjamini and Hochberg's step-up: reject the k smallest p-values, k the largest with p_(k) <= level k / P.

    Args:
        p: (P,) p-values.
        level: the nominal false discovery rate.

    Returns:
        (P,) True where rejected.
    """
    order = np.sort(p)
    below = np.flatnonzero(order <= level * np.arange(1, len(p) + 1) / len(p))
    return p <= order[below[-1]] if len(below) else np.zeros(len(p), dtype=bool)
