"""Attention rollout and gradient x rollout (METHOD 7) [paper names them; details ours]."""

import torch
from jaxtyping import Float
from torch import Tensor

from interplay.explanation.attribution.target import Target
from interplay.models.fusion import FusionModel, FusionOutput
from interplay.models.tokens import Tokens


def rollout(layers: list[Float[Tensor, "T T"]]) -> Float[Tensor, "T T"]:
    """Product over layers of row-normalised (A + I): how much of each input position reaches each output position.

    Args:
        layers: attention weights (T, T) of each layer, the first layer first; rows are queries.

    Returns:
        (T, T): row q holds how much of each input position reaches output position q; rows sum to 1.
    """
    T = layers[0].shape[0]
    flow = torch.eye(T, dtype=layers[0].dtype, device=layers[0].device)
    for attention in layers:
        mixed = attention + torch.eye(T, dtype=flow.dtype, device=flow.device)
        flow = (mixed / mixed.sum(-1, keepdim=True)) @ flow
    return flow


def attention_rollout(model: FusionModel, tokens: Tokens, target: Target, output: FusionOutput) -> Float[Tensor, "E N"]:
    """Attention rollout (Abnar & Zuidema 2020): head-mean attention, multiplied through the layers with residuals.

    A feature's score is its mean over the valid query rows.

    Args:
        model: the fusion model, in evaluation mode.
        tokens: one sample, projected: a batch of 1.
        target: not used; all methods are called alike.
        output: the model's answer on `tokens`, with attention weights.

    Returns:
        (E, N): a row for each expert, over the N features of the sample, modality after modality.
    """
    rows = []
    for e, parts in enumerate(output.attention):
        flows = [rollout([layer[0].mean(0) for layer in layers]) for layers in parts]
        rows.append(_mean_scores(model, e, flows, tokens))
    return torch.stack(rows).detach()


def grad_rollout(model: FusionModel, tokens: Tokens, target: Target, output: FusionOutput) -> Float[Tensor, "E N"]:
    """Gradient-weighted rollout: as `attention_rollout`, with the head mean of relu(A) * relu(d target / d A) for A.

    Args:
        model: the fusion model, in evaluation mode.
        tokens: one sample, projected: a batch of 1.
        target: the scalar of each expert's own logits whose gradient weights the attention.
        output: the model's answer on `tokens`, with attention weights in the graph of gradients.

    Returns:
        (E, N): a row for each expert, over the N features of the sample, modality after modality.
    """
    rows = []
    for e, parts in enumerate(output.attention):
        value, flows = target.of(output.expert_logits[0, e]), []
        for layers in parts:
            gradients = torch.autograd.grad(value, layers, retain_graph=True)
            flows.append(rollout([(a[0].relu() * g[0].relu()).mean(0) for a, g in zip(layers, gradients, strict=True)]))
        rows.append(_mean_scores(model, e, flows, tokens))
    return torch.stack(rows).detach()


def _mean_scores(model: FusionModel, e: int, flows: list[Float[Tensor, "T T"]], tokens: Tokens) -> Float[Tensor, " N"]:
    """Scores of the features, on average over the parts of one expert's contribution."""
    return torch.stack(
        [model.feature_scores(flow, model.seen_by(e, part, tokens)) for part, flow in enumerate(flows)]
    ).mean(0)
