"""Which labels are predicted, and F1: one rule and one formula for training, evaluation and reports."""

import numpy as np
from jaxtyping import Bool, Float

from interplay.kinds import LabelKind


def predicted_labels(
    probabilities: Float[np.ndarray, "N C"],
    label_kind: LabelKind,
    *,
    at_least_one: bool = False,
    threshold: float = 0.5,
) -> Bool[np.ndarray, "N C"]:
    """The labels that a model predicts.

    Args:
        probabilities: (N, C); or logits, with a threshold of 0.
        label_kind: "single" takes the most probable label, "multi" all that reach the threshold.
        at_least_one: whether the most probable label stands where none reaches the threshold, as METHOD 7 has it of
            what is explained.
        threshold: the least value of a predicted label where several may hold.

    Returns:
        (N, C), True where a label is predicted.

    >>> predicted_labels(np.array([[0.5, 0.7, 0.1], [0.2, 0.4, 0.3]]), "multi", at_least_one=True).tolist()
    [[True, True, False], [False, True, False]]
    """
    best = np.zeros(probabilities.shape, dtype=bool)
    best[np.arange(len(best)), probabilities.argmax(axis=1)] = True
    if label_kind == "single":
        return best
    over = probabilities >= threshold
    return np.where(over.any(axis=1, keepdims=True), over, best) if at_least_one else over


def confusions(
    predicted: Bool[np.ndarray, "N C"], truth: Bool[np.ndarray, "N C"]
) -> tuple[Bool[np.ndarray, "N C"], Bool[np.ndarray, "N C"], Bool[np.ndarray, "N C"]]:
    """What was predicted rightly, what wrongly, and what was missed.

    Args:
        predicted: (N, C) labels that are predicted.
        truth: (N, C) labels that hold.

    Returns:
        hits, wrong and missed, (N, C) each; summed over samples they are the counts of F1.
    """
    return predicted & truth, predicted & ~truth, ~predicted & truth


def f1(hits: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """F1 of counts of any one shape; NaN where all three are 0.

    Args:
        hits: how often a label was predicted rightly.
        wrong: how often wrongly.
        missed: how often it held and was not predicted.

    Returns:
        2 hits / (2 hits + wrong + missed), of their shape.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / (2 * hits + wrong + missed))


def macro_f1(hits: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> float:
    """The mean F1 of the labels that occur; NaN if none does.

    Args:
        hits: (C,) counts by label, see `f1`.
        wrong: (C,).
        missed: (C,).
    """
    there = hits + missed > 0
    return float(f1(hits[there], wrong[there], missed[there]).mean()) if there.any() else np.nan


def micro_f1(hits: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> float:
    """F1 of the counts of all labels together; NaN if no label occurs or is predicted. Of one label a sample: accuracy.

    Args:
        hits: (C,) counts by label, see `f1`.
        wrong: (C,).
        missed: (C,).
    """
    return float(f1(*(counts.sum(keepdims=True) for counts in (hits, wrong, missed)))[0])


def average_precision(
    scores: Float[np.ndarray, " N"], truth: Bool[np.ndarray, " N"], weights: Float[np.ndarray, "R N"]
) -> Float[np.ndarray, " R"]:
    """Average precision of one label, under several weightings of the samples at once.

    The mean, over samples of the label, of the precision among all that score as high or higher; scores that are equal
    are taken together.

    Args:
        scores: (N,), higher is surer.
        truth: (N,), whether the label holds.
        weights: (R, N), how often each sample counts, at least 0.

    Returns:
        (R,); NaN where no sample of the label counts.

    >>> average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]), np.array([[1.0, 1, 1], [1, 1, 0]]))
    array([0.83333333, 1.        ])
    """
    order = np.argsort(-scores, kind="stable")
    held = weights[:, order] * truth[order]
    last = np.searchsorted(-scores[order], -scores[order], side="right") - 1
    with np.errstate(invalid="ignore"):
        precision = held.cumsum(axis=1)[:, last] / weights[:, order].cumsum(axis=1)[:, last]
        return np.asarray(np.where(held > 0, held * precision, 0).sum(axis=1) / held.sum(axis=1))
