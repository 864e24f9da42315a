"""What workers do in the tests of engines: functions of a module, so that they can be sent."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from interplay.errors import DataError
from interplay.progress import Progress


def times(factor: int, item: int, progress: Progress) -> Iterator[int]:
    """None, one or two results of an item."""
    for _ in range(item % 3):
        yield factor * item


def fails(at: int, item: int, progress: Progress) -> Iterator[int]:
    """A result of each item before one, and an error."""
    if item >= at:
        raise DataError("bad", expected="good", fix="remove it", file="a.csv", row=item)
    yield item


def dies(folder: str, item: int, progress: Progress) -> Iterator[int]:
    """Kill the process at item 3: the first time, or always where the folder says so."""
    begun = Path(folder) / "begun"
    first = not begun.exists() or "3" not in begun.read_text().split()
    with begun.open("a") as file:
        file.write(f"{item}\n")
    if item == 3 and (first or (Path(folder) / "always").exists()):
        os.kill(os.getpid(), signal.SIGKILL)
    yield item


def kept_by(folder: str, item: int, progress: Progress) -> Iterator[int]:
    """Write down which item was begun."""
    with (Path(folder) / "begun").open("a") as file:
        file.write(f"{item}\n")
    yield item


def double(factor: int, item: int, progress: Progress) -> Iterator[int]:
    """The process that does it."""
    yield os.getpid()


def sleeps(seconds: float, item: int, progress: Progress) -> Iterator[int]:
    """The item, after a while."""
    time.sleep(seconds)
    yield item
