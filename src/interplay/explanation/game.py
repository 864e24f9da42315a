"""One prediction of a fusion model as a game: what it answers with only the players of a coalition left."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.config import Fill, Precision
from interplay.explanation.players import Players
from interplay.explanation.trained.answers import prepare_answers
from interplay.models.fusion import FusionModel
from interplay.models.task import Task
from interplay.models.tokens import Tokens
from interplay.results import MIXTURE


def players_of(tokens: Tokens, groups: Sequence[Sequence[int]] | None = None) -> Players:
    """All valid positions of one sample (batch of 1), modality after modality.

    Args:
        tokens: one sample, projected: a batch of 1.
        groups: per modality (T_m,) the group of each position: positions of one group are one player. A player for
            each position if None.
    """
    modality: list[int] = []
    positions: list[np.ndarray] = []
    for m, valid in enumerate(tokens.valid):
        where = valid[0].nonzero().flatten().cpu().numpy()
        names = where if groups is None else np.array(groups[m])[where]
        for name in dict.fromkeys(names.tolist()):  # in reading order of the first of each group
            modality.append(m)
            positions.append(where[names == name])
    return Players(np.array(modality, dtype=np.int64), tuple(positions))


def value_names(model: FusionModel) -> list[str]:
    """The names along the last axis of a model game's values: every expert, then the mixture.

    Args:
        model: the fusion model, in evaluation mode.
    """
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
    """A fusion model's logits for one sample (batch of 1) with only the players of a coalition left.

    The sample is prepared once and nothing that all coalitions share is computed again; model and tokens must not
    change while the returned function is in use.

    Args:
        model: the fusion model, in evaluation mode.
        tokens: one sample, projected: a batch of 1.
        fill: what takes the place of removed features: "mean", "zero" or "attention" (nothing: they leave attention).
        players: the players of the game, in the order of coalitions; every valid position by itself if None.
        precision: "bf16" computes matrix products and attention over sequences in bfloat16, for devices that have it.
        experts: indices of the only experts to evaluate, without the mixture; all and the mixture if None.

    Returns:
        Coalitions (m, n) -> logits (m, E + 1, C) of every expert and, last, the mixture; (m, len(experts), C) if
        `experts` are given.

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

    A single-label probability is the softmax over the classes.

    Args:
        model: the fusion model, in evaluation mode.
        task: the labels and their kind (single or multi), which decide how logits become probabilities.
        tokens: one sample, projected: a batch of 1.
        labels: indices of the labels to score, all from the same evaluations.
        fill: what takes the place of removed features: "mean", "zero" or "attention" (nothing: they leave attention).
        players: the players of the game, in the order of coalitions; every valid position by itself if None.
        precision: "fp32", or "bf16": matrix products and attention over sequences in bfloat16, for devices that have
            it.

    Returns:
        Coalitions (m, n) -> values (m, L, 2, E + 1): for each of the L labels the logit and the probability, of each
        expert and of the mixture.

    Raises:
        GameError: for a model in training mode.
    """
    ask = model_logits(model, tokens, fill, players, precision=precision)

    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m L 2 E1"]:
        logits = torch.from_numpy(ask(coalitions))
        both = torch.stack([logits, task.probabilities(logits)], dim=1)  # m 2 E1 C
        return both[..., list(labels)].permute(0, 3, 1, 2).numpy()

    return value


def tokens_of(model: FusionModel, features: tuple[Tensor, ...], valid: tuple[Tensor, ...]) -> Tokens:
    """One sample's features (T_m, W_m) and validity (T_m,) as projected tokens, a batch of 1.

    Args:
        model: the fusion model, in evaluation mode.
        features: per modality (T_m, W_m), as encoded.
        valid: per modality (T_m,) bool, False for padding.
    """
    device = next(model.parameters()).device
    with torch.no_grad():
        return model.project(
            tuple(f.unsqueeze(0).to(device) for f in features), tuple(v.unsqueeze(0).to(device) for v in valid)
        )
