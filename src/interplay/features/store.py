"""The feature store: every sample is encoded once, and its tokens or patches are read from disk ever after.

One folder per modality and key. The key is a hash of the encoder's weights and settings and of every sample's
content, so a changed input is another key and never serves stale features. Features are kept in the encoder's own
width and half precision, memory-mapped:

    <modality>-<key>/
      features.bin   (N, W) float16, all samples' positions one after another
      valid.bin      (N,) bool, False where a position holds no feature
      counts.bin     (samples, 2) int64: each sample's positions, and its tokens cut off
      sums.bin       (samples, 32) bytes: the SHA-256 of each sample's features and validity
      meta.json      layout, ids, width, encoder, and the SHA-256 of all this
    hashes.json      SHA-256 of the content files, see `hashes.py`

It is written by `writing.py` under another name and renamed when whole: a folder with this name is complete. A sample
is compared with its SHA-256 when it is first read.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from interplay.data.sample import Dataset, Sample
from interplay.encoders.frozen import Encoded, Encoder
from interplay.engine import SERIAL, Engine
from interplay.errors import DataError, EncoderError
from interplay.features.hashes import ContentHashes
from interplay.features.writing import (
    COUNT,
    LAYOUT,
    SUM,
    Writer,
    halved,
    lock_of,
    readable,
    refuse_unusable,
    sum_of,
    sum_of_description,
    writable,
)
from interplay.files.locking import clean
from interplay.modalities import MODALITIES
from interplay.progress import Advance, Progress

VERSION = int(LAYOUT.rpartition("/")[2])
KEY = "interplay/features/2"
"""Part of the key since that layout: version 3 stores the same features, so what was stored before is of use."""
AGAIN = "delete this folder; the features will be encoded again"
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {2: lambda meta: {**meta, "sha256": None}}
"""Version of the layout -> what makes meta.json of it one of the next version; the arrays stay as they are."""


@dataclass(frozen=True)
class Features:
    """The stored features of one modality of one dataset, in the dataset's order.

    Attributes:
        values: (N, W) float16 memory map.
        valid: (N,) bool.
        offsets: (samples + 1,) int64, where each sample's positions begin.
        rows: sample id -> its place.
        truncated: tokens cut off, per sample.
        neighbours: with how many to each side features were encoded, as far as they are left.
        sums: the SHA-256 of each sample, one after another; None of what an older version stored.
        checked: places of the samples that were compared with it.
    """

    folder: Path
    values: np.ndarray
    valid: np.ndarray
    offsets: np.ndarray
    rows: dict[str, int]
    truncated: list[int]
    neighbours: int = 0
    sums: bytes | None = None
    checked: set[int] = field(default_factory=set)

    def __getitem__(self, sample_id: str) -> tuple[Tensor, Tensor]:
        """Features (T, W) float32, all variants side by side, and validity (T,) of one sample."""
        part = self.span(sample_id)
        return torch.from_numpy(self.values[part].astype(np.float32)), torch.from_numpy(np.array(self.valid[part]))

    def span(self, sample_id: str) -> slice:
        """Where the positions of a sample are; its features are checked when they are first read.

        Args:
            sample_id: the sample's id.

        Raises:
            DataError: they are not those that were stored, or not finite.
        """
        row = self.rows[sample_id]
        part = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        if row not in self.checked:
            self._check(sample_id, row, part)
            self.checked.add(row)
        return part

    def _check(self, sample_id: str, row: int, part: slice) -> None:
        kept = self.sums and self.sums[row * SUM : (row + 1) * SUM]
        if kept and sum_of(self.values[part], self.valid[part]) == kept:  # what is written is finite
            return
        finite = bool(np.isfinite(self.values[part]).all())
        if finite and not kept:
            return
        came = "have changed since they were stored" if finite else "are not finite"
        raise DataError(f"the stored features of sample {sample_id!r} {came}", file=self.folder, fix=AGAIN)

    def one(self, sample_id: str) -> Encoded:
        """One sample as its encoder gave it, rounded to half precision.

        Args:
            sample_id: the sample's id.
        """
        features, valid = self[sample_id]
        return Encoded(features, valid, self.truncated[self.rows[sample_id]])

    @property
    def width(self) -> int:
        """W, the encoder's width."""
        return int(self.values.shape[1])


