"""SHA256SUMS: what `sha256sum --check` reads, and a file that has changed is refused by name."""

import shutil
import subprocess
from pathlib import Path

import pytest

from interplay.errors import CheckpointError, DataError
from interplay.files.checksums import SUMS_FILE, check_sum, sha256_of, sums_of, write_summed, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("{}")
    (tmp_path / "a b.txt").write_text("text")
    write_sums(tmp_path, ["a b.txt", "model/card.json"])
    return tmp_path


def test_what_is_as_it_was_written_passes(folder: Path) -> None:
    for name in ("a b.txt", "model/card.json", "not listed"):
        check_sum(folder, name)
    assert sums_of(folder) == {name: sha256_of(folder / name) for name in ("a b.txt", "model/card.json")}
    check_sum(folder / "model", "card.json")  # of an older version: there is no list


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum")
def test_sha256sum_reads_it(folder: Path) -> None:
    check = ["sha256sum", "--check", "--strict", SUMS_FILE]
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode == 0
    (folder / "a b.txt").write_text("other")
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode == 1


@pytest.mark.parametrize("change", ["other", "", None])
def test_what_has_changed_is_named(folder: Path, change: str | None) -> None:
    file = folder / "model" / "card.json"
    file.unlink() if change is None else file.write_text(change)
    with pytest.raises(DataError) as error:
        check_sum(folder, "model/card.json", fix="copy it anew", error=DataError)
    message = str(error.value)
    assert message.startswith(f"{file}: the file is not the one that was written; expected sha256 44136fa355b3")
    assert message.endswith("copy it anew") and ("got nothing" in message) == (change is None)


@pytest.mark.parametrize("text", ["nonsense", "12  a b.txt", "\0", "f" * 64 + " a b.txt"])
def test_a_damaged_list_is_named(folder: Path, text: str) -> None:
    (folder / SUMS_FILE).write_text(text)
    with pytest.raises(CheckpointError, match=rf"{SUMS_FILE}: cannot read"):
        check_sum(folder, "a b.txt")


def test_a_file_is_listed_beside_the_others_and_never_looks_changed(folder: Path, monkeypatch) -> None:
    write_summed(folder / "later.json", "1")
    assert sums_of(folder).keys() == {"a b.txt", "later.json", "model/card.json"}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("interplay.files.checksums.sha256_of", killed)  # between the file and the list
    with pytest.raises(KeyboardInterrupt):
        write_summed(folder / "later.json", "2")
    monkeypatch.undo()
    assert (folder / "later.json").read_text() == "2"
    for name in ("a b.txt", "later.json", "model/card.json"):
        check_sum(folder, name)
    write_summed(folder / "later.json", "2")
    assert sums_of(folder)["later.json"] == sha256_of(folder / "later.json")
