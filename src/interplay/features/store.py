"""The feature store: every sample is encoded once, and its tokens or patches are read from disk ever after.

One folder per modality and key. The key is a hash of the encoder's weights and settings and of every sample's
content, so a changed input is another key and never serves stale features. Features are kept in the encoder's own
width and half precision, memory-mapped:

    <modality>-<key>/
      features.bin   (N, W) float16, all samples' positions one after another
      valid.bin      (N,) bool, False where a position holds no feature
      offsets.npy    (samples + 1,) int64, where each sample's positions begin
      meta.json      ids, width, tokens cut off per sample, encoder

While it is written the folder ends in `.partial`; it is renamed when whole, and resumed when interrupted.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from interplay.data.pictures import open_picture
from interplay.data.sample import Dataset, Sample
from interplay.encoders.frozen import Encoded, Encoder
from interplay.errors import DataError, DiskFullError

Progress = Callable[[int, int], None]
LAYOUT = "interplay/features/1"


@dataclass(frozen=True)
class Features:
    """The stored features of one modality of one dataset, in the dataset's order.

    Attributes:
        values: (N, W) float16 memory map.
        valid: (N,) bool.
        offsets: (samples + 1,) int64.
        rows: sample id -> its place.
        truncated: tokens cut off, per sample.
    """

    folder: Path
    values: np.ndarray
    valid: np.ndarray
    offsets: np.ndarray
    rows: dict[str, int]
    truncated: list[int]

    def __getitem__(self, sample_id: str) -> tuple[Tensor, Tensor]:
        """Features (T, W) float32 and validity (T,) of one sample."""
        row = self.rows[sample_id]
        part = slice(self.offsets[row], self.offsets[row + 1])
        return torch.from_numpy(self.values[part].astype(np.float32)), torch.from_numpy(self.valid[part].copy())

    @property
    def width(self) -> int:
        """W, the encoder's own width."""
        return int(self.values.shape[1])


