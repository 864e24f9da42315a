"""Progress on standard error: bars on a terminal or in a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from interplay.progress import SILENT, Advance, Progress
from interplay.progress.log import LogProgress


class BarProgress(Progress):
    """A progress bar for each stage, made when it first advances. Until then, a bar that only moves.

    Args:
        bars: where they are drawn; started and stopped by whoever made it, see `bars_on`.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._starting = bars.add_task("Start", total=None)

    def stage(self, name: str) -> Advance:
        """Show a stage; stages of one name share a bar.

        Args:
            name: stands before the bar.

        Returns:
            A function to call with (done, total) as the stage goes on.
        """

        def advance(done: int, total: int) -> None:
            if name not in self._tasks:
                self._bars.update(self._starting, visible=False)
                self._tasks[name] = self._bars.add_task(name, total=total)
            self._bars.update(self._tasks[name], completed=done, total=total)

        return advance

    def note(self, line: str) -> None:
        """Print a line above the bars.

        Args:
            line: the line.
        """
        _say_on(self._bars.console, line)

    def close(self) -> None:
        """Take away the bar that only moves, so that those of finished work are left."""
        self._bars.update(self._starting, visible=False)


@contextmanager
def bars_on(console: Console) -> Iterator[Progress]:
    """Draw progress bars on a console while the context is open.

    Args:
        console: a terminal, or a notebook's.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # What is printed to standard output is a result: it may go to a file or a pipe.
    with Bars(*columns, console=console, redirect_stdout=False) as bars:
        progress = BarProgress(bars)
        try:
            yield progress
        finally:
            progress.close()


@contextmanager
def progress_or_default(progress: Progress | None = None) -> Iterator[Progress]:
    """What a function of the Python API reports to.

    Args:
        progress: what the caller asked for; of None, bars on a terminal and in a notebook, and nothing elsewhere.
    """
    console = Console(stderr=True)
    if progress is not None:
        yield progress
    elif console.is_jupyter and find_spec("ipywidgets") is None:  # rich draws its bars with them
        yield LogProgress(partial(_say_on, console))
    elif console.is_terminal or console.is_jupyter:
        with bars_on(console) as bars:
            yield bars
    else:
        yield SILENT


def _say_on(console: Console, line: str) -> None:
    console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
