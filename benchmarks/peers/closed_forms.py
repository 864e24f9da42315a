"""Games of many players whose SII is known exactly: sums of products with one factor for each player.

    v(S) = Re sum_k c_k prod_p (a_kp if p in S else b_kp)

With every player in independently with probability t, the mean of Delta_ij over the others is a polynomial of t of
degree n - 2, and SII is its integral over 0..1 (SII averages over the sizes of S): Gauss and Legendre's rule is exact.
A support vector machine with an RBF kernel, a nearest neighbour, a maximum, any function of a weighted count (by its
Fourier coefficients) and softmax pooling (by an integral) all have this form.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEP = 1e-30  # of the complex derivative in `softmax_pooling`: exact to rounding, as nothing is subtracted


@dataclass(frozen=True)
class Products:
    """The sum of products above.

    Attributes:
        weights: (K,) c, real or complex.
        inside: (K, n) a.
        outside: (K, n) b.
    """

    weights: np.ndarray
    inside: np.ndarray
    outside: np.ndarray

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        """(m, n) coalitions -> (m,) values."""
        values = []
        for start in range(0, len(coalitions), 64):
            factors = np.where(coalitions[start : start + 64, None], self.inside, self.outside)
            values.append((factors.prod(axis=2) @ self.weights).real)
        return np.concatenate(values)

    def sii(self, rows: Sequence[int], columns: Sequence[int]) -> np.ndarray:
        """(|I||J|,) SII of the pairs I x J, row by row."""
        n = self.inside.shape[1]
        nodes, of_nodes = np.polynomial.legendre.leggauss(2 * (n // 4 + 1))  # an even number: none at t = 1/2, where
        total = np.zeros((len(rows), len(columns)))  # a factor of the Fourier form may be 0
        for x, w in zip(nodes, of_nodes, strict=True):
            t = (x + 1) / 2
            mean = t * self.inside + (1 - t) * self.outside
            share = (self.inside - self.outside) / mean
            each = (w / 2) * self.weights * mean.prod(axis=1)
            total += ((each[:, None] * share[:, rows]).T @ share[:, columns]).real
        return total.ravel()


def maximum(scores: np.ndarray) -> Products:
    """The largest score (n,) > 0 of those that are in, 0 of nobody: a sum of ORs of the k highest."""
    order = np.argsort(-scores)
    high = np.append(scores[order], 0.0)
    among = np.zeros((len(scores), len(scores)), dtype=bool)  # [k, p]: p is one of the k + 1 highest
    for k in range(len(scores)):
        among[k, order[: k + 1]] = True
    # OR = 1 - (nobody of them is in); the constant drops out of every interaction, and is kept for the values
    weights = np.append(-(high[:-1] - high[1:]), high[0])
    return Products(
        weights,
        np.vstack([np.where(among, 0.0, 1.0), np.ones(len(scores))]),
        np.ones((len(scores) + 1, len(scores))),
    )


def of_sums(function: np.ndarray, steps: np.ndarray) -> Products:
    """f(sum of the whole numbers `steps` (n,) of those that are in).

    Args:
        function: (hi - lo + 1,) f at every whole number from lo, the sum of negative steps, to hi, that of the rest.
        steps: (n,) whole numbers.
    """
    lo, size = int(steps[steps < 0].sum()), len(function)
    turns = 2j * np.pi * np.arange(size) / size
    coefficients = np.fft.fft(function) * np.exp(-turns * lo) / size
    return Products(coefficients, np.exp(turns[:, None] * steps), np.ones((size, len(steps)), dtype=complex))


def sums_between(steps: np.ndarray) -> np.ndarray:
    """Every whole number that a sum of some of `steps` may be, ascending."""
    return np.arange(steps[steps < 0].sum(), steps[steps > 0].sum() + 1)


def softmax_pooling(logits: np.ndarray, values: np.ndarray, nodes: int = 400) -> Products:
    """sum_p e^l_p x_p / sum_p e^l_p over the players in, 0 of nobody.

    1 / D is the integral of e^(-uD) over u, so the ratio is an integral of sum_p e^l_p x_p prod_q e^(-u e^l_q), and the
    sum over p is the derivative at 0 of prod_q (1 + h e^l_q x_q) along h, taken along i h. u runs over 0..infinity as
    e^y, y in equal steps (the trapezoid rule, which converges exponentially here).
    """
    masses = np.exp(logits)
    y = np.linspace(-40.0, 8.0, nodes)
    u = np.exp(y) / masses.min()
    weights = u * (y[1] - y[0])
    inside = np.exp(-u[:, None] * masses) * (1 + 1j * STEP * masses * values)
    return Products(-1j * weights / STEP, inside, np.ones_like(inside))


def one_neighbour(nearest: np.ndarray, right: np.ndarray) -> Products:
    """Share of the tests whose nearest training point among those in has their label; 0 without any.

    Args:
        nearest: (T, n) training points of each test, nearest first.
        right: (T, n) whether a training point (by its own number) has the label of the test.
    """
    tests, n = nearest.shape
    inside, outside = [], []
    for order, good in zip(nearest, right, strict=True):
        for place, p in enumerate(order):
            if good[p]:
                a, b = np.ones(n), np.ones(n)
                a[order[:place]], b[p] = 0.0, 0.0  # nobody nearer is in, and p is
                inside.append(a)
                outside.append(b)
    return Products(np.full(len(inside), 1 / tests), np.array(inside), np.array(outside))


def rbf(vectors: np.ndarray, weights: np.ndarray, gamma: float, sample: np.ndarray, fill: np.ndarray) -> Products:
    """sum_k weights_k exp(-gamma |z - vectors_k|^2), z = the sample where a player is in and `fill` elsewhere."""
    return Products(weights, np.exp(-gamma * (sample - vectors) ** 2), np.exp(-gamma * (fill - vectors) ** 2))
