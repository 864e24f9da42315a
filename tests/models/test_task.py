"""Losses and metrics of both label kinds, against hand-written formulas; what is undefined is NaN, never 0."""

import math

import pytest
import torch

from interplay.models.task import Task

MULTI = Task(("a", "b", "c"), "multi")
SINGLE = Task(("a", "b", "c"), "single")


def test_prior_logits_are_the_shares_of_labels_with_one_more_sample_of_each_outcome():
    held = [["a"], ["a", "b"], ["a"]]
    assert MULTI.probabilities(MULTI.prior_logits(held)).tolist() == pytest.approx([4 / 5, 2 / 5, 1 / 5])
    assert SINGLE.probabilities(SINGLE.prior_logits([["a"], ["b"], ["a"]])).tolist() == pytest.approx(
        [1 / 2, 1 / 3, 1 / 6]
    )


def _f1(predicted, true):
    hit = sum(p and t for p, t in zip(predicted, true, strict=True))
    total = sum(predicted) + sum(true)
    return 2 * hit / total if total else 0.0


def _auroc(scores, true):
    pairs = [(s, n) for s, t in zip(scores, true, strict=True) if t for n, u in zip(scores, true, strict=True) if not u]
    return sum((s > n) + 0.5 * (s == n) for s, n in pairs) / len(pairs)


def test_multi_label_metrics():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 3, generator=generator)
    target = (torch.rand(40, 3, generator=generator) < 0.4).float()
    got = MULTI.metrics(logits, target)
    on, true = (logits > 0).tolist(), target.bool().tolist()
    columns = [([r[c] for r in on], [r[c] for r in true]) for c in range(3)]
    assert got["macro_f1"] == pytest.approx(sum(_f1(p, t) for p, t in columns) / 3)
    flat = [x for row in on for x in row], [x for row in true for x in row]
    assert got["micro_f1"] == pytest.approx(_f1(*flat))
    assert got["accuracy/b"] == pytest.approx(sum(p == t for p, t in zip(*columns[1], strict=True)) / 40)
    assert got["exact_match"] == pytest.approx(sum(p == t for p, t in zip(on, true, strict=True)) / 40)
    expected = sum(_auroc(logits[:, c].tolist(), columns[c][1]) for c in range(3)) / 3
    assert got["auroc"] == pytest.approx(expected, abs=1e-6)
    bce = -(target * logits.sigmoid().log() + (1 - target) * (1 - logits.sigmoid()).log()).mean()
    assert got["loss"] == pytest.approx(float(bce), abs=1e-6)


