"""Every file that a dataset names is opened once, however many rows name it."""

from collections.abc import Callable
from pathlib import Path

from interplay.data.problems import Problem
from interplay.data.sample import Dataset
from interplay.errors import DataError
from interplay.modalities import MODALITIES
from interplay.modalities.base import Checked
from interplay.modalities.features import refuse_other_width

Seen = dict[Path, Checked]
"""File -> what was seen in it; files that could not be read are not in it."""


def file_problems(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, seen: Seen | None = None
) -> list[Problem]:
    """What is wrong with pictures and features.

    Args:
        dataset: the dataset.
        progress: called with (done, total) samples.
        seen: takes what was seen in every sound file.
    """
    seen = {} if seen is None else seen
    faults: dict[Path, DataError] = {}
    widths: dict[str, int] = {}
    problems = []
    for done, sample in enumerate(dataset.samples, start=1):
        for column, file in sample.inputs.items():
            if not isinstance(file, Path):
                continue
            if file not in faults and file not in seen:
                try:
                    seen[file] = _checked(file, column, dataset.modalities[column], widths)
                except DataError as error:
                    faults[file] = error
            if (fault := faults.get(file)) is not None:
                row = sample.row or None
                problems.append(Problem(file, row, column, fault.problem, fault.fix, expected=fault.expected))
        if progress is not None:
            progress(done, len(dataset.samples))
    return problems


def _checked(file: Path, column: str, kind: str, widths: dict[str, int]) -> Checked:
    """What is seen in one file; `widths` remembers how wide the first features of each column are."""
    found = MODALITIES[kind].checked(file)
    if found.width is not None:
        refuse_other_width(file, None, found.width, widths.setdefault(column, found.width))
    return found
