"""One process at a time writes to a folder; the second names the first, and what dead ones left goes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interplay.errors import BadInput, InUseError
from interplay.files import only_writer, write_atomic
from interplay.files.locking import LOCK, held, is_empty, remove_parts

HOLD = """
import pathlib, sys, time
from interplay.files import only_writer
with only_writer(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes to a folder until the block ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    with another_process(folder) as process:
        for _ in range(2):  # being refused changes nothing
            with pytest.raises(InUseError) as error, only_writer(folder):
                pytest.fail("two at once")
            message = str(error.value)
            assert str(folder) in message and f"process {process.pid} of " in message and ": -c '" in message
            assert "wait until it has ended, or choose another folder" in message
    with only_writer(folder):  # it died, and with it its lock
        assert (folder / LOCK).exists()
    assert not folder.exists()


def test_blocks_of_one_thread_nest_and_another_thread_is_refused(tmp_path: Path) -> None:
    refused = []

    def other() -> None:
        with pytest.raises(InUseError) as error, only_writer(tmp_path):
            pytest.fail("two at once")
        refused.append(str(error.value))

    with only_writer(tmp_path):
        with only_writer(tmp_path):
            pass
        assert (tmp_path / LOCK).exists()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1 and f"process {os.getpid()} of" in refused[0]
    assert not (tmp_path / LOCK).exists()


def test_a_folder_that_stays_empty_goes_and_one_with_a_file_stays(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), only_writer(tmp_path / "a" / "b"):
        raise KeyboardInterrupt
    assert not (tmp_path / "a" / "b").exists()
    with only_writer(tmp_path / "c"):
        write_atomic(tmp_path / "c" / "file", "x")
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["file"]


def test_what_a_dead_process_left_half_written_goes(tmp_path: Path) -> None:
    inside, locked = tmp_path / "model", tmp_path / "explanations"
    for folder in (tmp_path, inside, locked):
        folder.mkdir(exist_ok=True)
        (folder / ".page.html.4194304.part").write_text("half")
        (folder / ".hidden").write_text("of the user")
    (locked / LOCK).write_text("another process writes here")
    with only_writer(tmp_path):
        pass
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.part")) == [
        "explanations/.page.html.4194304.part"
    ]
    assert len(list(tmp_path.rglob(".hidden"))) == 3


@pytest.mark.parametrize("left, empty", [([], True), ([LOCK, ".a.b.1.part"], True), (["a"], False), ([".a"], False)])
def test_a_lock_and_halves_of_files_are_nothing(tmp_path: Path, left: list[str], empty: bool) -> None:
    for name in left:
        (tmp_path / name).write_text("")
    assert is_empty(tmp_path) is empty
    assert is_empty(tmp_path / "missing")


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".x.1.part").write_text("")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path / "other")
    remove_parts(tmp_path / "run")
    assert (tmp_path / "other" / ".x.1.part").exists()


def test_a_place_that_is_no_folder_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="a file is there"), only_writer(tmp_path / "file" / "run"):
        pytest.fail("no folder")


def test_who_waits_gets_the_lock_when_its_holder_is_killed(tmp_path: Path) -> None:
    with another_process(tmp_path / "run") as process:
        lock = tmp_path / "run" / LOCK
        timer = threading.Timer(0.3, process.send_signal, [signal.SIGKILL])
        timer.start()
        with held(lock, tmp_path / "run", wait=True) as outermost:
            assert outermost and process.wait(10) == -signal.SIGKILL
    assert not lock.exists()


def test_many_processes_hold_a_lock_one_after_another(tmp_path: Path) -> None:
    """The file goes with each holder: whoever opened it before must not hold a lock that nobody sees."""
    work = (
        "import sys, pathlib\n"
        "from interplay.files.locking import held\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "for _ in range(40):\n"
        "    with held(home / 'lock', home, wait=True):\n"
        "        number = int((home / 'number').read_text())\n"
        "        (home / 'number').write_text(str(number + 1))\n"
    )
    (tmp_path / "number").write_text("0")
    workers = [subprocess.Popen([sys.executable, "-c", work, str(tmp_path)]) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "120"
    assert not (tmp_path / "lock").exists()
