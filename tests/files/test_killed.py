"""`kill -9` before any operation on files: the same work done again leaves what it would have left unbroken."""

from contextlib import suppress
from pathlib import Path

import pytest
from tests.killing import check_every_kill
from tests.run_pages import made_report, made_rows, small_pictures

from interplay.data.scenes import make_scenes
from interplay.errors import RunExistsError
from interplay.features.hashes import ContentHashes
from interplay.files import only_writer, write_atomic
from interplay.files.checksums import write_summed, write_sums
from interplay.report.run_page import write_report


def test_scenes(tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        with suppress(RunExistsError):
            make_scenes(folder / "scenes", samples=3)

    assert check_every_kill(work, tmp_path) >= 8


def test_scenes_that_replace_others(tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        if not (folder / "scenes").exists() and not list(folder.iterdir()):
            make_scenes(folder / "scenes", samples=2, seed=1)
        make_scenes(folder / "scenes", samples=2, overwrite=True)

    assert check_every_kill(work, tmp_path) >= 10


@pytest.mark.parametrize("earlier", [False, True])
def test_the_page_of_a_run(tmp_path: Path, earlier: bool) -> None:
    """A new one, and one in the place of an earlier one."""
    pictures = small_pictures(tmp_path / "pictures", 3)
    report = made_report(made_rows(6, pictures))
    (tmp_path / "work").mkdir()

    def work(folder: Path) -> None:
        out = folder / "report"
        if earlier and not out.exists():
            write_report(made_report(made_rows(4, pictures), title="earlier"), out)
        write_report(report, out)

    assert check_every_kill(work, tmp_path / "work", every=2 if earlier else 1) >= 8


def test_files_with_their_sums(tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        with only_writer(folder / "run"):
            write_atomic(folder / "run" / "a", "1")
            write_sums(folder / "run", ["a"])
            write_summed(folder / "run" / "b", "2")
            write_summed(folder / "run" / "b", "3")

    assert check_every_kill(work, tmp_path) >= 10


def test_hashes_that_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interplay.features.hashes.GRANULARITY_NS", -(10**18))
    (tmp_path / "file").write_text("x")
    (tmp_path / "work").mkdir()

    def work(folder: Path) -> None:
        hashes = ContentHashes(folder / "store")
        hashes.of(tmp_path / "file")
        hashes.save()

    assert check_every_kill(work, tmp_path / "work") >= 4