def store_features(
    dataset: Dataset,
    modality: str,
    encoder: Encoder,
    root: str | Path,
    *,
    batch_size: int = 32,
    engine: Engine = SERIAL,
    setup: Callable[[], Encoder] | None = None,
    progress: Advance | None = None,
) -> Features:
    """Open the features of one modality, encoding whatever is not stored yet.

    A second process that wants the same features waits until the first has stored them. An interrupted one is
    continued, batch by batch, and gives the same bytes.

    Args:
        dataset: the dataset.
        modality: name of the modality.
        encoder: the modality's encoder.
        root: the store's folder.
        batch_size: inputs encoded at a time.
        engine: who encodes batches; this process writes them in their order, so that the bytes are the same.
        setup: the encoder where a worker computes; as it is if None.
        progress: called with (stored, total) samples.

    Raises:
        DataError: naming file and row, for an input that cannot be read, holds no feature, or whose features are
            not finite in half precision; for a dataset without samples; for a stored folder that is damaged.
        BadInput: if the store cannot be written.
        DiskFullError: if the disk has no room, after the first batch if its size shows that the rest will not fit.
    """
    samples = dataset.samples
    if not samples:
        raise DataError("the dataset has no samples", file=dataset.source, expected="at least one")
    folder = store_folder(dataset, modality, encoder, root)
    if not folder.exists():
        with writable(folder):
            if not folder.exists():  # another process may have stored it while this one waited
                encoded = partial(engine.map, setup or partial(_as_it_is, encoder), partial(_encode_batch, modality))
                _write(folder, samples, modality, encoder, batch_size, encoded, progress)
    clean(folder, lock_of(folder))  # of a process that was killed when it had stored it
    return open_features(folder)


def store_folder(dataset: Dataset, modality: str, encoder: Encoder, root: str | Path) -> Path:
    """Where the features of one modality are, or will be.

    Args:
        dataset: the dataset.
        modality: name of the modality.
        encoder: the modality's encoder.
        root: the store's folder.

    Raises:
        DataError: an input cannot be read.
    """
    hashes = ContentHashes(Path(root))
    key = content_key(dataset.samples, modality, encoder, hashes)
    if Path(root).is_dir():  # to ask where features would be leaves no store behind
        hashes.save()
    return Path(root) / f"{readable(modality)}-{key}"


def open_features(folder: Path) -> Features:
    """Open a finished folder of the store.

    Args:
        folder: a folder of the store.

    Raises:
        DataError: it is not whole, or was written by a newer version.
    """
    try:
        meta = _current(json.loads((folder / "meta.json").read_text(encoding="utf-8")), folder)
        ids, width, sums = meta["ids"], meta["width"], None
        neighbours = meta["encoder"].get("neighbours", 0)  # features of before could have none
        counts = np.fromfile(folder / "counts.bin", dtype=COUNT)
        if meta["sha256"] is not None:
            sums = (folder / "sums.bin").read_bytes()
            described = {name: value for name, value in meta.items() if name != "sha256"}
            if sum_of_description(described, counts.tobytes(), sums) != meta["sha256"]:
                raise ValueError("meta.json, counts.bin and sums.bin are not those that were written")
            if meta["folder"] != folder.name:
                raise ValueError(f"it is the folder {meta['folder']}")
        offsets = np.concatenate([[0], np.cumsum(counts["positions"])]).astype(np.int64)
        size, marks = ((folder / name).stat().st_size for name in ("features.bin", "valid.bin"))
        whole = len(counts) == len(ids) and marks == offsets[-1] and size == offsets[-1] * width * 2
        if not whole:
            raise ValueError(f"it holds {len(counts)} of {len(ids)} samples and {size} bytes of features")
        valid = np.memmap(folder / "valid.bin", dtype=np.bool_, mode="r", shape=(int(offsets[-1]),))
        values = np.memmap(folder / "features.bin", dtype=np.float16, mode="r", shape=(int(offsets[-1]), width))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the stored features are damaged ({type(error).__name__}: {error})",
            file=folder,
            fix=AGAIN,
        ) from error
    rows = {sample_id: row for row, sample_id in enumerate(ids)}
    return Features(folder, values, valid, offsets, rows, counts["cut"].tolist(), neighbours, sums)


