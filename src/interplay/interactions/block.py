"""The block design: one background serves every pair of a block I x J."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import BudgetError, GameError
from interplay.interactions.draws import UNSEEN, Moments, draw_backgrounds
from interplay.interactions.formulas import delta, redundancy_gap
from interplay.interactions.game import Game
from interplay.interactions.scores import PairScores

SAMPLES = 64
CHUNK = 8192  # coalitions held at once, so that the game can fill its batches


def block_evaluations(rows: int, columns: int, samples: int) -> int:
    """Most evaluations that `samples` backgrounds cost on a block: 1 + |I| + |J| + |I||J| each.

    Args:
        rows: number of players I.
        columns: number of players J.
        samples: number of backgrounds.

    Returns:
        Evaluations; fewer are spent where coalitions repeat.
    """
    return samples * (1 + rows) * (1 + columns)


def block_pairs(
    game: Game,
    rows: Sequence[int] | np.ndarray,
    columns: Sequence[int] | np.ndarray,
    *,
    samples: int | None = None,
    budget: int | None = None,
    seed: int = 0,
    antithetic: bool = True,
) -> PairScores:
    """SII and redundancy gap of every pair of I x J, from backgrounds shared by the whole block [ours].

    A background S is drawn over all players (`draw_backgrounds`: its law is right for every pair; players outside the
    block are background only). Pair i, j asks for S, for S with the bit of i or of j flipped - shared by its row or
    column - and with both. So S costs 1 + |I| + |J| + |I||J| evaluations, not 4 |I||J|, for one sample of every pair.

    The scores are unbiased; errors of pairs of one block are correlated, since they share backgrounds. Standard errors
    are the spread over independent draws (a background, or with `antithetic` a background and its complement). A gap
    is often 0 on nearly every background and large on few, which draws may miss; since |RG(S)| <= |Delta(S)|, its
    standard error counts a share (`UNSEEN`) of one more draw as large as Delta was on average [ours]. Delta has no
    such bound: one that differs on few backgrounds can have a standard error of 0 that is wrong.

    Args:
        game: its budget, if it has one, also holds here.
        rows: players I.
        columns: players J; no player twice.
        samples: backgrounds, even with `antithetic`; 64 if neither `samples` nor `budget` is given.
        budget: instead of samples, the most evaluations this call may spend; as many whole draws as fit.
        seed: of the backgrounds.
        antithetic: evaluate every background with its complement.

    Returns:
        Scores of the |I||J| pairs, row by row; standard errors of a single draw are NaN.

    Raises:
        GameError: for a bad block, samples and budget both given, or a budget too small for one draw.

    >>> game = Game(lambda coalitions: coalitions[:, [0, 2]].all(axis=1) * 2.0, players=4)
    >>> scores = block_pairs(game, [0, 1], [2, 3], samples=8)
    >>> scores.pairs.tolist()
    [[0, 2], [0, 3], [1, 2], [1, 3]]
    >>> scores.sii.tolist(), scores.redundancy_gap.tolist()  # players 0 and 2 are worth 2 together
    ([2.0, 0.0, 0.0, 0.0], [-2.0, 0.0, 0.0, 0.0])
    """
    i, j = checked_block(game, rows, columns)
    copies = 2 if antithetic else 1
    draws = _draws(game, block_evaluations(len(i), len(j), copies), samples, budget, copies)
    before = game.evaluations
    sii, gap, squares = _moments(game, i, j, draws, seed, antithetic)
    return PairScores(
        pairs=np.stack([np.repeat(i, len(j)), np.tile(j, len(i))], axis=1),
        sii=sii.mean,
        sii_se=sii.standard_error(),
        redundancy_gap=gap.mean,
        redundancy_gap_se=gap.standard_error(unseen=UNSEEN * squares.mean),
        samples=np.full(len(i) * len(j), draws * copies),
        evaluations=game.evaluations - before,
        estimator="block-antithetic" if antithetic else "block",
        seed=seed,
        rounding=game.rounding,
    )


def _moments(
    game: Game, i: np.ndarray, j: np.ndarray, draws: int, seed: int, antithetic: bool
) -> tuple[Moments, Moments, Moments]:
    """Delta, RG and Delta^2 of every pair over the draws; about CHUNK coalitions at once."""
    backgrounds = draw_backgrounds(np.random.default_rng(seed), draws, game.players, antithetic=antithetic)
    copies = 2 if antithetic else 1
    sii, gap, squares = Moments(), Moments(), Moments()
    flips = block_flips(game.players, i, j)
    step = max(1, max(CHUNK, game.batch_size) // (copies * flips.shape[0] * flips.shape[1]))
    for start in range(0, draws, step):
        s = backgrounds[start : start + step]
        four = four_values(game, s.reshape(-1, game.players), flips, i, j)
        change = delta(*four)
        for moments, scores in ((sii, change), (gap, redundancy_gap(*four)), (squares, change**2)):
            # a background and its complement are one draw
            moments.add(scores.reshape(len(s), copies, len(i) * len(j), *scores.shape[3:]).mean(axis=1))
    return sii, gap, squares


def block_flips(players: int, i: np.ndarray, j: np.ndarray) -> Bool[np.ndarray, "I1 J1 n"]:
    """Bits to flip in a background: none or one of I, and none or one of J.

    Args:
        players: n.
        i: (I,) players of the rows.
        j: (J,) players of the columns.

    Returns:
        (I + 1, J + 1, n), True where a bit is flipped; index 0 of an axis flips none of its players.
    """
    flips = np.zeros((1 + len(i), 1 + len(j), players), dtype=bool)
    flips[1 + np.arange(len(i)), :, i] = True
    flips[:, 1 + np.arange(len(j)), j] = True
    return flips


def four_values(
    game: Game, s: Bool[np.ndarray, "d n"], flips: Bool[np.ndarray, "I1 J1 n"], i: np.ndarray, j: np.ndarray
) -> tuple[Float[np.ndarray, "d I J *V"], ...]:
    """Ask for v(S), v(S+i), v(S+j), v(S+i+j) of every pair, where S is a background without i and j.

    Args:
        game: the game to evaluate.
        s: (d, n) backgrounds; whether i and j are in them does not matter.
        flips: (I + 1, J + 1, n) from `block_flips`.
        i: (I,) players of the rows.
        j: (J,) players of the columns.

    Returns:
        The four values, (d, I, J, *V) each.
    """
    coalitions = s[:, None, None, :] ^ flips
    flat = game(coalitions.reshape(-1, game.players))
    return arranged(flat.reshape(*coalitions.shape[:3], *flat.shape[1:]), s, i, j)


def arranged(
    values: Float[np.ndarray, "d I1 J1 *V"], s: Bool[np.ndarray, "d n"], i: np.ndarray, j: np.ndarray
) -> tuple[Float[np.ndarray, "d I J *V"], ...]:
    """Rearrange values by what was flipped in a background into values by what is in it.

    Args:
        values: (d, I + 1, J + 1, *V) values of the coalitions s ^ `block_flips`.
        s: (d, n) the backgrounds.
        i: (I,) players of the rows.
        j: (J,) players of the columns.

    Returns:
        v(S), v(S+i), v(S+j), v(S+i+j), (d, I, J, *V) each.
    """
    d = np.arange(len(s))[:, None, None]
    a, b = 1 + np.arange(len(i)), 1 + np.arange(len(j))
    # where i is in the background, flipping takes it out; where it is not, flipping puts it in
    i_out, i_in = np.where(s[:, i], a, 0)[:, :, None], np.where(s[:, i], 0, a)[:, :, None]
    j_out, j_in = np.where(s[:, j], b, 0)[:, None, :], np.where(s[:, j], 0, b)[:, None, :]
    return values[d, i_out, j_out], values[d, i_in, j_out], values[d, i_out, j_in], values[d, i_in, j_in]


def _draws(game: Game, cost: int, samples: int | None, budget: int | None, copies: int) -> int:
    """How many draws to make, each of `copies` backgrounds and `cost` evaluations."""
    if budget is None:
        samples = SAMPLES if samples is None else samples
        if samples < 1 or samples % copies:
            kind = "an even number, since each background comes with its complement" if copies == 2 else "1 or more"
            raise GameError(f"samples is {samples}", expected=kind)
        return samples // copies
    if samples is not None:
        raise GameError("both samples and budget are given", expected="one of the two")
    reach = game.reach(budget)
    if reach < cost:
        raise BudgetError(
            f"a budget of {reach} evaluations does not reach for one draw of this block",
            expected=f"at least {cost}, or {2 * cost} to have standard errors",
            fix="raise the budget, or take fewer candidates",
        )
    return reach // cost


def checked_block(
    game: Game, rows: Sequence[int] | np.ndarray, columns: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Check the players of a block.

    Args:
        game: the game they must be of.
        rows: players I.
        columns: players J.

    Returns:
        (I,) and (J,) int64.

    Raises:
        GameError: for no players, players outside the game, or a player given twice.
    """
    i, j = np.asarray(rows), np.asarray(columns)
    for name, array in (("rows", i), ("columns", j)):
        if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
            raise GameError(f"{name} came as {array.dtype} {array.shape}", expected="at least one player's number")
        for player in array[(array < 0) | (array >= game.players)][:1].tolist():
            raise GameError(
                f"player {player} of the {name} is not in the game", expected=f"players 0 to {game.players - 1}"
            )
    players, counts = np.unique(np.concatenate([i, j]), return_counts=True)
    for player in players[counts > 1][:1].tolist():
        raise GameError(f"player {player} is twice in the block", expected="each player once, in rows or in columns")
    return i.astype(np.int64), j.astype(np.int64)
