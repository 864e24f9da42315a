"""Everything that is wrong with a dataset of any layout, listed at once instead of stopping at the first."""

from collections.abc import Callable
from pathlib import Path

from interplay.data.problems import Problem
from interplay.data.registry import layout_of, open_dataset
from interplay.data.sample import Options
from interplay.data.table import check_table, file_problems, split_problems
from interplay.errors import DataError


def check_dataset(
    path: str | Path, options: Options | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Every problem of a dataset, every file it names opened too; empty if all is well. Never raises for bad data.

    Every row of a table is checked. Readers of other layouts stop at the first error; samples that they skip or repair
    are warnings.

    Args:
        path: the dataset's folder or file.
        options: how to read it.
        progress: called with (done, total) samples while their files are opened.

    Raises:
        ConfigError: the layout does not know an option.
    """
    path = Path(path)
    try:
        if not path.exists() or (layout_of(path) == "table" and not options):
            return check_table(path, progress)
        dataset = open_dataset(path, options)
    except DataError as error:
        file = Path(error.file) if error.file else path
        return [Problem(file, error.row, None, error.problem, error.fix, expected=error.expected)]
    fix = "complete the folder, or continue without these samples"
    warnings = [Problem(path, None, None, note.rstrip("."), fix, "warning") for note in dataset.notes]
    return warnings + file_problems(dataset, progress) + split_problems(dataset)