def test_single_label_metrics():
    logits = torch.tensor([[3.0, 0, 0], [0, 2.0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    target = torch.eye(3)[[0, 1, 2, 2]]
    got = SINGLE.metrics(logits, target)
    assert got["accuracy"] == got["micro_f1"] == 0.75
    assert got["macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert torch.allclose(SINGLE.probabilities(logits).sum(1), torch.ones(4))


def test_a_label_absent_from_a_split_is_left_out_and_never_zero():
    logits = torch.tensor([[1.0, -1, -1], [1.0, 1, -1]])
    target = torch.tensor([[1.0, 0, 0], [1.0, 1, 0]])
    got = MULTI.metrics(logits, target)
    assert got["macro_f1"] == 1.0 and got["auroc"] == 1.0  # a never fails to hold, c never holds
    nothing = MULTI.metrics(logits, torch.ones(2, 3))
    assert math.isnan(nothing["auroc"]) and math.isnan(nothing["map"])
    single = SINGLE.metrics(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]), torch.eye(3)[[0, 1]])
    assert single["macro_f1"] == 1.0


def test_target_rows():
    assert MULTI.target(["c", "a"]).tolist() == [1, 0, 1]
    assert MULTI.target([]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_loss_of_probabilities_is_least_at_themselves(kind):
    task, logits = Task(("a", "b", "c"), kind), torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    own = task.probabilities(logits)
    best = logits.clone().requires_grad_()
    task.loss(best, own).backward()
    assert best.grad.abs().max() < 1e-6
    assert task.loss(logits + torch.randn(4, 3), own) > task.loss(logits, own)


def test_f1_of_samples_weighted_and_at_the_best_threshold():
    """Against loops over samples, classes and thresholds."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(60, 4, generator=generator)
    target = (torch.rand(60, 4, generator=generator) < 0.3).float()
    target[0], logits[0] = 0, -1.0  # no label, and none predicted: has no F1
    found = Task(("a", "b", "c", "d"), "multi").metrics(logits, target)

    def f1(said, true):
        hits = sum(s and t for s, t in zip(said, true, strict=True))
        total = sum(said) + sum(true)
        return 2 * hits / total if total else None

    said, true = (logits > 0).tolist(), (target > 0).tolist()
    by_sample = [f for s, t in zip(said, true, strict=True) if (f := f1(s, t)) is not None]
    assert found["samples_f1"] == pytest.approx(sum(by_sample) / len(by_sample), abs=1e-6)
    columns = [([s[c] for s in said], [t[c] for t in true]) for c in range(4)]
    weighted = sum(f1(s, t) * sum(t) for s, t in columns) / sum(sum(t) for _, t in columns)
    assert found["weighted_f1"] == pytest.approx(weighted, abs=1e-6)

    two, truth = logits[:, :2], torch.nn.functional.one_hot((target[:, 0] > 0).long(), 2).float()
    found = Task(("no", "yes"), "single").metrics(two, truth)
    scores, yes = (two[:, 1] - two[:, 0]).tolist(), (truth[:, 1] > 0).tolist()
    sets = [[s >= cut for s in scores] for cut in (*scores, 99.0)]
    assert found["best_f1"] == pytest.approx(max(f1(s, yes) for s in sets), abs=1e-6)

    def balanced(said):
        right = [sum(a == b for a, b in zip(said, yes, strict=True) if b is kind) for kind in (True, False)]
        return (right[0] / yes.count(True) + right[1] / yes.count(False)) / 2

    assert found["best_balanced_accuracy"] == pytest.approx(max(map(balanced, sets)), abs=1e-6)
    one_class = Task(("no", "yes"), "single").metrics(two, torch.tensor([[1.0, 0.0]]).expand(60, 2))
    assert all(torch.isnan(torch.tensor(one_class[m])) for m in ("best_f1", "best_balanced_accuracy", "auroc"))


@pytest.mark.parametrize(
    "kind, target, expected",
    [
        ("multi", [[1.0, 0.0, 1.0]], [[0.9, 0.1, 0.9]]),
        ("single", [[0.0, 1.0, 0.0]], [[0.05, 0.9, 0.05]]),
    ],
)
def test_smoothed_targets_keep_away_from_certainty(kind, target, expected):
    task = Task(("a", "b", "c"), kind)
    found = task.smoothed(torch.tensor(target), 0.1)
    torch.testing.assert_close(found, torch.tensor(expected))
    assert torch.equal(task.smoothed(torch.tensor(target), 0.0), torch.tensor(target))
    if kind == "single":
        assert found.sum().item() == pytest.approx(1)


def test_log_odds_are_those_of_each_probability():
    torch.manual_seed(0)
    logits = 4 * torch.randn(50, 3)
    for kind in ("single", "multi"):
        task = Task(("a", "b", "c"), kind)
        p = task.probabilities(logits.double())
        torch.testing.assert_close(task.log_odds(logits).double(), (p / (1 - p)).log(), atol=1e-5, rtol=1e-5)
    single = Task(("a", "b", "c"), "single")
    torch.testing.assert_close(single.log_odds(logits + 9), single.log_odds(logits), atol=1e-5, rtol=1e-5)
    assert single.log_odds(torch.tensor([[200.0, 0.0, 0.0]])).isfinite().all()


@pytest.mark.parametrize("smoothing", [0.0, 0.01])
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_with_balanced_weights_no_label_is_likelier_for_being_frequent(kind, smoothing):
    """The loss of answers that know nothing is least where labels are as likely; beside a naive transcription."""
    task = Task(("a", "b", "c"), kind)
    held = [["a"]] * 600 + [["b"]] * 390 + [["c"]] * 10
    hard = torch.stack([task.target(labels) for labels in held])
    target, weights = task.smoothed(hard, smoothing), task.weights_of(hard, task.balanced_weights(held))
    logits = torch.zeros(3, requires_grad=True)
    task.loss(logits.expand(len(held), -1), target, weights).backward()
    assert logits.grad is not None and logits.grad.abs().max() < 0.02  # shares have one more sample of each outcome
    plain = torch.zeros(3, requires_grad=True)
    task.loss(plain.expand(len(held), -1), target).backward()
    assert plain.grad is not None and plain.grad.abs().max() > 0.1
    shares = task.probabilities(task.prior_logits(held))
    x = torch.randn(len(held), 3, generator=torch.Generator().manual_seed(0))
    p, naive = task.probabilities(x), []
    for row, holds in enumerate(hard):
        if kind == "single":
            naive.append(-(target[row] * p[row].log()).sum() / (3 * shares[int(holds.argmax())]))
        else:
            each = -target[row] * p[row].log() - (1 - target[row]) * (1 - p[row]).log()
            naive.append((each / (2 * torch.where(holds == 1, shares, 1 - shares))).mean())
    torch.testing.assert_close(task.loss(x, target, weights), torch.stack(naive).mean())
    assert task.weights_of(hard, None) is None


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_weights_move_no_sample_s_own_target(kind):
    """What one sample asks for is its target, however rare its label: its loss is least there."""
    task = Task(("a", "b", "c"), kind)
    hard = torch.tensor([[1.0, 0.0, 0.0]])
    target = task.smoothed(hard, 0.01)
    logits = (target.log() if kind == "single" else target.logit()).requires_grad_()
    weights = task.weights_of(hard, task.balanced_weights([["a"]] * 990 + [["b"]] * 9 + [["c"]]))
    task.loss(logits, target, weights).backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6
