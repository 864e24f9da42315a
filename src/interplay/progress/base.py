"""`Progress`: where long work reports how far it is."""

from collections.abc import Callable

Advance = Callable[[int, int], None]
"""(done, total) -> None, called while one stage runs; equal numbers mean that it is finished."""


class Progress:
    """Where the stages of long work report how far they are; this one shows nothing.

    `progress.console.BarProgress` and `progress.log.LogProgress` show it. To show it elsewhere, override `stage`:

    >>> class Printed(Progress):
    ...     def stage(self, name):
    ...         return lambda done, total: print(f"{name}: {done} of {total}")
    >>> Printed().stage("Encode text")(3, 12)
    Encode text: 3 of 12
    """

    def stage(self, name: str) -> Advance:
        """Begin a stage.

        Args:
            name: what is being done, in a few words: "Encode text".

        Returns:
            A function to call with (done, total) as the stage goes on.
        """
        return _ignore

    def note(self, line: str) -> None:
        """Show something that stays to be read, a sentence or a few words.

        Args:
            line: one line.
        """

    def prefixed(self, prefix: str) -> "Progress":
        """The same `Progress`, with `prefix` before every line and every stage's name.

        It is for work that repeats another's stages.

        Args:
            prefix: as in "Plant: ".
        """
        return _Prefixed(self, prefix)


class _Prefixed(Progress):
    def __init__(self, progress: Progress, prefix: str) -> None:
        self._progress, self._prefix = progress, prefix

    def stage(self, name: str) -> Advance:
        return self._progress.stage(self._prefix + name)

    def note(self, line: str) -> None:
        self._progress.note(self._prefix + line)


def _ignore(done: int, total: int) -> None:
    """Show nothing."""


SILENT = Progress()
"""Shows nothing: the default of every function that takes a `progress`."""
