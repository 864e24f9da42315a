"""What the labels mean: one table from label kind to target, loss, probabilities and metrics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from interplay.kinds import LabelKind
from interplay.metrics import confusions, f1, macro_f1, micro_f1, predicted_labels

Headline = Literal["map", "macro_f1"]


@dataclass(frozen=True)
class Task:
    """A single-label or multi-label task over named classes.

    Targets are float (B, C) indicator rows for both kinds; single-label rows hold exactly one 1.
    """

    labels: tuple[str, ...]
    kind: LabelKind

    def target(self, names: Sequence[str]) -> Float[Tensor, " C"]:
        """The indicator row (C,) of the labels that hold.

        Args:
            names: the labels that hold.
        """
        row = torch.zeros(len(self.labels))
        for name in names:
            row[self.labels.index(name)] = 1.0
        return row

    def prior_logits(self, samples: Sequence[Sequence[str]]) -> Float[Tensor, " C"]:
        """The logits (C,) whose probabilities are the labels' shares of samples, by Laplace's rule of succession.

        By that rule, one more sample of each outcome, no share is 0 or 1.

        Args:
            samples: the labels that hold, sample by sample.

        >>> task = Task(("sun", "rain"), "multi")
        >>> task.probabilities(task.prior_logits([["sun"], ["sun"], ["rain"], ["rain"], ["sun"], ["sun"]]))
        tensor([0.6250, 0.3750])
        """
        counts = torch.stack([self.target(names) for names in samples]).sum(0) + 1
        if self.kind == "single":
            return (counts / counts.sum()).log()
        return (counts / (len(samples) + 2)).logit()

    def smoothed(self, target: Float[Tensor, "B C"], by: float) -> Float[Tensor, "B C"]:
        """Targets kept away from certainty: 1 becomes 1 - by, and what that takes goes to the other outcomes alike.

        Args:
            target: (B, C) indicators.
            by: how far, in 0..0.5.
        """
        others = len(self.labels) - 1 if self.kind == "single" else 1
        return target * (1 - by) + (1 - target) * by / max(1, others)

    def loss(
        self, logits: Float[Tensor, "B C"], target: Float[Tensor, "B C"], weights: Float[Tensor, "B _"] | None = None
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy (single) or mean binary cross-entropy over samples and labels (multi).

        Targets may be probabilities, too.

        Args:
            logits: (B, C).
            target: (B, C) indicators or probabilities.
            weights: what each sample counts (single: (B, 1)), or each of its labels (multi: (B, C)); 1 if None.
        """
        if self.kind == "multi":
            return F.binary_cross_entropy_with_logits(logits, target, weights)
        if weights is None:
            return F.cross_entropy(logits, target)
        return (weights[:, 0] * F.cross_entropy(logits, target, reduction="none")).mean()

    def weights_of(
        self, held: Float[Tensor, "B C"], balanced: Float[Tensor, "2 C"] | None
    ) -> Float[Tensor, "B _"] | None:
        """The weights of `loss` for samples of which it is known what holds, whatever their targets are made to be.

        Args:
            held: (B, C) indicators of the labels that hold.
            balanced: (2, C) of `balanced_weights`; None for no weights.
        """
        if balanced is None:
            return None
        if self.kind == "single":
            return (held * balanced[0]).sum(1, keepdim=True)
        return torch.where(held > 0.5, balanced[0], balanced[1])

    def balanced_weights(self, samples: Sequence[Sequence[str]]) -> Float[Tensor, "2 C"]:
        """What labels count where they hold (row 0) and where not, so that rare ones count as much as frequent ones.

        Of one label all classes count alike; of several, each label counts alike where it holds and where it does not.
        The mean weight of all samples is about 1: shares of labels are those of `prior_logits`, so that none is 0.

        Args:
            samples: the labels that hold, sample by sample.

        >>> Task(("sun", "rain"), "multi").balanced_weights([["sun"]] * 6 + [[]] * 2)
        tensor([[0.7143, 5.0000],
                [1.6667, 0.5556]])
        """
        share = self.probabilities(self.prior_logits(samples))
        if self.kind == "single":
            return torch.stack([1 / (len(self.labels) * share), torch.ones_like(share)])
        return torch.stack([1 / (2 * share), 1 / (2 * (1 - share))])

    def probabilities(self, logits: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        """Softmax (single) or sigmoid (multi) over the last axis.

        Args:
            logits: (*B, C).
        """
        return logits.softmax(-1) if self.kind == "single" else logits.sigmoid()

    def log_odds(self, logits: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        """The log-odds of each label's probability; of several labels that is the logit itself.

        Args:
            logits: (*B, C).
        """
        if self.kind == "multi":
            return logits
        C = logits.shape[-1]
        others = logits.unsqueeze(-2).masked_fill(torch.eye(C, dtype=torch.bool, device=logits.device), -math.inf)
        return logits - others.logsumexp(-1)

    @property
    def monitor(self) -> str:
        """The validation metric that picks the best epoch; larger is better."""
        return "macro_f1" if self.kind == "multi" else "accuracy"

    @property
    def headline(self) -> Headline:
        """The metric that a model is judged by, which knows no threshold where several labels may hold."""
        return "map" if self.kind == "multi" else "macro_f1"

    def metrics(self, logits: Float[Tensor, "N C"], target: Float[Tensor, "N C"]) -> dict[str, float]:
        """Metrics of a whole split. A metric that is undefined there (a class absent) is NaN, never 0.

        Of two classes the last is the positive one: `best_f1` is its F1 at the best threshold, `best_balanced_accuracy`
        the best mean of the two classes' accuracies, both picked on this very split, as is usual in print.

        Args:
            logits: (N, C).
            target: (N, C) indicators.

        Returns:
            Accuracy, F1 (micro, macro, weighted by how often a class occurs, and of samples), macro AUROC, mAP and
            loss; multi-label data adds the accuracy of each label as `accuracy/<label>` and `exact_match`.
        """
        out = {"loss": float(self.loss(logits, target))}
        return out | (self._single(logits, target) if self.kind == "single" else self._multi(logits, target))

    def _single(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        true, C = target.argmax(dim=1), len(self.labels)
        accuracy = float((logits.argmax(1) == true).float().mean())
        out = {"accuracy": accuracy} | self._f1(logits, F.one_hot(true, C))
        out["micro_f1"] = out["samples_f1"] = accuracy  # one label a sample: all are the same number
        if C == 2:
            out |= _best_threshold(logits[:, 1] - logits[:, 0], true)
        return out | _ranking([(logits[:, c], (true == c).long()) for c in range(C)])

    def _multi(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        true, C = target.long(), len(self.labels)
        hit = torch.from_numpy(self.predicted(logits)) == (true == 1).cpu()
        out = {f"accuracy/{name}": float(hit[:, c].float().mean()) for c, name in enumerate(self.labels)}
        out["accuracy"] = float(hit.float().mean())
        out["exact_match"] = float(hit.all(dim=1).float().mean())
        out |= self._f1(logits, true)
        return out | _ranking([(logits[:, c], true[:, c]) for c in range(C)])

    def predicted(self, logits: Float[Tensor, "N C"]) -> Bool[np.ndarray, "N C"]:
        """The labels that are predicted: the most probable one, or all whose probability is at least one half.

        Args:
            logits: (N, C).
        """
        return predicted_labels(logits.detach().float().cpu().numpy(), self.kind, threshold=0.0)

    def _f1(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """F1 by the four ways to average it; samples with no label that neither get one have none of their own."""
        cells = confusions(self.predicted(logits), target.cpu().numpy() == 1)
        counts = [cell.sum(axis=0) for cell in cells]
        of_sample = f1(*(cell.sum(axis=1) for cell in cells))
        occurs = counts[0] + counts[2]
        weighted = float((np.nan_to_num(f1(*counts)) * occurs).sum() / occurs.sum()) if occurs.any() else math.nan
        return {
            "macro_f1": macro_f1(*counts),
            "weighted_f1": weighted,
            "micro_f1": micro_f1(*counts),
            "samples_f1": math.nan if np.isnan(of_sample).all() else float(np.nanmean(of_sample)),
        }


def _best_threshold(scores: Tensor, true: Tensor) -> dict[str, float]:
    """Best F1 of the positive class and best balanced accuracy over thresholds; NaN if a class is absent."""
    from torchmetrics.functional import classification as metrics  # a second to load, and only measuring needs it

    if not 0 < int(true.sum()) < len(true):
        return {"best_f1": math.nan, "best_balanced_accuracy": math.nan}
    precision, recall, _ = metrics.binary_precision_recall_curve(scores, true)
    f1 = 2 * precision * recall / (precision + recall)
    wrong, right, _ = metrics.binary_roc(scores, true)
    return {"best_f1": float(f1.nan_to_num().max()), "best_balanced_accuracy": float(((right + 1 - wrong) / 2).max())}


def _ranking(columns: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Macro AUROC and mAP over the classes that have both outcomes; NaN if none has."""
    from torchmetrics.functional import classification as metrics

    both = [(s, t) for s, t in columns if 0 < int(t.sum()) < len(t)]
    if not both:
        return {"auroc": math.nan, "map": math.nan}
    auroc = [float(metrics.binary_auroc(s, t)) for s, t in both]
    precision = [float(metrics.binary_average_precision(s, t)) for s, t in both]
    return {"auroc": sum(auroc) / len(both), "map": sum(precision) / len(both)}
