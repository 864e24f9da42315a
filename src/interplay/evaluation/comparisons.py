"""Paired comparisons over samples: bootstrap intervals, sign-flip tests, and the correction for many of them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from interplay.results.validity import Compared

RESAMPLES = 2000
FLIPS = 9999


def bootstrap_interval(values: Float[np.ndarray, " n"], seed: int = 0, level: float = 0.95) -> Compared:
    """The mean over samples with its percentile bootstrap interval; NaN values (missing) are ignored.

    With fewer than 2 samples there is no interval: `low` and `high` are None.

    Args:
        values: (n,) a value for each sample.
        seed: decides every random draw.
        level: confidence level of the interval, in 0..1.
    """
    known = values[~np.isnan(values)]
    n = len(known)
    if n < 2:
        return Compared(mean=float(known.mean()) if n else None, samples=n)
    rng = np.random.default_rng(seed)
    means = known[rng.integers(n, size=(RESAMPLES, n))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Compared(mean=float(known.mean()), low=float(low), high=float(high), samples=n)


def compare(differences: Float[np.ndarray, " n"], seed: int = 0, level: float = 0.95) -> Compared:
    """The mean of paired differences with its interval, and a test of whether it is above 0.

    The test flips signs of whole samples (10,000 times, or all 2^n if that is fewer): its p-value is exact for
    differences whose law is symmetric around 0, and never 0 (Good, Permutation, Parametric and Bootstrap Tests).

    Args:
        differences: (n,) paired differences, one for each sample.
        seed: decides every random draw.
        level: confidence level of the interval, in 0..1.
    """
    found = bootstrap_interval(differences, seed, level)
    if found.samples < 2:
        return found
    known = differences[~np.isnan(differences)]
    test = stats.permutation_test(
        (known,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=FLIPS,
        rng=np.random.default_rng(seed),
        vectorized=True,
    )
    return found.model_copy(update={"p": float(test.pvalue)})


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for how many there are, whatever their dependence (Holm 1979); missing ones stay missing.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]

    Args:
        p: the p-values; None where one is missing.
    """
    known = sorted((value, at) for at, value in enumerate(p) if value is not None)
    out: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, at) in enumerate(known):
        largest = max(largest, min(1.0, value * (len(known) - rank)))
        out[at] = largest
    return out
