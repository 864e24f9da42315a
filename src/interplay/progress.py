"""How long work tells how far it is. Silent unless somebody wants to see it."""

from collections.abc import Callable

Advance = Callable[[int, int], None]
"""(done, total) -> None, called while one stage runs; equal numbers mean that it is finished."""


class Progress:
    """Where the stages of long work report how far they are; this one shows nothing.

    `console.BarProgress` and `console.LogProgress` show it on standard error. To show it elsewhere, override `stage`:

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


def _ignore(done: int, total: int) -> None:
    """Show nothing."""


SILENT = Progress()
"""Shows nothing: the default of every function that takes a `progress`."""
