"""One prediction of a fusion model as a game: what it answers with only the players of a coalition left."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interplay.config import Fill, Precision
from interplay.explanation.players import Players
from interplay.explanation.trained.answers import prepare_answers
from interplay.models.fusion import FusionModel
from interplay.models.task import Task
from interplay.models.tokens import Tokens
from interplay.results import MIXTURE


def players_of(tokens: Tokens, groups: Sequence[Int[np.ndarray, " _"]] | None = None) -> Players:
    """All valid positions of one sample (batch of 1), modality after modality.

    Args:
        groups: per modality (T_m,) the group of each position: positions of one group are one player. A player for
            each position if None.
    """
    modality: list[int] = []
    positions: list[np.ndarray] = []
    for m, valid in enumerate(tokens.valid):
        where = valid[0].nonzero().flatten().cpu().numpy()
        names = where if groups is None else groups[m][where]
        for name in dict.fromkeys(names.tolist()):  # in reading order of the first of each group
            modality.append(m)
            positions.append(where[names == name])
    return Players(np.array(modality, dtype=np.int64), tuple(positions))


def value_names(model: FusionModel) -> list[str]:
    """Whose values a model game answers with, along its last axis: every expert, then the mixture."""
    return [*model.expert_names, MIXTURE]


def model_logits(
    model: FusionModel,
    tokens: Tokens,
    fill: Fill,
    players: Players | None = None,
    *,
    precision: Precision = "fp32",
    experts: Sequence[int] | None = None,
) -> Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m E C"]]:
    """What one sample (batch of 1) is answered with only the players of a coalition left: the logits of every expert
    and of the mixture, (m, E + 1, C).

    The sample is prepared once and nothing that all coalitions share is computed again; model and tokens must not
    change while the answers are in use.

    Args:
        precision: "bf16" computes matrix products and attention over sequences in bfloat16, for devices that have it.
        experts: ask only these, without the mixture: (m, len(experts), C).

    Raises:
        GameError: for a model in training mode.
    """
    players = players or players_of(tokens)
    holds = [np.zeros((len(players), T), dtype=bool) for T in tokens.lengths]
    for m, T in enumerate(tokens.lengths):
        holds[m][players.of(m)] = players.holds(m, T)
    return prepare_answers(model, tokens, fill, holds, precision, experts)


def model_value(
    model: FusionModel,
    task: Task,
    tokens: Tokens,
    labels: Sequence[int],
    fill: Fill,
    players: Players | None = None,
    *,
    precision: Precision = "fp32",
) -> Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m L 2 E1"]]:
    """The value function of one sample: v(S) with the features outside S removed (METHOD 9).

    Every evaluation answers for all value functions at once: (m, L, 2, E + 1), for each of the labels the logit and
    the probability of each expert and of the mixture. A single-label probability is the softmax over the classes.
    `precision` and errors are those of `model_logits`.
    """
    ask = model_logits(model, tokens, fill, players, precision=precision)

    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m L 2 E1"]:
        logits = torch.from_numpy(ask(coalitions))
        both = torch.stack([logits, task.probabilities(logits)], dim=1)  # m 2 E1 C
        return both[..., list(labels)].permute(0, 3, 1, 2).numpy()

    return value


def tokens_of(model: FusionModel, features: tuple[Tensor, ...], valid: tuple[Tensor, ...]) -> Tokens:
    """One sample's features (T_m, W_m) and validity (T_m,) as projected tokens, a batch of 1."""
    device = next(model.parameters()).device
    with torch.no_grad():
        return model.project(
            tuple(f.unsqueeze(0).to(device) for f in features), tuple(v.unsqueeze(0).to(device) for v in valid)
        )
