"""Integrated gradients on the projected features (METHOD 7), by Gauss and Legendre's quadrature.

The same numbers as `captum.attr.IntegratedGradients`, which the tests compare with. Captum loads plotting and language
models with it, which takes as long as a tenth of an explanation.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interplay.config import Fill
from interplay.explanation.attribution.target import Target
from interplay.models.fusion import FusionModel
from interplay.models.tokens import Tokens


def integrated_gradients(
    model: FusionModel, tokens: Tokens, target: Target, fill: Fill, steps: int
) -> tuple[Float[Tensor, "E1 N"], Float[Tensor, " E1"]]:
    """Integrated gradients of every expert's and the mixture's target logit with respect to the projected features.

    The baseline is the fill of removal: the mean token for "mean" and "attention" (which has no value to start
    from), zeros for "zero".

    Args:
        model: the fusion model, in evaluation mode.
        tokens: one sample, projected: a batch of 1.
        target: the scalar of the logits that is attributed.
        fill: what takes the place of removed features: "mean", "zero" or "attention" (nothing: they leave attention).
        steps: how many points of the path from the baseline to the sample the gradient is averaged over.

    Returns:
        scores (E + 1, N), summed over the width, the mixture last; and the completeness error (E + 1,):
        sum of scores - (value at the sample - value at the baseline).
    """
    means = model.projected_means()
    put = [torch.zeros_like(m) if fill == "zero" else m for m in means]
    baselines = tuple(p.detach().expand_as(v).contiguous() for p, v in zip(put, tokens.values, strict=True))
    inputs = tuple(v.detach().contiguous() for v in tokens.values)
    rows, errors = [], []
    outputs: list[int | None] = list(range(len(model.expert_names)))
    for e in [*outputs, None] if len(outputs) > 1 else outputs:  # None: the mixture

        def value(*values: Tensor, e: int | None = e) -> Tensor:
            seen = Tokens(values, tuple(v.expand(values[0].shape[0], -1) for v in tokens.valid))
            return target.of(model.fuse(seen).logits if e is None else model.expert_logits(e, seen))

        scores = path_integral(value, inputs, baselines, steps)
        with torch.no_grad():
            change = value(*inputs)[0] - value(*baselines)[0]
        rows.append(torch.cat([s[0].sum(-1) * v[0] for s, v in zip(scores, tokens.valid, strict=True)]))
        errors.append(torch.stack([s.sum() for s in scores]).sum() - change)
    if len(outputs) == 1:  # the mixture of one expert is that expert
        rows, errors = rows * 2, errors * 2
    return torch.stack(rows).detach(), torch.stack(errors).detach()


def path_integral(
    value: Callable[..., Float[Tensor, " b"]],
    inputs: tuple[Float[Tensor, "1 _ D"], ...],
    baselines: tuple[Float[Tensor, "1 _ D"], ...],
    steps: int,
) -> tuple[Float[Tensor, "1 _ D"], ...]:
    """Input less baseline, times the mean gradient on the straight way from one to the other.

    Args:
        value: one number for each sample of a batch.
        inputs: one sample.
        baselines: where the way begins.
        steps: nodes of the quadrature.

    Returns:
        Scores of the inputs.
    """
    nodes, shares = np.polynomial.legendre.leggauss(steps)
    at = [0.5 * (1 + node) for node in nodes.tolist()]
    on_way = tuple(
        torch.cat([b + t * (x - b) for t in at]).requires_grad_() for x, b in zip(inputs, baselines, strict=True)
    )
    with torch.enable_grad():
        gradients = torch.autograd.grad(value(*on_way).sum(), on_way)
    weights = torch.tensor(0.5 * shares, dtype=torch.float32, device=inputs[0].device).view(-1, 1, 1)
    return tuple(
        (gradient * weights).sum(0, keepdim=True) * (x - b)
        for gradient, x, b in zip(gradients, inputs, baselines, strict=True)
    )
