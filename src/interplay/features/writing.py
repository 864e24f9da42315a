"""Write one folder of the feature store: batch by batch, resumable, by one process at a time, renamed when whole."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoded
from interplay.errors import BadInput, DataError, DiskFullError
from interplay.files import NO_ROOM
from interplay.files.locking import held

LAYOUT = "interplay/features/3"
COUNT = np.dtype([("positions", np.int64), ("cut", np.int64)])
SUM = hashlib.sha256().digest_size


def readable(modality: str) -> str:
    """What the folders of a modality begin with in the store.

    >>> readable("title (en)")
    'title__en_'

    Args:
        modality: name of the modality.
    """
    return re.sub(r"[^\w-]", "_", modality)[:40]


def lock_of(folder: Path) -> Path:
    """The lock of who writes a folder of the store.

    Args:
        folder: the folder.
    """
    return folder.with_name(folder.name + ".lock")


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Hold the lock on `folder`, waiting for another process that has it; the system releases it if a process dies.

    Args:
        folder: the folder to write to.

    Raises:
        DiskFullError: the disk has no room.
        BadInput: the folder cannot be written to.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with held(lock_of(folder), folder, wait=True):
            yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(folder.parent) from None
        raise BadInput(
            f"cannot write the feature store: {error.strerror or error}",
            file=folder.parent,
            expected="a folder that can be written",
            fix="choose another folder for it",
        ) from error


def disk_full(root: Path, rest: float | None = None) -> DiskFullError:
    """The error for a disk without room for `rest` more bytes.

    Args:
        root: the store's folder.
        rest: how many bytes more are needed, if known.
    """
    needs = "" if rest is None else f" ({rest / 2**30:.2f} GiB more are needed)"
    return DiskFullError(
        f"no room for features in {root}{needs}; free some space and run again to go on from here, "
        "or choose another folder for the feature store"
    )


def halved(one: Encoded) -> Tensor | None:
    """The features (T, W) in half precision; None if one of them is not finite there.

    Args:
        one: the features of one sample.
    """
    half = one.features.half()
    return half if bool(torch.isfinite(half).all()) else None


def refuse_unusable(sample: Sample, one: Encoded, modality: str) -> None:
    """Refuse features that nothing can be learned from, or that do not fit into half precision.

    Args:
        sample: whose features they are.
        one: the features.
        modality: their modality.

    Raises:
        DataError: there is no feature, or one is not finite in half precision.
    """
    if not one.valid.any():
        raise DataError(
            f"sample {sample.id!r}: modality {modality!r} holds no feature (an empty text?)",
            row=sample.row or None,
            expected="at least one token or patch",
            fix="run `interplay data check` and correct or remove the row",
        )
    if halved(one) is None:
        raise DataError(
            f"sample {sample.id!r}: the features of modality {modality!r} are not finite in half precision",
            row=sample.row or None,
            expected="values of at most 65504",
            fix="look at the input, or take another encoder or encoders.*.layer",
        )


def sum_of(features: np.ndarray, valid: np.ndarray) -> bytes:
    """SHA-256 of what is stored of one sample.

    Args:
        features: (T, W) float16.
        valid: (T,) bool.
    """
    digest = hashlib.sha256(np.ascontiguousarray(features).data)
    digest.update(np.ascontiguousarray(valid).data)
    return digest.digest()


def sum_of_description(meta: Mapping[str, Any], counts: bytes, sums: bytes) -> str:
    """SHA-256 (hex) of all that says what is stored where.

    Args:
        meta: what meta.json holds, without this sum.
        counts: the bytes of counts.bin.
        sums: the bytes of sums.bin.
    """
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode() + counts + sums).hexdigest()


class Writer:
    """A folder in the making, `<folder>.partial`.

    A batch is appended to features, valid and sums, then counted: bytes beyond the count are cut off when writing is
    continued, and so is what has changed since, so an interruption costs one batch and never leaves half of one.

    Attributes:
        done: samples written and counted.
    """

    def __init__(self, folder: Path, width: int, batch_size: int) -> None:
        self.folder = folder
        self.partial = folder.with_name(folder.name + ".partial")
        self.partial.mkdir(exist_ok=True)
        counted = self._counted()
        ends = np.concatenate([[0], np.cumsum(counted["positions"])])
        sizes = {"features.bin": 2 * width, "valid.bin": 1}
        for name, size in sizes.items():  # shorter than counted only after a crash of the whole machine
            ends = ends[ends * size <= self._size(name)]
        # Writing is continued after whole batches only: equal batches give equal bytes.
        self.done = self._unchanged(ends, width) // batch_size * batch_size
        for name, size in sizes.items():
            self._cut(name, int(ends[self.done]) * size)
        self._cut("sums.bin", self.done * SUM)
        self._cut("counts.bin", self.done * COUNT.itemsize)

    def append(self, encoded: Sequence[Encoded]) -> None:
        """Write a batch whose features are finite in half precision.

        Args:
            encoded: the batch.
        """
        counts = np.array([(len(one.features), one.truncated) for one in encoded], dtype=COUNT)
        arrays = [(one.features.half().numpy(), one.valid.numpy()) for one in encoded]
        self._add("features.bin", [features.tobytes() for features, _ in arrays])
        self._add("valid.bin", [valid.tobytes() for _, valid in arrays])
        self._add("sums.bin", [sum_of(*both) for both in arrays])
        self._add("counts.bin", [counts.tobytes()])
        self.done += len(encoded)

    def refuse_full_disk(self, total: int) -> None:
        """Check that the rest will fit on the disk, at the size per sample so far.

        Args:
            total: how many samples there are in all.

        Raises:
            DiskFullError: it will not; with the size needed.
        """
        rest = self._size("features.bin") / self.done * (total - self.done)
        if rest > shutil.disk_usage(self.partial).free:
            raise disk_full(self.folder.parent, rest)

    def finish(self, meta: dict[str, Any]) -> None:
        """Write the folder's description and give the folder its final name.

        Args:
            meta: the description.
        """
        described = {"layout": LAYOUT, "folder": self.folder.name, **meta}
        counts, sums = ((self.partial / name).read_bytes() for name in ("counts.bin", "sums.bin"))
        described["sha256"] = sum_of_description(described, counts, sums)
        self._cut("meta.json", 0)
        self._add("meta.json", [json.dumps(described).encode()])
        self.partial.rename(self.folder)

    def _counted(self) -> np.ndarray:
        path = self.partial / "counts.bin"
        return np.fromfile(path, dtype=COUNT) if path.exists() else np.zeros(0, dtype=COUNT)

    def _unchanged(self, ends: np.ndarray, width: int) -> int:
        """How many of the first samples are as they were written."""
        if not ends[-1]:
            return 0
        sums = (self.partial / "sums.bin").read_bytes() if self._size("sums.bin") else b""
        features = np.memmap(self.partial / "features.bin", np.float16, "r", shape=(int(ends[-1]), width))
        valid = np.memmap(self.partial / "valid.bin", np.bool_, "r", shape=(int(ends[-1]),))
        for row, (start, end) in enumerate(pairwise(ends.tolist())):
            if sum_of(features[start:end], valid[start:end]) != sums[row * SUM : (row + 1) * SUM]:
                return row
        return len(ends) - 1

    def _size(self, name: str) -> int:
        path = self.partial / name
        return path.stat().st_size if path.exists() else 0

    def _cut(self, name: str, size: int) -> None:
        with (self.partial / name).open("ab") as file:
            file.truncate(size)

    def _add(self, name: str, chunks: Sequence[bytes]) -> None:
        with (self.partial / name).open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
