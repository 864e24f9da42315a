"""What the labels mean: one table from label kind to target, loss, probabilities and metrics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

LabelKind = Literal["single", "multi"]


@dataclass(frozen=True)
class Task:
    """A single-label or multi-label task over named classes.

    Targets are float (B, C) indicator rows for both kinds; single-label rows hold exactly one 1.
    """

    labels: tuple[str, ...]
    kind: LabelKind

    def target(self, names: Sequence[str]) -> Float[Tensor, " C"]:
        """The indicator row (C,) of the labels that hold."""
        row = torch.zeros(len(self.labels))
        for name in names:
            row[self.labels.index(name)] = 1.0
        return row

    def loss(self, logits: Float[Tensor, "B C"], target: Float[Tensor, "B C"]) -> Float[Tensor, ""]:
        """Mean cross-entropy (single) or mean binary cross-entropy over samples and labels (multi).

        Targets may be probabilities, too.
        """
        if self.kind == "single":
            return F.cross_entropy(logits, target)
        return F.binary_cross_entropy_with_logits(logits, target)

    def probabilities(self, logits: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        """Softmax (single) or sigmoid (multi) over the last axis."""
        return logits.softmax(-1) if self.kind == "single" else logits.sigmoid()

    @property
    def monitor(self) -> str:
        """The validation metric that picks the best epoch; larger is better."""
        return "macro_f1" if self.kind == "multi" else "accuracy"

    def metrics(self, logits: Float[Tensor, "N C"], target: Float[Tensor, "N C"]) -> dict[str, float]:
        """Metrics of a whole split. A metric that is undefined there (a class absent) is NaN, never 0.

        Returns accuracy, F1 (micro, macro, weighted by how often a class occurs, and of samples), macro AUROC, mAP and
        loss; multi-label data adds the accuracy of each label as `accuracy/<label>` and `exact_match`. Of two classes
        the last is the positive one: `best_f1` is its F1 at the best threshold, `best_balanced_accuracy` the best
        mean of the two classes' accuracies, both picked on this very split, as is usual in print.
        """
        out = {"loss": float(self.loss(logits, target))}
        return out | (self._single(logits, target) if self.kind == "single" else self._multi(logits, target))

    def _single(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        from torchmetrics.functional import classification as metrics  # a second to load, and only measuring needs it

        true, C = target.argmax(dim=1), len(self.labels)
        out = {"accuracy": float((logits.argmax(1) == true).float().mean())}
        present = true.unique(return_counts=False).tolist()
        f1 = metrics.multiclass_f1_score(logits, true, num_classes=C, average="none")
        out["macro_f1"] = _mean_over(f1, present)
        out["weighted_f1"] = float((f1[present] * true.bincount(minlength=C)[present]).sum() / len(true))
        out["micro_f1"] = out["samples_f1"] = out["accuracy"]  # one label a sample: all are the same number
        if C == 2:
            out |= _best_threshold(logits[:, 1] - logits[:, 0], true)
        return out | _ranking([(logits[:, c], (true == c).long()) for c in range(C)])

    def _multi(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        from torchmetrics.functional import classification as metrics

        true, C = target.long(), len(self.labels)
        hit = (logits > 0) == (true == 1)
        out = {f"accuracy/{name}": float(hit[:, c].float().mean()) for c, name in enumerate(self.labels)}
        out["accuracy"] = float(hit.float().mean())
        out["exact_match"] = float(hit.all(dim=1).float().mean())
        f1 = metrics.multilabel_f1_score(logits, true, num_labels=C, average="none")
        present = [c for c in range(C) if true[:, c].any()]
        out["macro_f1"] = _mean_over(f1, present)
        out["weighted_f1"] = float((f1 * true.sum(0)).sum() / true.sum()) if true.any() else math.nan
        out["micro_f1"] = float(metrics.multilabel_f1_score(logits, true, num_labels=C, average="micro"))
        out["samples_f1"] = _samples_f1(logits > 0, true == 1)
        return out | _ranking([(logits[:, c], true[:, c]) for c in range(C)])


def _samples_f1(said: Tensor, true: Tensor) -> float:
    """Mean over samples of each one's F1; those with no label that neither get one have none and are left out."""
    f1 = 2 * (said & true).sum(1) / (said.sum(1) + true.sum(1))
    return float(f1.nanmean())


def _best_threshold(scores: Tensor, true: Tensor) -> dict[str, float]:
    """Best F1 of the positive class and best balanced accuracy over thresholds; NaN if a class is absent."""
    from torchmetrics.functional import classification as metrics

    if not 0 < int(true.sum()) < len(true):
        return {"best_f1": math.nan, "best_balanced_accuracy": math.nan}
    precision, recall, _ = metrics.binary_precision_recall_curve(scores, true)
    f1 = 2 * precision * recall / (precision + recall)
    wrong, right, _ = metrics.binary_roc(scores, true)
    return {"best_f1": float(f1.nan_to_num().max()), "best_balanced_accuracy": float(((right + 1 - wrong) / 2).max())}


def _mean_over(values: Tensor, classes: list[int]) -> float:
    return float(values[classes].mean()) if classes else math.nan


def _ranking(columns: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Macro AUROC and mAP over the classes that have both outcomes; NaN if none has."""
    from torchmetrics.functional import classification as metrics

    both = [(s, t) for s, t in columns if 0 < int(t.sum()) < len(t)]
    if not both:
        return {"auroc": math.nan, "map": math.nan}
    auroc = [float(metrics.binary_auroc(s, t)) for s, t in both]
    precision = [float(metrics.binary_average_precision(s, t)) for s, t in both]
    return {"auroc": sum(auroc) / len(both), "map": sum(precision) / len(both)}
