"""Integrated gradients on the projected features, through captum (METHOD 7)."""

import torch
from captum.attr import IntegratedGradients
from jaxtyping import Float
from torch import Tensor

from interplay.attribution.target import Target
from interplay.config import Fill
from interplay.models.fusion import FusionModel
from interplay.removal import Tokens


def integrated_gradients(
    model: FusionModel, tokens: Tokens, target: Target, fill: Fill, steps: int
) -> tuple[Float[Tensor, "E1 N"], Float[Tensor, " E1"]]:
    """Integrated gradients of every expert's and the mixture's target logit with respect to the projected features.

    The baseline is the fill of removal: the mean token for "mean" and "attention" (which has no value to start
    from), zeros for "zero".

    Returns:
        scores (E + 1, N), summed over the width, the mixture last; and the completeness error (E + 1,):
        sum of scores - (value at the sample - value at the baseline).
    """
    means = model.projected_means()
    put = [torch.zeros_like(m) if fill == "zero" else m for m in means]
    baselines = tuple(p.detach().expand_as(v).contiguous() for p, v in zip(put, tokens.values, strict=True))
    inputs = tuple(v.detach().contiguous() for v in tokens.values)
    rows, errors = [], []
    for e in range(len(model.experts_named) + 1):

        def value(*values: Tensor, e: int = e) -> Tensor:
            valid = tuple(v.expand(values[0].shape[0], -1) for v in tokens.valid)
            output = model.fuse(Tokens(values, valid))
            mixture = e == len(model.experts_named)
            return target.of(output.logits if mixture else output.expert_logits[:, e])

        scores, delta = IntegratedGradients(value).attribute(
            inputs, baselines, n_steps=steps, internal_batch_size=steps, return_convergence_delta=True
        )
        rows.append(torch.cat([s[0].sum(-1) * v[0] for s, v in zip(scores, tokens.valid, strict=True)]))
        errors.append(delta[0])
    return torch.stack(rows).detach(), torch.stack(errors).detach()
