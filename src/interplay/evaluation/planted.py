"""Do pair scores find the pair that was planted? Known-truth recovery on data whose samples record their evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from interplay.config import Fill
from interplay.data.sample import Evidence
from interplay.encoders.frozen import Part
from interplay.models.fusion import FusionModel
from interplay.probing.game import ON
from interplay.probing.pairs import Probe, probe_pairs
from interplay.removal import Tokens
from interplay.task import Task

TOP = 5


@dataclass(frozen=True)
class Planted:
    """One sample with a planted pair: its tokens (batch of 1), what its positions are, and what carries the label."""

    tokens: Tokens
    parts: tuple[list[Part], ...]
    evidence: Evidence


@dataclass(frozen=True)
class Recovery:
    """How well one score ranks the planted pairs of one story first, over samples.

    Attributes:
        on, expert, fill, score: the value function and which score ("sii" | "redundancy_gap").
        auroc: (samples,) chance that a planted pair outranks another pair, ties half.
        rank: (samples,) rank of the best planted pair, from 1.
        sign: (samples,) whether the best planted pair's score is positive.
    """

    story: str
    on: str
    expert: str
    fill: Fill
    score: str
    auroc: np.ndarray
    rank: np.ndarray
    sign: np.ndarray

    @property
    def top(self) -> np.ndarray:
        """(samples,) whether a planted pair is among the first five."""
        return (self.rank <= TOP).astype(float)


def recover(
    model: FusionModel,
    task: Task,
    planted: Sequence[Planted],
    story: str,
    score: str,
    *,
    fill: Fill,
    samples: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Recovery]:
    """Rank all cross-modal pairs of every sample by `score`, under every value function of the model.

    A pair is planted if its token overlaps the planted words and its patch's centre lies in a planted cell.
    """
    label = task.labels.index(story)
    rows: dict[tuple[str, str], list[tuple[float, int, bool]]] = {}
    for number, one in enumerate(planted):
        probe = probe_pairs(model, task, one.tokens, label, fill=fill, samples=samples, seed=seed + number)
        truth = _planted_pairs(probe, one)
        for on in ON:
            for expert in probe.names:
                values = np.concatenate([getattr(b, score) for b in probe.scores(on, expert)])
                rows.setdefault((on, expert), []).append(_ranking(values, truth))
        if progress:
            progress(number + 1, len(planted))
    out = []
    for (on, expert), found in rows.items():
        auroc, rank, sign = (np.array(column) for column in zip(*found, strict=True))
        out.append(Recovery(story, on, expert, fill, score, auroc, rank, sign))
    return out


def _planted_pairs(probe: Probe, one: Planted) -> np.ndarray:
    """(P,) bool over the pairs of all blocks: does the pair carry the label?"""
    modality, position = probe.players.modality, probe.players.position
    carries = np.array(
        [_carries(one.parts[m][p], one.evidence) for m, p in zip(modality, position, strict=True)], dtype=bool
    )
    return np.concatenate([carries[b.pairs].all(axis=1) for b in probe.blocks])


def _carries(part: Part, evidence: Evidence) -> bool:
    if part.span is not None:
        start, end = part.span
        return any(start < e and s < end for s, e in evidence.words)
    assert part.box is not None
    x, y = (part.box[0] + part.box[2]) / 2, (part.box[1] + part.box[3]) / 2
    return any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in evidence.cells)


def _ranking(values: np.ndarray, truth: np.ndarray) -> tuple[float, int, bool]:
    """AUROC (ties half), the rank of the best planted pair (ties count against it), and whether it is positive."""
    planted, others = values[truth], values[~truth]
    wins = (planted[:, None] > others).mean() + 0.5 * (planted[:, None] == others).mean()
    best = planted.max()
    return float(wins), 1 + int((others >= best).sum()), bool(best > 0)
