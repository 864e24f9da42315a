"""Both pair scores from one budget: SII from paired coalitions, the redundancy gap from blocks with a control [ours].

SII's surrogate is fitted to the coalitions of the blocks as well, which are paid for; what it leaves is estimated from
the paired coalitions alone, whose law is known, so that the score stays unbiased.

The redundancy gap is no linear functional of v, so it must be looked at background by background, as `block` does. But
the surrogate of the paired coalitions (here of the even and the odd part) has values for every background at the
cost of a matrix product, and so gaps of its own: with G its mean gap over many backgrounds, and RG_g(S) its gap on
those that the game was asked about,

    mean over S of [RG_v(S) - RG_g(S)] + G

has the same mean as RG_v and only the variance of what the surrogate does not predict (a control variate). Weighing the
surrogate by a regression on the same few draws would take it away where they happen to show nothing; and it must not
know the blocks, or it would predict those that it was fitted to better than others.

What the few draws add to G is mostly error where they are few. Shrunk, it is weighed by how much of its mean
square over the pairs is not error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import BudgetError
from interplay.interactions.block import arranged, block_evaluations, block_flips, checked_block
from interplay.interactions.draws import UNSEEN, Moments, draw_backgrounds
from interplay.interactions.formulas import delta, redundancy_gap
from interplay.interactions.game import Game
from interplay.interactions.kernel import Surrogate
from interplay.interactions.paired import PairedValues, least_evaluations, score_strata, share_of_signal
from interplay.interactions.scores import PairScores
from interplay.interactions.strata import draw_strata

FITTED = 2048  # most coalitions in the fit of a control, which costs their cube; SII's has more
CONTROLS = 128, 1024  # fewest and most backgrounds that the surrogate alone answers,
WORK = 1.7e9  # with about as many products of numbers as this for each surrogate: half a second or so
AT_ONCE = 1 << 18  # values of pairs that are held at once
SHARE = 0.6  # of the budget for paired coalitions
LEAST_DRAWS = 2


def least_hybrid(players: int, rows: int, columns: int) -> int:
    """Smallest budget of `hybrid_pairs`.

    Args:
        players: n of the game.
        rows: number of players I.
        columns: number of players J.

    Returns:
        Evaluations.
    """
    return least_evaluations(players) + LEAST_DRAWS * block_evaluations(rows, columns, 2)


def hybrid_pairs(
    game: Game,
    rows: Sequence[int] | np.ndarray,
    columns: Sequence[int] | np.ndarray,
    *,
    budget: int,
    seed: int = 0,
    shrink: bool = True,
) -> PairScores:
    """SII and redundancy gap of every pair of I x J from `budget` evaluations.

    Args:
        game: its own budget holds as well.
        rows: players I.
        columns: players J; no player twice.
        budget: most evaluations. About `SHARE` of them are paired coalitions, from which SII and the surrogate are
            made; the rest are draws of the block (a background and its complement each), at least 2.
        seed: of all draws.
        shrink: as in `paired_pairs` for SII; of gaps, too, what is added to the surrogate's is weighed by how much of
            it is signal. The unbiased scores are in `sii_unbiased` and `redundancy_gap_unbiased` always.

    Returns:
        Scores of the |I||J| pairs, row by row; `samples` are the backgrounds behind each gap, `sii_draws` the paired
        coalitions behind SII.

    Raises:
        GameError: for a bad block, or a budget below `least_hybrid`.
    """
    i, j = checked_block(game, rows, columns)
    reach = game.reach(budget)
    cost, least = block_evaluations(len(i), len(j), 2), least_hybrid(game.players, len(i), len(j))
    if reach < least:
        raise BudgetError(
            f"a budget of {reach} evaluations is too small for SII and gaps of this block",
            expected=f"at least {least}",
            fix="raise the budget, or take fewer candidates",
        )
    rng, before = np.random.default_rng(seed), game.evaluations
    of_backgrounds = rng.spawn(1)[0]  # a stream of their own: the first are the same for a larger budget
    pairs = min(max(int(SHARE * reach), least_evaluations(game.players)), reach - LEAST_DRAWS * cost) // 2
    strata = draw_strata(rng, game.players, pairs, graph=False)
    values = PairedValues.of(game, strata)
    surrogates = [values.fit("even", rng, FITTED), values.fit("odd", rng, FITTED)]
    draws = (reach - 2 * len(strata.size)) // cost  # not by what is new: a seed decides, whatever the game remembers
    backgrounds = draw_backgrounds(of_backgrounds, draws, game.players, antithetic=True)
    blocks = _Blocks.of(game, backgrounds, i, j)
    gap, unbiased, se = _gaps(blocks, surrogates, i, j, rng, shrink=shrink)
    scores = score_strata(
        values, i, j, rng, shrink=shrink, fit=lambda: values.fit_even(*blocks.even, surrogates[0].kernel, rng)
    )
    shape = scores.sii.shape
    return replace(
        scores,
        redundancy_gap=gap.reshape(shape),
        redundancy_gap_se=se.reshape(shape),
        redundancy_gap_unbiased=unbiased.reshape(shape),
        samples=np.full(len(scores), 2 * draws),
        evaluations=game.evaluations - before,
        estimator="hybrid",
        seed=seed,
        sii_draws=len(strata.size),  # the gap's draws are few, and say nothing of how well SII is known
    )


@final
@dataclass(frozen=True)
class _Blocks:
    """What a game answered around backgrounds S and their complements.

    Attributes:
        backgrounds: (d, 2, n), the second of each draw the complement of the first.
        flips: (I + 1, J + 1, n) bits that are flipped in each.
        values: (d, 2, I + 1, J + 1, R).
    """

    backgrounds: Bool[np.ndarray, "d 2 n"]
    flips: Bool[np.ndarray, "I1 J1 n"]
    values: Float[np.ndarray, "d 2 I1 J1 R"]

    @classmethod
    def of(cls, game: Game, backgrounds: Bool[np.ndarray, "d 2 n"], i: np.ndarray, j: np.ndarray) -> "_Blocks":
        """Ask a game, one draw after the other."""
        flips = block_flips(game.players, i, j)
        values = []
        for draw in backgrounds:
            coalitions = draw[:, None, None] ^ flips
            flat = game(coalitions.reshape(-1, game.players))
            values.append(flat.reshape(*coalitions.shape[:3], -1))
        return cls(backgrounds, flips, np.stack(values))

    @property
    def even(self) -> tuple[Bool[np.ndarray, "p n"], Float[np.ndarray, "p R"]]:
        """The coalitions, each with its complement once, and their values of the even part."""
        coalitions = self.backgrounds[:, 0, None, None] ^ self.flips
        even = self.values.mean(axis=1)
        return coalitions.reshape(-1, coalitions.shape[-1]), even.reshape(-1, even.shape[-1])

    def four(self, i: np.ndarray, j: np.ndarray) -> list[Float[np.ndarray, "d 2 I J R"]]:
        """v(S), v(S+i), v(S+j), v(S+i+j) of every pair."""
        return _four(self.values, self.backgrounds, i, j)


def _gaps(
    blocks: _Blocks,
    surrogates: list[Surrogate],
    i: np.ndarray,
    j: np.ndarray,
    rng: np.random.Generator,
    *,
    shrink: bool,
) -> tuple[Float[np.ndarray, "I J R"], Float[np.ndarray, "I J R"], Float[np.ndarray, "I J R"]]:
    """Redundancy gaps, the same unbiased, and the standard errors of these."""
    of_game, backgrounds = blocks.four(i, j), blocks.backgrounds
    of_surrogate = _controls(surrogates, backgrounds, i, j)
    off = np.square(delta(*of_game) - delta(*of_surrogate)).mean(axis=(0, 1))
    v, g = (redundancy_gap(*four).mean(axis=1) for four in (of_game, of_surrogate))
    mean = Moments()
    work = len(surrogates[0].x) * g[0].size  # for a background and its complement
    count = int(np.clip(WORK / work, CONTROLS[0] // 2, CONTROLS[1] // 2))
    controls = draw_backgrounds(rng, count, backgrounds.shape[-1], antithetic=True)
    step = max(1, AT_ONCE // g[0].size)
    for start in range(0, len(controls), step):
        mean.add(redundancy_gap(*_controls(surrogates, controls[start : start + step], i, j)).mean(axis=1))
    left = Moments()
    left.add(v - g)
    se = left.standard_error(unseen=UNSEEN * off)
    kept = np.array([share_of_signal(left.mean[..., r].ravel(), se[..., r].ravel()) for r in range(se.shape[-1])])
    shrunk = mean.mean + (kept if shrink else 1.0) * left.mean
    return shrunk, mean.mean + left.mean, np.hypot(se, mean.standard_error())


def _controls(
    surrogates: list[Surrogate], s: Bool[np.ndarray, "d 2 n"], i: np.ndarray, j: np.ndarray
) -> list[Float[np.ndarray, "d 2 I J R"]]:
    """The four values of every pair as the surrogates of the even and the odd part have them, s[:, 1] = ~s[:, 0]."""
    signs = np.where(s[:, 0], 1.0, -1.0)
    even, odd = (surrogate.blocks(signs, i, j) for surrogate in surrogates)
    values = np.stack([even + odd, even - odd], axis=1)  # with the complement the odd part changes its sign
    return _four(values, s, i, j)


def _four(
    values: Float[np.ndarray, "d 2 I1 J1 R"], s: Bool[np.ndarray, "d 2 n"], i: np.ndarray, j: np.ndarray
) -> list[Float[np.ndarray, "d 2 I J R"]]:
    """`arranged` for backgrounds with their complements."""
    four = arranged(values.reshape(-1, *values.shape[2:]), s.reshape(-1, s.shape[-1]), i, j)
    return [of.reshape(*s.shape[:2], *of.shape[1:]) for of in four]
