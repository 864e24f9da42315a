"""What messages say beside the fault: what was meant, and all packages that are missing, at once."""

import importlib.util
import re
import sys
from typing import Any

import pytest

from interplay.cli import app as cli
from interplay.config import make_config
from interplay.errors import ConfigError, needs, suggestion


@pytest.mark.parametrize(
    "name, known, hint",
    [
        ("smears", ["smear", "storm"], "; did you mean smear?"),
        ("SARCASM", ["sarcasm"], "; did you mean sarcasm?"),
        ("tain", ["train", "val", "test"], "; did you mean train?"),
        ("xyz", ["train"], ""),
        ("", ["train"], ""),
    ],
)
def test_a_name_that_is_nearly_known_is_suggested(name: str, known: list[str], hint: str) -> None:
    assert suggestion(name, known) == hint


def test_all_packages_of_an_extra_that_are_missing_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    gone = {"torch", "lightning", "matplotlib"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in gone else find(name, *more))
    message = needs(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert message == "this needs torch, lightning, matplotlib, which are not installed; pip install 'interplay[train]'"
    assert needs(ModuleNotFoundError("No module named 'nothing'", name="nothing")) is None


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"device": "gpu"}, r"none called 'gpu', but auto, cpu, cuda, cuda:1 or mps; did you mean cuda\?"),
        ({"device": "tpu"}, r"none called 'tpu', but auto, cpu, cuda, cuda:1 or mps;"),
        ({"epochs": 5}, r"unknown key epochs \(did you mean training\.epochs\?\)"),
        ({"max_tokens": 5}, r"did you mean encoders\.text\.max_tokens"),
        ({"training": {"epoch": 5}}, r"did you mean training\.epochs"),
        ({"zzz": 5}, r"unknown key zzz \(no key is like it\)"),
    ],
)
def test_settings_that_are_nearly_right_are_suggested(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(settings)


WALK = [
    # the natural mistakes of a new user -> what is answered
    ("explain DATA", "a dataset (a table) lies here, no run.*interplay train"),
    ("evaluate DATA/samples.csv", "a dataset (a table) lies here, no run"),
    ("serve DATA", "a dataset (a table) lies here, no run"),
    ("explain nowhere", "the run is not there.*train it first"),
    ("train nowhere --out run", "there is nothing here.*check the path"),
    ("train RUN --out other", "a run lies here, no dataset.*give the dataset that it was trained on"),
    ("train DATA --out run --device gpu", "did you mean cuda"),
    ("train DATA --out run --set epochs=5", "did you mean training.epochs"),
    ("train DATA --out run --label-column lables", "did you mean labels.*correct --label-column"),
    ("train DATA --out run --preset papre", "did you mean paper"),
    ("train DATA/note.txt --out run", "this file is no table"),
    ("train DATA", "Missing option '--out'"),
    ("data check DATA --text-column texts", "did you mean text"),
]


@pytest.mark.parametrize("line, answer", WALK, ids=[line for line, _ in WALK])
def test_a_walk_over_natural_mistakes(line, answer, tmp_path, monkeypatch, capsys) -> None:
    data, run = tmp_path / "data", tmp_path / "a-run"
    data.mkdir()
    run.mkdir()
    (run / "config.toml").touch()
    rows = [f"{n},{s},text {n},{'ab'[n % 2]}" for n, s in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2)]
    (data / "samples.csv").write_text("\n".join(["id,split,text,labels", *rows]) + "\n")
    (data / "note.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    arguments = line.replace("DATA", str(data)).replace("RUN", str(run)).split()
    monkeypatch.setattr(sys, "argv", ["interplay", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and "Traceback" not in err
    assert re.search(answer.replace("(", r"\(").replace(")", r"\)"), " ".join((out + err).split())), err
    assert not (tmp_path / "run").exists()
