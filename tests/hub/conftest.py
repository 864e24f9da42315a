"""Fixtures: finished runs of random models on features computed beforehand, which no encoder has to be loaded for."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from interplay.config import Config, make_config
from interplay.data.sample import Sample
from interplay.encoders.precomputed import PrecomputedEncoder
from interplay.files.run_folder import ENSEMBLE_FILE
from interplay.models.checkpoint import Card, save_model
from interplay.models.fusion import FusionModel
from interplay.models.origin import Origin
from interplay.models.run import Run, finish_run, start_run
from interplay.results.baselines import Baselines, Difference
from interplay.results.calibration import ExpectedError, ProbabilityCalibration
from interplay.results.ensemble import EnsembleScores

LABELS = ["calm", "a|b <i>", "loud"]
METRICS = {"loss": 0.4, "accuracy/calm": 0.9, "accuracy": 0.8, "macro_f1": 0.75, "auroc": 0.7, "map": 0.625}
LOW = {"loss": 0.7, "accuracy": 0.5, "macro_f1": 0.25, "auroc": 0.5, "map": 0.375}
SECRET = "/srv/secret-home/alice"
SMALL = {"width": 16, "heads": 2, "routing_hidden": 8, "dropout": 0.0}
WIDTHS, LENGTHS = {"sound": 6, "gaze": 5}, {"sound": 4, "gaze": 3}

MakeRun = Callable[..., Run]


def baselines_of(low: float = -0.01) -> Baselines:
    return Baselines(
        headline="map",
        model=METRICS["map"],
        difference=Difference(value=0.125, low=low, high=0.25, samples=40),
        penalty=0.1,
        prior={"val": LOW, "test": LOW | {"map": 0.125}},
        linear_probe={"val": LOW, "test": LOW | {"map": 0.5}},
    )


def calibration_of() -> ProbabilityCalibration:
    error = ExpectedError(value=0.05, se=0.01, by_chance=0.02, by_chance_high=0.04)
    return ProbabilityCalibration(
        ece={"val": error, "test": error},
        temperature=1.25,
        ece_tempered={"val": 0.01, "test": 0.02},
        thresholds=dict.fromkeys(LABELS, 0.5),
        at_thresholds={"val": METRICS, "test": {"macro_f1": 0.8125}},
        never=["a|b <i>"],
        never_at_half=["a|b <i>"],
    )


def config_of(seed: int, kind: str, **settings: object) -> Config:
    explain = {"budget": 200, "candidates": 3, "ig_steps": 4}
    return make_config({"seed": seed, "device": "cpu", "fusion": SMALL | {"kind": kind}, "explain": explain} | settings)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A finished run in tmp_path/runs/NAME, whose provenance names a place that must not be given to others."""

    def make(name: str = "first", kind: str = "fl-i2moe", seed: int = 0, low: float = -0.01, **settings: object) -> Run:
        import torch

        config = config_of(seed, kind, **settings)
        encoders = {m: PrecomputedEncoder(config.encoder(m, "features"), m, WIDTHS[m], LENGTHS[m]) for m in WIDTHS}
        card = Card(
            fusion=config.fusion,
            labels=LABELS,
            label_kind="multi",
            modalities=dict.fromkeys(WIDTHS, "features"),
            widths=WIDTHS,
            lengths=LENGTHS,
            encoders={m: e.fingerprint for m, e in encoders.items()},
            epoch=2,
        )
        torch.manual_seed(seed)
        folder = tmp_path / "runs" / name
        versions = {"python": "3.11", "interplay": importlib.metadata.version("interplay")}
        splits = {"train": 1000, "val": 20, "test": 40}
        stores = {m: f"{m}-0123456789" for m in WIDTHS}
        start_run(folder, config, Origin("beats", "0f" * 8, f"{SECRET}/beats", stores, versions, seed, splits), False)
        model = FusionModel(card.fusion, card.shape)
        for weights in model.parameters():  # some begin at 0, and would let every feature count nothing
            weights.data += 0.3 * torch.randn_like(weights)
        save_model(model, card, folder / "model")
        (folder / "logs").mkdir()
        (folder / "logs" / "events.of.alice").write_text(SECRET)
        return finish_run(folder, {"val": METRICS, "test": METRICS}, baselines_of(low), calibration_of())

    return make


@pytest.fixture
def make_seeds(make_run: MakeRun) -> Callable[[], list[Run]]:
    """Two runs of one training that differ in their seed, with what was measured of their mean."""

    def make() -> list[Run]:
        runs = [make_run(f"both/seed{seed}", seed=seed) for seed in (0, 1)]
        together = EnsembleScores(
            runs=["seed0", "seed1"],
            metrics={"val": METRICS, "test": METRICS | {"map": 0.875}},
            baselines=baselines_of(),
            calibration=calibration_of(),
        )
        (runs[0].folder.parent / ENSEMBLE_FILE).write_text(together.model_dump_json())
        return runs

    return make


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A sample of both modalities."""
    draws, inputs = np.random.default_rng(0), {}
    for modality, width in WIDTHS.items():
        inputs[modality] = tmp_path / f"{modality}.npy"
        np.save(inputs[modality], draws.standard_normal((LENGTHS[modality], width)).astype(np.float32))
    return Sample(id="one", split="test", inputs=inputs, labels=("calm",))
