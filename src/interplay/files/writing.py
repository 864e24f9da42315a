"""Write a file whole or not at all: under another name first, then renamed."""

import errno
import os
from pathlib import Path

from interplay.errors import BadInput, DiskFullError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Write a file: the whole file or nothing; an older one stays until then. Line ends are written as they are.

    Args:
        path: the file.
        content: what it will hold.

    Returns:
        The path.

    Raises:
        DiskFullError: the disk has no room; the file is as it was before.
    """
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        if isinstance(content, str):
            part.write_text(content, encoding="utf-8", newline="\n")
        else:
            part.write_bytes(content)
        part.replace(path)
    except BaseException as error:  # Ctrl-C too leaves nothing behind
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise no_room(path, len(content)) from None
        raise
    return path


def no_room(path: Path, size: int) -> DiskFullError:
    """The error for a disk without `size` bytes of room for a file.

    Args:
        path: the file that could not be written.
        size: bytes.
    """
    return DiskFullError(
        f"no room on the disk for {path} ({size / 1e6:.1f} MB); free some space and run the same command again"
    )


def refuse_blocked(folder: Path) -> None:
    """Check that a folder can be made and written to: called before long work.

    Args:
        folder: the folder.

    Raises:
        BadInput: it cannot.
    """
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(p))
    if not there.is_dir():
        raise BadInput("a file is there", file=there, expected="a folder, or nothing", fix="choose another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadInput("this folder cannot be written in", file=there, fix="choose another folder, or its permissions")
