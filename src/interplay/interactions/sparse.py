"""Games of few interactions, found exactly: parities on the cliques of the graph of interacting players [ours].

Delta_ij of the even part around the empty set, v_e(ij) - v_e(i) - v_e(j) + v_e(empty), is not 0 where an AND, an OR or
an XOR of even order holds i and j (but for terms that happen to cancel). So where all sets of two are known, they
draw the graph of who interacts with whom; players of one term form a clique in it (Muehlenstaedt et al., 2012, draw
such a graph for Kriging). A game that is a sum of functions of its cliques is a sum of parities of even subsets of
them: linear least squares, checked on coalitions that were not needed to solve it.
"""

from collections.abc import Iterable
from itertools import combinations
from math import comb

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_factor, cho_solve

from interplay.interactions.strata import Strata

DEPENDENT = 1e-9  # of a column's square: what is new in it must be more
SPARE = 8  # coalitions more than unknowns, to check with
LARGEST = 10  # players in a clique: 512 even subsets
CLIQUES = 400


def sums_of_parities(
    strata: Strata,
    values: Float[np.ndarray, "m R"],
    i: Int[np.ndarray, " I"],
    j: Int[np.ndarray, " J"],
    rounding: Float[np.ndarray, " R"],
) -> Float[np.ndarray, "I J R"] | None:
    """SII of I x J if all these values of the even part are, to rounding, sparse sums of parities; else None.

    Orders 0 and 2 alone are tried first: they are all there is of a game of order up to 3.

    Args:
        strata: m paired coalitions.
        values: (m, R) values of the even part.
        i: (I,) players of the rows.
        j: (J,) players of the columns.
        rounding: (R,) what may be left where a sum of parities is the game (`Game.rounding`).

    Returns:
        (I, J, R) scores, exact to rounding as far as the coalitions show the game, or None if any of the R values is no
        such sum. A term that differs from 0 in none of them stays unknown.
    """
    n, (m, R) = strata.players, values.shape
    x = np.where(strata.coalitions, 1.0, -1.0)
    pairs = [frozenset(p) for p in combinations(range(n), 2)]
    found: list[dict[frozenset[int], float] | None] = [None] * R
    if m >= 1 + comb(n, 2) + SPARE:
        found = _solve(x, values, pairs, rounding)
    for r in range(R):
        terms = found[r]
        if terms is None and shows_graph(strata):
            cliques = _cliques(graph(strata, values[:, r], rounding[r]))
            subsets = _even_subsets(cliques or [])
            if cliques is not None and len(subsets) + 1 + SPARE <= m:
                terms = _solve(x, values[:, [r]], sorted(subsets, key=sorted), rounding[[r]])[0]
        if terms is None:
            return None
        found[r] = terms
    return np.stack([_sii(terms, i, j) for terms in found if terms is not None], axis=-1)


def _solve(
    x: Float[np.ndarray, "m n"],
    values: Float[np.ndarray, "m R"],
    subsets: list[frozenset[int]],
    rounding: Float[np.ndarray, " R"],
) -> list[dict[frozenset[int], float] | None]:
    """Coefficients of the parities of these subsets for each of R values; None of one they leave more than rounding."""
    R = values.shape[1]
    y = values - values.mean(axis=0)
    constant = np.abs(y).max(axis=0) <= rounding
    if constant.all():
        return [{} for _ in range(R)]
    columns = np.ones((len(x), 1 + len(subsets)))
    for column, subset in enumerate(subsets, start=1):
        columns[:, column] = x[:, sorted(subset)].prod(axis=1)
    gram = columns.T @ columns
    try:
        factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return [{} if flat else None for flat in constant]
    if np.diagonal(factor[0]).min() ** 2 < DEPENDENT * len(x):  # another sum of parities would fit as well
        return [{} if flat else None for flat in constant]
    coefficients = np.zeros((len(gram), R))
    for _ in range(4):  # refined: the product of columns has the square of their condition
        coefficients += cho_solve(factor, columns.T @ (y - columns @ coefficients), check_finite=False)
    fits = constant | (np.abs(y - columns @ coefficients).max(axis=0) <= rounding)
    return [
        ({} if constant[r] else dict(zip(subsets, coefficients[1:, r].tolist(), strict=True))) if fits[r] else None
        for r in range(R)
    ]


def shows_graph(strata: Strata) -> bool:
    """Whether all sets of up to two players are among the coalitions, so that `graph` can be drawn.

    Args:
        strata: the coalitions.

    Returns:
        True if they are.
    """
    return bool(strata.share[:3].min() >= 1)


def graph(strata: Strata, values: Float[np.ndarray, " m"], rounding: float) -> Bool[np.ndarray, "n n"]:
    """Graph of the pairs that interact around the empty set or the full one.

    Args:
        strata: coalitions with all sets of up to two players (`shows_graph`).
        values: (m,) one value of the even part.
        rounding: what an interaction must be above (`Game.rounding`).

    Returns:
        (n, n) symmetric adjacency.
    """
    n = strata.players
    empty = values[strata.size == 0][0]
    ones, twos = strata.size == 1, strata.size == 2
    one = np.zeros(n)
    one[strata.coalitions[ones].argmax(axis=1)] = values[ones] - empty
    delta = np.zeros((n, n))
    where = np.nonzero(strata.coalitions[twos])[1].reshape(-1, 2).T
    delta[where[0], where[1]] = values[twos] - empty - one[where[0]] - one[where[1]]
    edges: np.ndarray = np.abs(delta + delta.T) > rounding
    return edges


def _cliques(edges: Bool[np.ndarray, "n n"]) -> list[frozenset[int]] | None:
    """All maximal cliques (Bron and Kerbosch, with pivots); None where they are too large or too many."""
    near = [frozenset(np.flatnonzero(row).tolist()) for row in edges]
    found: list[frozenset[int]] = []

    def grow(clique: frozenset[int], open_: frozenset[int], done: frozenset[int]) -> bool:
        if len(clique) > LARGEST or len(found) > CLIQUES:
            return False
        if not open_ and not done:
            found.append(clique)
            return True
        pivot = max(open_ | done, key=lambda p: len(near[p] & open_))
        for p in sorted(open_ - near[pivot]):
            if not grow(clique | {p}, open_ & near[p], done & near[p]):
                return False
            open_, done = open_ - {p}, done | {p}
        return True

    return found if grow(frozenset(), frozenset(range(len(edges))), frozenset()) else None


def _even_subsets(cliques: Iterable[frozenset[int]]) -> set[frozenset[int]]:
    """All subsets of even size from 2, of any clique."""
    return {
        frozenset(subset)
        for clique in cliques
        for size in range(2, len(clique) + 1, 2)
        for subset in combinations(sorted(clique), size)
    }


def _sii(
    terms: dict[frozenset[int], float], i: Int[np.ndarray, " I"], j: Int[np.ndarray, " J"]
) -> Float[np.ndarray, "I J"]:
    """A parity of even order k has SII 4 / (k-1) for each pair it holds (METHOD 11)."""
    row, column = {p: at for at, p in enumerate(i.tolist())}, {p: at for at, p in enumerate(j.tolist())}
    out = np.zeros((len(i), len(j)))
    for subset, coefficient in terms.items():
        for p in subset:
            for q in subset:
                if p in row and q in column:
                    out[row[p], column[q]] += 4 * coefficient / (len(subset) - 1)
    return out
