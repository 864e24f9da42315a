"""The rows of a CSV or JSONL file as they stand, before any meaning is given to them."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interplay.data.problems import Problem

ReportProblem = Callable[[Problem], None]
"""Takes each problem as it is found; may raise to stop there."""


@dataclass(frozen=True)
class TableRow:
    """One row: the line it begins on, counted from 1, and its fields (text, or any JSON value)."""

    line: int
    fields: Mapping[str, Any]


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


def read_rows(path: Path, report: ReportProblem) -> tuple[list[str], list[TableRow]]:
    """(columns, rows) of a .csv or .jsonl file; rows that cannot be read are reported and skipped.

    JSONL has no header: its columns are the keys that any row has.

    Args:
        path: the file.
        report: called with each problem that is found.
    """
    text = read_text(path, report)
    if text is None:
        return [], []
    if path.suffix.lower() == ".csv":
        return _read_csv(path, text, report)
    rows = list(_read_jsonl(path, text, report))
    return list(dict.fromkeys(key for row in rows for key in row.fields)), rows


def _read_jsonl(path: Path, text: str, report: ReportProblem) -> Iterator[TableRow]:
    fix = 'write one JSON object per line, as in {"id": "1", "text": "..."}'
    # Not splitlines: it also splits at characters that JSON strings may hold, as U+2028.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            report(Problem(path, line, None, f"the line is not JSON ({error})", fix))
            continue
        if isinstance(value, dict):
            yield TableRow(line, value)
        else:
            report(Problem(path, line, None, f"the line holds {type(value).__name__}, not an object", fix))


def _read_csv(path: Path, text: str, report: ReportProblem) -> tuple[list[str], list[TableRow]]:
    limit = csv.field_size_limit(len(text) + 1)  # the default refuses long texts
    try:
        records = list(_csv_records(path, text, report))
    finally:
        csv.field_size_limit(limit)
    if not records:
        return [], []
    header_line, columns = records[0]
    if not _header_is_sound(path, header_line, columns, report):
        return [], []
    rows = []
    for line, fields in records[1:]:
        if len(fields) == len(columns):
            rows.append(TableRow(line, dict(zip(columns, fields, strict=True))))
            continue
        report(
            Problem(
                path,
                line,
                None,
                f"the row has {len(fields)} fields",
                "put a text that holds commas or line breaks in double quotes",
                expected=f"{len(columns)} as in the header",
            )
        )
    return columns, rows


def _csv_records(path: Path, text: str, report: ReportProblem) -> Iterator[tuple[int, list[str]]]:
    """(line it begins on, fields) of each record that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        fix = "close every double quote, and write a quote inside a text twice; rows after this one were not read"
        report(Problem(path, line, None, f"the quotes do not match ({error})", fix))


def _header_is_sound(path: Path, line: int, columns: list[str], report: ReportProblem) -> bool:
    odd = sorted({c for c in columns if columns.count(c) > 1 or not c.strip()})
    if odd:
        fix = "give every column a name of its own"
        report(Problem(path, line, None, f"the header repeats or leaves blank {odd}", fix))
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        report(Problem(path, line, None, "the columns are not separated by commas", "save it with commas (CSV)"))
        return False
    return not odd
