"""Paired coalitions in strata of size, and what values on them tell of every pair's SII without bias [ours]."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

EACH = 4  # coalitions in a stratum at least: fewer do not show how much they differ
PAIRS = 0.65  # of all sets, at most this share is of two players
LISTED = 2**14  # sets in a stratum that are listed and shuffled; of more, sets are drawn until enough are distinct
ALIKE = 3  # sets of the whole stratum's mean square that a case of it starts from
# Residuals of all strata come from one fit, so their estimates are not quite independent: those of neighbouring strata
# correlated by -.03 to .1, and the variance of their sum was .98 to 1.17 times the sum of their variances (games
# of a trained network with 16 players, by full enumeration).
LINKED = 1.1
TOGETHER = 256  # drawn at once


@final
@dataclass(frozen=True)
class Strata:
    """Distinct coalitions S with |S| <= n/2, each standing for itself and its complement.

    Attributes:
        coalitions: (m, n).
        size: (m,) |S|, the stratum.
        share: (n // 2 + 1,) of each stratum, how much of it is there; 1 where all of it is.
    """

    coalitions: Bool[np.ndarray, "m n"]
    size: Int[np.ndarray, " m"]
    share: Float[np.ndarray, " K"]

    @property
    def players(self) -> int:
        """Number of players n."""
        return self.coalitions.shape[1]


def least_pairs(players: int) -> int:
    """Smallest number of paired coalitions from which every stratum has an error estimate.

    Args:
        players: n.

    Returns:
        The number of pairs (S, complement); each costs two evaluations.
    """
    counts = [strata_size(players, k) for k in range(players // 2 + 1)]
    return sum(min(count, players if k == 1 else EACH) for k, count in enumerate(counts))


def strata_size(players: int, k: int) -> int:
    """Count the coalitions of size k, a coalition and its complement once.

    Args:
        players: n.
        k: size, at most n/2.

    Returns:
        C(n, k), or half of it where k = n/2.
    """
    return comb(players, k) // (2 if 2 * k == players else 1)


def draw_strata(rng: np.random.Generator, players: int, pairs: int, graph: bool = True) -> Strata:
    """Draw up to `pairs` paired coalitions: sizes 0 and 1 whole, the others in numbers that go as 1 / k.

    An unbiased estimate of SII weighs a set of k players that holds one or both of a pair by about n / k (see
    `contrast`), so strata of small sets need the more draws (Neyman's allocation): stratum k buys its t-th set at the
    price t k, and the cheapest are bought. A stratum that is bought whole has no sampling error, and the rest goes to
    the others. What a generator draws for few pairs, it draws for more pairs too.

    All sets of two show who interacts with whom (`sparse`) and leave the largest weights no error. With `graph` the
    last of them come cheaper: they are whole as soon as that leaves 1 - `PAIRS` of the sets to the others [ours, by
    measuring: at 1,000 evaluations of 24 players and 4,000 of 48 half the error, and ranks as those of the block
    design]. Where they are almost but not all bought, the others miss what they cost: intervals of a network with 81
    players were twice as wide at 24,000 evaluations, which is why `hybrid` goes without.

    Args:
        rng: source of the draws.
        players: n.
        pairs: most paired coalitions, at least `least_pairs(n)`.
        graph: whether to complete the stratum of sets of two early.

    Returns:
        The distinct coalitions, sorted by size.
    """
    n, K = players, players // 2 + 1
    prices = []
    for k in range(K):
        price = np.arange(1, min(strata_size(n, k), pairs) + 1, dtype=float) * k
        if graph and k == 2 and K > 3:  # at a price p the strata from 3 on have sum p / k sets
            price = np.minimum(price, strata_size(n, 2) * (1 / PAIRS - 1) / sum(1 / larger for larger in range(3, K)))
        price[: n if k == 1 else EACH] = 0
        prices.append(price)
    stratum = np.repeat(np.arange(K), [len(p) for p in prices])
    bought = stratum[np.argsort(np.concatenate(prices), kind="stable")[:pairs]]
    counts = np.bincount(bought, minlength=K)
    drawn = [_of_size(stream, n, k, int(counts[k])) for k, stream in enumerate(rng.spawn(K))]
    return Strata(
        coalitions=np.concatenate(drawn),
        size=np.repeat(np.arange(K), counts),
        # of more than some thousand players a stratum has more sets than a float can count
        share=np.array([int(count) / strata_size(n, k) for k, count in enumerate(counts)]),
    )


def _of_size(rng: np.random.Generator, n: int, k: int, count: int) -> Bool[np.ndarray, "count n"]:
    """Distinct sets of k of n players: the first of a sequence that the generator decides.

    Of a set of half the players and its complement only one can come: the one without player n - 1.
    """
    pool = n - 1 if 2 * k == n else n
    if comb(pool, k) <= LISTED:
        every = np.array(list(combinations(range(pool), k)), dtype=np.int64).reshape(comb(pool, k), k)
        out = np.zeros((count, n), dtype=bool)
        np.put_along_axis(out, every[rng.permutation(len(every))[:count]], True, axis=1)
        return out
    seen: dict[bytes, np.ndarray] = {}
    while len(seen) < count:
        rank = rng.random((TOGETHER, pool)).argpartition(k - 1, axis=1)[:, :k]
        out = np.zeros((TOGETHER, n), dtype=bool)
        np.put_along_axis(out, rank, True, axis=1)
        for row in out:
            seen.setdefault(row.tobytes(), row)
    return np.array(list(seen.values())[:count], dtype=bool).reshape(count, n)


def contrast(
    strata: Strata,
    values: Float[np.ndarray, " m"],
    i: Int[np.ndarray, " I"],
    j: Int[np.ndarray, " J"],
    held_out: Float[np.ndarray, " m"] | None = None,
) -> tuple[Float[np.ndarray, "I J"], Float[np.ndarray, "I J"], Float[np.ndarray, "I J"]]:
    """SII of pairs of I x J as a weighted sum of values on paired coalitions, stratum by stratum.

    SII_ij = sum over S of c_ij(S) v(S), where the weights of a stratum |S| = k, times the number of its sets, are
    n / (k (k-1)) where S holds both, n / ((n-k) (n-k-1)) where it holds neither, and -n / (k (n-k)) where it holds
    one (METHOD 9, sorted by S instead of by background). They are the same for S and its complement, so values of
    the two enter as their mean, `values`.

    Args:
        strata: m paired coalitions.
        values: (m,) means of v(S) and v(complement), or their residuals from a surrogate.
        i: (I,) players of the rows.
        j: (J,) players of the columns.
        held_out: (m,) where `values` are residuals of a surrogate, the residual of each coalition from a fit without
            it (leave-one-out). Residuals of fitted coalitions are smaller than those of coalitions that were not
            asked for; these are not. None: `values` themselves.

    Returns:
        (known, drawn, variance), (I, J) each: the contribution of the coalitions in `strata`; the estimate of the
        contribution of all other coalitions of the same strata; the variance of that estimate under sampling without
        replacement. `known + drawn` is unbiased. Coalitions that hold both players, or neither or one of them, may be
        few in a stratum, so their mean square is shrunk towards that of the stratum.
    """
    n = strata.players
    known, drawn, variance = np.zeros((3, len(i), len(j)))
    held_out = values if held_out is None else held_out
    for k in range(len(strata.share)):
        at = strata.size == k
        m, share, twice = int(at.sum()), strata.share[k], 1 if 2 * k == n else 2
        if m == 0:
            continue
        weights = [
            twice * n / (k * (k - 1)) if k > 1 else 0.0,
            twice * n / ((n - k) * (n - k - 1)) if n - k > 1 else 0.0,
            -twice * n / (k * (n - k)) if 0 < k < n else 0.0,
        ]
        inside_i, inside_j = strata.coalitions[at][:, i], strata.coalitions[at][:, j]
        if share >= 1:
            known += _weighed(weights, _cases(inside_i, inside_j, values[at] / m))
            continue
        # A whole stratum's weights sum to 0: a level may go, and that of the others keeps what is drawn unbiased.
        level = held_out[at].mean()
        r = (held_out[at] - level) * (m / (m - 1))
        known += share * _weighed(weights, _cases(inside_i, inside_j, (values[at] - level) / m))
        mean = _weighed(weights, _cases(inside_i, inside_j, r / m))
        drawn += (1 - share) * mean
        odds = k * (k - 1) / (n * (n - 1)), (n - k) * (n - k - 1) / (n * (n - 1)), 2 * k * (n - k) / (n * (n - 1))
        seen, squares = _cases(inside_i, inside_j, np.ones(m)), _cases(inside_i, inside_j, r**2)
        by_case = [(q + ALIKE * np.mean(r**2)) / (c + ALIKE) for q, c in zip(squares, seen, strict=True)]
        square = _weighed([odd * w**2 for odd, w in zip(odds, weights, strict=True)], by_case)
        variance += LINKED * (1 - share) * np.maximum(square - mean**2, 0) / (m - 1)
    return known, drawn, variance


def _weighed(weights: Sequence[float], cases: Sequence[np.ndarray]) -> Float[np.ndarray, "I J"]:
    return np.tensordot(weights, cases, axes=1)


def _cases(
    i: Bool[np.ndarray, "m I"], j: Bool[np.ndarray, "m J"], r: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, "I J"], Float[np.ndarray, "I J"], Float[np.ndarray, "I J"]]:
    """Sums of r over the coalitions that hold both of a pair, neither, or one."""
    both: np.ndarray = (i * r[:, None]).T @ j.astype(float)
    with_i, with_j = (r @ i)[:, None], (r @ j)[None, :]
    one = with_i + with_j - 2 * both
    return both, r.sum() - both - one, one
