"""A surrogate of a game with every pair score in closed form: Gaussian process regression on paired coalitions [ours].

With x in {-1, 1}^n for a coalition (+1: in), the product kernel  prod_k (1 + rho_k x_k x'_k)  gives every parity
chi_T(x) = prod over T of x_k the prior variance  prod over T of rho_k,  so all orders count, high ones of players
that matter. With rho = tanh b it is  exp(x' B x) / prod cosh b  (B = diag b), whose even and odd parts are a cosh and
a sinh of one matrix product. Of values v_e(S) = (v(S) + v(complement)) / 2 the even part is all there is, and SII
depends on nothing else (METHOD 11); the odd part, of (v(S) - v(complement)) / 2, is fitted only for the redundancy gap.

    K(x, x') = C + c2 z^2 / |b|^2 + c cosh(z) / prod cosh(b)      even,   z = sum_k b_k x_k x'_k
    K(x, x') =     c1 z / |b|     + c sinh(z) / prod cosh(b)      odd

The relevances b_k, c and the noise are those of the largest marginal likelihood on a subset of the coalitions.
"""

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_factor, cho_solve, lapack
from threadpoolctl import threadpool_limits

Parity = Literal["even", "odd"]
SUBSET = 400  # coalitions whose likelihood chooses the kernel
STEPS = 30
FLOOR = 1e-9  # of the noise: keeps the factorization positive
ROWS = 64  # with some thousand columns they stay in a core's own cache
SMALLEST = -700.0  # about the logarithm of the smallest number of double precision
PLACES = 1 << 20  # numbers of one array that is held besides results: 8 MiB
CONSTANT = 1e-13  # of a value: what taking a mean rounds
LEVEL = 10.0  # prior variance of the mean, in variances of the values


