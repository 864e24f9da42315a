"""A layout with options, from the command line to a run and back; two pictures that share one encoder."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.data.layouts import films, screens

from interplay.cli import app as cli
from interplay.config import Config, make_config, read_config
from interplay.data.enrico import TOPICS
from interplay.data.registry import open_dataset
from interplay.data.table_write import write_table
from interplay.errors import ConfigError
from interplay.models.run import open_run
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import load_encoders
from interplay.pipeline.explain import explain
from interplay.pipeline.validate import plant_and_train

TINY = ["training.epochs=1", "device=cpu", "fusion.width=16", "fusion.heads=2"]
GENRES = (["Drama"], ["Comedy", "Drama"], ["Comedy"], ["War"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty films, one poster missing."""
    splits = ["train"] * 12 + ["dev"] * 4 + ["test"] * 4
    about: dict[str, tuple[str, dict[str, Any]]] = {
        f"{n:07d}": (split, {"plot": [f"film {n}", f"film {n} is a longer story"], "genres": GENRES[n % 4]})
        for n, split in enumerate(splits)
    }
    made = films(tmp_path_factory.mktemp("layouts") / "films", about, size=(100, 120))
    (made / "dataset" / "0000002.jpeg").unlink()
    return made


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    sys.argv = ["interplay", *map(str, arguments)]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0), *capsys.readouterr()


def test_options_go_with_the_run(
    folder: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    sets = [word for text in (*TINY, "data.plot=first") for word in ("--set", text)]
    code, _, err = run_cli(capsys, "train", folder, "--out", tmp_path / "r", "--store", store, *sets)
    note = "Note: 1 of 12 train samples is skipped: without a poster (the first: 0000002); 11 remain."
    assert code == 0 and note in err.splitlines()
    assert read_config(tmp_path / "r" / "config.toml").data == {"plot": "first"}

    run = open_run(tmp_path / "r")
    again = data_of(run)
    assert again.options == {"plot": "first"} and again.samples[0].inputs["plot"] == "film 0"
    assert data_of(run, folder).options == {"plot": "first"}

    table = write_table(again, tmp_path / "table").source
    assert len(data_of(run, table).samples) == 19  # a table has no options, and takes none
    with pytest.raises(ConfigError, match=r"unknown key data\.plot"):
        open_dataset(table, run.config.data)

    code, out, err = run_cli(capsys, "evaluate", tmp_path / "r", "--store", store, "--json")
    assert code == 0 and note in err.splitlines() and json.loads(out)["metrics"]["loss"] > 0
    explained = explain(run, again.split("test")[:1], config=brief(run.config))[0]
    assert explained.inputs["plot"].text == "film 16"

    copy, planted = plant_and_train(run, again, tmp_path / "p", config=brief(run.config), samples=19, store=store)
    assert planted.config.data == {} and data_of(planted).samples == copy.samples


def brief(config: Config) -> Config:
    less = {"budget": 200, "candidates": 2, "ig_steps": 2}
    return make_config(config.model_dump(exclude_none=True) | {"explain": less})


def test_bad_options_leave_nothing(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run_cli(capsys, "train", folder, "--out", tmp_path / "r", "--set", "data.plott=first")
    assert code == 2 and not out and "did you mean data.plot?" in err and not (tmp_path / "r").exists()


def test_check_of_a_layout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_cli(capsys, "data", "check", folder)
    assert code == 0 and "warning: " in out and "1 of 12 train samples is skipped" in out and "is sound" in out
    assert run_cli(capsys, "data", "check", folder, "--set", "data.plot=middle")[0] == 2


def test_two_pictures_share_one_encoder(tmp_path: Path) -> None:
    dataset = open_dataset(screens(tmp_path, [(str(n), TOPICS[n % 2]) for n in range(20)]))
    config = make_config({"encoders": {"image": {"model": "efficientnet-lite0", "size": 64}}})
    one = load_encoders(config, dict(dataset.modalities), "cpu")
    assert list(one) == ["screenshot", "wireframe"] and one["screenshot"] is one["wireframe"]
    own = {"wireframe": {"model": "efficientnet-lite0", "size": 64, "fit": "stretch"}}
    apart = make_config({"encoders": {"image": {"model": "efficientnet-lite0", "size": 64}, **own}})
    two = load_encoders(apart, dict(dataset.modalities), "cpu")
    assert two["screenshot"] is not two["wireframe"]
    assert two["screenshot"].fingerprint == one["screenshot"].fingerprint != two["wireframe"].fingerprint
