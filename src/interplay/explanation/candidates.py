"""From experts' importance to the features that may form pairs (METHOD 10) [paper]."""

from collections.abc import Mapping, Sequence

import numpy as np

from interplay.explanation.players import Players
from interplay.results import MIXTURE


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


def ranking_maps(scores: Mapping[str, np.ndarray], adds_up: bool) -> list[np.ndarray]:
    """Which importance maps choose the candidates: synergy's and redundancy's, or all if there is neither.

    Where contributions add up, the mixture's is one of them [ours]: what unique experts add forms no pair that counts
    together, but without pairs of it none could be said to add up.

    Args:
        scores: expert or "mixture" -> (n,) importance of the players.
        adds_up: whether the experts' logits are contributions, which with a bias add up to the mixture's.

    Returns:
        The chosen maps (n,), in the order synergy, redundancy, mixture.
    """
    names = ("synergy", "redundancy", MIXTURE) if adds_up else ("synergy", "redundancy")
    named = [scores[name] for name in names if name in scores]
    return named or list(scores.values())
