"""What messages say beside the fault: what was meant, and all packages that are missing, at once."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interplay.cli import app as cli
from interplay.config import config_toml, make_config
from interplay.errors import ConfigError, needs, suggestion
from interplay.models.origin import Origin, origin_json


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
    ("train DATA --out DONE", "DONE: a finished run is there already.*--overwrite"),
    ("explain DONE --target smear", "unknown target 'smear'; did you mean smears?"),
    ("explain DONE --split tset", "did you mean test"),
    ("explain DONE --input txt=a", "unknown modality 'txt'; did you mean text?"),
    ("evaluate DONE --split tset", "did you mean test"),
    ("report DONE --split tset", "did you mean test"),
    ("explain WHOLE --sample nobody", "no sample 'nobody'.*an id such as 0, 1, 2"),
    ("explain WHOLE --input image=a.png", "sample 'new' has no 'text'.*the inputs text, image"),
    ("data check DATA --text-column texts", "did you mean text"),
]


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where DATA is a dataset, RUN the folder of an unfinished run and DONE what looks like a finished one."""
    for folder in ("DATA", "RUN", "DONE/model", "WHOLE/model"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("RUN/config.toml", "DONE/config.toml", "DONE/metrics.json"):
        (tmp_path / file).touch()
    (tmp_path / "DONE/model/card.json").write_text('{"labels": ["smears", "b"], "modalities": {"text": "text"}}')
    (tmp_path / "WHOLE/model/card.json").write_text(
        '{"labels": ["a", "b"], "modalities": {"text": "text", "image": "image"}}'
    )
    (tmp_path / "WHOLE/metrics.json").touch()
    (tmp_path / "WHOLE/config.toml").write_text(config_toml(make_config({})))
    (tmp_path / "WHOLE/provenance.json").write_text(origin_json(Origin("d", "", str(tmp_path / "DATA"), {}, {}, 0)))
    rows = [f"{n},{s},text {n},{'ab'[n % 2]}" for n, s in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2)]
    (tmp_path / "DATA/samples.csv").write_text("\n".join(["id,split,text,labels", *rows]) + "\n")
    (tmp_path / "DATA/note.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line, answer", WALK, ids=[line for line, _ in WALK])
def test_a_walk_over_natural_mistakes(line, answer, walk, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["interplay", *line.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and "Traceback" not in err
    pattern = re.sub(r"[()?]", r"\\\g<0>", answer)
    assert re.search(pattern, " ".join((out + err).split())), err
    assert not (walk / "run").exists()


def test_no_answer_of_the_walk_waits_for_pytorch_or_numpy(walk: Path) -> None:
    code = """if True:
        import sys
        from interplay.cli.app import main
        for line in sys.argv[1:]:
            sys.argv = ["interplay", *line.split()]
            try:
                main()
            except SystemExit:
                print("LOADED" if {"torch", "numpy"} & {*sys.modules} else "ANSWERED", line, flush=True)
    """
    command = [sys.executable, "-c", code, *(line for line, _ in WALK)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("ANSWERED") == len(WALK) and "LOADED" not in done.stdout, done.stdout
