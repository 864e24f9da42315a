"""What is shown of long work, where."""

import contextlib
import io
import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console

from interplay.cli import console as command_line
from interplay.progress import SILENT, Progress
from interplay.progress import console as console_progress
from interplay.progress.console import bars_on, progress_or_default
from interplay.progress.log import LogProgress


@pytest.fixture
def screen(monkeypatch) -> io.StringIO:
    """What a terminal of 100 columns shows that stands in place of standard error."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=100, legacy_windows=False)
    monkeypatch.setattr(console_progress, "Console", lambda stderr: terminal)
    return shown


def last_drawn(screen: io.StringIO) -> str:
    """What is left on the screen: what was drawn after lines were erased for the last time."""
    return screen.getvalue().split("\x1b[2K")[-1]


def test_a_terminal_gets_bars_of_what_was_done(screen):
    with progress_or_default() as progress:
        advance = progress.stage("Encode text")
        advance(1, 7)
        advance(7, 7)
    assert "Encode text" in last_drawn(screen) and "7/7" in last_drawn(screen)
    assert "Start" not in last_drawn(screen)


def test_stages_of_one_name_share_a_bar(screen):
    with progress_or_default() as progress:
        for _ in range(2):
            progress.stage("Explain s1")(4, 4)
    assert last_drawn(screen).count("Explain s1") == 1


def test_what_was_asked_for_is_used_as_it_is(screen):
    asked = Progress()
    with progress_or_default(asked) as progress:
        assert progress is asked
    assert screen.getvalue() == ""


def test_no_terminal_gets_nothing(capsys):
    with progress_or_default() as progress:
        assert progress is SILENT
        progress.stage("Encode text")(7, 7)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_that_cannot_draw_bars_gets_lines(screen, monkeypatch):
    notebook = Console(file=screen, force_jupyter=True, width=100)
    monkeypatch.setattr(console_progress, "Console", lambda stderr: notebook)
    monkeypatch.setattr(console_progress, "find_spec", lambda name: None)
    with progress_or_default() as progress:
        assert isinstance(progress, LogProgress)


def test_a_log_gets_a_line_when_a_stage_is_done_and_now_and_then():
    lines: list[str] = []
    often, seldom = LogProgress(lines.append, seconds=0.0), LogProgress(lines.append, seconds=1000.0)
    for progress in (often, seldom):
        advance = progress.stage("Train")
        for done in (1, 2, 2):
            advance(done, 2)
    assert lines == ["Train: 1 of 2", "Train: 2 of 2", "Train: 2 of 2"]


def test_names_are_no_markup(screen):
    with bars_on(Console(file=screen, force_terminal=True, width=100)) as bars:
        bars.stage("Explain [red]x[/red]")(1, 1)
    assert "[red]x[/red]" in screen.getvalue()


def test_a_line_is_printed_as_it_is(screen, capsys):
    line = "no sample ':cat:' in [red]x[/red]"
    with bars_on(Console(file=screen, force_terminal=True, width=100)) as bars:
        bars.note(line)
    assert line in screen.getvalue()
    command_line.say(line)
    command_line.print_lines([line])
    assert capsys.readouterr() == (f"{line}\n", f"{line}\n")


RESULT = """
import sys
from interplay.cli import console
with console.working() as progress:
    progress.stage("Count")(1, 2)
    console.print_lines(["a result"])
    console.print_json({"a": 1})
    console.say("Note: " + "long " * 60 + "\\rend")
"""


def test_results_go_to_standard_output_while_bars_are_drawn(tmp_path):
    """Standard error is a terminal, standard output a file."""
    master, slave = pty.openpty()
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.Popen([sys.executable, "-c", RESULT.replace("\\\\", "\\")], stdout=out, stderr=slave)
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(master, 4096):
                shown += piece
        assert done.wait() == 0
    os.close(master)
    assert (tmp_path / "out").read_text().startswith("a result\n{") and b"a result" not in shown
    assert b"long " * 60 + b"end" in shown and b"Count" in shown


def test_what_moves_the_cursor_is_not_printed(capsys):
    command_line.say("a\rb\x07\x1b[2Jc\td")
    command_line.print_lines(["a\rb\x1b[31m"])
    assert capsys.readouterr() == ("ab[31m\n", "ab[2Jc\td\n")


def test_names_that_a_terminal_cannot_show_are_spelt(tmp_path):
    splits = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    rows = "".join(f"{n},text {n},{('dog', chr(0x732B))[n % 2]},{split}\n" for n, split in enumerate(splits))
    (tmp_path / "samples.csv").write_text("id,text,labels,split\n" + rows, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "interplay", "data", "check", str(tmp_path)],
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr and done.returncode == 0, done.stderr
    assert b"\\u732b" in done.stdout
