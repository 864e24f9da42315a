"""What a model has to beat: labels' shares alone, and a linear probe of the same features [ours]."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.metrics import average_precision, f1, predicted_labels
from interplay.models.task import Headline, Task
from interplay.progress import Advance
from interplay.results.baselines import Baselines, Difference, or_none
from interplay.training.data import FeatureSet

PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""What the squared weights of a linear probe may cost, from the strongest; the validation loss chooses."""
MOST_SAMPLES = 20_000
"""So many training samples at most fit a linear probe, drawn at random: more would change little, and take memory."""
RESAMPLES = 1000


@dataclass(frozen=True)
class LinearProbe:
    """Logistic regression on each modality's mean feature.

    Attributes:
        mean: (W,), of the training samples' mean features, all modalities' widths together.
        deviation: (W,), their standard deviation.
        weights: (W, C).
        bias: (C,).
        penalty: what half of the squared weights cost.
    """

    mean: Float[Tensor, " W"]
    deviation: Float[Tensor, " W"]
    weights: Float[Tensor, "W C"]
    bias: Float[Tensor, " C"]
    penalty: float

    def logits(self, features: Float[Tensor, "N W"]) -> Float[Tensor, "N C"]:
        """The logits of samples' mean features.

        Args:
            features: (N, W) of `mean_features`.
        """
        return (features - self.mean) / self.deviation @ self.weights + self.bias


