"""Features of several samples as one batch: padded to the longest of them, with masks that say so."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B samples.

    Attributes:
        features: per modality (B, T_m, W_m), zeros where padded.
        valid: per modality (B, T_m) bool, False where padded.
        target: (B, C) indicators.
    """

    features: tuple[Float[Tensor, "B _ _"], ...]
    valid: tuple[Bool[Tensor, "B _"], ...]
    target: Float[Tensor, "B C"]

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device.

        Args:
            device: a device.
        """
        return Batch(
            tuple(f.to(device) for f in self.features),
            tuple(v.to(device) for v in self.valid),
            self.target.to(device),
        )


Item = tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]


def collate(items: Sequence[Item]) -> Batch:
    """Pad every modality to the longest of the batch.

    Args:
        items: samples of one split.
    """
    modalities = range(len(items[0][0]))
    pad = torch.nn.utils.rnn.pad_sequence
    return Batch(
        tuple(pad([features[m] for features, _, _ in items], batch_first=True) for m in modalities),
        tuple(pad([valid[m] for _, valid, _ in items], batch_first=True) for m in modalities),
        torch.stack([target for _, _, target in items]),
    )
