"""Which layouts can be read, and which one a path holds."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from interplay.data.enrico import read_enrico
from interplay.data.mmhs150k import is_hate_speech, read_mmhs150k
from interplay.data.mmimdb import read_mmimdb
from interplay.data.remarks import label_problems
from interplay.data.sample import SPLIT_NAMES, Dataset, Options
from interplay.data.table import TABLES, read_table
from interplay.data.table_folders import is_picture_folder, shards_at, tables_in
from interplay.data.table_metadata import metadata_at
from interplay.errors import DataError
from interplay.files.run_folder import CONFIG_FILE, ENSEMBLE_FILE

Reader = Callable[[Path, Options | None], Dataset]
LAYOUTS: dict[str, Reader] = {
    "table": read_table,
    "mmimdb": read_mmimdb,
    "enrico": read_enrico,
    "mmhs150k": read_mmhs150k,
}
MARKS: dict[str, tuple[str, ...]] = {
    "table": TABLES,
    "mmimdb": ("split.json",),
    "enrico": ("design_topics.csv",),
    "mmhs150k": ("MMHS150K_GT.json",),
}
"""Layout -> file names; a folder that has one of them holds that layout."""


def open_dataset(path: str | Path, options: Options | None = None) -> Dataset:
    """The dataset at a folder or file, in whichever layout is there.

    Args:
        path: where it is.
        options: how to read it, as its layout knows them; its defaults if None.

    Raises:
        DataError: nothing is there, no known layout is, or its reader refuses it.
        ConfigError: the layout does not know an option.
    """
    with _without_collecting():
        dataset = LAYOUTS[layout_of(path)](Path(path), options)
        named = [f"{p.problem[0].upper()}{p.problem[1:]}; {p.fix}." for p in label_problems(dataset)]
    return replace(dataset, notes=(*dataset.notes, *named)) if named else dataset


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Rows are many small objects that all stay: looking for cycles among them took 40 % of reading them."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def is_sensitive(labels: Sequence[str]) -> bool:
    """Whether data with these labels is of hate speech: its pages blur pictures and texts until asked.

    Args:
        labels: names of labels.
    """
    return is_hate_speech(labels)


def layout_of(path: str | Path) -> str:
    """The layout at a folder or file: a key of LAYOUTS.

    Args:
        path: a folder or file.

    Raises:
        DataError: nothing is there, or no known layout.
    """
    path = Path(path)
    if path.is_file() or shards_at(path):
        return "table"
    if not path.is_dir():
        raise DataError(
            "there is nothing here", expected="a dataset's folder or table", fix="check the path", file=path
        )
    for layout, marks in MARKS.items():
        if any((path / mark).exists() for mark in marks):
            return layout
    if metadata_at(path, SPLIT_NAMES) or is_picture_folder(path, SPLIT_NAMES):
        return "table"
    if (path / CONFIG_FILE).exists() or (path / ENSEMBLE_FILE).exists():
        fix = "give the dataset that it was trained on, or another"
        raise DataError("a run lies here, no dataset", expected="a dataset", fix=fix, file=path)
    known = "; ".join(f"{layout}: {' or '.join(marks)}" for layout, marks in MARKS.items())
    fix = "give a folder of one of these layouts or of pictures, a folder a class, or write your samples as a table"
    if there := tables_in(path):
        fix = f"give the table itself, {there[0]}" if len(there) == 1 else "give one of the tables that lie here"
    raise DataError("no known dataset layout is here", expected=f"a folder with ({known})", fix=fix, file=path)
