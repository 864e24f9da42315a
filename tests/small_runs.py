"""Fixtures: one small but real run on scenes, trained once a session with the packaged encoders."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from interplay.config import Config, make_config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.data.scenes import make_scenes
from interplay.encoders.frozen import Encoder
from interplay.explanation.trained.prepared import prepare_sample
from interplay.files.checksums import sums_of, write_sums
from interplay.models.run import Run, open_run
from interplay.models.tokens import Tokens
from interplay.pipeline.encode import encode, open_encoders
from interplay.pipeline.train import train

SMALL = {
    "encoders": {"image": {"layer": 1}},  # under a quarter of the work; pictures need no good features here
    "fusion": {"width": 32, "heads": 2, "dropout": 0.0},  # 4 epochs learn little with dropout
    "device": "cpu",
    "training": {"epochs": 4, "batch_size": 64, "learning_rate": 3e-3},
    "explain": {"budget": 400, "candidates": 4, "ig_steps": 8},
}


@dataclass(frozen=True)
class SmallRun:
    """A run with what it was trained on."""

    run: Run
    dataset: Dataset
    encoders: dict[str, Encoder]
    store: Path

    def tokens(self, number: int) -> Tokens:
        """The tokens of one test sample."""
        return prepare_sample(self.run, self.encoders, self.dataset.split("test")[number]).tokens


@pytest.fixture(scope="session")
def small_config() -> Config:
    """The default settings, made small: one thing a test must not depend on is how good the model is."""
    return make_config(SMALL)


def rewrite(run: Path, name: str, change: Callable[[str], str]) -> None:
    """Change a file of a run as if it had been written so."""
    text = (run / name).read_text(encoding="utf-8")
    assert change(text) != text
    (run / name).write_text(change(text), encoding="utf-8")
    write_sums(run, sums_of(run))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one of the workers makes and all of them read; who wants to change something copies it."""
    root = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    folder = root / f"made-{name}"
    with FileLock(root / f"made-{name}.lock"):
        if not folder.exists():
            make(root / f"making-{name}")
            (root / f"making-{name}").rename(folder)
    return folder


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """240 scenes of all four stories."""
    return open_dataset(made_once(tmp_path_factory, "scenes", lambda to: make_scenes(to, samples=240)))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, scenes: Dataset, small_config: Config) -> Path:
    """A feature store of this worker, which holds the scenes already."""
    own = tmp_path_factory.mktemp("stores") / "store"
    encoded = made_once(tmp_path_factory, "store", lambda to: encode(scenes, small_config, store=to))
    return Path(shutil.copytree(encoded, own))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, scenes: Dataset, store: Path, small_config: Config) -> SmallRun:
    """fl-i2moe trained for a few epochs."""
    trained = made_once(tmp_path_factory, "run", lambda to: train(scenes, small_config, to, store=store))
    run = open_run(Path(shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "small")))
    return SmallRun(run, scenes, open_encoders(run, "cpu"), store)
