"""Means and ratios over samples, with standard errors; None where they are undefined."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from interplay.results.validity import Estimate


def estimate(values: Sequence[float] | Float[np.ndarray, " n"]) -> Estimate:
    """Mean and standard error over samples; None where they are undefined.

    Args:
        values: (n,) a value for each sample.
    """
    n = len(values)
    se = float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else None
    return Estimate(mean=float(np.mean(values)) if n else None, se=se, samples=n)


def jackknife(statistic: Callable[[Float[np.ndarray, " k"]], float], rows: Float[np.ndarray, "n k"]) -> Estimate:
    """A statistic of the samples' summed `rows`, with its standard error by leaving out one sample at a time.

    Pairs of one sample depend on each other; samples do not (Efron and Tibshirani, An Introduction to the Bootstrap,
    ch. 11).

    Args:
        statistic: (k,) sums -> the value.
        rows: (n, k) what each sample adds to the sums.
    """
    n, total = len(rows), rows.sum(axis=0)
    value = statistic(total)
    if not np.isfinite(value):
        return Estimate(mean=None, samples=n)
    without = np.array([statistic(total - row) for row in rows])
    se = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    known = n > 1 and np.isfinite(se) and se > 0  # samples with equal values say nothing about their spread
    return Estimate(mean=value, se=se if known else None, samples=n)


def ratio(sums: Float[np.ndarray, " 2"]) -> float:
    """The statistic first sum / second sum; NaN where that is undefined.

    Args:
        sums: (2,) numerator and denominator.
    """
    return float(sums[0] / sums[1]) if sums[1] else np.nan
