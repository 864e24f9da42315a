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
    found = []
    for seed in range(20):
        logits, target = drawn(task, 200, seed)
        error = calibration_error(task.probabilities(logits).numpy(), target.numpy() == 1, task.kind, seed)
        found.append(error.value - error.by_chance)
        assert 0 < error.low < error.high < 1
    assert np.mean(found) == pytest.approx(0, abs=4 * np.std(found, ddof=1) / 20**0.5)


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_and_takes_the_error_away(task, heat):
    answers = {"val": drawn(task, 3000, 0, heat), "test": drawn(task, 3000, 1, heat)}
    found = calibrate(answers, [1000, 1000, 1000], task, 0)
    assert found.temperature == pytest.approx(heat, rel=0.1)
    before, after = found.ece["test"], found.ece_tempered["test"]
    assert after.value < 3 * after.by_chance
    assert before.value > 3 * before.by_chance if heat != 1 else before.value < 3 * before.by_chance


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
    assert found.at_thresholds["test"]["macro_f1"] == 1 and "At one half it never predicts b;" in found.sentence()
    single = calibrate({"val": (logits, target[:, [0, 2, 1]]), "test": (logits, target)}, [9, 9, 9], SINGLE, 0)
    assert single.thresholds == {} and single.never == []


@pytest.mark.parametrize("task", [MULTI, SINGLE], ids=["multi", "single"])
def test_few_samples_that_are_all_alike(task):
    logits = torch.zeros(2, 3)
    target = torch.tensor([[1.0, 0, 0], [1.0, 0, 0]])
    found = calibrate({"val": (logits, target), "test": (logits, target)}, [2, 0, 0], task, 0)
    assert temperature(logits, target, task) > 0 and 0 <= found.ece["test"].value <= 1
