"""The fields of one row: id, split, labels, inputs, evidence. Each is checked, and every problem is reported."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from interplay.data.labels import label_name
from interplay.data.problems import Problem
from interplay.data.sample import SPLIT_NAMES, Evidence
from interplay.data.table_rows import ReportProblem, TableRow
from interplay.words import has_content, strip_invisible

URL = re.compile(r"(?:https?|ftp|s3|gs|hf|data):(?=\S)", re.IGNORECASE)
SHARES = {"train": 0.70, "val": 0.15, "test": 0.15}
"""Of rows without a split column, by a hash of their id."""


@dataclass(frozen=True)
class Fields:
    """One row of `file` while it is read; every reader reports what it finds and gives None or a part."""

    file: Path
    row: TableRow
    report: ReportProblem

    def problem(self, column: str | None, problem: str, fix: str, expected: str = "") -> None:
        """Report a problem of this row.

        Args:
            column: the column it is about, if one.
            problem: what is wrong.
            fix: what to do about it.
            expected: what would have been right.
        """
        self.report(Problem(self.row.file or self.file, self.row.line, column, problem, fix, expected=expected))

    def id(self, column: str) -> str | None:
        """The row's id, stripped; None, with a problem reported, if it is neither text nor a whole number.

        Args:
            column: name of the column.
        """
        try:
            return label_name(self.row.fields.get(column))
        except ValueError:
            came = f"the id is {self.row.fields.get(column)!r}"
            self.problem(column, came, "give every row an id of its own", "a name or a number")
        return None

    def split(self, sample_id: str, column: str | None) -> str | None:
        """The row's split: as given, or drawn from its id if the table has no such column.

        Args:
            sample_id: the row's id.
            column: name of the column of splits, if there is one.
        """
        if column is None:
            return hashed_split(sample_id)
        value = self.row.fields.get(column)
        split = SPLIT_NAMES.get(strip_invisible(value).lower()) if isinstance(value, str) else None
        if split is None:
            fix = "correct it, or leave out the whole column to split by a hash of the ids"
            self.problem(column, f"the split is {value!r}", fix, "train, val or test")
        return split

    def labels(self, column: str, names: tuple[str, ...] | None, reason: str | None) -> tuple[str, ...]:
        """The row's labels, each once; what is wrong with them is reported.

        Args:
            column: name of the column, for messages.
            names: what was read; None if nothing could be.
            reason: why not.
        """
        if names is None:
            came = f"the labels are {str(self.row.fields.get(column))[:80]}: {reason}"
            self.problem(column, came, 'write them as "a|b" or ["a", "b"], [] where no label holds')
            return ()
        if len(set(names)) < len(names):
            self.problem(column, f"a label is there twice: {list(names)}", "write every label once")
        return tuple(dict.fromkeys(names))

    def text(self, column: str) -> str | None:
        """The text of a column; None, with a problem reported, if it cannot be used.

        Args:
            column: name of the column.
        """
        value = self.row.fields.get(column)
        if not isinstance(value, str):
            came = "the text is missing" if value is None else f"the text is {value!r}"
            self.problem(column, came, "write a text or remove the row", "a text")
        elif not has_content(value):
            came = "the text is empty or blank" + (f": only {ascii(value)[:40]}" if value.strip() else "")
            self.problem(column, came, "write a text or remove the row")
        elif not _is_unicode(value):
            self.problem(column, "the text holds half a surrogate pair", "write it as UTF-8, not as \\ud800")
        else:
            return value
        return None

    def path(self, column: str, what: str = "picture") -> Path | None:
        """The path of a file, checked to exist but not opened.

        Args:
            column: name of the column.
            what: what the file is, for messages.
        """
        value = self.row.fields.get(column)
        if isinstance(value, Path):  # the table holds the picture itself, which lies in a file now
            return value
        if isinstance(value, str) and (scheme := URL.match(value.strip())):
            came = f"the {what} is a URL ({scheme[0]}...)"
            fix = f"download the {what}s and name their files: what lies elsewhere can change or go"
            self.problem(column, came, fix, "a path relative to the table")
            return None
        if not isinstance(value, str) or not value.strip() or "\0" in value or not _is_unicode(value):
            came = f"the {what}'s path is missing" if not value else f"the {what}'s path is {value!r}"
            self.problem(column, came, f"name a {what} or remove the row", "a path relative to the table")
            return None
        if os.path.isabs(value) or (".." in value and ".." in PurePath(value).parts):  # noqa: PTH117 - once a row
            fix = f"keep {what}s in the table's folder, or the table cannot be moved"
            came = f"the path leaves the table's folder: {value}"
            self.report(Problem(self.row.file or self.file, self.row.line, column, came, fix, "warning"))
        return (self.row.file or self.file).parent / value

    def evidence(self, text: str) -> dict[str, Evidence]:
        """Label -> evidence; spans count characters of the first text column.

        Args:
            text: the text that spans refer to.
        """
        value = self.row.fields.get("evidence")
        if value is None or value == "":
            return {}
        try:
            value = json.loads(value) if isinstance(value, str) else value
            return {label: _evidence(part, text) for label, part in value.items()}
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            self.problem(
                "evidence",
                f"the evidence cannot be read ({error})",
                "correct it or leave it out",
                '{"label": {"words": [[start, end]], "cells": [[x0, y0, x1, y1]]}}',
            )
            return {}


def hashed_split(sample_id: str) -> str:
    """The split of a row that names none: by a hash of its id, so always the same one.

    Args:
        sample_id: the row's id.
    """
    number = int.from_bytes(hashlib.sha256(sample_id.encode()).digest()[:8]) / 2**64
    if number < SHARES["train"]:
        return "train"
    return "val" if number < SHARES["train"] + SHARES["val"] else "test"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _evidence(part: Mapping[str, Any], text: str) -> Evidence:
    if unknown := part.keys() - {"words", "cells"}:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    words = tuple((_whole(a), _whole(b)) for a, b in part.get("words", ()))
    if bad := [w for w in words if not 0 <= w[0] < w[1] <= len(text)]:
        raise ValueError(f"the span {bad[0]} lies outside the text")
    cells = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in part.get("cells", ()))
    if odd := [c for c in cells if not (0 <= c[0] < c[2] <= 1 and 0 <= c[1] < c[3] <= 1)]:
        raise ValueError(f"the cell {odd[0]} lies outside the picture")
    return Evidence(words, cells)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    return value
