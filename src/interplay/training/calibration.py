"""What the validation split says about a model's probabilities: how far they are off, and where to cut them [ours]."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import minimize_scalar
from torch import Tensor

from interplay.kinds import LabelKind
from interplay.metrics import f1
from interplay.models.task import Task
from interplay.results.baselines import or_none
from interplay.results.calibration import Calibration, CalibrationError

BINS = 10
RESAMPLES = 500
ENOUGH = 20
"""A label with fewer training samples may never be predicted."""


def calibrate(
    answers: Mapping[str, tuple[Float[Tensor, "N C"], Float[Tensor, "N C"]]],
    counts: Sequence[int],
    task: Task,
    seed: int,
) -> Calibration:
    """Measure how well a model is calibrated; temperature and thresholds come from the validation split alone.

    Args:
        answers: "val" and "test" -> logits (N, C) and targets (N, C).
        counts: (C,) how many training samples each label has.
        task: what targets mean.
        seed: of the bootstrap's draws.
    """
    heat = temperature(*answers["val"], task)
    cuts = np.full(len(task.labels), 0.5)
    if task.kind == "multi":
        cuts = thresholds(task.probabilities(answers["val"][0]).double().numpy(), answers["val"][1].numpy() == 1)
    shift = torch.from_numpy(np.log(cuts / (1 - cuts))).float() if task.kind == "multi" else torch.zeros(1)
    errors: dict[bool, dict[str, CalibrationError]] = {False: {}, True: {}}
    for split, (logits, target) in answers.items():
        for tempered, found in errors.items():
            probabilities = task.probabilities(logits.double() / (heat if tempered else 1)).numpy()
            found[split] = calibration_error(probabilities, target.numpy() == 1, task.kind, seed)

    def never(moved: Tensor) -> list[str]:
        said = np.any(task.predicted(moved), axis=0).tolist()
        return [name for name, some, n in zip(task.labels, said, counts, strict=True) if not some and n >= ENOUGH]

    moved = {split: logits - shift for split, (logits, _) in answers.items()}
    cut_metrics = ("accuracy", "exact_match", "macro_f1", "weighted_f1", "micro_f1", "samples_f1")
    measured = {split: task.metrics(moved[split], target) for split, (_, target) in answers.items()}
    return Calibration(
        ece=errors[False],
        temperature=heat,
        ece_tempered=errors[True],
        thresholds=dict(zip(task.labels, cuts.tolist(), strict=True)) if task.kind == "multi" else {},
        at_thresholds={
            split: {name: or_none(values[name]) for name in cut_metrics if name in values}
            for split, values in measured.items()
        },
        never=never(moved["test"]),
        never_at_half=never(answers["test"][0]),
    )


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


def calibration_error(
    probabilities: Float[np.ndarray, "N C"], truth: Bool[np.ndarray, "N C"], kind: LabelKind, seed: int = 0
) -> CalibrationError:
    """Expected calibration error, in bins of equally many answers, with a bootstrap interval over samples.

    Of several labels each sample and label is an answer; of a single label, each sample's most probable one is.

    Args:
        probabilities: (N, C).
        truth: (N, C), the labels that hold.
        kind: "single" or "multi".
        seed: of the draws.
    """
    rng, rows = np.random.default_rng(seed), np.arange(len(probabilities))
    said = probabilities
    if kind == "single":
        best = probabilities.argmax(axis=1)
        said, truth = probabilities[rows, best][:, None], truth[rows, best][:, None]
    drawn = [_ece(said[at], truth[at]) for at in rng.choice(rows, (RESAMPLES, len(rows)))]
    chance = [_ece(said, rng.random(said.shape) < said) for _ in range(RESAMPLES // 5)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return CalibrationError(value=_ece(said, truth), low=float(low), high=float(high), by_chance=float(np.mean(chance)))


def _ece(said: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"]) -> float:
    order = np.argsort(said, axis=None, kind="stable")
    p, held = said.ravel()[order], truth.ravel()[order].astype(float)
    bins = np.array_split(np.arange(len(p)), min(BINS, len(p)))
    return float(sum(len(at) * abs(p[at].mean() - held[at].mean()) for at in bins) / len(p))
