"""A folder is made whole or not at all, by one process at a time; what killed ones left beside it goes."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from interplay.errors import InUseError, RunExistsError
from interplay.files import folders
from interplay.files.folders import whole_folder

MARKS = ["table"]


def make(folder: Path, text: str = "new", overwrite: bool = False) -> None:
    with whole_folder(folder, overwrite, MARKS, "a table") as made:
        (made / "table").write_text(text)


def in_a_killed_process(work: Callable[[], None]) -> None:
    """Do something in a process that ends by SIGKILL, as at any moment."""
    if (child := os.fork()) == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    def begin() -> None:
        with whole_folder(tmp_path / "scenes", False, MARKS, "a table") as made:
            (made / "table").write_text("half")
            die()

    in_a_killed_process(begin)
    (tmp_path / ".scenes.notes").mkdir()  # of the user
    assert len(left := sorted(path.name for path in tmp_path.iterdir())) == 3 and left[0].startswith(".scenes.")
    make(tmp_path / "scenes")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".scenes.notes", "scenes"]
    assert (tmp_path / "scenes" / "table").read_text() == "new"


@pytest.mark.parametrize("at", [1, 2])
def test_killed_between_renames_the_new_one_stands(tmp_path: Path, at: int) -> None:
    """After the old one was moved away, or before it was removed."""
    make(tmp_path / "scenes", "old")

    def swap() -> None:
        calls = 0
        rename = Path.rename

        def count(path: Path, target: Path) -> Path:
            nonlocal calls
            calls += 1
            found = rename(path, target)
            if calls == at:
                die()
            return found

        Path.rename = count  # type: ignore[method-assign]
        make(tmp_path / "scenes", "new", overwrite=True)

    in_a_killed_process(swap)
    assert (tmp_path / "scenes").exists() == (at == 2)
    make(tmp_path / "scenes", "newer", overwrite=True)
    assert (tmp_path / "scenes" / "table").read_text() == "newer"
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_one_that_was_killed_between_renames_is_there_again(tmp_path: Path) -> None:
    made, old = tmp_path / ".scenes.0123456789ab", tmp_path / ".scenes.0123456789ab.old"
    old.mkdir()
    (old / "table").write_text("old")
    with pytest.raises(RunExistsError, match="there is a table already"):
        make(tmp_path / "scenes")  # what is there again is not overwritten
    assert (tmp_path / "scenes" / "table").read_text() == "old" and not old.exists() and not made.exists()


def test_a_second_one_is_refused_before_the_work(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "scenes", False, MARKS, "a table") as made:
        (made / "table").write_text("mine")
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            try:
                make(tmp_path / "scenes")
            except InUseError as error:
                os.write(writing, str(error).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert f"scenes: another process writes here (process {os.getpid()} of" in pipe.read()
    assert (tmp_path / "scenes" / "table").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_an_error_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "scenes", "old")

    def fail(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(folders, "_swap", fail)
    with pytest.raises(PermissionError):
        make(tmp_path / "scenes", "new", overwrite=True)
    assert (tmp_path / "scenes" / "table").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]
    shutil.rmtree(tmp_path / "scenes")
