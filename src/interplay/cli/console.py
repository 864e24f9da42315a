"""What the command line prints: results on standard output, everything else (progress, warnings) on standard error."""

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from interplay.progress import Progress
from interplay.progress.console import LogProgress, bars_on

INTERRUPTED = 130
AGAIN = "Run the same command again."
GO_ON = "Run the same command again to go on."

# Of several processes that torchrun started the first alone speaks.
QUIET = "TORCHELASTIC_RUN_ID" in os.environ and os.environ["RANK"] != "0"
out = Console(quiet=QUIET)
err = Console(stderr=True, quiet=QUIET)


class CommandInterrupted(Exception):
    """The user pressed Ctrl-C; the message says how to continue."""


def say(message: str) -> None:
    """One line of what is being done; never broken into several."""
    err.print(message, markup=False, highlight=False, soft_wrap=True)


def say_notes(notes: Iterable[str]) -> None:
    """Print the notes about samples of a dataset that were skipped or repaired."""
    for note in notes:
        say(f"Note: {note}")


def print_lines(lines: Iterable[str]) -> None:
    """A result for people."""
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def print_findings(findings: list[str], page: Path) -> None:
    """The findings of explanations in words, and where their page is."""
    print_lines(
        [
            "",
            "What each prediction rests on (what this model answers without it):",
            *(f"  {line}" for line in findings),
            "",
            f"Open the page:  {page}",
        ]
    )


def print_json(result: Any) -> None:
    """A result for machines: one JSON document on standard output, pure ASCII; undefined numbers are null."""
    if not QUIET:
        sys.stdout.write(json.dumps(_plain(result), indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(42.4), duration(200.0), duration(30e3)
    ('42 s', '3 min 20 s', '8 h 20 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def metrics_table(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> Table:
    """Metrics as rows, one column per split or model; an undefined metric is a dash."""
    table = Table(title=Text(title), title_justify="left")  # Text: a name is no markup
    table.add_column("metric")
    for name in columns:
        table.add_column(Text(name), justify="right")
    rows = dict.fromkeys(metric for values in columns.values() for metric in values)
    for metric in rows:
        table.add_row(Text(metric), *(_number(values.get(metric, math.nan)) for values in columns.values()))
    return table


def plain_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Text in rows and columns; the first three columns are names, the rest numbers."""
    table = Table(title=Text(title), title_justify="left")
    for k, name in enumerate(header):
        table.add_column(Text(name), justify="left" if k < 3 else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def numbers_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Rows by their first column, all others numbers."""
    table = Table(title=Text(title) if title else None, title_justify="left")
    for k, name in enumerate(header):
        table.add_column(Text(name), justify="right" if k else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


@contextmanager
def working(go_on: str = AGAIN) -> Iterator[Progress]:
    """Show progress on standard error. Ctrl-C becomes CommandInterrupted, with `go_on` to say how to continue."""
    try:
        if err.is_terminal:
            with bars_on(err) as progress:
                yield progress
        else:
            yield LogProgress(err)
    except KeyboardInterrupt:
        raise CommandInterrupted(f"Interrupted. {go_on}") from None
