"""Every attribution method, per expert and for the mixture (METHOD 7): a plain table of functions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from interplay.config import Fill
from interplay.explanation.attribution.gradients import integrated_gradients
from interplay.explanation.attribution.rollout import attention_rollout, grad_rollout
from interplay.explanation.attribution.target import Target
from interplay.models.fusion import FusionModel
from interplay.models.tokens import Tokens
from interplay.results import MIXTURE


@dataclass(frozen=True)
class Attribution:
    """Raw scores of one sample's features, one row per expert and the mixture.

    Attributes:
        method: its name in METHODS.
        scores: expert name (or "mixture") -> (N,) raw scores, modality after modality.
        completeness_error: integrated gradients only: expert -> sum of scores - (v(sample) - v(baseline)).
    """

    method: str
    scores: dict[str, Float[np.ndarray, " N"]]
    completeness_error: dict[str, float]


@dataclass(frozen=True)
class Request:
    """What to attribute: a model, one sample's tokens (batch of 1), a target, and the settings of the methods."""

    model: FusionModel
    tokens: Tokens
    target: Target
    fill: Fill
    ig_steps: int = 32
    seed: int = 0


def _random(request: Request) -> Attribution:
    """Seeded standard normal scores, the control."""
    N = sum(request.tokens.lengths)
    rng = np.random.default_rng(request.seed)
    names = [*request.model.expert_names, MIXTURE]
    return Attribution("random", {name: rng.standard_normal(N) for name in names}, {})


def _by_rollout(method: str, rollout: Callable[..., torch.Tensor]) -> Callable[[Request], Attribution]:
    """The mixture's score is the routing-weighted sum of its experts' [ours]: each flow leads to its own logits."""

    def attribute(request: Request) -> Attribution:
        with torch.enable_grad():
            tokens = Tokens(tuple(v.detach().requires_grad_() for v in request.tokens.values), request.tokens.valid)
            output = request.model.fuse(tokens, return_attention=True)
            scores = rollout(request.model, tokens, request.target, output)
        mixture = output.weights[0].detach() @ scores
        rows = [*scores, mixture]
        names = [*request.model.expert_names, MIXTURE]
        return Attribution(method, {n: r.cpu().double().numpy() for n, r in zip(names, rows, strict=True)}, {})

    return attribute


def _integrated_gradients(request: Request) -> Attribution:
    scores, errors = integrated_gradients(request.model, request.tokens, request.target, request.fill, request.ig_steps)
    names = [*request.model.expert_names, MIXTURE]
    return Attribution(
        "integrated_gradients",
        {n: r.cpu().double().numpy() for n, r in zip(names, scores, strict=True)},
        {n: float(e) for n, e in zip(names, errors, strict=True)},
    )


METHODS: dict[str, Callable[[Request], Attribution]] = {
    "random": _random,
    "attention_rollout": _by_rollout("attention_rollout", attention_rollout),
    "grad_rollout": _by_rollout("grad_rollout", grad_rollout),
    "integrated_gradients": _integrated_gradients,
}
