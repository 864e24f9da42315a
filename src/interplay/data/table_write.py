"""Write a dataset in the table layout: whole or not at all."""

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import tomli_w

from interplay.data.sample import Dataset, Evidence, Sample
from interplay.data.table import TABLES, read_table
from interplay.data.table_declaration import DECLARATION, RESERVED
from interplay.errors import DataError
from interplay.files.folders import whole_folder


def write_table(dataset: Dataset, folder: str | Path, overwrite: bool = False) -> Dataset:
    """Write `samples.jsonl`, `dataset.toml` and copies of the pictures, and read them back.

    A picture inside the dataset's own folder keeps its relative path, any other goes to `pictures/`. What is read
    back equals the dataset but for `source`, `row` and where the pictures lie.

    Args:
        dataset: what to write.
        folder: where; made with its parents.
        overwrite: replace a table that is there already.

    Raises:
        RunExistsError: something is there, and `overwrite` is False or it is no table.
        DataError: a sample cannot be written, or its picture is missing.
        DiskFullError: no room; nothing is left behind.
    """
    reserved = sorted(set(dataset.modalities) & set(RESERVED))
    if reserved:
        raise DataError(
            f"a modality is called {reserved[0]!r}", expected=f"none of {', '.join(RESERVED)}", fix="rename it"
        )
    home = dataset.source if dataset.source.is_dir() else dataset.source.parent
    with new_folder(folder, overwrite) as made:
        places = _places(dataset, home)
        for picture, place in places.items():
            _copy(picture, made / place)
        rows = [table_row(sample, places) for sample in dataset.samples]
        write_rows(made, dataset, rows)
        try:
            read_table(made)
        except DataError as error:  # what cannot be read back is not left behind
            raise DataError(
                f"row {error.row} of the table would not be valid: {error.problem}", fix=error.fix, file=folder
            ) from error
    return read_table(folder)


def table_row(sample: Sample, places: Mapping[Path, str]) -> dict[str, Any]:
    """One line of `samples.jsonl`.

    Args:
        sample: the sample.
        places: picture -> its path inside the folder.
    """
    row: dict[str, Any] = {"id": sample.id, "split": sample.split}
    row |= {name: places[v] if isinstance(v, Path) else v for name, v in sample.inputs.items()}
    row["labels"] = list(sample.labels)
    if sample.evidence:
        row["evidence"] = {label: _plain(evidence) for label, evidence in sample.evidence.items()}
    return row


def write_rows(folder: Path, dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `samples.jsonl` and `dataset.toml`.

    Args:
        folder: the folder.
        dataset: what is declared: name, modalities and labels.
        rows: rows made by `table_row`; they may have further columns.
    """
    write_lines(folder, rows)
    write_declaration(folder, dataset)


def write_lines(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `samples.jsonl`, row by row as they come.

    Args:
        folder: the folder.
        rows: the rows.

    Raises:
        DataError: a text is not Unicode.
    """
    with (folder / TABLES[0]).open("wb") as file:
        for row in rows:
            try:
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            except UnicodeEncodeError as error:
                raise DataError(
                    "a text holds half a surrogate pair", expected="Unicode text", fix="remove the character"
                ) from error


def write_declaration(folder: Path, dataset: Dataset) -> None:
    """Write `dataset.toml`.

    Args:
        folder: the folder.
        dataset: what is declared: name, modalities and labels.
    """
    declaration = {
        "name": dataset.name,
        "label_kind": dataset.label_kind,
        "labels": list(dataset.labels),
        "modalities": dict(dataset.modalities),
    }
    (folder / DECLARATION).write_bytes(tomli_w.dumps(declaration).encode())


def new_folder(folder: str | Path, overwrite: bool = False) -> AbstractContextManager[Path]:
    """A temporary folder that becomes the dataset's when the block ends without an error, and is removed otherwise.

    Args:
        folder: the folder to be made.
        overwrite: whether a dataset that is there already may be replaced.

    Raises:
        RunExistsError: see `write_table`.
        DiskFullError: the disk is full.
    """
    return whole_folder(folder, overwrite, TABLES, "a table")


def _plain(evidence: Evidence) -> dict[str, Any]:
    return {
        "words": [list(span) for span in evidence.words],
        "cells": [list(box) for box in evidence.cells],
    }


def _places(dataset: Dataset, home: Path) -> dict[Path, str]:
    """Picture -> its path inside the new folder, each its own."""
    places: dict[Path, str] = {}
    taken = {*TABLES, DECLARATION}
    pictures = [v for s in dataset.samples for v in s.inputs.values() if isinstance(v, Path)]
    for number, picture in enumerate(dict.fromkeys(pictures)):
        place = f"pictures/{number:06d}{picture.suffix}"
        if picture.is_relative_to(home) and ".." not in picture.parts[len(home.parts) :]:
            place = picture.relative_to(home).as_posix()
        while place in taken:
            number += len(pictures)
            place = f"pictures/{number:06d}{picture.suffix}"
        taken.add(place)
        places[picture] = place
    return places


def _copy(picture: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(picture, target)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DataError("the picture is missing", fix="correct its path", file=picture) from error
