"""Calibration error, temperature and thresholds, of probabilities whose truth is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.models.task import Task
from interplay.training.calibration import calibrate, calibration_error, temperature, thresholds

MULTI, SINGLE = Task(("a", "b", "c"), "multi"), Task(("a", "b", "c"), "single")


def drawn(task, n, seed, heat=1.0):
    """Logits, of which those divided by `heat` are right, and outcomes drawn by them."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, 3, generator=generator)
    p = task.probabilities(logits)
    if task.kind == "multi":
        return heat * logits, (torch.rand(n, 3, generator=generator) < p).float()
    return heat * logits, torch.nn.functional.one_hot(torch.multinomial(p, 1, generator=generator)[:, 0], 3).float()


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
def test_right_probabilities_are_off_by_what_chance_gives(task):
    found, over = [], 0
    for seed in range(20):
        logits, target = drawn(task, 200, seed)
        error = calibration_error(task.probabilities(logits).numpy(), target.numpy() == 1, task.kind, seed)
        found.append(error.value - error.by_chance)
        over += error.value > error.by_chance_high
    assert over <= 6, "one of 20 is expected"
    assert np.mean(found) == pytest.approx(0, abs=4 * np.std(found, ddof=1) / 20**0.5)


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_and_takes_the_error_away(task, heat):
    answers = {"val": drawn(task, 3000, 0, heat), "test": drawn(task, 3000, 1, heat)}
    found = calibrate(answers, [1000, 1000, 1000], task, 0)
    assert found.temperature == pytest.approx(heat, rel=0.1)
    before, after = found.ece["test"], found.ece_tempered["test"]
    assert after < 3 * before.by_chance
    assert before.value > 3 * before.by_chance if heat != 1 else before.value < 3 * before.by_chance


@pytest.mark.parametrize("heat", [1.0, 2.5])
def test_its_standard_error_is_the_spread_over_samples(heat):
    found = []
    for seed in range(60):
        logits, target = drawn(MULTI, 300, seed, heat)
        found.append(calibration_error(MULTI.probabilities(logits).numpy(), target.numpy() == 1, "multi", seed))
    spread = np.std([error.value for error in found], ddof=1)
    assert np.mean([error.se for error in found]) == pytest.approx(spread, rel=0.4)


def test_equal_probabilities_are_of_one_bin_whatever_their_order():
    """Labels' shares, answered to every sample, are right on average; in file order classes come one after another."""
    truth = np.repeat(np.eye(3, dtype=bool), 40, axis=0)
    shares = np.full((120, 3), 1 / 3)
    assert calibration_error(shares, truth, "multi").value == pytest.approx(0, abs=1e-12)
    assert calibration_error(shares, truth, "single").value == pytest.approx(0, abs=1e-12)
    mixed = np.random.default_rng(0).permutation(120)
    p = np.random.default_rng(1).choice([0.2, 0.6, 0.9], (120, 3))
    assert calibration_error(p, truth, "multi").value == pytest.approx(
        calibration_error(p[mixed], truth[mixed], "multi").value
    )


def naive_error(said, right, bins=10):
    """By the definition: sort, cut into bins of one size, compare means."""
    order = sorted(range(len(said)), key=lambda at: said[at])
    size = len(said) // bins
    cut = [order[k * size : (k + 1) * size] for k in range(bins)]
    return sum(abs(np.mean([said[k] for k in at]) - np.mean([right[k] for k in at])) for at in cut) / bins


def test_the_error_against_a_naive_transcription():
    logits, target = drawn(MULTI, 50, 3, 2.0)
    p, truth = MULTI.probabilities(logits).double().numpy(), target.numpy() == 1
    assert calibration_error(p, truth, "multi").value == pytest.approx(naive_error(p.ravel(), truth.ravel()))
    logits, target = drawn(SINGLE, 50, 3, 2.0)
    p, truth = SINGLE.probabilities(logits).double().numpy(), target.numpy() == 1
    right = p.argmax(1) == truth.argmax(1)
    assert calibration_error(p, truth, "single").value == pytest.approx(naive_error(p.max(1), right))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=15))
def test_no_other_threshold_has_a_better_f1(rows):
    p = np.array([[(k + 1) / 23] for k, _ in rows])
    truth = np.array([[label] for _, label in rows])

    def score(cut):
        said = p[:, 0] >= cut
        return 2 * int((said & truth[:, 0]).sum()) / max(1, int(said.sum() + truth.sum()))

    found = thresholds(p, truth)[0]
    if not truth.any():
        assert found == 0.5
    else:
        assert score(found) == pytest.approx(max(map(score, np.linspace(0.001, 0.999, 999))))


def test_labels_that_are_never_predicted():
    """At one half a rare label is not; from the threshold of the validation split it is."""
    logits = torch.tensor([[3.0, -2.0, -3.0], [3.0, -1.0, -3.0], [-3.0, -2.0, -3.0], [-3.0, -1.0, -3.0]])
    target = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    answers = {"val": (logits, target), "test": (logits, target)}
    found = calibrate(answers, [50, 20, 19], MULTI, 0)
    assert (found.never_at_half, found.never) == (["b"], [])
    assert found.thresholds["c"] == 0.5, "none of it in val"
    assert found.at_thresholds["test"]["macro_f1"] == 1
    assert found.sentence().endswith("at the thresholds of the validation split it predicts each")


def test_a_label_that_its_threshold_loses():
    """A threshold above one half, which no test sample reaches."""
    val = (torch.tensor([[1.0, 0, 0], [4.0, 0, 0]]), torch.tensor([[0.0, 1, 1], [1, 1, 1]]))
    test = (torch.tensor([[1.2, -1, 0], [1.5, -1, 0]]), torch.tensor([[1.0, 1, 1], [1, 1, 1]]))
    found = calibrate({"val": val, "test": test}, [30, 30, 30], MULTI, 0)
    assert (found.never_at_half, found.never) == (["b"], ["a", "b"])
    assert "At one half it never predicts b (" in found.sentence()
    assert found.sentence().endswith("at the thresholds of the validation split b neither, but then a no more")


def test_of_a_single_label_one_half_decides_nothing():
    logits = torch.tensor([[0.3, 0.2, 0.1], [0.1, 0.3, 0.2]])
    target = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    found = calibrate({"val": (logits, target), "test": (logits, target)}, [50, 50, 50], SINGLE, 0)
    assert (found.thresholds, found.never_at_half, found.never) == ({}, [], ["c"])
    assert "On the test split it never predicts c (" in found.sentence() and "half" not in found.sentence()


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
def test_few_samples_that_are_all_alike(task):
    """Nothing can be learned of a temperature, or of an error's spread; nothing fails."""
    logits, target = torch.zeros(2, 3), torch.tensor([[1.0, 0, 0], [1.0, 0, 0]])
    found = calibrate({"val": (logits, target), "test": (logits, target)}, [2, 0, 0], task, 0)
    assert found.ece["test"].se == pytest.approx(0, abs=1e-12)
    assert found.ece["test"].value == pytest.approx(2 / 3 if task is SINGLE else 1 / 6)
    assert temperature(logits, target, task) > 0
