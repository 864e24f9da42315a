"""Both pair scores from one budget: SII from paired coalitions, the redundancy gap from blocks with a control [ours].

The redundancy gap is no linear functional of v, so it must be looked at background by background, as `block` does. But
the surrogate of the paired coalitions (here of the even and the odd part) has values for every background at the
cost of a matrix product, and so gaps of its own: with G its mean gap over many backgrounds, and RG_g(S) its gap on
those that the game was asked about,

    mean over S of [RG_v(S) - beta RG_g(S)] + beta G

has the same mean as RG_v and only the variance of what the surrogate does not predict (a control variate). beta is the
regression of RG_v on RG_g over all pairs and draws together, cut to 0..1; its own error is far smaller.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import BudgetError
from interplay.interactions.block import arranged, block_evaluations, block_flips, checked_block, four_values
from interplay.interactions.draws import UNSEEN, Moments, draw_backgrounds
from interplay.interactions.formulas import delta, redundancy_gap
from interplay.interactions.game import Game
from interplay.interactions.kernel import Surrogate
from interplay.interactions.paired import PairedValues, least_evaluations, score_strata
from interplay.interactions.scores import PairScores
from interplay.interactions.strata import draw_strata

CONTROLS = 128, 1024  # fewest and most backgrounds that the surrogate alone answers,
WORK = 1.7e9  # with about as many products of numbers as this for each surrogate: half a second or so
AT_ONCE = 1 << 18  # values of pairs that are held at once
SHARE = 0.4  # of the budget for paired coalitions
LEAST_DRAWS = 3


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
            made; the rest are draws of the block (a background and its complement each), at least 3.
        seed: of all draws.
        shrink: as in `paired_pairs`, for SII.

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
    surrogates = [values.fit("even", rng), values.fit("odd", rng)]
    draws = (reach - 2 * len(strata.size)) // cost  # not by what is new: a seed decides, whatever the game remembers
    backgrounds = draw_backgrounds(of_backgrounds, draws, game.players, antithetic=True)
    gap, gap_se = _gaps(game, surrogates, backgrounds, i, j, rng)
    scores = score_strata(values, i, j, rng, shrink=shrink, surrogate=surrogates[0])
    return replace(
        scores,
        redundancy_gap=gap.reshape(scores.sii.shape),
        redundancy_gap_se=gap_se.reshape(scores.sii.shape),
        samples=np.full(len(scores), 2 * draws),
        evaluations=game.evaluations - before,
        estimator="hybrid",
        seed=seed,
        sii_draws=len(strata.size),  # the gap's draws are few, and say nothing of how well SII is known
    )


def _gaps(
    game: Game,
    surrogates: list[Surrogate],
    backgrounds: Bool[np.ndarray, "draws 2 n"],
    i: np.ndarray,
    j: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "I J R"], Float[np.ndarray, "I J R"]]:
    """Redundancy gaps with their standard errors."""
    flips = block_flips(game.players, i, j)
    shape = (len(i), len(j), -1)
    asked = []
    for draw in backgrounds:
        asked.append([v.reshape(len(draw), *shape) for v in four_values(game, draw, flips, i, j)])
    of_game = [np.stack(values) for values in zip(*asked, strict=True)]
    of_surrogate = _controls(surrogates, backgrounds, i, j)
    off = np.square(delta(*of_game) - delta(*of_surrogate)).mean(axis=(0, 1))
    v, g = (redundancy_gap(*four).mean(axis=1) for four in (of_game, of_surrogate))
    mean = Moments()
    work = len(surrogates[0].x) * g[0].size  # for a background and its complement
    controls = draw_backgrounds(
        rng, int(np.clip(WORK / work, CONTROLS[0] // 2, CONTROLS[1] // 2)), game.players, antithetic=True
    )
    step = max(1, AT_ONCE // g[0].size)
    for start in range(0, len(controls), step):
        mean.add(redundancy_gap(*_controls(surrogates, controls[start : start + step], i, j)).mean(axis=1))
    around_v, around_g = v - v.mean(axis=0), g - g.mean(axis=0)
    across = (0, 1, 2)
    beta = np.clip((around_v * around_g).sum(across) / np.maximum((around_g**2).sum(across), 1e-300), 0, 1)
    left = Moments()
    left.add(v - beta * g)
    se = np.hypot(left.standard_error(unseen=UNSEEN * off), beta * mean.standard_error())
    return left.mean + beta * mean.mean, se


def _controls(
    surrogates: list[Surrogate], s: Bool[np.ndarray, "d 2 n"], i: np.ndarray, j: np.ndarray
) -> list[Float[np.ndarray, "d 2 I J R"]]:
    """The four values of every pair as the surrogates of the even and the odd part have them, s[:, 1] = ~s[:, 0]."""
    signs = np.where(s[:, 0], 1.0, -1.0)
    even, odd = (surrogate.blocks(signs, i, j) for surrogate in surrogates)
    values = np.stack([even + odd, even - odd], axis=1)  # with the complement the odd part changes its sign
    four = arranged(values.reshape(-1, *values.shape[2:]), s.reshape(-1, s.shape[-1]), i, j)
    return [of.reshape(*s.shape[:2], *of.shape[1:]) for of in four]
