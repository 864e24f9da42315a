"""Bring a dataset of the Hugging Face library into the table layout. The library is an extra; rows are streamed."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interplay.data.huggingface_rows import IMAGES, RowCopier
from interplay.data.labels import LabelColumn
from interplay.data.sample import SPLIT_NAMES, Dataset, ModalityKind
from interplay.data.table import TABLES, read_table
from interplay.data.table_declaration import RESERVED
from interplay.data.table_fields import SHARES, hashed_split
from interplay.data.table_write import new_folder, write_declaration, write_lines
from interplay.errors import BadInput, DataError
from interplay.kinds import LabelKind
from interplay.modalities import MODALITIES
from interplay.progress import Advance

SAVED = ("dataset_dict.json", "state.json")
"""What `save_to_disk` leaves: the first for several splits, the second for one."""


@dataclass(frozen=True)
class SourceSplit:
    """One split: its rows, our name for it, the names of class numbers (empty: none), and whether labels are lists."""

    table: Any
    split: str
    classes: list[str]
    lists: bool


def import_huggingface(
    source: str,
    folder: str | Path,
    *,
    text: Sequence[str] = (),
    image: Sequence[str] = (),
    labels: str,
    subset: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Write a Hugging Face dataset as a table, and open it. Its notes count the rows that were skipped.

    Splits are recognized by name (train; val, dev, valid, validation; test); others are skipped, except
    if there is only one. Where val or test is missing, rows of train go there by the hash of their id, as in a
    table without splits.
    Rows that lack a text, a picture that can be read, or a label are skipped.

    Args:
        source: a folder of `save_to_disk`, a folder that `load_dataset` reads, or a hub id.
        folder: the new folder.
        text: columns of texts, each of which becomes a modality.
        image: columns of pictures, each of which becomes a modality.
        labels: the column of the labels: class numbers with names, texts or numbers; lists of them are multi-label.
        subset: the configuration of a dataset that has several.
        overwrite: whether a dataset that is there already may be replaced.
        progress: called with (rows done, rows in all); the latter grows while it is not known.

    Raises:
        BadInput: the library is not installed, there is no such column, or no split can be used.
        DataError: the dataset cannot be opened or read, or no row can be used.
        RunExistsError: the folder is in use. DiskFullError: no room; nothing is left behind.
    """
    columns = _columns(text, image)
    home = Path(source) if Path(source).is_dir() else None
    with _library() as datasets, new_folder(folder, overwrite) as made:
        (made / IMAGES).mkdir()
        copier = RowCopier(made, home, columns, labels)
        tables = _open(datasets, source, home, subset)
        ours = _split_names(list(tables), source)
        parts = [_part(datasets, tables[name], split, copier) for name, split in ours.items()]
        write_lines(made, _lines(parts, copier, source, progress))
        named = tuple(dict.fromkeys(name for part in parts for name in part.classes))
        column = copier.labels(named)
        _write_labels(made, column)
        read = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in column.notes]
        notes = (*_split_notes(list(tables), ours), *copier.notes(), *read)
        if not any(copier.kept.values()):
            raise DataError(f"no row can be used; {' '.join(notes)}", expected="at least one whole row", file=source)
        order = named or column.names or tuple(sorted({name for row in column.rows if row for name in row}))
        several = column.several or any(part.lists for part in parts) or any(len(row or ()) > 1 for row in column.rows)
        kind: LabelKind = "multi" if several else "single"
        write_declaration(made, Dataset(_name(source), made, columns, order, kind, []))
    return replace(read_table(folder), notes=notes)


def _lines(
    parts: Sequence[SourceSplit], copier: RowCopier, source: str, progress: Advance | None
) -> Iterator[dict[str, Any]]:
    """The table's lines, split after split."""
    total, done = sum(_length(part.table) for part in parts), 0
    there = {part.split for part in parts}
    for part in parts:
        for number, row in enumerate(_rows(part.table, source)):
            line = copier.line(f"{part.split}-{number:06d}", part.split, row)
            if line is not None:
                yield line | {"split": _moved(line["id"], part.split, there)}
            done += 1
            if progress:
                progress(done, max(total, done + 1))
    if progress:
        progress(done, done)


def _write_labels(made: Path, column: LabelColumn) -> None:
    """Give the lines that were written their labels; those without are removed, and their pictures with them."""
    lines = (made / TABLES[0]).read_text(encoding="utf-8").split("\n")[:-1]
    kept = []
    for line, labels in zip(lines, column.rows, strict=True):
        row = json.loads(line)
        if labels is not None:
            kept.append(row | {"labels": list(labels)})
            continue
        for value in row.values():
            if isinstance(value, str) and value.startswith(f"{IMAGES}/"):
                (made / value).unlink(missing_ok=True)
    write_lines(made, kept)


