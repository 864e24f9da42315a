"""SII and redundancy gap of cross-modal pairs of one prediction (METHOD 9, 10)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from interplay.explanation.players import SCALES, Players
from interplay.interactions import Game, block_pairs
from interplay.interactions.game import Value
from interplay.interactions.scores import PairScores
from interplay.results import Pair

PairEstimator = Callable[[Game, np.ndarray, np.ndarray], PairScores]


@dataclass(frozen=True)
class Probe:
    """Pair scores of one sample under every value function.

    Attributes:
        players: what each player of the scores is.
        blocks: one PairScores with V = (L, 2, E + 1) per pair of modalities.
        labels: what was asked about, along the first axis of V.
        names: the experts and "mixture", along the last axis of V.
        evaluations: distinct coalitions asked in all.
    """

    players: Players
    blocks: tuple[PairScores, ...]
    labels: tuple[int, ...]
    names: tuple[str, ...]
    evaluations: int

    def scores(self, on: str, expert: str, label: int | None = None) -> list[PairScores]:
        """The scores under one value function (of the first label if None), a block per pair of modalities.

        Args:
            on: the scale, one of SCALES.
            expert: name of an output.
            label: index of one of the labels scored.
        """
        at = (0 if label is None else self.labels.index(label), SCALES.index(on), self.names.index(expert))
        return [block.output(at) for block in self.blocks]


def score_pairs(
    value: Value,
    players: Players,
    labels: Sequence[int],
    names: Sequence[str],
    *,
    estimate: PairEstimator,
    candidates: Callable[[Players, int], np.ndarray] | None = None,
    batch_size: int = 512,
    progress: Callable[[int], None] | None = None,
) -> Probe:
    """Score every cross-modal pair of candidate players.

    Args:
        value: coalitions (m, n) -> (m, L, 2, E), for each label both scales (`SCALES`) by each output.
        players: what plays.
        labels: what the pairs are scored for, along the axis L, all from the same evaluations.
        names: the outputs, along the axis E.
        estimate: (game, rows, columns) -> their scores, for each pair of modalities; by `backgrounds`, say.
            What one pair of modalities has asked costs the next nothing.
        candidates: (players, modality index) -> the players of it that may form pairs; all if None.
        batch_size: most coalitions asked at once.
        progress: called with the evaluations done.

    Returns:
        The scores of every pair of modalities.
    """
    choose = candidates or Players.of
    modalities = sorted(set(players.modality.tolist()))
    chosen = [choose(players, m) for m in modalities]
    game = Game(value, len(players), batch_size=batch_size, progress=progress)
    scores = tuple(estimate(game, a, b) for a, b in combinations(chosen, 2) if len(a) and len(b))
    return Probe(players, scores, tuple(labels), tuple(names), game.evaluations)


def backgrounds(samples: int, seed: int) -> PairEstimator:
    """An estimator of pair scores: the block design, with the same number of backgrounds for every pair.

    Args:
        samples: how many backgrounds.
        seed: decides which.
    """
    return lambda game, rows, columns: block_pairs(game, rows, columns, samples=samples, seed=seed)


def pair_rows(scores: PairScores, index: Sequence[int]) -> list[Pair]:
    """Rows for JSON of scores (P,), where player p of the game is feature `index[p]`; the unbiased ones.

    Args:
        scores: the scores of one block.
        index: per player, the index of its feature.
    """

    def known(x: float) -> float | None:
        return float(x) if np.isfinite(x) else None

    sii, gap = scores.unbiased
    columns = (sii, scores.sii_se, gap, scores.redundancy_gap_se)
    return [
        Pair(
            i=index[i],
            j=index[j],
            sii=known(columns[0][row]),
            sii_se=known(columns[1][row]),
            redundancy_gap=known(columns[2][row]),
            redundancy_gap_se=known(columns[3][row]),
            samples=int(scores.samples[row]),
        )
        for row, (i, j) in enumerate(scores.pairs)
    ]
