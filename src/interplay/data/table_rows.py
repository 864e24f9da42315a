"""The rows of a table as they stand, before any meaning is given to them."""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from interplay.data.problems import Problem
from interplay.data.sample import SPLIT_NAMES
from interplay.data.table_folders import read_picture_folder, read_shards, shards_at
from interplay.data.table_metadata import FILE_NAME, METADATA, PICTURE, metadata_at, split_folders, with_picture

ReportProblem = Callable[[Problem], None]
"""Takes each problem as it is found; may raise to stop there."""

Note = Callable[[str], None]
"""Takes a sentence about something that was read otherwise than it stands."""


_LIMIT = threading.RLock()  # the csv module's limit is global: one thread at a time may lift it


def ignore(note: str) -> None:
    """Take a note, and do nothing with it.

    Args:
        note: the sentence.
    """


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    Attributes:
        line: the line it begins on, counted from 1.
        fields: column -> text, or any JSON value.
        file: the file it stands in, where a dataset has several.
    """

    line: int
    fields: Mapping[str, Any]
    file: Path | None = None


def read_text(path: Path, report: ReportProblem) -> str | None:
    """The whole file as text (UTF-8, with or without a byte order mark); None if it cannot be read.

    Args:
        path: the file.
        report: called with each problem that is found.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        report(Problem(path, None, None, f"the file cannot be read ({error.strerror})", "check the path"))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        came = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else f"the byte 0x{data[error.start]:02x}"
        line = data.count(b"\n", 0, error.start) + 1
        report(Problem(path, line, None, f"the text is not UTF-8 ({came})", "save it as UTF-8", expected="UTF-8"))
        return None
    if text.strip():
        return text
    report(Problem(path, None, None, "the file is empty", "write at least one row"))
    return None


def read_rows(path: Path, report: ReportProblem, note: Note = ignore) -> tuple[list[str], list[TableRow]]:
    """(columns, rows) of a table, of shards or of a folder of pictures; what cannot be read is reported and skipped.

    JSONL has no header: its columns are the keys that any row has. Where there are no lines rows are counted from 1.

    Args:
        path: the file.
        report: called with each problem that is found.
        note: called with what was read otherwise than it stands.
    """
    if found := metadata_at(path, SPLIT_NAMES):
        return _read_metadata(path, found, report, note)
    if path.is_dir() or path.suffix.lower() == ".tar":
        columns, records = (
            read_shards(path, SPLIT_NAMES, report) if shards_at(path) else read_picture_folder(path, SPLIT_NAMES)
        )
        return columns, [TableRow(number, fields) for number, fields in enumerate(records, start=1)]
    columns, rows = _read_file(path, report, note)
    if path.name.lower() in METADATA and (wider := with_picture(columns)) != columns:
        note(f"there is no column `{PICTURE}`: `{FILE_NAME}` is taken for it")
        rows = [replace(row, fields={**row.fields, PICTURE: row.fields.get(FILE_NAME)}) for row in rows]
        return wider, rows
    return columns, rows


def _read_file(path: Path, report: ReportProblem, note: Note) -> tuple[list[str], list[TableRow]]:
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".arrow", ".feather"):
        from interplay.data.table_arrow import read_arrow  # a package of its own, needed for these alone

        columns, records = read_arrow(path, report)
        return columns, [TableRow(line, fields) for line, fields in enumerate(records, start=1)]
    text = read_text(path, report)
    if text is None:
        return [], []
    if suffix in (".csv", ".tsv"):
        return _read_csv(path, text, report, note)
    rows = list(_read_jsonl(path, text, report))
    return list(dict.fromkeys(key for row in rows for key in row.fields)), rows


