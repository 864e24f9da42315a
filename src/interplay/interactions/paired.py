"""Every pair's SII from paired coalitions: a surrogate in closed form, mended by what it leaves out [ours].

Coalitions come with their complements, in strata of size (`strata`). Three steps, the first that ends it ends it:

1. Values that are a sparse sum of parities to rounding are solved for, and the scores are exact (`sparse`).
2. Else a Gaussian process with all orders of parities is fitted, and its SII read off in closed form (`kernel`).
3. What it leaves is estimated without bias: of the coalitions that were asked it is known; of the others in their
   strata it is that of each asked one off the fit to all others (left one out, so that no value judges a fit it was
   part of), by stratified sampling without replacement. Its spread gives the standard error.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from interplay.errors import BudgetError
from interplay.interactions.block import checked_block
from interplay.interactions.game import Game
from interplay.interactions.kernel import Parity, Surrogate
from interplay.interactions.scores import PairScores
from interplay.interactions.sparse import graph, shows_graph, sums_of_parities
from interplay.interactions.strata import Strata, contrast, draw_strata, least_pairs

FITTED = 4096  # coalitions that are fitted, a factorization of some seconds; what the fit is off is told by all


def least_evaluations(players: int) -> int:
    """The smallest budget of `paired_pairs`."""
    return 2 * least_pairs(players)


def paired_pairs(
    game: Game,
    rows: Sequence[int] | np.ndarray,
    columns: Sequence[int] | np.ndarray,
    *,
    budget: int,
    seed: int = 0,
    shrink: bool = True,
) -> PairScores:
    """SII of every pair of I x J from `budget` evaluations over all players. No redundancy gap: it is not linear in v.

    Args:
        game: its own budget holds as well.
        rows, columns: players I and J, as in `block_pairs`.
        budget: most evaluations; pairs of coalitions are bought with it.
        seed: of the coalitions and of those that choose the kernel.
        shrink: weigh the correction by how much of it is signal: over the pairs, tau^2 / (tau^2 + se^2) with tau^2 the
            mean of correction^2 - se^2, or 0 (empirical Bayes); and a pair that does not interact at all around the
            empty and the full set, where that was asked, scores 0. The unbiased scores are in `sii_unbiased` always.

    Returns:
        `sii_se` is the standard error of the unbiased score, and `interval` holds both; 0 where exact. `samples` are
        coalitions, all of which inform every pair. The redundancy gap is missing.

    Raises:
        GameError: for a bad block, or a budget below `least_evaluations`.

    >>> game = Game(lambda coalitions: coalitions[:, [0, 2]].all(axis=1) * 2.0, players=8)
    >>> scores = paired_pairs(game, [0, 1], [2, 3], budget=200)
    >>> print(*(f"{score:z.3f}" for score in scores.sii), scores.estimator)
    2.000 0.000 0.000 0.000 paired-exact
    """
    i, j = checked_block(game, rows, columns)
    reach = game.reach(budget)
    if reach < (least := least_evaluations(game.players)):
        raise BudgetError(
            f"a budget of {reach} evaluations is too small for paired coalitions of {game.players} players",
            expected=f"at least {least}",
            fix="raise the budget, or take block_pairs on fewer candidates",
        )
    rng = np.random.default_rng(seed)
    strata = draw_strata(rng, game.players, reach // 2)
    before = game.evaluations
    even, _ = parts(game, strata)
    scores = score_strata(strata, even, i, j, rng, shrink=shrink)
    return replace(scores, evaluations=game.evaluations - before, seed=seed)


def score_strata(
    strata: Strata,
    even: Float[np.ndarray, "m *V"],
    i: Int[np.ndarray, " I"],
    j: Int[np.ndarray, " J"],
    rng: np.random.Generator,
    *,
    shrink: bool,
    surrogate: Surrogate | None = None,
) -> PairScores:
    """`paired_pairs` of values that are there already; with the surrogate of them, if that is.

    What was spent, and the seed, the caller knows.
    """
    flat = even.reshape(len(even), -1)
    exact = sums_of_parities(strata, flat, i, j)
    shape = (len(i) * len(j), *even.shape[1:])
    if exact is not None:
        sii, unbiased, se = exact, exact, np.zeros_like(exact)
    else:
        surrogate = surrogate or fit_part(strata, flat, "even", rng)
        sii, unbiased, se = _mend(strata, flat, i, j, surrogate, shrink)
        if shrink and shows_graph(strata):
            for r in range(flat.shape[1]):
                sii[~graph(strata, flat[:, r])[np.ix_(i, j)], r] = 0.0
    missing = np.full(shape, np.nan)
    return PairScores(
        pairs=np.stack([np.repeat(i, len(j)), np.tile(j, len(i))], axis=1),
        sii=sii.reshape(shape),
        sii_se=se.reshape(shape),
        redundancy_gap=missing,
        redundancy_gap_se=missing,
        samples=np.full(len(i) * len(j), 2 * len(even)),
        evaluations=0,
        estimator="paired-exact" if not se.any() else "paired",
        seed=None,
        sii_unbiased=unbiased.reshape(shape),
    )


def parts(game: Game, strata: Strata) -> tuple[Float[np.ndarray, "m *V"], Float[np.ndarray, "m *V"]]:
    """(v(S) + v(complement)) / 2 and (v(S) - v(complement)) / 2."""
    both = game(np.concatenate([strata.coalitions, ~strata.coalitions]))
    v, w = both[: len(strata.size)], both[len(strata.size) :]
    return (v + w) / 2, (v - w) / 2


def fit_part(strata: Strata, values: Float[np.ndarray, "m R"], parity: Parity, rng: np.random.Generator) -> Surrogate:
    """The surrogate of one part: of all coalitions, or of `FITTED` of them, small strata whole."""
    return Surrogate(np.where(strata.coalitions, 1.0, -1.0), values, parity, rng, fitted_of(strata, rng))


def fitted_of(strata: Strata, rng: np.random.Generator) -> Int[np.ndarray, " f"]:
    """Which coalitions are fitted: an equal number of each stratum as far as it has them."""
    if len(strata.size) <= FITTED:
        return np.arange(len(strata.size))
    shuffled = rng.permutation(len(strata.size))
    by_size = shuffled[np.argsort(strata.size[shuffled], kind="stable")]
    starts = np.searchsorted(strata.size[by_size], strata.size[by_size])
    turn = np.arange(len(by_size)) - starts  # the how manieth of its stratum
    return np.sort(by_size[np.argsort(turn, kind="stable")[:FITTED]])


def _mend(
    strata: Strata, values: Float[np.ndarray, "m R"], i: np.ndarray, j: np.ndarray, surrogate: Surrogate, shrink: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(scores, unbiased scores, standard errors), (I, J, R) each."""
    off = values - surrogate(np.where(strata.coalitions, 1.0, -1.0))
    elsewhere = off.copy()
    elsewhere[surrogate.fitted] = surrogate.left_out()
    sii = surrogate.sii(i, j)
    unbiased, se = np.empty_like(sii), np.empty_like(sii)
    for r in range(values.shape[1]):
        known, drawn, variance = contrast(strata, off[:, r], i, j, elsewhere[:, r])
        signal = max(0.0, float(np.mean(drawn**2 - variance)))
        kept = signal / np.maximum(signal + variance, 1e-300) if shrink else 1.0
        unbiased[..., r] = sii[..., r] + known + drawn
        sii[..., r] += known + kept * drawn
        se[..., r] = np.sqrt(variance)
    return sii, unbiased, se
