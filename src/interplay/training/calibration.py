"""What the validation split says about a model's probabilities: how far they are off, and where to cut them [ours]."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize_scalar
from torch import Tensor

from interplay.kinds import LabelKind
from interplay.metrics import f1
from interplay.models.task import Task
from interplay.results.baselines import or_none
from interplay.results.calibration import ENOUGH, ExpectedError, ProbabilityCalibration

BINS, RESAMPLES = 10, 500


def calibrate(
    answers: Mapping[str, tuple[Float[Tensor, "N C"], Float[Tensor, "N C"]]],
    counts: Sequence[int],
    task: Task,
    seed: int,
) -> ProbabilityCalibration:
    """Measure how well a model is calibrated; temperature and thresholds come from the validation split alone.

    Args:
        answers: "val" and "test" -> logits (N, C) and targets (N, C).
        counts: (C,) how many training samples each label has.
        task: what targets mean.
        seed: of the bootstrap's draws.
    """
    heat, multi = temperature(*answers["val"], task), task.kind == "multi"
    cuts = np.full(len(task.labels), 0.5)
    if multi:
        cuts = thresholds(task.probabilities(answers["val"][0]).double().numpy(), answers["val"][1].numpy() == 1)
    found: dict[str, ExpectedError] = {}
    tempered: dict[str, float] = {}
    for split, (logits, target) in answers.items():
        truth = target.numpy() == 1
        found[split] = calibration_error(task.probabilities(logits.double()).numpy(), truth, task.kind, seed)
        tempered[split] = binned_error(*answered(task.probabilities(logits.double() / heat).numpy(), truth, task.kind))

    def never(logits: Tensor) -> list[str]:
        said = np.any(task.predicted(logits), axis=0).tolist()
        return [name for name, some, n in zip(task.labels, said, counts, strict=True) if not some and n >= ENOUGH]

    moved = {split: moved_by(logits, cuts) if multi else logits for split, (logits, _) in answers.items()}
    cut_metrics = ("accuracy", "exact_match", "macro_f1", "weighted_f1", "micro_f1", "samples_f1")
    measured = {split: task.metrics(moved[split], target) for split, (_, target) in answers.items()}
    return ProbabilityCalibration(
        ece=found,
        temperature=heat,
        ece_tempered=tempered,
        thresholds=dict(zip(task.labels, cuts.tolist(), strict=True)) if multi else {},
        at_thresholds={
            split: {name: or_none(values[name]) for name in cut_metrics if name in values}
            for split, values in measured.items()
        },
        never=never(moved["test"]),
        never_at_half=never(answers["test"][0]) if multi else [],
    )


def moved_by(logits: Float[Tensor, "N C"], cuts: Float[np.ndarray, " C"]) -> Float[Tensor, "N C"]:
    """Logits moved so that a label is predicted above 0 where its probability reaches its threshold.

    Args:
        logits: (N, C).
        cuts: (C,) thresholds of probabilities, in (0, 1).
    """
    return logits.double() - torch.from_numpy(np.log(cuts / (1 - cuts)))


def cut(logits: Float[Tensor, "N C"], calibration: ProbabilityCalibration, task: Task) -> Float[Tensor, "N C"]:
    """Logits moved so that a label is predicted above 0 at the thresholds of the validation split; at .5 without any.

    Args:
        logits: (N, C).
        calibration: of the same model.
        task: names the labels.
    """
    return moved_by(logits, np.array([calibration.thresholds.get(name, 0.5) for name in task.labels]))


def temperature(logits: Float[Tensor, "N C"], target: Float[Tensor, "N C"], task: Task) -> float:
    """What logits have to be divided by for the least loss (Guo et al. 2017), between 1/20 and 20.

    Args:
        logits: (N, C) of the validation split.
        target: (N, C) indicators.
        task: what targets mean.
    """
    double, wanted = logits.double(), target.double()
    found = minimize_scalar(
        lambda log: float(task.loss(double / math.exp(log), wanted)),
        bounds=(-math.log(20), math.log(20)),
        method="bounded",
    )
    return float(math.exp(found.x))


def thresholds(probabilities: Float[np.ndarray, "N C"], truth: Bool[np.ndarray, "N C"]) -> Float[np.ndarray, " C"]:
    """For each label the probability from which predicting it has the best F1.

    It lies halfway between two samples' probabilities; of equally good ones the one nearest to .5 is taken, and .5
    where no sample has the label.

    Args:
        probabilities: (N, C).
        truth: (N, C), the labels that hold.

    >>> thresholds(np.array([[0.1], [0.2], [0.4], [0.3]]), np.array([[0], [0], [1], [1]], dtype=bool)).round(2)
    array([0.25])
    """
    out = np.full(probabilities.shape[1], 0.5)
    for c in np.flatnonzero(truth.any(axis=0)):
        known = np.unique(probabilities[:, c])
        cuts = np.append((known[:-1] + known[1:]) / 2, [known[0] / 2, 0.5])
        said = probabilities[:, c] >= cuts[:, None]
        hits = (said & truth[:, c]).sum(axis=1)
        score = f1(hits, said.sum(axis=1) - hits, truth[:, c].sum() - hits)
        best = cuts[score >= score.max() - 1e-12]
        out[c] = best[np.abs(best - 0.5).argmin()]
    return out.clip(1e-6, 1 - 1e-6)


def answered(
    probabilities: Float[np.ndarray, "N C"], truth: Bool[np.ndarray, "N C"], kind: LabelKind
) -> tuple[Float[np.ndarray, "N K"], Bool[np.ndarray, "N K"]]:
    """What is held against what happened: of several labels each of them, of a single one the most probable.

    Args:
        probabilities: (N, C).
        truth: (N, C), the labels that hold.
        kind: "single" or "multi".

    Returns:
        (N, K) probabilities, and whether that is what happened.
    """
    if kind == "multi":
        return probabilities, truth
    rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    return probabilities[rows, best][:, None], truth[rows, best][:, None]


def calibration_error(
    probabilities: Float[np.ndarray, "N C"], truth: Bool[np.ndarray, "N C"], kind: LabelKind, seed: int = 0
) -> ExpectedError:
    """Expected calibration error, its standard error over samples, and what it is where probabilities are right.

    Args:
        probabilities: (N, C).
        truth: (N, C), the labels that hold.
        kind: "single" or "multi".
        seed: of the draws.
    """
    said, right = answered(probabilities, truth, kind)
    rng, N = np.random.default_rng(seed), len(said)
    bins = bins_of(said)
    off = np.stack([((said - right) * (bins == b)).sum(axis=1) for b in range(BINS)], axis=1)
    drawn, rows = [], max(1, 4_000_000 // N)  # as many at a time as fit into little memory
    for start in range(0, RESAMPLES, rows):
        weights = rng.multinomial(N, np.full(N, 1 / N), size=min(rows, RESAMPLES - start))
        drawn.append(np.abs(weights @ off).sum(axis=1) / said.size)
    chance = [binned_error(said, rng.random(said.shape) < said) for _ in range(RESAMPLES // 5)]
    return ExpectedError(
        value=binned_error(said, right),
        se=float(np.concatenate(drawn).std(ddof=1)),
        by_chance=float(np.mean(chance)),
        by_chance_high=float(np.quantile(chance, 0.95)),
    )


def binned_error(said: Float[np.ndarray, "N K"], right: Bool[np.ndarray, "N K"]) -> float:
    """Mean |share that is right - mean probability| over bins of about equally many answers.

    Args:
        said: (N, K) probabilities.
        right: (N, K), what happened.
    """
    sums = np.bincount(bins_of(said).ravel(), weights=(said - right).ravel(), minlength=BINS)
    return float(np.abs(sums).sum() / said.size)


def bins_of(said: Float[np.ndarray, "N K"]) -> Int[np.ndarray, "N K"]:
    """The bin of each probability, 0 to BINS - 1, by its rank; equal ones are never apart, whatever their order.

    Args:
        said: (N, K) probabilities.

    >>> bins_of(np.array([[0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9]]))
    array([[2, 2, 2, 2, 2, 7, 7, 7, 7, 7]])
    """
    _, group, counts = np.unique(said, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - counts / 2
    return np.asarray((rank / said.size * BINS).astype(np.int64).clip(0, BINS - 1)[group.reshape(said.shape)])
