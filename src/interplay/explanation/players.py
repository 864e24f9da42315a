"""What plays in the game of one prediction: features, or groups of features that come and go together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

SCALES = ("logit", "probability")
"""The scales a value function may have, in the order of every axis that holds both."""


@dataclass(frozen=True)
class Players:
    """The players of one sample, modality after modality.

    Attributes:
        modality: (n,) index of each player's modality.
        positions: per player, the places of its features in that modality's sequence, in order.
    """

    modality: np.ndarray
    positions: tuple[np.ndarray, ...]

    def of(self, modality: int) -> np.ndarray:
        """The players of one modality, as indices (k,).

        Args:
            modality: index of the modality.
        """
        return np.flatnonzero(self.modality == modality)

    def holds(self, modality: int, length: int) -> Bool[np.ndarray, "k T"]:
        """Which of the T positions of a modality each of its k players holds.

        Args:
            modality: index of the modality.
            length: T, how many positions the modality has.
        """
        out = np.zeros((len(self.of(modality)), length), dtype=bool)
        for row, player in enumerate(self.of(modality)):
            out[row, self.positions[player]] = True
        return out

    def __len__(self) -> int:
        return len(self.modality)
