"""A training that diverges, is killed where it ends, or reads what has changed: nothing wrong is kept or used."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.files.test_locking import another_process
from tests.small_runs import SMALL

from interplay.config import make_config, nested
from interplay.errors import CheckpointError, DataError, DivergedError, InUseError, RunExistsError
from interplay.models import run as runs
from interplay.models.origin import origin_of
from interplay.models.run import open_run, start_run
from interplay.pipeline import train as stage
from interplay.pipeline.encode import encode
from interplay.pipeline.train import finished_run, train
from interplay.training.baselines import BaselineAnswers
from interplay.training.module import FusionTraining

QUICK = nested(SMALL, {"training.epochs": 2, "fusion.width": 16, "removal.copies": 0.5})


@pytest.fixture(scope="module")
def ready(scenes, store, small_run):
    """Encoders, features and baselines that every training here shares."""
    config = make_config(QUICK)
    stores = encode(scenes, config, store=store, encoders=small_run.encoders)
    task, splits = stage.splits_of(scenes, stores)
    baselines: BaselineAnswers = stage.prepare_baselines(splits, task, 0)
    return {"encoders": small_run.encoders, "stores": stores, "baselines": baselines}


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"training.learning_rate": 1e20}, r"training diverged at step 2, in epoch 1: its loss is "),
        ({"training.learning_rate": 1e20, "training.batch_size": 200}, r"at step 1, in epoch 1: "),  # a step an epoch
        ({"training.learning_rate": 1e12}, r"at step 2, in epoch 1: "),
        ({"training.learning_rate": 1e30}, r"at step 2, in epoch 1: "),  # the largest that is taken
        ({"training.weight_decay": 1e20}, r"at step 2, in epoch 1: "),
    ],
)
def test_a_training_that_diverges_stops_and_leaves_nothing(scenes, ready, tmp_path, settings, words):
    with pytest.raises(DivergedError, match=words) as error:
        train(scenes, make_config(nested(QUICK, settings)), tmp_path / "run", **ready)
    assert error.value.exit_code == 2
    rate = settings.get("training.learning_rate", make_config(QUICK).training.learning_rate)
    assert f"try a lower training.learning_rate (it is {rate:g}) or a lower training.gradient_clip" in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("what", ["weight", "answer"])
def test_weights_and_answers_that_are_not_finite_are_never_kept(scenes, ready, tmp_path, monkeypatch, what):
    """The loss of the last step says nothing of the weights that it leaves."""
    if what == "weight":

        def broken(module, *_):
            if module.global_step == 3:
                next(module.model.parameters()).data.fill_(torch.nan)

        monkeypatch.setattr(FusionTraining, "on_train_batch_end", broken)
    else:
        collect = FusionTraining.validation_step

        def infinite(module, batch, index):
            collect(module, batch, index)
            module.answers[-1][0].fill_(torch.inf)

        monkeypatch.setattr(FusionTraining, "validation_step", infinite)
    settings = nested(QUICK, {"training.averaging": 0.0})
    with pytest.raises(DivergedError, match=f"{what} .* is not finite"):
        train(scenes, make_config(settings), tmp_path / "run", **ready)
    assert not (tmp_path / "run").exists()


def _ends_early(module, _):
    """Scores by which the first of six epochs is the best, and two more are trained."""
    return -float(module.current_epoch)


@pytest.mark.parametrize("early", [False, True])
def test_a_kill_in_the_last_evaluation_costs_only_that(scenes, ready, tmp_path, monkeypatch, early):
    config = make_config(QUICK)
    if early:
        config = make_config(nested(QUICK, {"training.epochs": 6, "training.patience": 2, "removal.warmup": 0.0}))
        monkeypatch.setattr(FusionTraining, "_score", _ends_early)
    whole = train(scenes, config, tmp_path / "whole", **ready)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stage, "predict_split", killed)
        with pytest.raises(KeyboardInterrupt):
            train(scenes, config, tmp_path / "run", **ready)
    steps = []
    with monkeypatch.context() as patched:
        patched.setattr(FusionTraining, "training_step", lambda *_: steps.append(1))
        run = train(scenes, config, tmp_path / "run", **ready)
    assert not steps, "no epoch is trained again"
    assert run.metrics == whole.metrics and run.card == whole.card and run.weights == whole.weights
    assert {p.name for p in run.folder.iterdir()} == {p.name for p in whole.folder.iterdir()}


def test_what_a_training_left_that_was_killed_as_it_ended_goes(scenes, ready, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(runs, "remove_state", lambda folder: None)  # killed before
        run = train(scenes, make_config(QUICK), tmp_path / "run", **ready)
    assert (run.folder / "resume.ckpt").exists()
    assert finished_run(run.folder, scenes, make_config(QUICK), ready["stores"])
    assert not (run.folder / "resume.ckpt").exists() and not (run.folder / ".lock").exists()


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_a_flipped_bit_in_the_state_of_a_training_is_named(scenes, ready, tmp_path, monkeypatch, where):
    config = make_config(QUICK)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stage, "predict_split", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(scenes, config, tmp_path / "run", **ready)
    state = tmp_path / "run" / "resume.ckpt"
    content = bytearray(state.read_bytes())
    content[int(where * (len(content) - 1))] ^= 4
    state.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"resume\.ckpt: this file .* is damaged.*delete it to train from the start"
    ):
        train(scenes, config, tmp_path / "run", **ready)


def test_a_run_that_was_killed_before_it_began_is_begun_anew(scenes, ready, tmp_path):
    config, folder = make_config(QUICK), tmp_path / "run"
    origin = origin_of(scenes, {m: one.folder.name for m, one in ready["stores"].items()}, config)
    start_run(folder, config, origin, overwrite=False)
    (folder / "provenance.json").unlink()  # the second file that is written
    (folder / ".config.toml.4194304.part").write_text("half")
    run = train(scenes, config, folder, **ready)
    assert run.origin == origin and not list(folder.glob(".*"))


def test_a_folder_with_the_configuration_and_files_of_a_user_is_not_taken(scenes, ready, tmp_path):
    config, folder = make_config(QUICK), tmp_path / "run"
    origin = origin_of(scenes, {m: one.folder.name for m, one in ready["stores"].items()}, config)
    start_run(folder, config, origin, overwrite=False)
    (folder / "provenance.json").unlink()
    (folder / "notes.md").write_text("mine")
    with pytest.raises(RunExistsError, match="an unfinished run on other data is there already"):
        start_run(folder, config, origin, overwrite=False)
    assert (folder / "notes.md").read_text() == "mine"


def test_a_second_training_in_one_folder_is_refused_before_the_work(scenes, ready, tmp_path):
    with (
        another_process(tmp_path / "run") as process,
        pytest.raises(InUseError, match=rf"run: another process writes here \(process {process.pid} of"),
    ):
        train(scenes, make_config(QUICK), tmp_path / "run", **ready)
    assert train(scenes, make_config(QUICK), tmp_path / "run", **ready)  # it was killed
    with pytest.raises(RunExistsError):
        train(scenes, make_config(QUICK), tmp_path / "run", **ready)


@pytest.mark.parametrize(
    "modality, number", [("text", np.nan), ("image", np.nan), ("text", np.inf), ("image", -np.inf)]
)
def test_a_number_in_the_store_that_is_not_finite_is_named_at_its_sample(
    scenes, ready, store, tmp_path, modality, number
):
    copy = Path(shutil.copytree(store, tmp_path / "store"))
    features = ready["stores"][modality]
    values = np.memmap(copy / features.folder.name / "features.bin", np.float16, "r+")
    sample = scenes.split("train")[5].id
    values[int(features.offsets[features.rows[sample]]) * features.width + 3] = number
    values.flush()
    with pytest.raises(
        DataError, match=rf"the stored features of sample '{sample}' are not finite; delete this folder"
    ):
        train(scenes, make_config(QUICK), tmp_path / "run", store=copy, encoders=ready["encoders"])
    assert not (tmp_path / "run" / "metrics.json").exists()


KILLED = """
import os, pathlib, signal, sys
number, calls = int(sys.argv.pop(1)), 0
replace = pathlib.Path.replace
def count(path, target):
    global calls
    calls += 1
    if calls == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)
pathlib.Path.replace = count
from interplay.cli.app import main
main()
"""
"""`interplay`, killed before a file that it has written gets its name."""


@pytest.mark.slow
def test_killed_anywhere_a_training_goes_on_to_the_same_run(scenes, store, small_run, tmp_path):
    options = [f"--set={key}={value}" for key, value in _flat(QUICK).items()]
    command = ["train", str(scenes.source), "--store", str(store), *options]
    whole = train(scenes, make_config(QUICK), tmp_path / "whole", store=store)
    out = tmp_path / "run"
    for number in (2, 4, 5, 8, 10, 11):  # each goes on where the one before was killed
        code = subprocess.run(
            [sys.executable, "-c", KILLED, str(number), *command, "--out", str(out)], capture_output=True
        ).returncode
        assert code in (-9, 0)
        if code == 0:
            break
        assert not (out / "metrics.json").exists()
    run = train(scenes, make_config(QUICK), out, store=store) if code else open_run(out)
    assert run.metrics == whole.metrics and run.weights == whole.weights
    assert {p.name for p in run.folder.iterdir()} == {p.name for p in whole.folder.iterdir()}


def _flat(settings, before=""):
    out = {}
    for key, value in settings.items():
        out |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return out
