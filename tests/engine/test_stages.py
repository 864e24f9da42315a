"""Stages by the workers of a real Ray cluster give what one process gives."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from interplay.cli import app as cli
from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.encoders.frozen import Encoder
from interplay.engine import SERIAL, Engine
from interplay.errors import DataError
from interplay.pipeline.encode import encode, encoders_for
from interplay.pipeline.explain import explain
from interplay.results import Explanation
from interplay.study import running
from interplay.study.config import make_study
from interplay.study.running import run_study
from interplay.study.writing import write_study
from tests.small_runs import SmallRun
from tests.small_study import ASKED, SETTINGS, quiet

pytestmark = pytest.mark.slow


def _without_times(explanation: Explanation) -> dict[str, object]:
    return explanation.model_dump(exclude={"seconds"})


def test_features_are_the_same_bytes(
    on_ray: Engine, scenes: Dataset, small_config: Config, store: Path, tmp_path: Path
):
    stored = encode(scenes, small_config, store=tmp_path, engine=on_ray)
    for features in stored.values():
        for name in ("features.bin", "valid.bin", "counts.bin", "meta.json"):
            assert (features.folder / name).read_bytes() == (store / features.folder.name / name).read_bytes()


class KillsItsWorker(Encoder):
    """An encoder whose process dies at one batch, the first time; it keeps account of batches."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        super().__init__(encoder.network, encoder.config)
        self.inner, self.folder, self.fingerprint = encoder, folder, encoder.fingerprint
        self.kind, self.width, self.max_features = encoder.kind, encoder.width, encoder.max_features

    def encode(self, inputs):
        with (self.folder / "batches").open("a") as file:
            file.write(f"{inputs[0]}\n")
        if not (self.folder / "died").exists() and len((self.folder / "batches").read_text().splitlines()) == 3:
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.encode(inputs)

    def parts(self, content):
        return self.inner.parts(content)


def test_a_worker_that_dies_while_encoding_loses_nothing(
    on_ray: Engine, scenes: Dataset, small_config: Config, store: Path, tmp_path: Path
):
    encoders = encoders_for(scenes, small_config)
    dying = {**encoders, "text": KillsItsWorker(encoders["text"], tmp_path)}
    stored = encode(scenes, small_config, store=tmp_path / "store", encoders=dying, engine=on_ray)
    assert (tmp_path / "died").exists()
    batches = (tmp_path / "batches").read_text().splitlines()
    assert len(batches) == -(-len(scenes.samples) // 32) + 1  # one batch twice
    folder = stored["text"].folder
    assert (folder / "features.bin").read_bytes() == (store / folder.name / "features.bin").read_bytes()


def test_explanations_are_the_same(on_ray: Engine, small_run: SmallRun):
    samples = small_run.dataset.split("test")[:3]
    by_one = explain(small_run.run, samples, encoders=small_run.encoders)
    by_workers = explain(small_run.run, samples, encoders=small_run.encoders, engine=on_ray)
    assert [_without_times(e) for e in by_workers] == [_without_times(e) for e in by_one]


def test_an_unreadable_picture_is_named_as_by_one_process(on_ray: Engine, small_run: SmallRun, tmp_path: Path):
    good, bad = small_run.dataset.split("test")[:2]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    bad = replace(bad, inputs={**bad.inputs, "image": tmp_path / "broken.png"})
    with pytest.raises(DataError, match=r"broken\.png"):
        explain(small_run.run, [good, bad], engine=on_ray)


def test_a_study_is_the_same(on_ray: Engine, scenes: Dataset, store: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(running, "STORY_BACKGROUNDS", 8)  # as workers have it; `small_study` takes fewer
    study = make_study({"study": {**ASKED, "models": ["dense"]}, **SETTINGS})
    for out, engine in ((tmp_path / "one", SERIAL), (tmp_path / "workers", on_ray)):
        write_study(run_study(study, scenes, out, store=store, engine=engine, say=quiet), out, "interplay study")
    tables = sorted((tmp_path / "one" / "tables").glob("*.csv"))
    assert tables
    for table in tables:
        if table.stem != "table3_cost":  # seconds
            assert (tmp_path / "workers" / "tables" / table.name).read_text() == table.read_text()


def test_the_command_explains_by_workers(on_ray: Engine, small_run: SmallRun, tmp_path: Path, monkeypatch, capsys):
    """`--engine ray` takes the cluster that this process has joined."""
    given = [small_run.run.folder, "--data", small_run.dataset.source, "--count", "2", "--out", tmp_path, "--json"]
    monkeypatch.setattr("sys.argv", ["interplay", "explain", *map(str, given), "--engine", "ray"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert not ended.value.code, printed.err
    assert "Explain: 2 of 2" in printed.err
    by_one = explain(small_run.run, small_run.dataset.split("test")[:2], encoders=small_run.encoders)
    assert [e["target"] for e in json.loads(printed.out)] == [e.target for e in by_one]
    assert len(list(tmp_path.glob("*.json"))) == 2
