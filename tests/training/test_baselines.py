"""What a run has to beat: a linear probe that is the best of its kind, and an interval that means what it says."""

import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from torchmetrics.functional.classification import binary_average_precision

from interplay.errors import CheckpointError
from interplay.metrics import average_precision
from interplay.models.run import open_run
from interplay.models.task import Task
from interplay.results.baselines import Baselines, Difference
from interplay.results.comparison import ComparedModel, Comparison
from interplay.training.baselines import PENALTIES, linear_probe, mean_features, paired_difference
from interplay.training.data import FeatureSet

MULTI, SINGLE = Task(("a", "b", "c"), "multi"), Task(("a", "b", "c"), "single")


@given(st.data())
def test_average_precision_is_that_of_repeated_samples(data):
    N = data.draw(st.integers(1, 12))
    scores = data.draw(arrays(np.float64, N, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0])))  # often equal
    truth = data.draw(arrays(np.bool_, N))
    weights = data.draw(arrays(np.int64, (3, N), elements=st.integers(0, 3)))
    found = average_precision(scores, truth, weights.astype(float))
    for row, value in zip(weights, found, strict=True):
        repeated, held = np.repeat(scores, row), np.repeat(truth, row)
        if not held.any():
            assert np.isnan(value)
        else:
            expected = binary_average_precision(torch.from_numpy(repeated).sigmoid(), torch.from_numpy(held).long())
            assert value == pytest.approx(float(expected), abs=1e-6)