def _current(meta: Any, folder: Path) -> dict[str, Any]:
    """The description of a stored folder in today's layout. Raises DataError for a newer one, ValueError for no layout.

    An older layout without an upgrade is never opened: the layout is part of the key, so features are encoded again.
    """
    layout = str(meta["layout"])
    name, _, number = layout.rpartition("/")
    if name != LAYOUT.rpartition("/")[0] or not number.isdecimal():
        raise ValueError(f"its layout is {layout!r}")
    if int(number) > VERSION:
        raise DataError(
            f"written by a newer version of Interplay: {layout}",
            expected=f"at most {LAYOUT}",
            fix="update, or encode into another feature store",
            file=folder,
        )
    for version in range(int(number), VERSION):
        if version not in UPGRADES:
            raise ValueError(f"its layout {layout} is no longer read")
        meta = UPGRADES[version](meta)
    return meta


def content_key(samples: Sequence[Sample], modality: str, encoder: Encoder, hashes: ContentHashes | None = None) -> str:
    """The store's key: the encoder and every sample's content (the text, or the bytes of its file).

    Args:
        samples: all samples of the dataset, in order.
        modality: whose content counts.
        encoder: whose fingerprint counts.
        hashes: where hashes of files are remembered; every file is read if None.

    Raises:
        DataError: a file cannot be read.
    """
    hashes = hashes or ContentHashes()
    digest = hashlib.sha256(f"{KEY} {encoder.fingerprint}".encode())
    for sample in samples:
        digest.update(json.dumps([sample.id, _content_hash(sample, modality, hashes)]).encode())
    return digest.hexdigest()[:20]


def read_input(sample: Sample, modality: str, kind: str) -> object:
    """Read one input: the text, the picture decoded to RGB, or the features (T, D).

    Args:
        sample: the sample.
        modality: name of the modality.
        kind: kind of the modality.

    Raises:
        DataError: its file cannot be read.
    """
    return MODALITIES[kind].read(sample.inputs[modality], sample.row or None)


def encode_one(encoder: Encoder, content: object) -> Encoded:
    """Encode one input as the store would return it: rounded to half precision.

    A real network may round the last bit differently for one input than for a batch.

    Args:
        encoder: the modality's encoder.
        content: what `read_input` returned.

    Raises:
        EncoderError: the features are not finite in half precision.
    """
    encoded = encoder.encode([content])[0]
    half = halved(encoded)
    if half is None:
        raise EncoderError("the encoder's features are not finite in half precision", expected="at most 65504")
    return Encoded(half.float(), encoded.valid, encoded.truncated)


def _content_hash(sample: Sample, modality: str, hashes: ContentHashes) -> str:
    content = sample.inputs[modality]
    if isinstance(content, Path):
        try:
            return hashes.of(content)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise DataError(
                f"cannot read the file: {error}",
                file=content,
                row=sample.row or None,
                fix="correct the path, or remove the row",
            ) from None
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _as_it_is(encoder: Encoder) -> Encoder:
    return encoder


def _encode_batch(
    modality: str, encoder: Encoder, batch: Sequence[Sample], progress: Progress
) -> Iterator[list[Encoded]]:
    """One batch, as one result."""
    yield encoder.encode([read_input(sample, modality, encoder.kind) for sample in batch])


def _write(
    folder: Path,
    samples: Sequence[Sample],
    modality: str,
    encoder: Encoder,
    batch_size: int,
    encoded_by: Callable[..., Iterator[list[Encoded]]],
    progress: Advance | None,
) -> None:
    """Encode batch by batch, going on where an interrupted run stopped."""
    writer = Writer(folder, encoder.width, batch_size)
    batches = [samples[start : start + batch_size] for start in range(writer.done, len(samples), batch_size)]
    for batch, encoded in zip(batches, encoded_by(batches, name=f"Encode {modality}"), strict=True):
        for sample, one in zip(batch, encoded, strict=True):
            refuse_unusable(sample, one, modality)
        writer.append(encoded)
        writer.refuse_full_disk(len(samples))
        if progress:
            progress(writer.done, len(samples))
    about = {"fingerprint": encoder.fingerprint, **encoder.config.model_dump(), "neighbours": encoder.neighbours}
    writer.finish({"ids": [s.id for s in samples], "width": encoder.width, "encoder": about})
