"""Content hashes of files, remembered: a file that has not changed since is not read again."""

import contextlib
import hashlib
import json
import time
from pathlib import Path

from interplay.errors import DiskFullError
from interplay.files import write_atomic
from interplay.files.locking import clean, held

FILE = "hashes.json"
GRANULARITY_NS = 2_000_000_000
"""Time stamps of some file systems are this coarse: a younger file may change once more and show the same ones."""

Stamp = tuple[int, int, int]


class ContentHashes:
    """SHA-256 of files, remembered by path, size and times of change in one file of the feature store's root.

    Several processes may use one root: each writes the file whole, one after another, with what the others wrote
    before. The file holds its own SHA-256: a damaged one costs reading everything, and gives no wrong hash.

    Args:
        root: the feature store; None to remember nothing beyond this object.

    Attributes:
        bytes_read: bytes of content that had to be read and hashed.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._file = root / FILE if root else None
        self._known: dict[str, tuple[Stamp, str]] = self._stored()
        self._new: dict[str, tuple[Stamp, str]] = {}
        self.bytes_read = 0

    def of(self, path: Path) -> str:
        """The SHA-256 (hex) of a file's bytes.

        Args:
            path: the file.

        Raises:
            OSError: it cannot be read.
            ValueError: its path cannot be one.
        """
        name = str(path.absolute())
        stamp = _stamp(path)
        known = self._known.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        content = path.read_bytes()
        self.bytes_read += len(content)
        digest = hashlib.sha256(content).hexdigest()
        old_enough = time.time_ns() - max(stamp[1:]) > GRANULARITY_NS
        if old_enough and _stamp(path) == stamp:
            self._known[name] = self._new[name] = (stamp, digest)
        return digest

    def save(self) -> None:
        """Write what is new. A store that cannot be written is no error here: it is one when features are stored."""
        if self._file is None:
            return None
        lock = self._file.with_name(f".{FILE}.lock")
        if not self._new:
            return clean(self._file, lock)
        with contextlib.suppress(OSError, DiskFullError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with held(lock, self._file, wait=True):
                for dead in self._file.parent.glob(f".{FILE}.*.part"):
                    dead.unlink(missing_ok=True)
                files = json.dumps(self._stored() | self._new)
                write_atomic(self._file, f'{{"sha256": "{_sum(files)}", "files": {files}}}\n')
            self._new = {}
        return None

    def _stored(self) -> dict[str, tuple[Stamp, str]]:
        if self._file is None:
            return {}
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            values = content["files"]
            if content["sha256"] != _sum(json.dumps(values)):
                return {}
            return {name: ((int(a), int(b), int(c)), str(digest)) for name, ((a, b, c), digest) in values.items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(path: Path) -> Stamp:
    """(size, time of the last write, time of the last change of any kind) in bytes and nanoseconds.

    The last of them also moves where a file is replaced by one that keeps the old time of writing.
    """
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