def drawn(N, W, task, seed=0, signal=2.0):
    """Features, and labels that a linear model of the first features gives."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, W)) * np.geomspace(0.1, 10, W)
    scores = signal * (x / np.geomspace(0.1, 10, W))[:, :3] + rng.logistic(size=(N, 3))
    target = np.eye(3)[scores.argmax(1)] if task.kind == "single" else (scores > 0).astype(float)
    return torch.from_numpy(x), torch.from_numpy(target)


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
def test_a_linear_probe_is_the_best_there_is_at_its_penalty(task):
    train, val = drawn(300, 6, task), drawn(200, 6, task, seed=1)
    probe = linear_probe(train, val, task)
    x, y = ((train[0] - train[0].mean(0)) / train[0].std(0, correction=0)).numpy(), train[1].numpy()

    def naive(flat):
        weights, bias = flat[:18].reshape(6, 3), flat[18:]
        f, total = x @ weights + bias, 0.0
        if task.kind == "multi":
            total = (np.logaddexp(0, f) - y * f).mean(axis=0).sum()
        else:
            total = (np.logaddexp.reduce(f, axis=1) - (y * f).sum(1)).mean()
        return total + probe.penalty / 2 * (weights**2).sum()

    best = minimize(naive, np.zeros(21), method="BFGS").fun
    assert naive(np.concatenate([probe.weights.numpy().ravel(), probe.bias.numpy()])) < best + 1e-5
    assert task.metrics(probe.logits(val[0]), val[1])["map"] > 0.7


def test_features_that_tell_nothing_get_the_strongest_penalty():
    train, val = drawn(200, 50, MULTI, signal=0.0), drawn(5000, 50, MULTI, seed=1, signal=0.0)
    probe = linear_probe(train, val, MULTI)
    assert probe.penalty == PENALTIES[0] and probe.weights.abs().max() < 0.05


@pytest.mark.parametrize("kind", ["multi", "single"])
@pytest.mark.parametrize("case", ["a label absent", "constant features", "one feature", "few samples", "separable"])
def test_data_that_is_poor_has_a_probe(kind, case):
    task = Task(("a", "b", "c"), kind)
    x, y = drawn(5 if case == "few samples" else 60, 4, task)
    if case == "one feature":
        x = x[:, :1]
    if case == "a label absent":
        y[:, 0] = 0
        if kind == "single":
            y[:, 1] = 1 - y[:, 2]
    if case == "constant features":
        x[:] = 3.0
    if case == "separable":
        x[:, 0] = 100 * y[:, 0]
    probe = linear_probe((x, y), (x, y), task)
    assert probe.logits(x).isfinite().all() and probe.logits(x + 1).isfinite().all()


def test_the_interval_of_a_difference_holds_what_it_says():
    """Two answers of one quality differ by chance alone: 95 of 100 intervals hold 0, give or take."""
    held = better_said = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.random((150, 3)) < 0.4
        ours, theirs = (truth + rng.normal(scale=1.0, size=truth.shape) for _ in range(2))
        found = paired_difference(ours, theirs, truth, MULTI, seed)
        held += found.low <= 0 <= found.high
        better_said += "it is better" in baselines(found.value, found.low, found.high).sentence()
        if seed == 0:
            assert found == paired_difference(ours, theirs, truth, MULTI, seed), "the seed decides"
            better = paired_difference(truth + rng.normal(scale=0.4, size=truth.shape), theirs, truth, MULTI)
            assert better.low > 0 and better.value > 0
    assert 88 <= held <= 100  # the standard error is 2
    assert better_said <= 8, "2 or 3 of 100 where neither is better"


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
def test_a_difference_is_that_of_the_metrics(task):
    rng = np.random.default_rng(0)
    truth = drawn(80, 4, task)[1].numpy() == 1
    ours, theirs = rng.normal(size=truth.shape) + truth, rng.normal(size=truth.shape)
    mine, yours = (task.metrics(torch.from_numpy(x), torch.from_numpy(truth).float()) for x in (ours, theirs))
    found = paired_difference(ours, theirs, truth, task)
    assert found.value == pytest.approx(mine[task.headline] - yours[task.headline], abs=1e-6)
    by_f1 = paired_difference(ours, theirs, truth, task, score="macro_f1")
    assert by_f1.value == pytest.approx(mine["macro_f1"] - yours["macro_f1"], abs=1e-6)
    assert (by_f1 == found) == (task.headline == "macro_f1")
    assert paired_difference(ours, ours, truth, task) == Difference(value=0, low=0, high=0, samples=80)
    few = [row for c in range(3) for row in np.flatnonzero(truth[:, c])[:1]]  # drawn anew, they may miss every label
    assert paired_difference(ours[few], theirs[few], truth[few], task).samples == len(few)
    nobody = np.zeros_like(truth)
    if task.kind == "multi":
        assert paired_difference(ours, theirs, nobody, task).value is None


def baselines(value, low, high, model=0.46, **more):
    test = {"test": {"map": 0.45}, "val": {"map": 0.5}}
    prior = {"test": {"map": 0.2}, "val": {"map": 0.2}}
    difference = Difference(value=value, low=low, high=high, samples=101)
    return Baselines(headline="map", model=model, difference=difference, penalty=0.3, prior=prior,
                     linear_probe=test, **more)  # fmt: skip


@pytest.mark.parametrize(
    "given, said",
    [
        ((0.01, -0.02, 0.04), "it is not shown to beat the linear probe, +0.010 (95% -0.020 to +0.040 over 101 test"),
        ((-0.01, -0.02, 0.04), "it does not beat the linear probe, -0.010"),
        ((0.03, 0.01, 0.05), "it is better than the linear probe, +0.030"),
        ((None, None, None), "mAP is undefined on the test split"),
    ],
)
def test_what_is_said_of_a_run_beside_a_linear_probe(given, said):
    sentence = baselines(*given).sentence()
    assert said in sentence
    assert given[0] is None or sentence.startswith("Test mAP 0.460; a linear probe of the same features 0.450, labels'")


def test_a_run_keeps_what_it_has_to_beat(small_run, tmp_path):
    run, kept = small_run.run, small_run.run.baselines
    assert kept.headline == "map" and kept.model == pytest.approx(run.metrics["test"]["map"])
    assert set(kept.prior["test"]) == set(run.metrics["test"]) == set(kept.linear_probe["val"])
    assert kept.difference.value == pytest.approx(kept.model - kept.linear_probe["test"]["map"], abs=1e-5)
    assert kept.difference.samples == len(small_run.dataset.split("test"))
    shares = np.mean([[label in s.labels for label in run.card.labels] for s in small_run.dataset.split("test")], 0)
    assert kept.prior["test"]["map"] == pytest.approx(np.mean(shares), abs=1e-6), "the precision of a constant"


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "cannot read"),
        ('{"format": "interplay/baselines/9"}', "newer version of Interplay"),
        ('{"headline": "map"}', "cannot read"),
        (None, None),
    ],
)
def test_baselines_that_are_damaged_or_not_there(small_run, tmp_path, content, words):
    folder = shutil.copytree(small_run.run.folder, tmp_path / "run")
    file = folder / "baselines.json"
    if content is None:
        file.unlink()
        assert open_run(folder).baselines is None
        return
    file.write_text(content)
    with pytest.raises(CheckpointError, match=r"baselines\.json: the file is not the one that was written"):
        _ = open_run(folder).baselines
    (folder / "SHA256SUMS").unlink()  # as of an older version
    with pytest.raises(CheckpointError, match=words) as caught:
        _ = open_run(folder).baselines
    assert caught.value.exit_code == 2


def test_a_mean_feature_is_of_what_is_there():
    class Set(FeatureSet):
        def __init__(self):
            """Nothing is stored."""

        def __len__(self):
            return 3

        def intact(self, row):
            x = torch.arange(6.0).reshape(3, 2)
            return (x, x + 1), (torch.tensor([True, True, False]), torch.zeros(3, dtype=torch.bool)), torch.ones(2)

    features, target = mean_features(Set())
    assert features.tolist() == [[1.0, 2.0, 0.0, 0.0]] * 3 and target.shape == (3, 2)
    assert len(mean_features(Set(), most=2)[0]) == 2


def test_what_is_said_beside_another_model():
    def beside(low, value, high, trainings=1, cut=None):
        difference = Difference(value=value, low=low, high=high, samples=9)
        other = ComparedModel(
            model="dense",
            runs=["a"],
            test={"map": 0.4},
            macro_f1_cut=0.3,
            difference=difference,
            difference_cut=cut,
        )
        found = Comparison(
            headline="map", model="fl-i2moe", trainings=trainings, value=0.5, macro_f1_cut=0.2, others=[other]
        )
        return found.sentences()

    first, note = beside(0.01, 0.1, 0.2)
    assert first == (
        "Test mAP 0.500, of dense 0.400: it is better than dense, +0.100 (95% +0.010 to +0.200 over 9 test samples)"
    )
    assert note.startswith("Each model was trained once: training again may change what is better")
    line, note = beside(-0.01, 0.1, 0.2, trainings=3)
    assert ", of the mean of 3 dense 0.400: it is not shown to beat the mean of 3 dense, +0.100" in line
    assert note.startswith("Each mean is of 3 trainings")
    worse = Difference(value=-0.1, low=-0.2, high=-0.01, samples=9)
    line = beside(0.01, 0.1, 0.2, cut=worse)[0]
    assert line.endswith(
        "; macro F1, cut by val, 0.200, of dense 0.300: it is worse than dense, -0.100 (95% -0.200 to -0.010 over 9 "
        "test samples)"
    )
    assert beside(None, None, None, cut=worse)[0].startswith("Test macro F1, cut by val, 0.200, of dense 0.300: ")
    assert beside(None, None, None)[0] == "Beside dense every score is undefined on test"
    assert "it does not beat dense, +0.000" in beside(0.0, 0.0, 0.0)[0]
