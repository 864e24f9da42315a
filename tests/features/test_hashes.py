"""Content hashes are remembered, and never wrong: a file that may have changed is read again."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interplay.features.hashes import FILE, ContentHashes


def settle(path: Path) -> None:
    """Wait until the file is older than what its time stamps can tell apart."""
    while time.time_ns() - path.stat().st_ctime_ns < 2_100_000_000:
        time.sleep(0.1)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Three files for each test, all waited for at once."""
    sets = []
    for _ in range(16):
        folder = tmp_path_factory.mktemp("files")
        sets.append([folder / f"{number}.bin" for number in range(3)])
        for number, path in enumerate(sets[-1]):
            path.write_bytes(bytes([number]) * 100)
    settle(sets[-1][-1])
    return iter(sets)


@pytest.fixture
def files(settled: Iterator[list[Path]]) -> list[Path]:
    return next(settled)


def test_an_unchanged_file_is_read_once(files, tmp_path):
    first = ContentHashes(tmp_path / "store")
    digests = [first.of(path) for path in files]
    assert digests == [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert first.bytes_read == 300
    first.save()
    again = ContentHashes(tmp_path / "store")
    assert [again.of(path) for path in files] == digests and again.bytes_read == 0


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time_of_writing(files, tmp_path):
    hashes = ContentHashes(tmp_path / "store")
    before = hashes.of(files[0])
    hashes.save()
    stamp = files[0].stat()
    files[0].write_bytes(b"x" * 100)
    os.utime(files[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert files[0].stat().st_mtime_ns == stamp.st_mtime_ns
    again = ContentHashes(tmp_path / "store")
    assert again.of(files[0]) != before and again.bytes_read == 100


def test_a_file_written_just_now_is_not_remembered(tmp_path):
    path = tmp_path / "new.bin"
    path.write_bytes(b"a" * 10)
    hashes = ContentHashes(tmp_path / "store")
    assert hashes.of(path) == hashes.of(path)
    assert hashes.bytes_read == 20
    hashes.save()
    assert not (tmp_path / "store" / FILE).exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": [[1, 2], "x"]}', "null", "\x00"])
def test_a_damaged_memory_costs_reading_again(files, tmp_path, content):
    (tmp_path / FILE).write_text(content)
    hashes = ContentHashes(tmp_path)
    hashes.of(files[0])
    assert hashes.bytes_read == 100
    hashes.save()
    assert list(json.loads((tmp_path / FILE).read_text())["files"]) == [str(files[0])]


def test_a_changed_digit_gives_no_wrong_hash(files, tmp_path):
    hashes = ContentHashes(tmp_path)
    digest = hashes.of(files[0])
    hashes.save()
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text.replace(digest, digest[:-1] + ("0" if digest[-1] != "0" else "1")))
    assert ContentHashes(tmp_path).of(files[0]) == digest


def test_what_a_dead_process_left_goes_when_hashes_are_saved(files, tmp_path):
    left = tmp_path / f".{FILE}.4194304.part"
    left.write_text("half")
    hashes = ContentHashes(tmp_path)
    hashes.of(files[0])
    hashes.save()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_writers_at_once_leave_a_whole_file(files, tmp_path):
    def remember(path: Path) -> None:
        for _ in range(20):
            hashes = ContentHashes(tmp_path / "store")
            hashes.of(path)
            hashes.save()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(remember, files))
    stored = json.loads((tmp_path / "store" / FILE).read_text())["files"]
    assert set(stored) == {str(path) for path in files}  # none loses what another wrote
    for path in files:
        assert ContentHashes(tmp_path / "store").of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_store_that_cannot_be_written_is_no_error_here(files, tmp_path):
    (tmp_path / "store").write_text("a file")
    hashes = ContentHashes(tmp_path / "store")
    hashes.of(files[0])
    hashes.save()
    assert (tmp_path / "store").read_text() == "a file"
