"""`interplay export` and `interplay push`: one folder, one address, and errors of one line."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hub.conftest import MakeRun
from tests.hub.test_hub import TOKEN, Hub, hub

from interplay import open_run, save_pretrained
from interplay.cli.app import main
from interplay.data.sample import Sample
from interplay.files import exported
from interplay.files.exported import CARD_FILE, MANIFEST_FILE, sha256_of
from interplay.models.run import Run

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


def test_the_page_of_docs_can_be_followed_from_top_to_bottom(hub: Hub, command: Command, make_run: MakeRun) -> None:
    shutil.copytree(make_run().folder, "runs/first")
    page = (Path(__file__).parents[2] / "docs" / "hub.md").read_text()
    shell, python = (re.findall(rf"```{kind}\n(.*?)```", page, flags=re.DOTALL)[0] for kind in ("sh", "python"))
    for line in shell.splitlines()[:2]:
        command(*shlex.split(line, comments=True)[1:])
    exec(compile(python.partition("sample = ")[0], "docs/hub.md", "exec"), {})
    assert open_run("owner/films").results == Path("owner--films-results")


@pytest.mark.parametrize("seeds", [False, True])
def test_each_file_is_hashed_once_a_command(
    hub: Hub,
    command: Command,
    make_run: MakeRun,
    make_seeds: Callable[[], list[Run]],
    sample: Sample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seeds: bool,
) -> None:
    folder = save_pretrained(make_seeds() if seeds else make_run(), tmp_path / "films")
    hashed: list[Path] = []
    monkeypatch.setattr(exported, "sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    command("explain", folder, *(part for m, path in sample.inputs.items() for part in ("--input", f"{m}={path}")))
    assert len(hashed) == len(set(hashed)) == len(json.loads((folder / MANIFEST_FILE).read_text())["files"])
