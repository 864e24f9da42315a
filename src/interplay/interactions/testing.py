"""Which pairs back each other up: one-sided tests over backgrounds, with false discovery control."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import GameError
from interplay.interactions.intervals import independent_draws
from interplay.interactions.scores import PairScores


def gap_p_values(scores: PairScores) -> Float[np.ndarray, "P *V"]:
    """One-sided p-values against "the redundancy gap is not above 0", by Student's t over independent draws.

    NaN where the gap or its error is missing; where all draws agreed to the last digit, 0 or 1 by the gap's sign.

    Args:
        scores: of P pairs, with redundancy gaps.

    Returns:
        (P, *V) p-values.
    """
    from scipy.stats import t as student  # half a second to load: not before it is needed

    if scores.estimator == "exact":
        return np.where(scores.redundancy_gap > 0, 0.0, 1.0)
    freedom = (independent_draws(scores) - 1).reshape(-1, *[1] * (scores.sii.ndim - 1))
    gap, se = scores.redundancy_gap, scores.redundancy_gap_se
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf(gap / se, np.maximum(freedom, 1))
    certain = np.where(gap > 0, 0.0, 1.0)
    return np.where((se == 0) & np.isfinite(gap), certain, np.where(freedom >= 1, p, np.nan))


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
