"""From experts' importance to the features that may form pairs (METHOD 10) [paper]."""

from collections.abc import Mapping, Sequence

import numpy as np

from interplay.explanation.players import Players


def candidate_players(players: Players, importance: Sequence[np.ndarray], modality: int, limit: int) -> np.ndarray:
    """The top players of one modality, taken in turn from each expert's ranking until there are `limit`.

    Args:
        players: all players of the sample.
        importance: per expert (n,) scores of the players; larger magnitude is more important.
        modality: index of the modality.
        limit: how many; all players of the modality if it has no more than that.

    Returns:
        Their indices, in reading order.
    """
    mine = players.of(modality)
    if len(mine) <= limit:
        return mine
    rankings = [mine[np.argsort(-np.abs(scores[mine]), kind="stable")] for scores in importance]
    chosen: dict[int, None] = {}
    for rank in range(len(mine)):
        for ranking in rankings:
            if len(chosen) < limit:
                chosen[int(ranking[rank])] = None
    return np.sort(np.fromiter(chosen, dtype=np.int64))


def ranking_experts(scores: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Which experts' importance maps choose the candidates: synergy and redundancy, or all if there is neither.

    Args:
        scores: expert -> (n,) importance of the players.

    Returns:
        The chosen maps (n,), in the order synergy, redundancy.
    """
    named = [scores[name] for name in ("synergy", "redundancy") if name in scores]
    return named or list(scores.values())