def store_features(
    dataset: Dataset,
    modality: str,
    encoder: Encoder,
    root: str | Path,
    *,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Features:
    """Open the features of one modality, encoding whatever is not stored yet.

    Raises DataError naming file and row for an input that cannot be read or holds no feature, and DiskFullError
    before anything is encoded if the disk has no room.
    """
    samples = dataset.samples
    folder = Path(root) / f"{modality}-{content_key(samples, modality, encoder)}"
    if not folder.exists():
        _write(folder, samples, modality, encoder, batch_size, progress)
    return open_features(folder)


def open_features(folder: Path) -> Features:
    """Open a finished folder of the store."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    rows = {sample_id: row for row, sample_id in enumerate(meta["ids"])}
    offsets = np.load(folder / "offsets.npy")
    values = np.memmap(folder / "features.bin", dtype=np.float16, mode="r", shape=(int(offsets[-1]), meta["width"]))
    valid = np.fromfile(folder / "valid.bin", dtype=np.bool_)
    return Features(folder, values, valid, offsets, rows, meta["truncated"])


def content_key(samples: Sequence[Sample], modality: str, encoder: Encoder) -> str:
    """The store's key: the encoder and every sample's content (the text, or the bytes of the picture's file)."""
    digest = hashlib.sha256(f"{LAYOUT} {encoder.fingerprint}".encode())
    for sample in samples:
        digest.update(f"{sample.id}\0{_content_hash(sample, modality)}\0".encode())
    return digest.hexdigest()[:20]


def read_input(sample: Sample, modality: str, kind: str) -> object:
    """The text, or the picture decoded to RGB, of one sample."""
    content = sample.inputs[modality]
    return open_picture(content, row=sample.row) if kind == "image" else str(content)


def encode_one(encoder: Encoder, content: object) -> Encoded:
    """Encode one input just as the store would serve it: rounded to half precision."""
    encoded = encoder.encode([content])[0]
    return Encoded(encoded.features.half().float(), encoded.valid, encoded.truncated)


def _content_hash(sample: Sample, modality: str) -> str:
    content = sample.inputs[modality]
    if isinstance(content, Path):
        try:
            return hashlib.sha256(content.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(
                f"cannot read the picture: {error.strerror}",
                file=content,
                row=sample.row or None,
                fix="mend the path, or drop the row",
            ) from None
    return hashlib.sha256(content.encode()).hexdigest()


def _write(
    folder: Path,
    samples: Sequence[Sample],
    modality: str,
    encoder: Encoder,
    batch_size: int,
    progress: Progress | None,
) -> None:
    """Encode batch by batch into `<folder>.partial`, resuming what is there, and rename it when whole."""
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    done = _resume(partial, encoder.width)
    try:
        for start in range(len(done.lengths), len(samples), batch_size):
            batch = samples[start : start + batch_size]
            encoded = encoder.encode([read_input(s, modality, encoder.kind) for s in batch])
            _refuse_empty(batch, encoded, modality)
            _append(partial, done, encoded)
            _refuse_full_disk(partial, len(done.lengths), len(samples))
            if progress:
                progress(len(done.lengths), len(samples))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _disk_full(partial) from None
    meta = {
        "layout": LAYOUT,
        "ids": [s.id for s in samples],
        "width": encoder.width,
        "truncated": done.truncated,
        "encoder": {"fingerprint": encoder.fingerprint, **encoder.config.model_dump()},
    }
    np.save(partial / "offsets.npy", np.concatenate([[0], np.cumsum(done.lengths)]).astype(np.int64))
    (partial / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    (partial / "done.json").unlink(missing_ok=True)
    partial.rename(folder)


@dataclass
class _Done:
    """How far a store in the making has come: positions and cut tokens of each sample so far."""

    lengths: list[int]
    truncated: list[int]


def _resume(partial: Path, width: int) -> _Done:
    """Open what is there, cutting off what was written but not yet counted as done."""
    saved = partial / "done.json"
    done = _Done(**json.loads(saved.read_text())) if saved.exists() else _Done([], [])
    positions = sum(done.lengths)
    for name, size in (("features.bin", positions * width * 2), ("valid.bin", positions)):
        with (partial / name).open("ab") as file:
            file.truncate(size)
    return done


def _append(partial: Path, done: _Done, encoded: Sequence[Encoded]) -> None:
    """Features first, the count last: an interruption between the two only costs the batch."""
    with (partial / "features.bin").open("ab") as file:
        for one in encoded:
            file.write(one.features.half().numpy().tobytes())
    with (partial / "valid.bin").open("ab") as file:
        for one in encoded:
            file.write(one.valid.numpy().tobytes())
    done.lengths += [len(one.features) for one in encoded]
    done.truncated += [one.truncated for one in encoded]
    fresh = partial / "done.json.new"
    fresh.write_text(json.dumps(asdict(done)))
    fresh.replace(partial / "done.json")


def _refuse_empty(batch: Sequence[Sample], encoded: Sequence[Encoded], modality: str) -> None:
    for sample, one in zip(batch, encoded, strict=True):
        if not one.valid.any():
            raise DataError(
                f"sample {sample.id!r}: modality {modality!r} holds no feature (an empty text?)",
                row=sample.row or None,
                expected="at least one token or patch",
                fix="run `interplay data check` and mend or drop the row",
            )


def _refuse_full_disk(partial: Path, done: int, total: int) -> None:
    """Stop early, with the size needed, if the rest at this rate will not fit."""
    written = (partial / "features.bin").stat().st_size
    rest = written / done * (total - done)
    if rest > shutil.disk_usage(partial).free:
        raise _disk_full(partial, rest)


def _disk_full(partial: Path, rest: float | None = None) -> DiskFullError:
    needs = "" if rest is None else f" ({rest / 2**30:.2f} GiB more are needed)"
    return DiskFullError(
        f"no room for features in {partial.parent}{needs}; free some space and run again to go on from here, "
        "or choose another folder with --store"
    )
