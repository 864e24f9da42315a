"""The losses that give experts their roles, and the regularisers that keep them apart (METHOD 5). Pure functions."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from interplay.config import ROLES, Role
from interplay.models.tokens import Tokens


def unique_loss(intact: Float[Tensor, "B L"], replaced: Sequence[Float[Tensor, "B L"]], own: int) -> Float[Tensor, ""]:
    """Mean over j != own of triplet(anchor z0, positive zj, negative z_own), margin 1, p = 2 [I2MoE].

    The expert's answer must stay when another modality is replaced and move when its own is.

    Args:
        intact: (B, L) the expert's latents or logits on the whole sample.
        replaced: per modality (B, L), the same with that modality replaced.
        own: index of the expert's own modality.
    """
    others = [zj for j, zj in enumerate(replaced) if j != own]
    losses = [F.triplet_margin_loss(intact, zj, replaced[own], margin=1.0, p=2) for zj in others]
    return torch.stack(losses).mean()


def synergy_loss(intact: Float[Tensor, "B L"], replaced: Sequence[Float[Tensor, "B L"]]) -> Float[Tensor, ""]:
    """Mean over j of cos(z0, zj): losing any modality must change the answer [I2MoE].

    Args:
        intact: (B, L) the expert's latents or logits on the whole sample.
        replaced: per modality (B, L), the same with that modality replaced.
    """
    return torch.stack([F.cosine_similarity(intact, zj, dim=-1).mean() for zj in replaced]).mean()


def redundancy_loss(intact: Float[Tensor, "B L"], replaced: Sequence[Float[Tensor, "B L"]]) -> Float[Tensor, ""]:
    """Mean over j of 1 - cos(z0, zj): losing any one modality must not change the answer [I2MoE].

    Args:
        intact: (B, L) the expert's latents or logits on the whole sample.
        replaced: per modality (B, L), the same with that modality replaced.
    """
    return 1 - synergy_loss(intact, replaced)


def interaction_loss(
    intact: Float[Tensor, "B E L"], replaced: Sequence[Float[Tensor, "B E L"]], roles: Sequence[Role] = ROLES
) -> Float[Tensor, ""]:
    """Mean over the M + 2 experts of their role losses, in the order unique_1..unique_M, synergy, redundancy.

    Args:
        intact: z0 of every expert, its latents or its logits.
        replaced: zj of every expert, for each modality j replaced.
        roles: those that count; the loss of the others is 0, so that leaving one out changes no other's weight.
    """
    M = len(replaced)
    each = [[zj[:, e] for zj in replaced] for e in range(M + 2)]
    losses = []
    if "unique" in roles and M > 1:
        losses += [unique_loss(intact[:, m], each[m], m) for m in range(M)]
    if "synergy" in roles:
        losses.append(synergy_loss(intact[:, M], each[M]))
    if "redundancy" in roles:
        losses.append(redundancy_loss(intact[:, M + 1], each[M + 1]))
    return torch.stack(losses).sum() / (M + 2 if M > 1 else 2)


def replace_modality(tokens: Tokens, modality: int, how: str, mean: Float[Tensor, " D"]) -> Tokens:
    """Replace a modality's tokens by fresh standard normal vectors [I2MoE], its mean vector, or zeros.

    Args:
        tokens: the batch of projected samples.
        modality: index of the modality.
        how: "noise" (standard normal vectors), "mean" or "zero".
        mean: (D,) the mean token of the modality.
    """
    values = list(tokens.values)
    old = values[modality]
    values[modality] = {
        "noise": lambda: torch.randn_like(old),
        "mean": lambda: mean.expand_as(old),
        "zero": lambda: torch.zeros_like(old),
    }[how]()
    return Tokens(tuple(values), tokens.valid)


def squared_cosine(a: Float[Tensor, "B L"], b: Float[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Mean squared cosine of two experts' latents of one sample [follow-up].

    Args:
        a: (B, L) latents of one expert.
        b: (B, L) latents of another expert.
    """
    return F.cosine_similarity(a, b, dim=-1).square().mean()


def linear_cka(a: Float[Tensor, "B L"], b: Float[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Linear centred kernel alignment of two experts' latents over the batch [follow-up].

    Args:
        a: (B, L) latents of one expert.
        b: (B, L) latents of another expert.
    """
    a, b = a - a.mean(0), b - b.mean(0)
    across = (a.T @ b).square().sum()
    return across / ((a.T @ a).norm() * (b.T @ b).norm()).clamp(min=1e-12)


def barlow(a: Float[Tensor, "B L"], b: Float[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Mean squared off-diagonal cross-correlation of two experts' latents over the batch (Barlow) [follow-up].

    Args:
        a: (B, L) latents of one expert.
        b: (B, L) latents of another expert.
    """
    a, b = ((x - x.mean(0)) / x.std(0, unbiased=False).clamp(min=1e-6) for x in (a, b))
    across = (a.T @ b / len(a)).square()
    L = across.shape[0]
    return (across.sum() - across.diagonal().sum()) / max(1, L * (L - 1))


REGULARISERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_cosine": squared_cosine,
    "cka": linear_cka,
    "barlow": barlow,
}


def regularisation(latents: Float[Tensor, "B E L"], name: str) -> Float[Tensor, ""]:
    """Mean of a regulariser over the pairs of experts (METHOD 5, L_reg); 0 for "none".

    Args:
        latents: (B, E, L) of every expert.
        name: one of the regularisers, or "none".
    """
    E = latents.shape[1]
    if name == "none" or E < 2:
        return latents.new_zeros(())
    pairs = [(a, b) for a in range(E) for b in range(a)]
    return torch.stack([REGULARISERS[name](latents[:, a], latents[:, b]) for a, b in pairs]).mean()
