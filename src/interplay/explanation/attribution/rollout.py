"""Attention rollout and gradient x rollout (METHOD 7) [paper names them; details ours]."""

import torch
from jaxtyping import Float
from torch import Tensor

from interplay.explanation.attribution.target import Target
from interplay.models.fusion import FusionModel, FusionOutput
from interplay.models.tokens import Tokens


def rollout(layers: list[Float[Tensor, "T T"]]) -> Float[Tensor, "T T"]:
    """Product over layers of row-normalised (A + I): how much of each input position reaches each output position."""
    T = layers[0].shape[0]
    flow = torch.eye(T, dtype=layers[0].dtype, device=layers[0].device)
    for attention in layers:
        mixed = attention + torch.eye(T, dtype=flow.dtype, device=flow.device)
        flow = (mixed / mixed.sum(-1, keepdim=True)) @ flow
    return flow


def attention_rollout(model: FusionModel, tokens: Tokens, target: Target, output: FusionOutput) -> Float[Tensor, "E N"]:
    """Head-mean attention rolled out; a feature's score is its mean over the valid query rows.

    Returns one row per expert over the N features of one sample, modality after modality. `target` plays no part.
    """
    rows = [rollout([layer[0].mean(0) for layer in layers]) for layers in output.attention]
    return torch.stack([_features(flow, tokens, model.pooled) for flow in rows]).detach()


def grad_rollout(model: FusionModel, tokens: Tokens, target: Target, output: FusionOutput) -> Float[Tensor, "E N"]:
    """As `attention_rollout`, with relu(A) * relu(d target / d A), head mean, in place of A; the target is each
    expert's own logit."""
    rows = []
    for e, layers in enumerate(output.attention):
        value = target.of(output.expert_logits[0, e])
        gradients = torch.autograd.grad(value, layers, retain_graph=True)
        weighted = [(a[0].relu() * g[0].relu()).mean(0) for a, g in zip(layers, gradients, strict=True)]
        rows.append(_features(rollout(weighted), tokens, model.pooled))
    return torch.stack(rows).detach()


def _features(flow: Float[Tensor, "T T"], tokens: Tokens, pooled: bool) -> Float[Tensor, " N"]:
    """Scores of the features from a rollout over (anchor_1, tokens_1, anchor_2, ...).

    Pooled models attend over one position per modality, to which every valid token of it gave an equal share.
    """
    lengths = [1] * len(tokens.lengths) if pooled else tokens.lengths
    valid = [v[0] if not pooled else v.any(1) for v in tokens.valid]
    queries = torch.cat([torch.cat([v.new_ones(1), v]) for v in valid])
    received = flow[queries].mean(0)
    scores = []
    for m, part in enumerate(received.split([1 + T for T in lengths])):
        mask = tokens.valid[m][0].to(part.dtype)
        scores.append(part[1] * mask / mask.sum().clamp(min=1) if pooled else part[1:] * mask)
    return torch.cat(scores)