def _read_metadata(
    path: Path, files: Sequence[Path], report: ReportProblem, note: Note
) -> tuple[list[str], list[TableRow]]:
    """The rows of every file of metadata, with the split that its folder is, and the picture's path as an id."""
    columns: dict[str, None] = {}
    rows: list[TableRow] = []
    for file in files:
        names, found = read_rows(file, report, note)
        more: dict[str, Any] = {} if file.parent == path or "split" in names else {"split": file.parent.name}
        inside = file.parent.relative_to(path)
        for row in found:
            name = row.fields.get(FILE_NAME)
            called = name if isinstance(name, str) and name else f"row {row.line}"
            given = {} if "id" in names else {"id": (inside / called).as_posix()}
            rows.append(TableRow(row.line, {**row.fields, **more, **given}, file))
        columns |= dict.fromkeys([*names, *more, "id"])
    folders = split_folders(path, SPLIT_NAMES) if files[0].parent != path else []
    if without := [one.name for one in folders if all(file.parent != one for file in files)]:
        note(f"the folder {without[0]} has no {files[0].name}, and is not read")
    return list(columns), rows


def _read_jsonl(path: Path, text: str, report: ReportProblem) -> Iterator[TableRow]:
    fix = 'write one JSON object per line, as in {"id": "1", "text": "..."}'
    # Not splitlines: it also splits at characters that JSON strings may hold, as U+2028.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = _json_in(content)
        except (ValueError, RecursionError) as error:
            report(Problem(path, line, None, f"the line is not JSON ({error})", fix))
            continue
        if isinstance(value, dict):
            yield TableRow(line, value)
        else:
            report(Problem(path, line, None, f"the line holds {type(value).__name__}, not an object", fix))


def _json_in(text: str) -> Any:
    """As `json.loads` has it, in half its time; what the faster reader refuses is left to that one to read or name."""
    try:
        return from_json(text)
    except (ValueError, TypeError):  # TypeError: half a surrogate pair stands in the text
        return json.loads(text)


def _read_csv(path: Path, text: str, report: ReportProblem, note: Note) -> tuple[list[str], list[TableRow]]:
    first = text.lstrip().partition("\n")[0]
    if path.suffix.lower() == ".csv" and "," not in first and any(mark in first for mark in ";\t"):
        fix = "save it with commas (.csv), or with tabs as .tsv"
        report(Problem(path, 1, None, "the columns are not separated by commas", fix))
        return [], []
    with _LIMIT:
        limit = csv.field_size_limit(len(text) + 1)  # the default refuses long texts
        try:
            records = list(_csv_records(path, text, report))
        finally:
            csv.field_size_limit(limit)
    if not records:
        return [], []
    header_line, header = records[0]
    names = [name.strip() for name in header]
    if not _header_is_sound(path, header_line, names, report):
        return [], []
    rows, blank, unnamed = [], 0, False
    for line, fields in records[1:]:
        if not any(field.strip() for field in fields):
            blank += 1
            continue
        rest = fields[len(names) :]
        if len(fields) >= len(names) and not any(field.strip() for field in rest):
            rows.append(TableRow(line, {name: f for name, f in zip(names, fields, strict=False) if name}))
            unnamed = unnamed or any(f.strip() for name, f in zip(names, fields, strict=False) if not name)
            continue
        fix = "put a text that holds commas or line breaks in double quotes"
        came, expected = f"the row has {len(fields)} fields", f"{len(names)} as in the header"
        report(Problem(path, line, None, came, fix, expected=expected))
    if blank:
        note(f"{blank} rows without any content are skipped")
    if unnamed:
        note("a column without a name, such as the index that pandas writes, is not read")
    elif nameless := names.count(""):
        many = f"{nameless} columns without a name or any content are skipped"
        note(many if nameless > 1 else "1 column without a name or any content is skipped")
    return [name for name in names if name], rows


def _csv_records(path: Path, text: str, report: ReportProblem) -> Iterator[tuple[int, list[str]]]:
    """(line it begins on, fields) of each record that is not blank."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        fix = "close every double quote, and write a quote inside a text twice; rows after this one were not read"
        report(Problem(path, line, None, f"the quotes do not match ({error})", fix))


def _header_is_sound(path: Path, line: int, names: list[str], report: ReportProblem) -> bool:
    odd = sorted({name for name in names if name and names.count(name) > 1})
    if odd:
        fix = "give every column a name of its own"
        report(Problem(path, line, None, f"the header repeats {odd}", fix))
    if not any(names):
        report(Problem(path, line, None, "the header is blank", "write the names of the columns into the first row"))
        return False
    return not odd
