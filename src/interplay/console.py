"""What the command line prints: results on standard output, everything else (progress, warnings) on standard error."""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

INTERRUPTED = 130

out = Console()
err = Console(stderr=True)


def say(message: str) -> None:
    """One line of what is being done."""
    err.print(message, markup=False, highlight=False)


def print_json(result: Any) -> None:
    """A result for machines: one JSON document on standard output; undefined numbers are null."""
    sys.stdout.write(json.dumps(_plain(result), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def metrics_table(title: str, columns: Mapping[str, Mapping[str, float]]) -> Table:
    """Metrics as rows, one column per split or model; an undefined metric is a dash."""
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for name in columns:
        table.add_column(name, justify="right")
    rows = dict.fromkeys(metric for values in columns.values() for metric in values)
    for metric in rows:
        table.add_row(metric, *(_number(values.get(metric, math.nan)) for values in columns.values()))
    return table


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


class Bars:
    """Progress bars by name: made when first told of, full when done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)


@contextmanager
def working(go_on: str = "") -> Iterator[Bars]:
    """Show progress on standard error. Ctrl-C ends in one sentence (`go_on` says how to continue) and exit 130."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=err) as progress:
            yield Bars(progress)
    except KeyboardInterrupt:
        say(f"Interrupted. {go_on}".strip())
        raise typer.Exit(INTERRUPTED) from None
