"""The feature store: written once, whole or not at all, and read back as it was encoded."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interplay.data.sample import Dataset, Sample
from interplay.encoders.frozen import Encoded, Encoder
from interplay.encoders.loading import load_encoder
from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.errors import BadInput, DataError, DiskFullError, EncoderError
from interplay.features import writing
from interplay.features.store import Features, content_key, encode_one, open_features, read_input, store_features


class Letters(Encoder):
    """A made-up encoder: a feature per letter. Counts what it encodes; may be told to fail."""

    kind = "text"
    width = 3
    max_features = 50
    fingerprint = "letters"

    def __init__(self, fail_at: int | None = None, error: BaseException | None = None, pause: float = 0.0) -> None:
        super().__init__(nn.Identity(), EncoderConfig(model="letters"))
        self.encoded, self.fail_at, self.error, self.pause = 0, fail_at, error, pause

    def encode(self, inputs: Sequence[str]) -> list[Encoded]:
        if self.error and self.encoded == self.fail_at:
            raise self.error
        time.sleep(self.pause)
        self.encoded += len(inputs)
        out = []
        for text in inputs:
            codes = torch.tensor([[ord(c), 1 / ord(c), -ord(c) / 7] for c in text]).reshape(-1, 3)
            out.append(Encoded(codes, torch.tensor([c != "_" for c in text], dtype=torch.bool), len(text) // 5))
        return out

    def parts(self, content: str) -> list[Part]:
        return [Part(text=c) for c in content]


def dataset(texts: Sequence[str], ids: Sequence[str] | None = None) -> Dataset:
    names = ids or [f"s{k}" for k in range(len(texts))]
    samples = [
        Sample(name, "train", {"text": text}, ("a",), k + 1)
        for k, (name, text) in enumerate(zip(names, texts, strict=True))
    ]
    return Dataset("made up", Path("table.csv"), {"text": "text"}, ("a", "b"), "single", samples)


TEXTS = [f"text{'_' * (k % 3)} {k * k}" for k in range(22)]
DATA = dataset(TEXTS)


def store(root: Path, encoder: Encoder | None = None, data: Dataset = DATA, **more: Any) -> Features:
    return store_features(data, "text", encoder or Letters(), root, batch_size=4, **more)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def whole(tmp_path: Path) -> Features:
    """The features of DATA, stored without interruption."""
    return store(tmp_path / "whole")


def test_round_trip(whole: Features) -> None:
    for sample, text in zip(DATA.samples, TEXTS, strict=True):
        features, valid = whole[sample.id]
        one = encode_one(Letters(), text)
        assert features.dtype == torch.float32 and valid.dtype == torch.bool
        assert torch.equal(features, one.features) and torch.equal(valid, one.valid)
        assert whole.truncated[whole.rows[sample.id]] == one.truncated
    assert isinstance(whole.values, np.memmap) and whole.values.dtype == np.float16 and whole.width == 3
    with pytest.raises(ValueError, match="read-only"):
        whole.values[0] = 0
    features.zero_()  # what is served is a copy
    assert whole[DATA.samples[-1].id][0].any()


def test_served_again_without_encoding(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    encoder = Letters()
    first = store(tmp_path, encoder, progress=lambda done, total: told.append((done, total)))
    assert encoder.encoded == 22 and told == [(4, 22), (8, 22), (12, 22), (16, 22), (20, 22), (22, 22)]
    again = store(tmp_path, encoder)
    assert encoder.encoded == 22 and again.folder == first.folder
    assert {path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")} == {first.folder.name}


@pytest.mark.parametrize("odd", ["é", "e\u0301", "\U0001f600", "a/b", "..", "a\0b", "\ud83d", "", "x" * 500, 'q"\\\n'])
def test_ids_and_modalities_may_be_any_text(tmp_path: Path, odd: str) -> None:
    data = dataset(["first", "second \ud83d"], ["plain", odd])
    samples = [replace(s, inputs={odd: s.inputs["text"]}) for s in data.samples]
    stored = store_features(replace(data, modalities={odd: "text"}, samples=samples), odd, Letters(), tmp_path)
    assert stored.folder.parent == tmp_path
    assert torch.equal(stored[odd][0], encode_one(Letters(), "second \ud83d").features)


def test_any_change_is_another_key(tmp_path: Path) -> None:
    encoder, other = Letters(), Letters()
    other.fingerprint = "others"
    picture = tmp_path / "p.png"
    Image.new("RGB", (3, 3), "red").save(picture)
    samples = [*DATA.samples, Sample("p", "train", {"text": picture}, ("a",))]
    before = content_key(samples, "text", encoder)
    keys = [before, content_key(samples, "text", other), content_key(samples[::-1], "text", encoder)]
    keys.append(content_key([replace(samples[0], inputs={"text": "text 0!"}), *samples[1:]], "text", encoder))
    keys.append(content_key([replace(samples[0], id="t0"), *samples[1:]], "text", encoder))
    shutil.copy(picture, tmp_path / "same.png")
    moved = replace(samples[-1], inputs={"text": tmp_path / "same.png"}, split="test", labels=("b",), row=9)
    assert content_key([*samples[:-1], moved], "text", encoder) == before  # only content counts
    Image.new("RGB", (3, 3), "blue").save(picture)
    keys.append(content_key(samples, "text", encoder))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("fail_at", [0, 4, 12, 20])
def test_interrupted_and_resumed_gives_the_same_bytes(tmp_path: Path, whole: Features, fail_at: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, Letters(fail_at, KeyboardInterrupt()))
    assert not (tmp_path / whole.folder.name).exists()
    encoder = Letters()
    resumed = store(tmp_path, encoder)
    assert encoder.encoded == 22 - fail_at
    assert content(resumed.folder) == content(whole.folder)


@pytest.mark.parametrize("file", ["features.bin", "valid.bin", "counts.bin", "sums.bin", "meta.json"])
@pytest.mark.parametrize("change", [b"garbage" * 9, -5])
def test_what_was_not_counted_is_cut(tmp_path: Path, whole: Features, file: str, change: bytes | int) -> None:
    """Half a batch behind the count, or files shorter than counted (a power cut): the rest is encoded again."""
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, Letters(12, KeyboardInterrupt()))
    path = next(tmp_path.glob("*.partial")) / file
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(before + change if isinstance(change, bytes) else before[:change])
    assert content(store(tmp_path).folder) == content(whole.folder)


@pytest.mark.parametrize("file", ["features.bin", "valid.bin", "sums.bin"])
def test_what_has_changed_since_it_was_written_is_encoded_again(tmp_path: Path, whole: Features, file: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, Letters(12, KeyboardInterrupt()))
    flip(next(tmp_path.glob("*.partial")) / file, 0.6)  # in the second of three batches
    encoder = Letters()
    assert content(store(tmp_path, encoder).folder) == content(whole.folder)
    assert encoder.encoded == 18


def test_another_batch_size_may_go_on(tmp_path: Path, whole: Features) -> None:
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, Letters(12, KeyboardInterrupt()))
    resumed = store_features(DATA, "text", Letters(), tmp_path, batch_size=5)
    assert content(resumed.folder) == content(whole.folder)


def child(root: Path, pause: float) -> subprocess.Popen[bytes]:
    """Another process that stores DATA."""
    lines = (
        "import importlib.util, pathlib",
        f"spec = importlib.util.spec_from_file_location('stored', {str(Path(__file__))!r})",
        "module = importlib.util.module_from_spec(spec)",
        "spec.loader.exec_module(module)",
        f"module.store(pathlib.Path({str(root)!r}), module.Letters(pause={pause}))",
    )
    return subprocess.Popen([sys.executable, "-c", "\n".join(lines)])


@pytest.mark.slow
def test_killed_process_leaves_a_beginning_to_go_on_from(tmp_path: Path, whole: Features) -> None:
    process = child(tmp_path, pause=0.3)
    partial = tmp_path / f"{whole.folder.name}.partial"
    try:
        wait_for(lambda: (partial / "counts.bin").exists() and (partial / "counts.bin").stat().st_size >= 8 * 16)
    finally:
        process.kill()
        process.wait()
    assert partial.exists()
    encoder = Letters()
    assert content(store(tmp_path, encoder).folder) == content(whole.folder)  # the dead process holds no lock
    assert 0 < encoder.encoded <= 14


@pytest.mark.slow
def test_a_second_process_waits_for_the_first(tmp_path: Path, whole: Features) -> None:
    process = child(tmp_path, pause=0.2)
    try:
        wait_for(lambda: any(tmp_path.glob("*.partial")))
        encoder = Letters()
        stored = store(tmp_path, encoder)
        assert encoder.encoded == 0 and content(stored.folder) == content(whole.folder)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the other process did not get so far"
        time.sleep(0.02)


def test_threads_store_once(tmp_path: Path, whole: Features) -> None:
    encoders = [Letters(pause=0.02) for _ in range(4)]
    threads = [threading.Thread(target=store, args=(tmp_path, encoder)) for encoder in encoders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(encoder.encoded for encoder in encoders) == 22
    assert content(tmp_path / whole.folder.name) == content(whole.folder)


def flip(path: Path, where: float = 0.5) -> None:
    """Flip one bit of a file."""
    changed = bytearray(path.read_bytes())
    changed[int(len(changed) * where)] ^= 1
    path.write_bytes(changed)


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("file", ["features.bin", "valid.bin"])
def test_a_flipped_bit_is_named_at_its_sample(whole: Features, file: str) -> None:
    flip(whole.folder / file, 0.9)
    stored = open_features(whole.folder)
    size = (whole.folder / file).stat().st_size
    position = int(size * 0.9) // (6 if file == "features.bin" else 1)
    row = int(np.searchsorted(stored.offsets, position, side="right")) - 1
    for place, sample in enumerate(DATA.samples):
        if place != row:
            assert torch.equal(stored[sample.id][0], whole[sample.id][0])  # the others are as they were
            continue
        for _ in range(2):
            with pytest.raises(DataError, match=rf"sample '{sample.id}' have changed since they were stored; delete"):
                stored[sample.id]


def test_a_nan_is_named_at_its_sample(whole: Features) -> None:
    values = np.memmap(whole.folder / "features.bin", np.float16, "r+")
    values[int(whole.offsets[7]) * 3] = np.nan
    values.flush()
    with pytest.raises(DataError, match=r"the stored features of sample 's7' are not finite"):
        open_features(whole.folder)["s7"]


def test_the_folder_of_another_dataset_is_refused(whole: Features, tmp_path: Path) -> None:
    other = store(tmp_path / "other", data=dataset(TEXTS[::-1]))
    shutil.rmtree(whole.folder)
    shutil.copytree(other.folder, whole.folder)
    with pytest.raises(DataError, match=f"damaged .*it is the folder {other.folder.name}"):
        store(whole.folder.parent)


DAMAGE = {
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "broken meta": lambda folder: (folder / "meta.json").write_text('{"ids": ["s0"'),
    "meta of no object": lambda folder: (folder / "meta.json").write_text("[1]"),
    "other layout": lambda folder: (folder / "meta.json").write_text('{"ids": [], "width": 3, "layout": "old"}'),
    "short features": lambda folder: os.truncate(folder / "features.bin", 60),
    "long features": lambda folder: (folder / "features.bin").open("ab").write(b"xx"),
    "empty features": lambda folder: os.truncate(folder / "features.bin", 0),
    "no features": lambda folder: (folder / "features.bin").unlink(),
    "short valid": lambda folder: os.truncate(folder / "valid.bin", 3),
    "no valid": lambda folder: (folder / "valid.bin").unlink(),
    "flipped counts": lambda folder: flip(folder / "counts.bin"),
    "flipped sums": lambda folder: flip(folder / "sums.bin"),
    "flipped meta": lambda folder: flip(folder / "meta.json"),
    "other ids": lambda folder: rewrite(folder / "meta.json", '"s0", "s1"', '"s1", "s0"'),
    "no sums": lambda folder: (folder / "sums.bin").unlink(),
    "short counts": lambda folder: os.truncate(folder / "counts.bin", 32),
    "no counts": lambda folder: (folder / "counts.bin").unlink(),
    "everything": lambda folder: [path.unlink() for path in folder.iterdir()],
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_folder_is_refused(whole: Features, damage: str) -> None:
    DAMAGE[damage](whole.folder)
    for reopen in (lambda: open_features(whole.folder), lambda: store(whole.folder.parent)):
        with pytest.raises(DataError, match=r"the stored features are damaged .*delete this folder") as caught:
            reopen()
        assert str(whole.folder) in str(caught.value) and "\n" not in str(caught.value)


def test_unusable_samples_are_named(tmp_path: Path) -> None:
    for text, message in (("", "holds no feature"), ("__", "holds no feature"), ("\U0001f600", "not finite in half")):
        data = dataset(["fine", text], ["good", "bäd"])
        with pytest.raises(DataError, match=message) as caught:
            store(tmp_path, data=data)
        assert "'bäd'" in str(caught.value) and "'text'" in str(caught.value) and caught.value.row == 2
        assert not [path for path in tmp_path.iterdir() if not path.name.endswith((".lock", ".partial"))]
    with pytest.raises(EncoderError, match="not finite"):
        encode_one(Letters(), "\U0001f600")
    nan = Letters()
    nan.encode = lambda inputs: [Encoded(torch.full((1, 3), float("nan")), torch.ones(1, dtype=torch.bool))]  # type: ignore[method-assign]
    with pytest.raises(DataError, match="not finite"):
        store(tmp_path, nan, dataset(["x"]))
    with pytest.raises(DataError, match="no samples"):
        store(tmp_path, data=dataset([]))


@pytest.mark.parametrize("name", ["missing.png", "a\0b.png"])
def test_unreadable_picture_is_named(tmp_path: Path, name: str) -> None:
    sample = Sample("p", "train", {"text": tmp_path / name}, ("a",), 7)
    with pytest.raises(DataError, match=r"row 7: cannot read the file"):
        store(tmp_path, data=replace(DATA, samples=[sample]))


def test_no_room_is_told_after_the_first_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: usage._replace(free=100))
    encoder = Letters()
    with pytest.raises(DiskFullError, match=r"no room for features in .* more are needed"):
        store(tmp_path, encoder)
    assert encoder.encoded == 4
    monkeypatch.undo()
    assert store(tmp_path, encoder).folder.exists() and encoder.encoded == 22  # went on from there


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("at", range(3, 19, 3))
def test_disk_that_fills_up_while_writing(
    tmp_path: Path, whole: Features, monkeypatch: pytest.MonkeyPatch, code: int, at: int
) -> None:
    calls = 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(DiskFullError, match="no room for features"):
        store(tmp_path)
    assert not (tmp_path / whole.folder.name).exists()
    monkeypatch.undo()
    assert content(store(tmp_path).folder) == content(whole.folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB, where mounting one is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "none", folder], capture_output=True).returncode
    ):
        pytest.skip("no right to mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_real_full_disk(small_disk: Path, whole: Features) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(248 * 1024))
    with pytest.raises(DiskFullError, match="no room for features"):
        store(small_disk)
    assert not (small_disk / whole.folder.name).exists()
    ballast.unlink()
    assert content(store(small_disk).folder) == content(whole.folder)


def test_store_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(BadInput, match=r"cannot write the feature store: .*choose another folder for it"):
            store(root)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(BadInput, match="Permission denied"):
        store(tmp_path)


def test_finished_store_may_be_read_only(whole: Features) -> None:
    for path in whole.folder.parent.glob("*.lock"):
        path.unlink()
    whole.folder.parent.chmod(0o555)
    try:
        assert len(store(whole.folder.parent).rows) == 22
        assert not list(whole.folder.parent.glob("*.lock"))
    finally:
        whole.folder.parent.chmod(0o755)


def test_real_encoders(tmp_path: Path) -> None:
    """Stored in a batch or encoded alone: the same up to the last bit of half precision."""
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "a.png")
    Image.new("RGB", (30, 40), "olive").save(tmp_path / "b.png")
    for kind, contents, config in (
        ("text", ["A red cat.", "Two!"], EncoderConfig(model="minilm", layer=1)),
        ("image", [tmp_path / "a.png", tmp_path / "b.png"], EncoderConfig(model="vit-s14", layer=1, size=56)),
    ):
        samples = [Sample(f"s{k}", "train", {"m": c}, ("a",)) for k, c in enumerate(contents)]
        data = Dataset("real", tmp_path, {"m": kind}, ("a",), "single", samples)
        encoder = load_encoder(config, kind)
        stored = store_features(data, "m", encoder, tmp_path / "store")
        for sample in samples:
            features, valid = stored[sample.id]
            one = encode_one(encoder, read_input(sample, "m", kind))
            torch.testing.assert_close(features, one.features, atol=1e-4, rtol=1e-3)
            assert torch.equal(valid, one.valid)
        meta = json.loads((stored.folder / "meta.json").read_text())
        assert meta["encoder"]["fingerprint"] == encoder.fingerprint and meta["ids"] == ["s0", "s1"]
