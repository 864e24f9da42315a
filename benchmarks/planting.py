"""What the benchmarks share: planted samples of a run, and recovery in one line."""

from collections.abc import Sequence

import numpy as np

from interplay.config import Fill
from interplay.data.sample import Dataset
from interplay.encoders.frozen import Encoder
from interplay.evaluation.planted import Planted, Recovery, recover
from interplay.explaining import prepare
from interplay.runs import Run

# The story, and the score that should find its pair (METHOD 9).
STORIES = (("sarcasm", "sii"), ("storm", "redundancy_gap"))


def planted_samples(run: Run, encoders: dict[str, Encoder], dataset: Dataset, story: str, most: int) -> list[Planted]:
    """Test samples in which the story holds and is carried by a word and a cell both."""
    holding = [s for s in dataset.split("test") if story in s.labels]
    both = [s for s in holding if s.evidence[story].words and s.evidence[story].cells][:most]
    prepared = [prepare(run, encoders, sample) for sample in both]
    return [Planted(p.tokens, tuple(p.parts.values()), p.sample.evidence[story]) for p in prepared]


def recoveries(
    run: Run, encoders: dict[str, Encoder], dataset: Dataset, *, most: int, fills: Sequence[Fill], samples: int
) -> list[Recovery]:
    """Recovery of both stories' planted pairs under every fill and value function."""
    found = []
    for story, score in STORIES:
        planted = planted_samples(run, encoders, dataset, story, most)
        for fill in fills:
            found += recover(run.model, run.card.task, planted, story, score, fill=fill, samples=samples)
    return found


def mean_and_error(values: np.ndarray) -> str:
    """Mean over samples ± 1.96 standard errors."""
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ± {half:.3f}"


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table for RESULTS.md."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