def _columns(text: Sequence[str], image: Sequence[str]) -> dict[str, ModalityKind]:
    columns: dict[str, ModalityKind] = dict.fromkeys(text, "text")
    columns |= dict.fromkeys(image, "image")
    if not columns:
        raise BadInput(
            "no column is named", expected="--text COLUMN, --image COLUMN, or both (text=[...], image=[...] in Python)"
        )
    if len(columns) < len(text) + len(image):
        raise BadInput("a column is named twice", expected="every column once")
    if taken := sorted(set(columns) & set(RESERVED)):
        raise BadInput(
            f"the column {taken[0]!r} has a meaning of its own in a table",
            expected=f"none of {', '.join(RESERVED)}",
            fix="rename it first, with `rename_column`",
        )
    return columns


@contextmanager
def _library() -> Iterator[Any]:
    """The `datasets` package, without its own progress bars."""
    try:
        import datasets
    except ImportError as error:
        raise BadInput(
            "the package `datasets` is not installed", fix='pip install "interplay[huggingface]"', expected="it"
        ) from error
    before = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield datasets
    finally:
        if not before:
            datasets.enable_progress_bars()


def _open(datasets: Any, source: str, home: Path | None, subset: str | None) -> dict[str, Any]:
    """Split -> its table. A folder of `save_to_disk` is mapped, all else is streamed."""
    try:
        if home and any((home / name).is_file() for name in SAVED):
            loaded = datasets.load_from_disk(source)
        else:
            loaded = datasets.load_dataset(source, subset, streaming=True)
    except Exception as error:  # the library, the hub and the file readers raise many kinds
        raise DataError(
            f"the dataset cannot be opened ({_first_line(error)})",
            expected="a folder of `save_to_disk`, a folder that `load_dataset` reads, or a hub id",
            fix="check the spelling and the network",
            file=source,
        ) from error
    return dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}


def _part(datasets: Any, table: Any, split: str, copier: RowCopier) -> SourceSplit:
    """One split, its pictures left as the bytes they are."""
    features = dict(table.features or {})  # a streamed file without types has none
    for column, kind in copier.columns.items():
        if MODALITIES[kind].file and isinstance(features.get(column), datasets.Image):
            table = table.cast_column(column, datasets.Image(decode=False))
    labels = features.get(copier.label_column)
    lists = isinstance(labels, datasets.List | datasets.LargeList)
    labels = labels.feature if lists and labels is not None else labels
    classes = [name.strip() for name in labels.names] if isinstance(labels, datasets.ClassLabel) else []
    return SourceSplit(table, split, classes, lists)


def _rows(table: Iterable[dict[str, Any]], source: str) -> Iterator[dict[str, Any]]:
    try:
        yield from table
    except Exception as error:
        raise DataError(
            f"a row cannot be read ({_first_line(error)})", file=source, fix="correct the row in the dataset"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _length(table: Any) -> int:
    """Rows of a table; 0 where that is not known before they are read."""
    splits, name = table.info.splits or {}, str(table.split)
    return int(splits[name].num_examples or 0) if name in splits else 0


def _name(source: str) -> str:
    return Path(source).resolve().name if Path(source).is_dir() else source.rstrip("/").rsplit("/", 1)[-1]


# ---- splits ----


def _split_names(names: Sequence[str], source: str) -> dict[str, str]:
    """Split of the source -> ours; those with an unknown name are skipped, unless there is only one."""
    known = {name: SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES}
    if not known and len(names) == 1:
        return {names[0]: "train"}
    if not known:
        raise BadInput(
            f"the splits are {', '.join(names)}", expected=f"at least one of {', '.join(SPLIT_NAMES)}", file=source
        )
    if len(set(known.values())) < len(known):
        raise BadInput(f"two of the splits {', '.join(known)} are the same to us", expected="one of each", file=source)
    return known


def _moved(row_id: str, split: str, there: set[str]) -> str:
    """The split of a row: its own, or that of its hash if it is of train and the other is missing."""
    other = hashed_split(row_id)
    return other if split == "train" and other not in there else split


def _split_notes(names: Sequence[str], ours: Mapping[str, str]) -> list[str]:
    notes = []
    if out := [name for name in names if name not in ours]:
        notes.append(f"The splits {', '.join(out)} are skipped: they are none of train, validation and test.")
    for split in ("val", "test"):
        if "train" in ours.values() and split not in ours.values():
            share = f"{SHARES[split]:.0%}"
            notes.append(f"There is no split {split}: {share} of the train rows make it, by a hash of their ids.")
    return notes
