"""What the command line prints: results on standard output, everything else (progress, warnings) on standard error."""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.progress import Progress
from interplay.progress.log import LogProgress

if TYPE_CHECKING:  # rich takes longer to import than most mistakes take to be found
    import rich.table

INTERRUPTED = 130
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
AGAIN = "Run the same command again."
GO_ON = "Run the same command again to go on."

# Of several processes that torchrun started the first alone speaks.
QUIET = "TORCHELASTIC_RUN_ID" in os.environ and os.environ["RANK"] != "0"


class CommandInterrupted(Exception):
    """The user pressed Ctrl-C; the message says how to continue."""


def say(message: str) -> None:
    """One line of what is being done; never broken into several."""
    if not QUIET:
        _speak[-1](_printable(message))


def _say_plain(line: str) -> None:
    print(line, file=sys.stderr)


_speak: list[Callable[[str], None]] = [_say_plain]
"""How a line is said; while bars are drawn, the last of these says it above them."""


def _printable(text: str) -> str:
    """The text without what moves a terminal's cursor, rings its bell or changes its colours."""
    return CONTROL.sub("", text)


def say_notes(notes: Iterable[str]) -> None:
    """Print the notes about samples of a dataset that were skipped or repaired."""
    for note in notes:
        say(f"Note: {note}")


def print_lines(lines: Iterable[str]) -> None:
    """A result for people."""
    for line in lines:
        if not QUIET:
            print(_printable(line))


def print_table(table: "rich.table.Table") -> None:
    """A result for people, as wide as their terminal."""
    from rich.console import Console

    Console(quiet=QUIET).print(table)


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


def metrics_table(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> "rich.table.Table":
    """Metrics as rows, one column per split or model; an undefined metric is a dash."""
    metrics = dict.fromkeys(metric for values in columns.values() for metric in values)
    rows = [[m, *(_number(values.get(m, math.nan)) for values in columns.values())] for m in metrics]
    return plain_table(title, ["metric", *columns], rows, names=1)


def plain_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], names: int = 3) -> "rich.table.Table":
    """Text in rows and columns; the first `names` columns are names, the rest numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left")  # Text: a name is no markup
    for k, name in enumerate(header):
        table.add_column(Text(name), justify="left" if k < names else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


@contextmanager
def working(go_on: str = AGAIN) -> Iterator[Progress]:
    """Show progress on standard error. Ctrl-C becomes CommandInterrupted, with `go_on` to say how to continue."""
    try:
        if sys.stderr.isatty() and not QUIET:
            from rich.console import Console

            from interplay.progress.console import bars_on

            with bars_on(Console(stderr=True)) as progress:
                _speak.append(progress.note)
                try:
                    yield progress
                finally:
                    _speak.pop()
        else:
            yield LogProgress(say)
    except KeyboardInterrupt:
        raise CommandInterrupted(f"Interrupted. {go_on}") from None
