"""Pair scores by asking for every coalition: the truth that the estimators are held against."""

from collections.abc import Sequence

import numpy as np

from interplay.errors import GameError
from interplay.interactions.formulas import delta, redundancy_gap, sii_weights
from interplay.interactions.game import Game, Value, checked_pairs
from interplay.interactions.scores import PairScores

MOST_PLAYERS = 20  # 2^20 coalitions: about a million questions


def exact_pairs(game: Game | Value, players: int, pairs: Sequence[Sequence[int]] | np.ndarray) -> PairScores:
    """SII and redundancy gap of pairs over all 2^(n-2) backgrounds; no sampling, so standard errors are 0.

    Args:
        game: a value function, or a game (whose budget must reach 2^n).
        players: n, at most 20.
        pairs: (P, 2) players.

    Returns:
        Scores of the P pairs.

    Raises:
        GameError: for more than 20 players, another number than the game's, or bad pairs.

    >>> scores = exact_pairs(lambda coalitions: coalitions.any(axis=1) * 1.0, 3, [(0, 1), (1, 2)])
    >>> scores.sii.tolist(), scores.redundancy_gap.tolist()  # OR of three: -1/2 and a backup of 1/2
    ([-0.5, -0.5], [0.5, 0.5])
    """
    if players > MOST_PLAYERS:
        raise GameError(
            f"exact scores of {players} players need 2^{players} evaluations",
            expected=f"at most {MOST_PLAYERS} players",
            fix="estimate with block_pairs or naive_pairs",
        )
    game = game if isinstance(game, Game) else Game(game, players)
    if game.players != players:
        raise GameError(f"the game has {game.players} players", expected=f"{players}, as asked for")
    array = checked_pairs(pairs, players)
    before = game.evaluations

    index = np.arange(2**players)  # coalition c holds player p where bit p of c is set
    bits = np.unpackbits(index.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
    table = game(bits[:, :players].astype(bool))
    weight = sii_weights(players)
    size = np.bitwise_count(index)
    shape = (len(array), *table.shape[1:])
    sii, gap = np.empty(shape), np.empty(shape)
    for row, (i, j) in enumerate(array.tolist()):
        with_i, with_j = 1 << i, 1 << j
        s = index[index & (with_i | with_j) == 0]
        four = table[s], table[s | with_i], table[s | with_j], table[s | with_i | with_j]
        sii[row] = np.tensordot(weight[size[s]], delta(*four), axes=1)
        gap[row] = np.tensordot(weight[size[s]], redundancy_gap(*four), axes=1)
    return PairScores(
        pairs=array,
        sii=sii,
        sii_se=np.zeros(shape),
        redundancy_gap=gap,
        redundancy_gap_se=np.zeros(shape),
        samples=np.full(len(array), 2 ** (players - 2)),
        evaluations=game.evaluations - before,
        estimator="exact",
        seed=None,
        rounding=game.rounding,
    )
