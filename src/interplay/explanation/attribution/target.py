"""What attributions explain: one label's logit, or the mean logit of several (METHOD 7)."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Target:
    """The labels explained, as columns of the logits; several are averaged."""

    classes: tuple[int, ...]

    def of(self, logits: Float[Tensor, "*B C"]) -> Float[Tensor, "*B"]:
        """The target's value of logits (or probabilities) whose last axis is the classes.

        Args:
            logits: (*B, C) logits or probabilities.
        """
        return logits[..., list(self.classes)].mean(-1)
