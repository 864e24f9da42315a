"""Progress as lines, for a log."""

import time
from collections.abc import Callable

from interplay.progress import Advance, Progress


class LogProgress(Progress):
    """Progress for a log: a line when a stage is done, and now and then before.

    Args:
        say: called with each line.
        seconds: how long nothing is printed at least, unless a stage is done.
    """

    def __init__(self, say: Callable[[str], None], seconds: float = 30.0) -> None:
        self._say, self._seconds, self._last = say, seconds, time.monotonic()
        self._done: set[str] = set()

    def stage(self, name: str) -> Advance:
        """Say lines of a stage; of stages of one name, the first alone says that it is done.

        Args:
            name: stands before the numbers.

        Returns:
            A function to call with (done, total) as the stage goes on.
        """

        def advance(done: int, total: int) -> None:
            if name in self._done or (done < total and time.monotonic() < self._last + self._seconds):
                return
            if done >= total:
                self._done.add(name)
            self._last = time.monotonic()
            self._say(f"{name}: {done} of {total}")

        return advance

    def note(self, line: str) -> None:
        """Say a line.

        Args:
            line: the line.
        """
        self._last = time.monotonic()
        self._say(line)