@final
@dataclass(frozen=True)
class Kernel:
    """A kernel of one parity.

    Attributes:
        b: (n,) relevances of the players.
        low: weight of order 2 (even) or 1 (odd).
        all: weight of all orders of that parity.
        noise: variance of the residuals.
        parity: which part of the game it is a prior for.
    """

    b: Float[np.ndarray, " n"]
    low: float
    all: float
    noise: float
    parity: Parity

    @property
    def log_norm(self) -> float:
        """Log of 1 / prod cosh b."""
        return float(len(self.b) * np.log(2) - np.logaddexp(self.b, -self.b).sum())

    def __call__(self, x: Float[np.ndarray, "m n"], y: Float[np.ndarray, "p n"]) -> Float[np.ndarray, "m p"]:
        """Covariances of values on coalitions.

        Args:
            x: (m, n) coalitions as ±1.
            y: (p, n) coalitions as ±1.

        Returns:
            (m, p) prior covariances, without noise.
        """
        out = np.empty((len(x), len(y)))
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            self._into(out[rows], x[rows], y)
        return out

    def gram(self, x: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m m"]:
        """Covariances of values on the same coalitions, of which a factorization reads one half.

        Args:
            x: (m, n) coalitions as ±1.

        Returns:
            (m, m) prior covariances without noise, right on the diagonal and above it and 0 somewhere below.
        """
        out = np.zeros((len(x), len(x)))
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            self._into(out[rows, start:], x[rows], x[start:])
        return out

    def _into(self, out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        """Write covariances into `out`; in place, since what is held besides would have to come from far memory."""
        z = (x * self.b) @ y.T
        up = np.exp(z + self.log_norm)
        if self.log_norm - self.b.sum() > SMALLEST:  # one division is faster than another exponential
            down = np.divide(np.exp(2 * self.log_norm), up)
        else:
            down = np.exp(self.log_norm - z)
        if self.parity == "even":
            np.multiply(z, z, out=z)
            z *= self.low / (self.b @ self.b)
            up += down
        else:
            z *= self.low / np.sqrt(self.b @ self.b)
            up -= down
        up *= 0.5 * self.all
        np.add(z, up, out=out)
        if self.parity == "even":
            out += LEVEL


@final
class Surrogate:
    """Gaussian process regression of R values of one parity, fitted to f of m coalitions.

    Attributes:
        fitted: (f,) indices of the fitted coalitions among the m given.
        x: (f, n) the fitted coalitions as ±1.
        weights: (f, R) coefficients of the kernel sections at the fitted coalitions.
        kernel: the one given, or that of the largest marginal likelihood.
    """

    def __init__(
        self,
        x: Float[np.ndarray, "m n"],
        values: Float[np.ndarray, "m R"],
        parity: Parity,
        rng: np.random.Generator,
        fitted: Int[np.ndarray, " f"] | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        self.fitted = np.arange(len(x)) if fitted is None else fitted
        x, values = x[self.fitted], values[self.fitted]
        self.x, self.parity = x, parity
        self.level = values.mean(axis=0) if parity == "even" else np.zeros(values.shape[1])
        centred = values - self.level
        self.scale = np.sqrt(np.mean(centred**2, axis=0))
        varies = self.scale > CONSTANT * np.abs(values).max(axis=0)
        self.scale[~varies] = 1.0
        y = np.where(varies, centred / self.scale, 0.0)
        if kernel is None:
            some = rng.permutation(len(x))[:SUBSET]
            kernel = choose_kernel(x[some], y[some][:, varies] if varies.any() else y[some], parity)
        self.kernel = kernel
        covariance = self.kernel.gram(x)
        covariance[np.diag_indices(len(x))] += self.kernel.noise + FLOOR
        # transposed, it is in the order that is factored in place
        self._factor = cho_factor(covariance.T, lower=True, overwrite_a=True, check_finite=False)
        self.weights = cho_solve(self._factor, y, check_finite=False)

    def __call__(self, x: Float[np.ndarray, "p n"]) -> Float[np.ndarray, "p R"]:
        """Predict values.

        Args:
            x: (p, n) coalitions as ±1 (+1: the player is in).

        Returns:
            (p, R) predictions, in the unit of the fitted values.
        """
        return self.level + self.scale * (self.kernel(x, self.x) @ self.weights)

    def blocks(
        self, s: Float[np.ndarray, "d n"], i: Int[np.ndarray, " I"], j: Int[np.ndarray, " J"]
    ) -> Float[np.ndarray, "d I1 J1 R"]:
        """Predict values around backgrounds, with none or one of I and none or one of J flipped.

        Flipping player i multiplies exp(z) by exp(-2 b_i s_i x_i), which is cosh(2 b_i) - s_i x_i sinh(2 b_i) since
        x_i is 1 or -1. So the sums over the fitted coalitions of w cosh z and w sinh z, times none, one or both of x_i
        and x_j, give the predictions for all pairs, and those of all backgrounds are one product of matrices.

        The value around a background's complement, with the same players flipped, is the same (even) or minus it (odd).

        Args:
            s: (d, n) the backgrounds as ±1.
            i: (I,) players of the rows.
            j: (J,) players of the columns.

        Returns:
            (d, I + 1, J + 1, R) predictions; index 0 of an axis means that none of its players is flipped.
        """
        step = max(1, PLACES // self.weights.size)
        parts = [self._around(s[start : start + step], i, j) for start in range(0, len(s), step)]
        return np.moveaxis(np.concatenate(parts), 1, -1)

    def _around(self, s: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """(d, R, I + 1, J + 1) of `blocks`."""
        k, x = self.kernel, self.x
        by = k.b * s
        z = by @ x.T
        up, down = np.exp(k.log_norm + z), np.exp(k.log_norm - z)
        same, other = (up + down, up - down) if self.parity == "even" else (up - down, up + down)
        same, other = (0.5 * k.all * sums[:, None] * self.weights.T for sums in (same, other))  # (d, R, m)
        cosh_i, cosh_j = (np.insert(np.cosh(2 * by[:, p]), 0, 1, axis=1) for p in (i, j))  # first: nobody is flipped
        sinh_i, sinh_j = (np.insert(np.sinh(2 * by[:, p]), 0, 0, axis=1) for p in (i, j))
        none = same.sum(axis=-1)[:, :, None, None] * (cosh_i[:, :, None] * cosh_j[:, None])[:, None]
        of_i, of_j = (np.insert(other @ x[:, p], 0, 0, axis=2) for p in (i, j))
        one = (of_i * sinh_i[:, None])[..., None] * cosh_j[:, None, None]
        one += (of_j * sinh_j[:, None])[:, :, None] * cosh_i[:, None, :, None]
        both = _pair_sums(same, x, i, j) * (sinh_i[:, 1:, None] * sinh_j[:, None, 1:])[:, None]
        out = none - one + self._lowest(by, i, j)
        out[..., 1:, 1:] += both
        return self.level[:, None, None] + self.scale[:, None, None] * out

    def _lowest(self, by: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """What the lowest order adds, (d, R, I + 1, J + 1): z is linear in b s, in which a flip turns a sign."""
        k, x, w = self.kernel, self.x, self.weights
        by_i, by_j = (np.insert(by[:, p], 0, 0, axis=1) for p in (i, j))
        if self.parity == "odd":
            sums = w.T @ x
            of_i, of_j = (np.insert(2 * sums[:, p], 0, 0, axis=1) * b[:, None] for p, b in ((i, by_i), (j, by_j)))
            low = (by @ sums.T)[:, :, None, None] - of_i[..., None] - of_j[:, :, None]
            return k.low / np.sqrt(k.b @ k.b) * low
        squares = (w.T[:, :, None] * x).swapaxes(1, 2) @ x  # (R, n, n): sum of w z^2 = c' squares c, c = b s
        half = np.moveaxis(by @ squares, 0, 1)
        base = (half * by[:, None]).sum(axis=-1)[:, :, None, None]
        of_i, of_j = (
            4 * b[:, None] * np.insert(b[:, None, 1:] * squares[:, p, p] - half[..., p], 0, 0, axis=2)
            for p, b in ((i, by_i), (j, by_j))
        )
        low = base + of_i[..., None] + of_j[:, :, None]
        low[..., 1:, 1:] += 8 * by_i[:, None, 1:, None] * by_j[:, None, None, 1:] * squares[:, i[:, None], j]
        return k.low / (k.b @ k.b) * low + LEVEL * w.sum(axis=0)[:, None, None]

    def residuals(self) -> Float[np.ndarray, "f R"]:
        """Residual of each fitted coalition: its weight times the variance of the noise, as y = (K + noise) weights.

        Returns:
            (f, R) value minus prediction, in the unit of the values.
        """
        return self.scale * (self.kernel.noise + FLOOR) * self.weights

    def leave_one_out_residuals(self) -> Float[np.ndarray, "f R"]:
        """Residual of each fitted coalition from the fit to all other coalitions, with the same kernel.

        No refit is needed: a residual is the coalition's weight over its entry on the diagonal of the inverse
        covariance. That diagonal is the sums of squares of the columns of the inverse Cholesky factor.

        Returns:
            (f, R) value minus leave-one-out prediction, in the unit of the values.
        """
        inverse, info = lapack.dtrtri(self._factor[0], lower=1, overwrite_c=0)
        assert info == 0
        diagonal = np.array([inverse[k:, k] @ inverse[k:, k] for k in range(len(inverse))])
        return self.scale * self.weights / diagonal[:, None]

    def sii(self, i: Int[np.ndarray, " I"], j: Int[np.ndarray, " J"]) -> Float[np.ndarray, "I J R"]:
        """SII of pairs of I x J in closed form.

        A parity of even order k that holds both has SII 4 / (k-1) = 4 x the mean over u in [-1, 1] of u^(k-2), so a
        kernel section has 4 rho_i rho_j x_i x_j times the mean over u of prod over the others of (1 + rho_k x_k u),
        a polynomial in u: Gauss' quadrature with n/2 nodes is exact.

        Args:
            i: (I,) players of the rows.
            j: (J,) players of the columns.

        Returns:
            (I, J, R) scores of the surrogate itself, in the unit of the fitted values.
        """
        k, x = self.kernel, self.x
        rho = np.tanh(k.b)
        nodes, shares = np.polynomial.legendre.leggauss(min(32, x.shape[1] // 2 + 1))
        xi, xj = x[:, i], x[:, j]
        low = 8 * k.low / (k.b @ k.b)
        out = low * _cross(xi * k.b[i], self.weights, xj * k.b[j])
        for u, share in zip(nodes, shares / 2, strict=True):
            rest = np.exp(np.log1p(rho * x * u).sum(axis=1))
            left, right = rho[i] * xi / (1 + rho[i] * xi * u), rho[j] * xj / (1 + rho[j] * xj * u)
            out += 4 * share * k.all * _cross(left, self.weights * rest[:, None], right)
        return out * self.scale


def _pair_sums(weights: np.ndarray, x: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Sums over coalitions m of weights[d, R, m] x_i x_j, (d, R, I, J); what is held at once stays small."""
    d, R, m = weights.shape
    rows = max(1, PLACES // (m * len(j)))
    parts = []
    for start in range(0, len(i), rows):
        pairs = x[:, i[start : start + rows], None] * x[:, None, j]
        parts.append((weights.reshape(-1, m) @ pairs.reshape(m, -1)).reshape(d, R, -1, len(j)))
    return np.concatenate(parts, axis=2)


def _cross(
    left: Float[np.ndarray, "m I"], weights: Float[np.ndarray, "m R"], right: Float[np.ndarray, "m J"]
) -> Float[np.ndarray, "I J R"]:
    return np.stack([(left * w[:, None]).T @ right for w in weights.T], axis=-1)


def choose_kernel(x: Float[np.ndarray, "m n"], y: Float[np.ndarray, "m R"], parity: Parity) -> Kernel:
    """Choose the kernel with the largest marginal likelihood, by L-BFGS.

    Args:
        x: (m, n) coalitions as ±1.
        y: (m, R) values, centred and of about unit variance.
        parity: the part of the game that the values belong to.

    Returns:
        The kernel after at most `STEPS` iterations.
    """
    from scipy.optimize import minimize  # a third of a second to load: not before it is needed

    n = x.shape[1]
    start = np.concatenate([np.full(n, -np.log(n)), [-np.log(n), 0.0, np.log(1e-3)]])
    bounds = [(-9.0, 1.0)] * n + [(-14.0, 8.0)] * 2 + [(-25.0, 1.0)]

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        return _likelihood(x, y, parity, theta)

    # Small matrices, many times: BLAS threads that wait for each other can take ten times as long on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}).x
    return _kernel(found, parity)


def _kernel(theta: np.ndarray, parity: Parity) -> Kernel:
    low, all_, noise = np.exp(theta[-3:]).tolist()
    return Kernel(np.exp(theta[:-3]), low, all_, noise, parity)


def _likelihood(
    x: Float[np.ndarray, "m n"], y: Float[np.ndarray, "m R"], parity: Parity, theta: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the log marginal likelihood and its gradient, with a wide prior on relevances (log-normal, deviation 2)."""
    m, R, n = len(x), y.shape[1], x.shape[1]
    k = _kernel(theta, parity)
    b, even = k.b, parity == "even"
    z = (x * b) @ x.T
    up, down = np.exp(z + k.log_norm), np.exp(k.log_norm - z)
    same, other = (0.5 * (up + down), 0.5 * (up - down)) if even else (0.5 * (up - down), 0.5 * (up + down))
    norm = b @ b if even else np.sqrt(b @ b)
    low = z**2 / norm if even else z / norm
    covariance = k.low * low + k.all * same + (LEVEL if even else 0.0)
    covariance[np.diag_indices(m)] += k.noise + FLOOR
    factor, info = lapack.dpotrf(covariance, lower=1, overwrite_a=1)
    if info:
        return 1e12, np.zeros_like(theta)
    logs = np.log(np.diagonal(factor)).sum()
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse @ y
    slope = R * inverse - weights @ weights.T  # twice the gradient by the covariance
    by_z = k.all * other + k.low * (2 * z if even else 1.0) / norm
    by_b = 0.5 * (((slope * by_z) @ x) * x).sum(axis=0)
    by_all, by_low = 0.5 * np.vdot(slope, same), 0.5 * np.vdot(slope, low)
    by_b -= k.all * by_all * np.tanh(b) + k.low * by_low * (2 if even else 1) * b / (b @ b)
    prior = (theta[:n] + np.log(n)) / 2
    gradient = np.concatenate([by_b * b + prior / 2, [by_low * k.low, by_all * k.all, 0.5 * np.trace(slope) * k.noise]])
    return 0.5 * np.vdot(y, weights) + R * logs + 0.5 * (prior @ prior), gradient
