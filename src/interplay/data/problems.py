"""What can be wrong with a dataset: problems, each with its file, row and column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from interplay.errors import DataError

ROWS = 20
"""Rows that one message names; `interplay data check` lists all."""
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One problem of a dataset. A dataset with an "error" cannot be used, with a "warning" it can.

    Attributes:
        file: the file with the problem: the table, or a picture it names.
        row: line of the table where the row begins, counted from 1 (a CSV's header is line 1); None if it is not
            about one row.
        column: the column with the problem; None if it is not about one column.
        problem: what is wrong, with the value that was found.
        fix: what to do about it.
        expected: what would have been right; may be empty.
    """

    file: Path
    row: int | None
    column: str | None
    problem: str
    fix: str
    severity: Severity = "error"
    expected: str = ""

    def error(self) -> DataError:
        """The same as an exception to raise."""
        column = f"column {self.column!r}: " if self.column else ""
        return DataError(column + self.problem, expected=self.expected, fix=self.fix, file=self.file, row=self.row)


def first_error(problems: Sequence[Problem]) -> DataError:
    """The first of some problems as an exception to raise, which also says on which rows the others are.

    Rows are so corrected together, not one a try.

    Args:
        problems: at least one.
    """
    first, *others = problems
    if not others:
        return first.error()
    rows = list(dict.fromkeys(str(problem.row) for problem in others if problem.row is not None))
    where = (
        f", on row{'s' if rows[1:] else ''} {', '.join(rows[:ROWS])}{', ...' if rows[ROWS:] else ''}" if rows else ""
    )
    more = f"{len(others)} more problem{'s' if others[1:] else ''}{where}: `interplay data check` names each"
    return replace(first, fix=f"{first.fix}; {more}").error()
