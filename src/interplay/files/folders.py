"""Write a folder whole or not at all: under another name first, then renamed."""

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from interplay.errors import DiskFullError, RunExistsError
from interplay.files.locking import LOCK, held, is_empty
from interplay.files.writing import NO_ROOM, refuse_blocked


@contextmanager
def whole_folder(folder: str | Path, overwrite: bool, marks: Sequence[str], what: str) -> Iterator[Path]:
    """A temporary folder that is given its name when the block ends without an error, and is removed otherwise.

    One process at a time makes a folder, and removes what those left that were killed.

    Args:
        folder: the folder to be made.
        overwrite: whether a folder of the same kind that is there already may be replaced.
        marks: file names; a folder with one of them is of that kind.
        what: what such a folder holds, for the message.

    Raises:
        RunExistsError: something is there, and `overwrite` is False or it is of another kind.
        InUseError: another process makes it.
        DiskFullError: the disk is full.
    """
    folder = Path(folder).absolute()
    refuse_blocked(folder.parent)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with held(folder.with_name(f".{folder.name}{LOCK}"), folder):
        _clean(folder)
        require_free(folder, overwrite, marks, what)
        made = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
        made.mkdir()
        try:
            yield made
            require_free(folder, overwrite, marks, what)  # asked again: something may be there by now
            _swap(made, folder)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFullError(f"{folder}: the disk is full; nothing was written") from error
            raise
        finally:
            shutil.rmtree(made, ignore_errors=True)


def require_free(folder: Path, overwrite: bool, marks: Sequence[str], what: str) -> None:
    """Check that a folder can be written: called before long work.

    Args:
        folder: the folder to be made.
        overwrite: whether a folder of the same kind that is there already may be replaced.
        marks: file names; a folder with one of them is of that kind.
        what: what such a folder holds, for the message.

    Raises:
        RunExistsError: something is there, and `overwrite` is False or it is of another kind.
    """
    if not folder.exists() or (folder.is_dir() and is_empty(folder)):
        return
    ours = folder.is_dir() and any((folder / name).is_file() for name in marks)
    if overwrite and ours:
        return
    # Overwriting removes a whole folder: never one that is not ours to remove.
    came = f"there is {what} already" if ours else "something else is there"
    fix = "choose another folder, or ask to overwrite" if ours else "choose another folder"
    raise RunExistsError(came, expected="a new folder", fix=fix, file=folder)


def _swap(made: Path, folder: Path) -> None:
    """Put `made` in the place of `folder`; the old one goes only when the new one stands."""
    if not folder.exists():
        made.rename(folder)
        return
    old = folder.with_name(f"{made.name}.old")
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _clean(folder: Path) -> None:
    """Remove what killed processes left beside a folder; one that was killed between two renames is finished first."""
    ours = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{12}}(\.old)?")
    left = [path for path in folder.parent.iterdir() if ours.fullmatch(path.name)]
    for old in (path for path in left if path.suffix == ".old" and not folder.exists()):
        made = old.with_name(old.name.removesuffix(".old"))  # it was whole before the old one was moved away
        (made if made.exists() else old).rename(folder)
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
