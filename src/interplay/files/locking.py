"""One process at a time writes to a folder: a second one is refused, and what a dead one left half-written goes."""

import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from interplay.errors import BadInput, InUseError
from interplay.files.writing import refuse_blocked

LOCK = ".lock"
"""In a folder that a process writes to. The system releases it when that process ends, however it ends."""

PART = re.compile(r"\..+\.\d+\.part")
"""What `write_atomic` calls a file in the making."""


@contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Be the only process that writes to a folder, for as long as the block lasts; blocks of one thread nest.

    The folder is made if it is not there, and removed again if it stays empty. Files that a dead process left
    half-written are removed.

    Args:
        folder: the folder.

    Raises:
        InUseError: another process writes to it; it is named.
        BadInput: the folder cannot be written to.
    """
    folder = Path(folder)
    refuse_blocked(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder / LOCK, folder) as outermost:
            if outermost:
                remove_parts(folder)
            yield
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def held(lock_file: Path, what: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock for as long as the block lasts; its file is there for no longer, unless the process is killed.

    Args:
        lock_file: the file of the lock.
        what: what it locks, for the message.
        wait: whether to wait for another process that holds it.

    Yields:
        Whether this is the outermost block of the thread that holds it.

    Raises:
        InUseError: another process holds it, and `wait` is False.
    """
    from filelock import FileLock, Timeout  # brings asyncio, which nothing needs that only reads

    lock = FileLock(lock_file, is_singleton=True)
    holder = _holder(lock_file)  # before: who holds it may end while this one tries
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise InUseError(
            f"another process writes here ({holder or _holder(lock_file) or 'its name is not known'})",
            file=what,
            expected="one at a time",
            fix="wait until it has ended, or choose another folder",
        ) from None
    try:
        lock_file.write_text(f"process {os.getpid()} of {socket.gethostname()}: {shlex.join(sys.argv)}"[:500], "utf-8")
        yield lock.lock_counter == 1
    finally:
        if lock.lock_counter == 1:  # the outermost block; who waits sees that the file is gone, and makes another
            lock_file.unlink(missing_ok=True)
        lock.release()


def _holder(lock_file: Path) -> str:
    try:
        return " ".join(lock_file.read_text("utf-8", "replace").split())
    except OSError:
        return ""


def clean(folder: Path, lock_file: Path | None = None) -> None:
    """Remove temporary files of dead processes from a finished folder; none while a process holds its lock.

    Args:
        folder: the folder.
        lock_file: its lock, if that lies elsewhere than in it.
    """
    with suppress(InUseError, BadInput, OSError):
        if lock_file is None:
            with only_writer(folder):
                return
        if lock_file.exists():
            with held(lock_file, folder):
                return


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder, or no such folder is there; a lock, and what a dead process left, do not count.

    Args:
        folder: the folder.
    """
    return not folder.exists() or all(path.name == LOCK or PART.fullmatch(path.name) for path in folder.iterdir())


def remove_parts(folder: Path) -> None:
    """Remove files that were being written when their process died, down to folders that have a lock of their own.

    Args:
        folder: a folder that no other process writes to.
    """
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if not (path / LOCK).exists():
                remove_parts(path)
        elif PART.fullmatch(path.name):
            path.unlink(missing_ok=True)
