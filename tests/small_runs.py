"""Fixtures: one small but real run on scenes, trained once a session with the packaged encoders."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from interplay.config import Config, make_config
from interplay.data.sample import Dataset
from interplay.data.scenes import make_scenes
from interplay.encoders.frozen import Encoder
from interplay.explanation.trained.prepared import prepare_sample
from interplay.models.run import Run
from interplay.models.tokens import Tokens
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.train import train

SMALL = {
    "encoders": {"image": {"layer": 1}},  # under a quarter of the work; pictures need no good features here
    "fusion": {"width": 32, "heads": 2},
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


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """240 scenes of all four stories."""
    return make_scenes(tmp_path_factory.mktemp("data") / "scenes", samples=240)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One feature store for the session."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, scenes: Dataset, store: Path, small_config: Config) -> SmallRun:
    """fl-i2moe trained for a few epochs."""
    run = train(scenes, small_config, tmp_path_factory.mktemp("runs") / "small", store=store)
    return SmallRun(run, scenes, open_encoders(run, "cpu"), store)
