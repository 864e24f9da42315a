"""How concentrated attributions are, and how much experts' maps overlap (METHOD 10) [paper claims it; measures ours].

All take magnitudes: a score's sign says for or against, not how much. A map that is 0 everywhere has no
concentration: NaN, never 0.
"""

import numpy as np
from jaxtyping import Float
from scipy import stats

MASS_SHARE = 0.05


def gini(scores: Float[np.ndarray, " n"]) -> float:
    """Gini coefficient of |scores|: 0 if all are equal, (n - 1) / n if one has everything.

    >>> gini(np.ones(4)), gini(np.array([0.0, 0, 0, -2]))
    (0.0, 0.75)

    Args:
        scores: (n,) raw scores of the players.
    """
    x = np.sort(np.abs(scores))
    total = x.sum()
    if not total > 0:
        return np.nan
    n = len(x)
    return float(((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * total))


def entropy(scores: Float[np.ndarray, " n"]) -> float:
    """Entropy of |scores| as shares, over that of equal shares: 1 if all are equal, 0 if one has everything.

    >>> entropy(np.ones(4)), entropy(np.array([0.0, 0, 3, 0]))
    (1.0, 0.0)

    Args:
        scores: (n,) raw scores of the players.
    """
    x = np.abs(scores)
    if not x.sum() > 0 or len(x) < 2:
        return np.nan
    return float(stats.entropy(x) / np.log(len(x)))


def top_mass(scores: Float[np.ndarray, " n"], share: float = MASS_SHARE) -> float:
    """The part of the sum of |scores| that the largest `share` of the players has.

    >>> top_mass(np.array([1.0, 2, 1, 4]))
    0.5

    Args:
        scores: (n,) raw scores of the players.
        share: in 0..1; at least one player is taken.
    """
    x = np.sort(np.abs(scores))[::-1]
    total = x.sum()
    return float(x[: max(1, int(np.ceil(share * len(x))))].sum() / total) if total > 0 else np.nan


def overlap(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Histogram intersection of two maps as shares: 1 if they are alike, 0 if they share no feature.

    >>> overlap(np.array([1.0, 1, 0]), np.array([0.0, 2, 2]))
    0.5

    Args:
        a: (n,) scores of the players by one expert.
        b: (n,) scores of the same players by another.
    """
    x, y = np.abs(a), np.abs(b)
    if not (x.sum() > 0 and y.sum() > 0):
        return np.nan
    return float(np.minimum(x / x.sum(), y / y.sum()).sum())
