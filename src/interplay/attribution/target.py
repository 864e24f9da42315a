"""What attributions explain: one label's logit, or the mean logit of the predicted labels (METHOD 7)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interplay.task import Task


@dataclass(frozen=True)
class Target:
    """The labels explained, as columns of the logits; several are averaged."""

    classes: tuple[int, ...]

    def of(self, logits: Float[Tensor, "*B C"]) -> Float[Tensor, "*B"]:
        """The target's value of logits (or probabilities) whose last axis is the classes."""
        return logits[..., list(self.classes)].mean(-1)


def predicted(task: Task, logits: Float[Tensor, " C"]) -> Target:
    """The predicted class; multi-label: the labels with probability of at least .5, else the most probable [ours]."""
    on = (logits >= 0).nonzero().flatten().tolist() if task.kind == "multi" else []
    return Target(tuple(on) or (int(torch.argmax(logits)),))
