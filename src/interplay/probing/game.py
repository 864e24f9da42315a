"""One prediction as a game: players are the sample's features, the value is what the model answers without the rest."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.config import Fill
from interplay.models.fusion import FusionModel
from interplay.removal import Tokens
from interplay.results import MIXTURE
from interplay.task import Task

ON = ("logit", "probability")


@dataclass(frozen=True)
class Players:
    """The features that play: those positions of each modality that hold a feature.

    Attributes:
        modality: (n,) index of each player's modality.
        position: (n,) its place in that modality's sequence.
    """

    modality: np.ndarray
    position: np.ndarray

    def of(self, modality: int) -> np.ndarray:
        """The players of one modality."""
        return np.flatnonzero(self.modality == modality)

    def __len__(self) -> int:
        return len(self.modality)


def players_of(tokens: Tokens) -> Players:
    """All valid positions of one sample (batch of 1), modality after modality."""
    where = [v[0].nonzero().flatten().cpu().numpy() for v in tokens.valid]
    modality = np.concatenate([np.full(len(w), m) for m, w in enumerate(where)])
    return Players(modality, np.concatenate(where))


def value_names(model: FusionModel) -> list[str]:
    """Whose values a model game answers with, along its last axis: every expert, then the mixture."""
    return [*model.experts_named, MIXTURE]


def model_value(
    model: FusionModel, task: Task, tokens: Tokens, label: int, fill: Fill
) -> Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m 2 E1"]]:
    """The value function of one sample and one label: v(S) with the features outside S removed (METHOD 9).

    Every evaluation answers for all value functions at once: (m, 2, E + 1), the logit and the probability of each
    expert and of the mixture. A single-label probability is the softmax over the classes.
    """
    players = players_of(tokens)
    modality, position = torch.from_numpy(players.modality), torch.from_numpy(players.position)
    device = tokens.values[0].device

    @torch.inference_mode()
    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m 2 E1"]:
        present = torch.from_numpy(coalitions)
        m = len(present)
        keep = []
        for k, T in enumerate(tokens.lengths):
            kept = torch.zeros(m, T, dtype=torch.bool)
            kept[:, position[modality == k]] = present[:, modality == k]
            keep.append(kept.to(device))
        output = model.fuse(model.remove(tokens.expand(m), tuple(keep), fill))
        logits = torch.cat([output.expert_logits, output.logits.unsqueeze(1)], dim=1)
        return torch.stack([logits[..., label], task.probabilities(logits)[..., label]], dim=1).cpu().numpy()

    return value


def tokens_of(model: FusionModel, features: tuple[Tensor, ...], valid: tuple[Tensor, ...]) -> Tokens:
    """One sample's features (T_m, W_m) and validity (T_m,) as projected tokens, a batch of 1."""
    device = next(model.parameters()).device
    with torch.no_grad():
        return model.project(
            tuple(f.unsqueeze(0).to(device) for f in features), tuple(v.unsqueeze(0).to(device) for v in valid)
        )
