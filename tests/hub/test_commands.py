"""`interplay export` and `interplay push`: one folder, one address, and errors of one line."""

import json
import sys
from pathlib import Path

import pytest
from tests.hub.conftest import MakeRun
from tests.hub.test_hub import TOKEN, Hub, hub

from interplay.cli.app import main
from interplay.data.sample import Sample
from interplay.files.exported import CARD_FILE

__all__ = ["hub"]


class Command:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        self.monkeypatch.setattr(sys, "argv", ["interplay", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, err
        return err if code else out


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_a_run_is_exported_pushed_and_explained_by_its_name(
    hub: Hub, command: Command, make_run: MakeRun, sample: Sample, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    said = command("export", make_run().folder, "--out", folder, "--license", "mit", "--data-license", "none of ours")
    assert f"complete it:  {folder / CARD_FILE}" in said and "license: mit" in (folder / CARD_FILE).read_text()
    assert command("push", folder, "me/films").splitlines() == [
        "https://huggingface.co/me/films",
        "Explain with it:  interplay explain me/films --input ...",
    ]
    inputs = [part for m, path in sample.inputs.items() for part in ("--input", f"{m}={path}")]
    said = command("explain", "me/films", *inputs)
    assert f"Open the page:  {Path('me--films-results/explanations/page.html')}" in said
    assert Path("me--films-results/explanations/page.html").is_file() and not Path("me").exists()
    error = command("evaluate", "me/films", code=2)
    assert "the run me/films was exported without its dataset" in error and "--data" in error


def test_for_machines(hub: Hub, command: Command, make_run: MakeRun, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    found = json.loads(command("export", make_run().folder, "--out", folder, "--json"))
    assert found == {"folder": str(folder), "card": str(folder / CARD_FILE)}
    found = json.loads(command("push", folder, "me/films", "--public", "--json"))
    assert found == {"address": "https://huggingface.co/me/films", "name": "me/films"}
    assert hub.calls[-1] == ("create", "me/films", False, True)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["export", "nosuch", "--out", "out"], "nosuch: the run is not there"),
        (["export", "RUN", "--out", "out", "--encoder", "text"], "--encoder text; expected KEY=OWNER/NAME"),
        (["export", "RUN", "--out", "out", "--license", "Apache 2"], "its identifier in lower case"),
        (["push", "nosuch", "me/films"], "nosuch: it has no interplay.json"),
        (["push", "nosuch", "me/films", "--token", "x"], "No such option: --token"),
        (["explain", "me/nothing"], "me/nothing is no folder here, and the hub does not give it"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    hub: Hub, command: Command, make_run: MakeRun, arguments: list[str], words: str
) -> None:
    run = str(make_run().folder)
    said = command(*[run if word == "RUN" else word for word in arguments], code=2)
    assert words in said and said.count("\n") == 1 and TOKEN not in said
    assert not Path("out").exists()
