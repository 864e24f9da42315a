"""Everything that is wrong with a dataset of any layout, told at once instead of at the first fault."""

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

    Of a table, every row is told. Other layouts stop at what makes them unreadable; what they leave out or mend is
    a warning.

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
    fix = "complete the folder, or go on without"
    told = [Problem(path, None, None, note.rstrip("."), fix, "warning") for note in dataset.notes]
    return told + file_problems(dataset, progress) + split_problems(dataset)
