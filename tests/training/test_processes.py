"""Two processes that torchrun started train one model: the loss curve is that of one process."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from interplay.config import make_config
from interplay.errors import BadInput
from interplay.models.run import open_run
from interplay.pipeline.train import train
from interplay.training.data import EpochShuffle, SharedBatches
from interplay.training.processes import Processes, processes, refuse_several

# Neither dropout nor draws of what is removed, which each process makes by itself.
SAME = ["--model", "dense", "--epochs", "3", "--no-mask-aware", "--set", "fusion.dropout=0.0", "--device", "cpu"]
SMALL = ["--set", "fusion.width=32", "--set", "fusion.heads=2", "--set", "training.batch_size=36"]
SMALL += ["--set", "encoders.image.layer=1"]  # as the store has them


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 5))
def test_the_parts_of_a_batch_are_the_batch(samples: int, size: int, count: int):
    order = EpochShuffle(samples, 3)
    whole = list(SharedBatches(order, size))
    parts = [list(SharedBatches(order, size, rank, count)) for rank in range(count)]
    assert all(len(part) == len(whole) == len(SharedBatches(order, size)) for part in parts)
    for k, batch in enumerate(whole):
        together = [row for part in parts for row in part[k]]
        assert set(together) == set(batch)
        assert all(part[k] for part in parts)
        if len(batch) >= count:
            assert len(together) == len(batch)


def test_without_torchrun_there_is_one_process():
    assert processes() == Processes(0, 1, 1)
    assert Processes().share(7) == 1.0
    refuse_several()


def test_several_models_by_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert processes() == Processes(1, 4, 2)
    with pytest.raises(BadInput, match="several models by 4 processes; expected one model"):
        refuse_several()


def curve(run: Path) -> dict[str, np.ndarray]:
    """Validation losses by epoch, and training losses of the steps that were logged."""
    with (run / "logs" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {n: np.array([float(r[n]) for r in rows if r.get(n)]) for n in ("val/loss", "train/task")}


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(scenes, store, tmp_path: Path):
    train = ["-m", "interplay", "train", str(scenes.source), "--store", str(store), *SAME, *SMALL]
    one = subprocess.run([sys.executable, *train, "--out", str(tmp_path / "one")], capture_output=True, text=True)
    assert one.returncode == 0, one.stderr
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *train]
    two = subprocess.run([sys.executable, *launch, "--out", str(tmp_path / "two")], capture_output=True, text=True)
    assert two.returncode == 0, two.stderr
    assert two.stderr.count("Epoch 3 of 3") == 1, "one process speaks"
    for name, expected in curve(tmp_path / "one").items():
        np.testing.assert_allclose(curve(tmp_path / "two")[name], expected, rtol=1e-4, atol=1e-5)
    first, second = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("one", "two"))
    for name, weights in first.items():
        # AdamW divides by the gradients' size, so where they are nearly 0 rounding moves a weight by part of a step.
        torch.testing.assert_close(second[name], weights, rtol=1e-3, atol=0.001)
    assert open_run(tmp_path / "two").metrics["test"].keys() == open_run(tmp_path / "one").metrics["test"].keys()
    assert not (tmp_path / "two" / "resume.ckpt").exists()


@pytest.mark.slow
def test_gradients_of_two_batches_make_the_step_of_one_twice_as_large(scenes, store, tmp_path: Path):
    count = len(scenes.split("train"))
    half = next(size for size in range(30, 10, -1) if count % (2 * size) == 0)
    alike = {"device": "cpu", "fusion": {"kind": "dense", "width": 32, "heads": 2, "dropout": 0.0}}
    alike["removal"] = {"mask_aware": False}
    for name, training in {
        "once": {"batch_size": 2 * half},
        "twice": {"batch_size": half, "accumulate": 2},
        "small": {"batch_size": half},
    }.items():
        train(scenes, make_config({**alike, "training": {"epochs": 2, **training}}), tmp_path / name, store=store)
    weights = {name: load_file(tmp_path / name / "model" / "model.safetensors") for name in ("once", "twice", "small")}
    close = {
        name: all(torch.allclose(weights[name][key], one, rtol=1e-3, atol=1e-4) for key, one in weights["once"].items())
        for name in ("twice", "small")
    }
    assert close == {"twice": True, "small": False}


DISAGREE = """
import os, sys
from pathlib import Path
import torch
from interplay.cli.app import main
from interplay.training import diverging, keeping, module
what, out, rank = sys.argv.pop(1), sys.argv[-1], int(os.environ["RANK"])
if what == "loss":
    look = diverging.StopDiverged.on_train_batch_end
    def seen_by_one(self, trainer, pl_module, outputs, *more):
        if rank == 1 and trainer.global_step == 2:
            outputs = {"loss": torch.tensor(torch.nan)}
        look(self, trainer, pl_module, outputs, *more)
    diverging.StopDiverged.on_train_batch_end = seen_by_one
else:
    module.FusionTraining._score = lambda self, metrics: self.current_epoch * (1.0 - 2 * rank)
    keeping.KeepBest.on_train_end = lambda self, *_: Path(f"{out}-{rank}").write_text(str(self.best_epoch))
main()
"""
"""`interplay` in which two processes do not see the same loss, or do not come to the same score."""


def by_two(what: str, scenes, store: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    (tmp_path / "disagree.py").write_text(DISAGREE)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(tmp_path / "disagree.py")]
    train = ["train", str(scenes.source), "--store", str(store), *SAME, *SMALL, "--out", str(tmp_path / "run")]
    return subprocess.run([sys.executable, *launch, what, *train], capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_all_processes_stop_where_one_sees_that_training_diverged(scenes, store, tmp_path: Path):
    done = by_two("loss", scenes, store, tmp_path)
    assert done.returncode != 0
    assert "training diverged at step 2, in epoch 1: its loss is nan" in done.stderr
    assert not (tmp_path / "run").exists(), "the first process removes the run"


@pytest.mark.slow
def test_all_processes_keep_the_epoch_that_the_first_chooses(scenes, store, tmp_path: Path):
    done = by_two("score", scenes, store, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / f"run-{rank}").read_text() for rank in (0, 1)] == ["2", "2"]
