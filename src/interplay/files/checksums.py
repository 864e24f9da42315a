"""The SHA-256 of files that later stages trust, in the form that `sha256sum --check SHA256SUMS` reads.

They guard against damage and against changes by hand, not against whoever writes both files.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from interplay.errors import BadInput, CheckpointError
from interplay.files.writing import write_atomic

SUMS_FILE = "SHA256SUMS"
FIX = "undo the change or copy the folder anew"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Args:
        path: the file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums_of(folder: Path) -> dict[str, str]:
    """File -> SHA-256, as the folder's SHA256SUMS lists them; empty where there is none.

    Args:
        folder: the folder.

    Raises:
        CheckpointError: it cannot be read.
    """
    path = folder / SUMS_FILE
    if not path.exists():
        return {}
    try:
        lines = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
        if any(len(line) != 2 or len(line[0]) != 64 for line in lines):
            raise ValueError("a line is not a SHA-256, two blanks and a file")
        return {name: digest for digest, name in lines}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read: {error}", file=path, expected="what was written", fix=FIX) from None


def write_sums(folder: Path, names: Iterable[str], known: Mapping[str, str] | None = None) -> None:
    """Write SHA256SUMS anew.

    Args:
        folder: the folder.
        names: files inside it.
        known: file -> SHA-256 of further files, which may be about to be written.
    """
    sums = {name: sha256_of(folder / name) for name in names} | dict(known or {})
    write_atomic(folder / SUMS_FILE, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def write_summed(path: Path, content: str) -> None:
    """Write a file and list its SHA-256 in the folder's SHA256SUMS.

    A process that is killed in between leaves a file that is not listed, never one that looks changed.

    Args:
        path: the file.
        content: what it will hold.
    """
    others = {name: digest for name, digest in sums_of(path.parent).items() if name != path.name}
    if (path.parent / SUMS_FILE).exists():
        write_sums(path.parent, [], others)
    write_atomic(path, content)
    write_sums(path.parent, [path.name], others)


def check_sum(folder: Path, name: str, *, fix: str = FIX, error: type[BadInput] = CheckpointError) -> None:
    """Check that a file is the one that was written; one that is not listed, of an older version, may be anything.

    Args:
        folder: the folder with a SHA256SUMS.
        name: the file inside it.
        fix: what the user can do.
        error: what is raised.

    Raises:
        BadInput: or the error given: the file is missing, or is another one.
    """
    if (expected := sums_of(folder).get(name)) is None:
        return
    path = folder / name
    found = sha256_of(path) if path.is_file() else "nothing"
    if found != expected:
        raise error(
            "the file is not the one that was written",
            file=path,
            expected=f"sha256 {expected[:12]}, as {SUMS_FILE} says, got {found[:12]}",
            fix=fix,
        )
