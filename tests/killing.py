"""Ends a process by `kill -9` before any one of its operations on files."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

OPERATIONS = ("mkdir", "rename", "replace", "rmdir", "unlink", "write_bytes", "write_text")


def killed_before(number: int, work: Callable[[], object]) -> bool:
    """Do something in another process, which is killed before an operation on files, counted from 1.

    Returns:
        Whether it got so far; if not, it did all of its work.
    """
    if (child := os.fork()) == 0:
        code = 1
        try:
            _count(number)
            work()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work itself failed"
    return os.WIFSIGNALED(status)


def _count(number: int) -> None:
    """Patch this process."""
    calls = 0

    def counted(name: str) -> Callable[..., object]:
        operation = getattr(Path, name)

        def count(path: Path, *args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(path, *args, **kwargs)

        return count

    for name in OPERATIONS:
        setattr(Path, name, counted(name))


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file of a folder, hidden ones too, and its folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def check_every_kill(work: Callable[[Path], object], root: Path, every: int = 1) -> int:
    """Kill some work before each of its operations, do it again, and compare with what it leaves unbroken.

    Args:
        work: writes into the folder it is given.
        root: an empty folder.
        every: try operations at this stride only.

    Returns:
        How many kills there were.
    """
    (root / "whole").mkdir()
    work(root / "whole")
    whole = contents(root / "whole")
    assert whole
    for number in range(1, 10_000, every):
        folder = root / str(number)
        folder.mkdir()
        if not killed_before(number, lambda folder=folder: work(folder)):  # type: ignore[misc]
            return number // every
        work(folder)
        assert contents(folder) == whole, f"killed before operation {number}"
    raise AssertionError("it never ended")
