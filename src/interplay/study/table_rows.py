"""What rows of a study's tables are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from interplay.evaluation.comparisons import bootstrap_interval
from interplay.study.measured import Measured, mean_known, spread

TableRecord = dict[str, Any]


def at(**where: str) -> TableRecord:
    """Where a number belongs: the first columns of its row.

    Args:
        where: column -> value.
    """
    return where


def compared(mean: np.ndarray, by_seed: Sequence[np.ndarray]) -> TableRecord:
    """A mean over samples with its interval, and how seeds differ.

    Args:
        mean: of each sample, over seeds.
        by_seed: for each seed, each sample's.
    """
    found = bootstrap_interval(mean).model_dump(exclude={"p"})
    return found | {"sd_seeds": spread([mean_known(values.tolist()) for values in by_seed])}


def prefixed(prefix: str, values: TableRecord) -> TableRecord:
    """A comparison under names of its own: the mean by the prefix alone; without the number of samples.

    Args:
        prefix: begins each name.
        values: name -> value.
    """
    return {prefix if key == "mean" else f"{prefix}_{key}": value for key, value in values.items() if key != "samples"}


def source(runs: Sequence[Measured], *files: str) -> TableRecord:
    """The files that a number was computed from, and the seeds.

    Args:
        runs: one variant's.
        files: in each run's folder.
    """
    folder = runs[0].folder.rpartition("seed")[0]
    seeds = ",".join(str(run.seed) for run in runs)
    return {"seeds": seeds, "from": " ".join(f"{folder}seed{{{seeds}}}/{file}" for file in files)}
