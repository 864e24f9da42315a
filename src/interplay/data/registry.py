"""Which layouts can be read, and which one a path holds."""

from collections.abc import Callable
from pathlib import Path

from interplay.data.sample import Dataset
from interplay.data.table import TABLES, read_table
from interplay.errors import DataError

LAYOUTS: dict[str, Callable[[Path], Dataset]] = {"table": read_table}
MARKS: dict[str, tuple[str, ...]] = {"table": TABLES}
"""Layout -> files of which one in a folder tells that layout."""


def open_dataset(path: str | Path) -> Dataset:
    """The dataset at a folder or file, in whichever layout is there.

    Raises:
        DataError: nothing is there, no known layout is, or its reader refuses it.
    """
    path = Path(path)
    if path.is_file():
        return LAYOUTS["table"](path)
    if not path.is_dir():
        raise DataError(
            "there is nothing here", expected="a dataset's folder or table", fix="check the path", file=path
        )
    for layout, marks in MARKS.items():
        if any((path / mark).exists() for mark in marks):
            return LAYOUTS[layout](path)
    known = "; ".join(f"{layout}: {' or '.join(marks)}" for layout, marks in MARKS.items())
    fix = "give a folder of one of these layouts, or write your samples as a table"
    raise DataError("no known dataset layout is here", expected=f"a folder with ({known})", fix=fix, file=path)
