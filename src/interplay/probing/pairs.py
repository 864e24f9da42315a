"""SII and redundancy gap of cross-modal pairs of one prediction (METHOD 9, 10)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from interplay.config import Fill
from interplay.interactions import Game, block_evaluations, block_pairs
from interplay.models.fusion import FusionModel
from interplay.probing.game import ON, Players, model_value, players_of, value_names
from interplay.removal import Tokens
from interplay.results import PairScores
from interplay.task import Task


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
        """The scores under one value function (of the first label if None), a block per pair of modalities."""
        at = (0 if label is None else self.labels.index(label), ON.index(on), self.names.index(expert))
        return [block.output(at) for block in self.blocks]


def probe_pairs(
    model: FusionModel,
    task: Task,
    tokens: Tokens,
    labels: Sequence[int],
    *,
    fill: Fill,
    samples: int,
    seed: int,
    players: Players | None = None,
    candidates: Callable[[Players, int], np.ndarray] | None = None,
    batch_size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> Probe:
    """Score every cross-modal pair of candidate players by shared block designs.

    Args:
        tokens: one sample, a batch of 1.
        labels: what to score the pairs for, all from the same evaluations.
        players: what plays; every feature by itself if None.
        candidates: (players, modality index) -> the players of it that may form pairs; all if None.
        samples: backgrounds S behind each score.
        progress: called with evaluations done and an upper bound of them.
    """
    players = players or players_of(tokens)
    choose = candidates or Players.of
    chosen = [choose(players, m) for m in range(len(tokens.values))]
    blocks = [(a, b) for a, b in combinations(chosen, 2) if len(a) and len(b)]
    most = sum(block_evaluations(len(a), len(b), samples) for a, b in blocks)
    game = Game(
        model_value(model, task, tokens, labels, fill, players),
        len(players),
        batch_size=batch_size,
        progress=(lambda done: progress(done, most)) if progress else None,
    )
    scores = tuple(block_pairs(game, a, b, samples=samples, seed=seed) for a, b in blocks)
    return Probe(players, scores, tuple(labels), tuple(value_names(model)), game.evaluations)
