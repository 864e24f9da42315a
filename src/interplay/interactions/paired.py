"""Every pair's SII from paired coalitions: a surrogate in closed form, bias-corrected by its residuals [ours].

Coalitions come with their complements, in strata of size (`strata`). Three steps; the first that is enough ends it:

1. Values that are a sparse sum of parities, to rounding, are solved for, and the scores are exact (`sparse`).
2. Else a Gaussian process over parities of all orders is fitted, and its SII is read off in closed form (`kernel`).
3. The SII of its residuals is added, estimated without bias. Coalitions that were asked for contribute their residuals.
   The others of their strata are estimated from leave-one-out residuals, by stratified sampling without replacement:
   a residual of a coalition that the fit has seen would be too small. Their spread gives the standard error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.errors import BudgetError
from interplay.interactions.block import checked_block
from interplay.interactions.game import Game
from interplay.interactions.kernel import Kernel, Parity, Surrogate
from interplay.interactions.scores import PairScores
from interplay.interactions.sparse import graph, shows_graph, sums_of_parities
from interplay.interactions.strata import Strata, contrast, draw_strata, least_pairs

SURE = 2.0  # standard errors
FITTED = 4096  # most coalitions in a fit, a factorization of some seconds; residuals are taken of all coalitions


def least_evaluations(players: int) -> int:
    """Smallest budget of `paired_pairs`.

    Args:
        players: n of the game.

    Returns:
        Evaluations.
    """
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
        rows: players I.
        columns: players J; no player twice.
        budget: most evaluations; pairs of coalitions are bought with it.
        seed: of the coalitions and of those that choose the kernel.
        shrink: weigh the correction by how much of it is signal: over the pairs, tau^2 / (tau^2 + se^2) with tau^2 the
            mean of correction^2 - se^2, or 0 (empirical Bayes). Pairs that do not interact at all around the empty and
            the full set, where that was asked, score 0 unless they surely hold signal, each by itself or all together:
            those of a sparse game do not, those of a game that is flat near both ends do. The unbiased scores are in
            `sii_unbiased` always.

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
    scores = score_strata(PairedValues.of(game, strata), i, j, rng, shrink=shrink)
    return replace(scores, evaluations=game.evaluations - before, seed=seed)


@final
@dataclass(frozen=True)
class PairedValues:
    """Values of a game on paired coalitions, split into the part that SII depends on and the part it does not.

    Attributes:
        strata: the m coalitions S.
        even: (m, *V) (v(S) + v(complement)) / 2.
        odd: (m, *V) (v(S) - v(complement)) / 2.
        rounding: (*V) what is no more than rounding in the values.
    """

    strata: Strata
    even: Float[np.ndarray, "m *V"]
    odd: Float[np.ndarray, "m *V"]
    rounding: Float[np.ndarray, "*V"]

    @classmethod
    def of(cls, game: Game, strata: Strata) -> "PairedValues":
        """Ask a game for the coalitions of `strata` and for their complements.

        Args:
            game: asked for 2 m coalitions, in one request.
            strata: the m coalitions.

        Returns:
            Both parts of its values.
        """
        both = game(np.concatenate([strata.coalitions, ~strata.coalitions]))
        v, w = both[: len(strata.size)], both[len(strata.size) :]
        return cls(strata, (v + w) / 2, (v - w) / 2, game.rounding)

    @property
    def signs(self) -> Float[np.ndarray, "m n"]:
        """The coalitions as ±1 (+1: the player is in)."""
        return np.where(self.strata.coalitions, 1.0, -1.0)

    def fit(self, parity: Parity, rng: np.random.Generator, most: int = FITTED) -> Surrogate:
        """Fit the surrogate of one part, to all coalitions or to `most` of them (`fitted_of`).

        Args:
            parity: "even" or "odd".
            rng: chooses the coalitions.
            most: of the coalitions.

        Returns:
            The surrogate of the R = prod(V) values.
        """
        values = (self.even if parity == "even" else self.odd).reshape(len(self.even), -1)
        level = values.mean(axis=0) if parity == "even" else np.zeros(values.shape[1])
        values = self._without_rounding(values, level)
        return Surrogate(self.signs, values, parity, rng, fitted_of(self.strata, rng, most))

    def _without_rounding(self, values: Float[np.ndarray, "m R"], level: Float[np.ndarray, " R"]) -> np.ndarray:
        """The values, but of an output that is its level and rounding alone the level: all outputs share a kernel."""
        return np.where(np.abs(values - level).max(axis=0) <= self.rounding.ravel(), level, values)

    def fit_even(
        self,
        coalitions: Bool[np.ndarray, "p n"],
        even: Float[np.ndarray, "p R"],
        kernel: Kernel,
        rng: np.random.Generator,
    ) -> Surrogate:
        """Fit the surrogate of the even part to other coalitions, too, as many as fit beside those of `fit`.

        The correction stays unbiased: it needs, of each coalition of the strata, the residual from a fit without it,
        and whatever else was fitted does not change that.

        Args:
            coalitions: (p, n) others, each standing for itself and its complement.
            even: (p, R) their values of the even part.
            kernel: that of `fit`, chosen from the strata alone.
            rng: chooses among the coalitions where there are too many.

        Returns:
            The surrogate; `fitted` counts the others after the strata's.
        """
        of_strata = fitted_of(self.strata, rng)
        others = len(self.even) + rng.permutation(len(coalitions))[: max(0, FITTED - len(of_strata))]
        x = np.concatenate([self.signs, np.where(coalitions, 1.0, -1.0)])
        values = np.concatenate([self.even.reshape(len(self.even), -1), even])
        values = self._without_rounding(values, values.mean(axis=0))
        return Surrogate(x, values, "even", rng, np.concatenate([of_strata, others]), kernel)


def score_strata(
    values: PairedValues,
    i: Int[np.ndarray, " I"],
    j: Int[np.ndarray, " J"],
    rng: np.random.Generator,
    *,
    shrink: bool,
    fit: Callable[[], Surrogate] | None = None,
) -> PairScores:
    """Score pairs from values that were already asked for; `paired_pairs` without the questions.

    Args:
        values: what the game answered.
        i: (I,) players of the rows.
        j: (J,) players of the columns.
        rng: chooses the coalitions of the fit.
        shrink: as in `paired_pairs`.
        fit: makes the surrogate of the even part, to these values and perhaps to others; not called where a sparse
            sum of parities is the game. None: `PairedValues.fit`.

    Returns:
        Scores of the I x J pairs, row by row, with `evaluations` 0 and no seed: only the caller knows these.
    """
    even = values.even
    flat = even.reshape(len(even), -1)
    rounding = values.rounding.ravel()
    exact = sums_of_parities(values.strata, flat, i, j, rounding)
    shape = (len(i) * len(j), *even.shape[1:])
    if exact is not None:
        sii, unbiased, se = exact, exact, np.zeros_like(exact)
    else:
        sii, unbiased, se = _corrected(values, i, j, values.fit("even", rng) if fit is None else fit(), shrink)
        if shrink and shows_graph(values.strata):
            for r in range(flat.shape[1]):
                apart = ~graph(values.strata, flat[:, r], rounding[r])[np.ix_(i, j)]
                sii[apart, r] *= _held_back(unbiased[apart, r], se[apart, r])
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
        rounding=values.rounding,
    )


def share_of_signal(scores: Float[np.ndarray, " p"], se: Float[np.ndarray, " p"]) -> float:
    """How much of the mean square of unbiased scores is not their error (a James-Stein factor with known errors).

    Args:
        scores: (p,) unbiased scores.
        se: (p,) their standard errors.

    Returns:
        max(0, mean(scores^2 - se^2)) / mean(scores^2); 0 for no scores.
    """
    square = float(np.mean(scores**2)) if len(scores) else 0.0
    return max(0.0, square - float(np.mean(se**2))) / square if square > 0 else 0.0


def _held_back(scores: Float[np.ndarray, " p"], se: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """Per pair, how much of its score is kept where no interaction is expected: all of one that is surely there.

    Surely: further from 0, in standard errors, than the largest of as many that are none, by SURE more. Of the others
    `share_of_signal`, or 0 where it may be 0: their mean square is not three of its own errors above the errors'.
    """
    sure = np.abs(scores) > (np.sqrt(2 * np.log(max(2, len(scores)))) + SURE) * se
    rest, rest_se = scores[~sure], se[~sure]
    doubtful = not len(rest) or np.mean(rest**2) <= (1 + 3 * np.sqrt(2 / len(rest))) * np.mean(rest_se**2)
    return np.where(sure, 1.0, 0.0 if doubtful else share_of_signal(rest, rest_se))


def fitted_of(strata: Strata, rng: np.random.Generator, most: int = FITTED) -> Int[np.ndarray, " f"]:
    """Choose the coalitions of a fit: at most `most`, equally many of each stratum as far as it has them.

    Args:
        strata: the m coalitions there are.
        rng: decides which of a stratum.
        most: how many there are at most.

    Returns:
        (f,) their indices, ascending.
    """
    if len(strata.size) <= most:
        return np.arange(len(strata.size))
    shuffled = rng.permutation(len(strata.size))
    by_size = shuffled[np.argsort(strata.size[shuffled], kind="stable")]
    starts = np.searchsorted(strata.size[by_size], strata.size[by_size])
    index = np.arange(len(by_size)) - starts  # within the stratum
    return np.sort(by_size[np.argsort(index, kind="stable")[:most]])


def _corrected(
    paired: PairedValues, i: np.ndarray, j: np.ndarray, surrogate: Surrogate, shrink: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SII of the surrogate plus that of its residuals: (scores, unbiased scores, standard errors), (I, J, R) each."""
    values = paired.even.reshape(len(paired.even), -1)
    of_strata = surrogate.fitted < len(values)
    fitted = surrogate.fitted[of_strata]
    others = np.setdiff1d(np.arange(len(values)), fitted)
    residuals = np.empty_like(values)
    residuals[others] = values[others] - surrogate(paired.signs[others])
    held_out = residuals.copy()
    residuals[fitted] = surrogate.residuals()[of_strata]
    held_out[fitted] = surrogate.leave_one_out_residuals()[of_strata]
    sii = surrogate.sii(i, j)
    unbiased, se = np.empty_like(sii), np.empty_like(sii)
    for r in range(values.shape[1]):
        known, drawn, variance = contrast(paired.strata, residuals[:, r], i, j, held_out[:, r])
        signal = max(0.0, float(np.mean(drawn**2 - variance)))
        kept = signal / np.maximum(signal + variance, 1e-300) if shrink else 1.0
        unbiased[..., r] = sii[..., r] + known + drawn
        sii[..., r] += known + kept * drawn
        se[..., r] = np.sqrt(variance)
    return sii, unbiased, se
