"""The samples of a run as plain rows: true labels, predicted labels, probabilities."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from interplay.kinds import LabelKind
from interplay.metrics import f1, predicted_labels


@dataclass(frozen=True)
class Row:
    """One sample as a run answered it.

    Attributes:
        truth: names of the labels that hold.
        probabilities: (C,) in the order of the run's labels.
        texts: modality -> text.
        pictures: modality -> file.
    """

    id: str
    split: str
    truth: tuple[str, ...]
    probabilities: tuple[float, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, Path] = field(default_factory=dict)


def predicted_indices(probabilities: Sequence[float], kind: LabelKind) -> list[int]:
    """Indices of the predicted labels: the most probable one, or all with a probability of at least 0.5.

    Args:
        probabilities: of each label, by the model.
        kind: "single" or "multi".
    """
    return np.flatnonzero(predicted_labels(np.array([probabilities]), kind)[0]).tolist()


def confidence(probabilities: Sequence[float], kind: LabelKind) -> float:
    """How sure the model is: the probability of the predicted label, or of the least sure of several decisions.

    >>> confidence([0.25, 0.75], "single"), confidence([0.25, 0.9], "multi")
    (0.75, 0.75)

    Args:
        probabilities: of each label, by the model.
        kind: "single" or "multi".
    """
    return max(probabilities) if kind == "single" else min(max(p, 1 - p) for p in probabilities)


def mistake(probabilities: Sequence[float], truth: Sequence[int], kind: LabelKind) -> float:
    """How wrong the model is: the probability given to what is not true; of several labels, that of the worst decision.

    >>> mistake([0.25, 0.75], [0], "single"), mistake([0.25, 0.75], [1], "multi")
    (0.75, 0.25)

    Args:
        probabilities: of each label, by the model.
        truth: indices of the labels that hold.
        kind: "single" or "multi".
    """
    if kind == "single":
        return 1 - probabilities[truth[0]] if truth else 1.0
    return max(1 - p if c in truth else p for c, p in enumerate(probabilities))


def per_label(rows: Sequence[Row], labels: Sequence[str], kind: LabelKind) -> list[list[str | int | float | None]]:
    """For each split and label: split, label, true, predicted, both, precision, recall, F1; None if undefined.

    Args:
        rows: the samples.
        labels: names of all labels, in order.
        kind: "single" or "multi".
    """
    out: list[list[str | int | float | None]] = []
    for split in dict.fromkeys(row.split for row in rows):
        answers = [
            (row.truth, {labels[c] for c in predicted_indices(row.probabilities, kind)})
            for row in rows
            if row.split == split
        ]
        for label in labels:
            true = sum(label in truth for truth, _ in answers)
            given = sum(label in labels_said for _, labels_said in answers)
            both = sum(label in truth and label in labels_said for truth, labels_said in answers)
            score = float(f1(np.array(both), np.array(given - both), np.array(true - both))) if true else None
            out.append([split, label, true, given, both, _ratio(both, given), _ratio(both, true), score])
    return out


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def rounded(value: float, digits: int = 4) -> float | None:
    """A number for JSON, with a few digits; None where it is not finite.

    Args:
        value: the number.
        digits: after the decimal point.
    """
    return round(value, digits) if math.isfinite(value) else None