def mean_features(data: FeatureSet, most: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Each sample's mean feature of each modality, side by side; zeros for a modality without features.

    Args:
        data: the samples of a split.
        most: draw so many samples at most; all if None.
        seed: decides the draw.

    Returns:
        (N, W) float64, and targets (N, C) float64.
    """
    rows = np.arange(len(data))
    if most is not None and len(data) > most:
        rows = np.random.default_rng(seed).choice(len(data), most, replace=False)
    means, targets = [], []
    for row in rows.tolist():
        features, valid, target = data.intact(row)
        pairs = zip(features, valid, strict=True)
        means.append(torch.cat([x[ok].double().sum(0) / max(1, int(ok.sum())) for x, ok in pairs]))
        targets.append(target.double())
    return torch.stack(means), torch.stack(targets)


@dataclass(frozen=True)
class BaselineAnswers:
    """What both baselines answer, split by split.

    Attributes:
        prior: split -> (N, C) logits of labels' shares in the training split.
        probe: split -> (N, C) logits of the linear probe.
        targets: split -> (N, C).
        penalty: of the linear probe.
    """

    prior: dict[str, Tensor]
    probe: dict[str, Tensor]
    targets: dict[str, Tensor]
    penalty: float


def baseline_answers(splits: Mapping[str, FeatureSet], task: Task, seed: int, advance: Advance) -> BaselineAnswers:
    """Fit both on the training split, and ask them about the others.

    Args:
        splits: "train", "val" and "test".
        task: what targets mean.
        seed: decides which samples fit the probe where there are more than `MOST_SAMPLES`.
        advance: called with the number of penalties tried, and of all.
    """
    shares = task.prior_logits([sample.labels for sample in splits["train"].samples]).double()
    features = {split: mean_features(splits[split]) for split in ("val", "test")}
    probe = linear_probe(mean_features(splits["train"], MOST_SAMPLES, seed), features["val"], task, advance)
    return BaselineAnswers(
        prior={split: shares.expand(len(x), -1) for split, (x, _) in features.items()},
        probe={split: probe.logits(x) for split, (x, _) in features.items()},
        targets={split: target for split, (_, target) in features.items()},
        penalty=probe.penalty,
    )


def compare(logits: Float[Tensor, "N C"], answers: BaselineAnswers, task: Task, seed: int) -> Baselines:
    """The baselines' metrics, and how much better a model is than the linear probe on the test split.

    Args:
        logits: (N, C) of the model on the test split, in file order.
        answers: of `baseline_answers`.
        task: what targets mean.
        seed: of the bootstrap's draws.
    """
    target = answers.targets["test"]
    ours, theirs = (each.double().numpy() for each in (logits, answers.probe["test"]))

    def measured(split_logits: Mapping[str, Tensor]) -> dict[str, dict[str, float | None]]:
        pairs = {split: (x.float(), answers.targets[split].float()) for split, x in split_logits.items()}
        return {
            split: {name: or_none(value) for name, value in task.metrics(*pair).items()}
            for split, pair in pairs.items()
        }

    return Baselines(
        headline=task.headline,
        model=or_none(task.metrics(logits, target.float())[task.headline]),
        difference=paired_difference(ours, theirs, target.numpy() == 1, task, seed),
        penalty=answers.penalty,
        prior=measured(answers.prior),
        linear_probe=measured(answers.probe),
    )


def linear_probe(
    train: tuple[Float[Tensor, "N W"], Float[Tensor, "N C"]],
    val: tuple[Float[Tensor, "n W"], Float[Tensor, "n C"]],
    task: Task,
    advance: Advance = lambda done, most: None,
) -> LinearProbe:
    """Fit logistic regression, with the penalty on squared weights that has the least validation loss.

    Penalties are tried from the strongest on, each fit starting where the last ended, until the loss on the validation
    split has risen twice.

    Args:
        train: features and targets of `mean_features`.
        val: the same of the validation split.
        task: what targets mean.
        advance: called with the number of penalties tried, and of all.
    """
    features, target = train
    mean, deviation = features.mean(0), features.std(0, correction=0)
    deviation = deviation.clamp(min=1e-3 * float(deviation.median()) + 1e-9)  # one that is constant says nothing
    scaled = (features - mean) / deviation
    weights = torch.zeros(features.shape[1], target.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(target.shape[1], dtype=torch.float64, requires_grad=True)
    best, least, worse = None, np.inf, 0
    labels = target.shape[1] if task.kind == "multi" else 1  # of several the loss is a mean over labels, too
    for done, penalty in enumerate(PENALTIES):
        advance(done, len(PENALTIES))
        _fit(weights, bias, lambda: task.loss(scaled @ weights + bias, target), penalty / labels)
        probe = LinearProbe(mean, deviation, weights.detach().clone(), bias.detach().clone(), penalty)
        loss = float(task.loss(probe.logits(val[0]), val[1]))
        if loss < least:
            best, least, worse = probe, loss, 0
        else:
            worse += 1
        if worse == 2:
            break
    advance(len(PENALTIES), len(PENALTIES))  # it may have ended before
    assert best is not None, "the loss of finite logits is finite"
    return best


def _fit(weights: Tensor, bias: Tensor, loss: Callable[[], Tensor], penalty: float) -> None:
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        optimizer.zero_grad()
        value = loss() + penalty / 2 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(objective)


def paired_difference(
    ours: Float[np.ndarray, "N C"],
    theirs: Float[np.ndarray, "N C"],
    truth: Bool[np.ndarray, "N C"],
    task: Task,
    seed: int = 0,
    score: Headline | None = None,
) -> Difference:
    """The difference of two models' scores, by a paired bootstrap over samples.

    Args:
        ours: (N, C) logits of the one model.
        theirs: (N, C) logits of the other.
        truth: (N, C), the labels that hold.
        task: decides how labels are predicted.
        seed: of the draws.
        score: "map" or "macro_f1"; what models of this task are judged by (`Task.headline`) if None.

    Returns:
        The difference, of nothing where the score is undefined.
    """
    N, rng = len(truth), np.random.default_rng(seed)
    which, whole = score or task.headline, np.ones((1, N))

    def better(weights: np.ndarray) -> np.ndarray:
        ours_scores, theirs_scores = (_scores(each, truth, task, weights, which) for each in (ours, theirs))
        return np.asarray(ours_scores - theirs_scores)

    value = float(better(whole)[0])
    drawn, rows = [], max(1, 4_000_000 // N)  # as many at a time as fit into little memory
    for start in range(0, RESAMPLES, rows):
        weights = rng.multinomial(N, np.full(N, 1 / N), size=min(rows, RESAMPLES - start)).astype(np.float64)
        drawn.append(better(weights))
    differences = np.concatenate(drawn)
    defined = differences[~np.isnan(differences)]  # few samples, drawn anew, may miss every label
    if math.isnan(value) or not len(defined):
        return Difference(value=None, low=None, high=None, samples=N)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Difference(value=value, low=float(low), high=float(high), samples=N)


def _scores(
    logits: np.ndarray, truth: np.ndarray, task: Task, weights: np.ndarray, score: Headline
) -> Float[np.ndarray, " R"]:
    """Mean average precision, or macro F1, under several weightings of samples; of labels that occur."""
    if score == "map":
        both = [c for c in range(truth.shape[1]) if 0 < truth[:, c].sum() < len(truth)]
        each = [average_precision(logits[:, c], truth[:, c], weights) for c in both]
        return _mean_of_defined(np.stack(each, axis=1)) if each else np.full(len(weights), np.nan)
    predicted = predicted_labels(logits, task.kind, threshold=0.0)
    hits, wrong, missed = (weights @ cell for cell in (predicted & truth, predicted & ~truth, ~predicted & truth))
    return _mean_of_defined(np.where(hits + missed > 0, f1(hits, wrong, missed), np.nan))


def _mean_of_defined(values: Float[np.ndarray, "R C"]) -> Float[np.ndarray, " R"]:
    """Each row's mean over what is not NaN; NaN of none."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(axis=1) / defined.sum(axis=1))
