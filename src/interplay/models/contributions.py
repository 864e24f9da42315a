"""Experts that own their roles by construction (METHOD 12) [ours]: what each adds to the logit, and what it must not.

A contribution is made of answers of networks, one for each expert, with only some modalities present. With S_m the
features of modality m in S, and empty no feature at all:

- unique_m: g(S_m) - g(empty) of its own network, plus the share that adds up of what the redundancy network says of
  m, so that it has no interaction across modalities;
- synergy: g(S) - sum_m g(S_m) + (M - 1) g(empty), which is 0 while at most one modality is present, so that it has no
  main effect ("purified");
- redundancy: e_m = g(S_m) - g(empty) is what its network says of each modality m. A share of it, learned for each label
  and for what speaks for and against it, counts once (`share_of`): of these parts, the strongest for a label and the
  strongest against it (`counted_once`), so that redundancy has no other interaction than that what two modalities both
  say counts once.

What two modalities say alike of a label may count once or add up. Which of the two is true shows only where both are
left: alone, each modality says e_m whatever the share. All contributions are 0 where nothing is left, and the mixture
is a bias plus their sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interplay.models.tokens import Tokens


@dataclass(frozen=True)
class Term:
    """One answer in an expert's contribution.

    Attributes:
        modalities: indices of the modalities that the expert sees.
        factor: how often the answer counts.
    """

    modalities: tuple[int, ...]
    factor: int


Question = tuple[int, tuple[int, ...]]
"""Index of a network, and indices of the modalities that it sees."""


@dataclass(frozen=True)
class Part:
    """One part of an expert's contribution: a sum of answers of one network, each times its factor.

    Attributes:
        network: index of the network; there is one for each expert.
        terms: the answers; the first is to all that this part sees.
    """

    network: int
    terms: tuple[Term, ...]

    @property
    def first(self) -> Question:
        """The question that sees most."""
        return self.network, self.terms[0].modalities


def contribution_parts(M: int, adds_up: bool) -> list[tuple[Part, ...]]:
    """The parts of every expert's contribution, in the order unique_1..unique_M, synergy, redundancy (METHOD 12).

    Args:
        M: how many modalities there are.
        adds_up: whether a share of what the redundancy network says adds up; then a unique expert's second part is what
            that network says of its modality.

    >>> unique, *_, synergy, redundancy = contribution_parts(2, adds_up=True)
    >>> [(part.network, [(term.modalities, term.factor) for term in part.terms]) for part in unique]
    [(0, [((0,), 1), ((), -1)]), (3, [((0,), 1), ((), -1)])]
    >>> [(part.network, [(term.modalities, term.factor) for term in part.terms]) for part in synergy]
    [(2, [((0, 1), 1), ((0,), -1), ((1,), -1), ((), 1)])]
    >>> [(part.network, [(term.modalities, term.factor) for term in part.terms]) for part in redundancy]
    [(3, [((0,), 1), ((), -1)]), (3, [((1,), 1), ((), -1)])]
    """
    each = [(Term((m,), 1), Term((), -1)) for m in range(M)]
    purified = (Term(tuple(range(M)), 1), *(Term((m,), -1) for m in range(M)), Term((), M - 1))
    unique = [(Part(m, own), Part(M + 1, own)) if adds_up else (Part(m, own),) for m, own in enumerate(each)]
    return [*unique, (Part(M, purified),), tuple(Part(M + 1, own) for own in each)]


def counted_once(parts: Float[Tensor, "P *B"]) -> Float[Tensor, "*B"]:
    """The largest part above 0 plus the smallest below it: parts of one sign count once, parts of two signs add up.

    Args:
        parts: (P, *B), what each part says; 0 says nothing.

    Returns:
        (*B,); one part stays as it is.

    >>> counted_once(torch.tensor([[3.0, 3.0, 3.0, -2.0], [2.0, 0.0, -1.0, -1.0]]))
    tensor([ 3.,  3.,  2., -2.])
    """
    if len(parts) == 1:
        return parts[0]
    return parts.amax(0).clamp(min=0) + parts.amin(0).clamp(max=0)


def share_of(evidence: Float[Tensor, "*P C"], share: Float[Tensor, "2 C"]) -> Float[Tensor, "*P C"]:
    """A share of evidence: one of what is for a label, and another of what is against it.

    Args:
        evidence: (..., C), what a modality says for (above 0) or against each label.
        share: (2, C) in 0..1, of what is for each label, and of what is against it.

    >>> share_of(torch.tensor([[4.0, 4.0], [-4.0, -4.0]]), torch.tensor([[1.0, 0.5], [0.0, 0.25]]))
    tensor([[ 4.,  2.],
            [ 0., -1.]])
    """
    return share[0] * evidence.clamp(min=0) + share[1] * evidence.clamp(max=0)


def only(tokens: Tokens, modalities: Sequence[int], *, cut: bool = True) -> Tokens:
    """The batch with the tokens of some modalities alone; of the others only their anchors remain.

    Args:
        tokens: the batch of projected samples.
        modalities: indices of the modalities that stay.
        cut: whether the others get no length, which costs least, or keep theirs with nothing valid.

    Returns:
        The batch, in which the others are absent whatever the fill of removed features.
    """
    kept = [m in modalities for m in range(len(tokens.values))]
    if not cut:
        valid = tuple(v if keep else torch.zeros_like(v) for v, keep in zip(tokens.valid, kept, strict=True))
        return Tokens(tokens.values, valid, tokens.places)

    def short(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(part if keep else part[:, :0] for part, keep in zip(parts, kept, strict=True))

    return Tokens(short(tokens.values), short(tokens.valid), None if tokens.places is None else short(tokens.places))


def consistency_loss(
    whole: Float[Tensor, "B C"], alone: Sequence[Float[Tensor, "B C"]], answers: Sequence[Float[Tensor, "B C"]]
) -> Float[Tensor, ""]:
    """Mean over classes and modalities of (c(x) - c(x_m))^2: what both say is the same whichever modality is lost.

    Where modalities dispute the label, c(x) cannot equal both c(x_m), so the square there has the smaller weight
    1 - max_m tanh(f_m / 2)^2 max_j tanh(f_j / 2)^2, over m whose answer is for the label and j against it: near 0 where
    both are sure. With full weight, an OR that only one modality carries, now and then, would keep its evidence small.

    Args:
        whole: (B, C) what the redundancy network says of whole samples, all of it counted once.
        alone: per modality (B, C), the same with only that modality present.
        answers: per modality (B, C), the mixture's logits, or log-odds, with only that modality present. No gradient
            flows into them.
    """
    sure = (torch.stack(tuple(answers)).detach() / 2).tanh()
    disputed = sure.clamp(min=0).amax(0).square() * sure.clamp(max=0).amin(0).square()
    return torch.stack([((1 - disputed) * (whole - one).square()).mean() for one in alone]).mean()


def decorrelation_loss(
    unique: Sequence[Float[Tensor, "B C"]], alone: Sequence[Float[Tensor, "B C"]], floor: float = 0.1
) -> Float[Tensor, ""]:
    """Mean squared correlation, class by class over the batch, of c_unique_m with f_j, j != m.

    What both modalities say has then no home but the redundancy network. Of B samples independent values have a squared
    covariance of var var / (B - 1), which is taken off: else every batch would ask unique experts to say less.

    Args:
        unique: per modality (B, C), what its unique expert's own network says.
        alone: per modality (B, C), the mixture's logits with only that modality present. No gradient flows into it.
        floor: added to each variance, so that an expert that is silent pays nothing.
    """
    if len(unique) < 2 or len(unique[0]) < 2:
        return unique[0].new_zeros(())
    losses = []
    for m, own in enumerate(unique):
        for j, other in enumerate(alone):
            if j != m:
                a, b = own - own.mean(0), (other - other.mean(0)).detach()
                var_a, var_b = a.square().mean(0), b.square().mean(0)
                shared = (a * b).mean(0).square() - var_a * var_b / (len(own) - 1)
                losses.append((shared / ((var_a + floor) * (var_b + floor))).mean())
    return torch.stack(losses).mean()


def silence_loss(synergy: Float[Tensor, "B C"], alone: Sequence[Float[Tensor, "B C"]]) -> Float[Tensor, ""]:
    """Mean of c_synergy(x)^2 max_m tanh(f_m / 2)^2: synergy is silent where one modality alone already decides.

    Args:
        synergy: (B, C) the synergy expert's contributions.
        alone: per modality (B, C), the mixture's logits, or log-odds, with only that modality present.
    """
    decided = torch.stack([(one.detach() / 2).tanh().square() for one in alone]).amax(0)
    return (synergy.square() * decided).mean()


def opposition_loss(
    unique: Sequence[Float[Tensor, "B C"]], shared: Sequence[Float[Tensor, "B C"]]
) -> Float[Tensor, ""]:
    """Mean over classes and modalities of o^2 / (1 + o), o = max(0, -u_m e_m).

    Of one modality, the unique network's u_m and the redundancy network's e_m are not of opposite signs. Without it an
    AND needs no synergy: each modality is for the label by its unique network and a little against it by the redundancy
    network, and since what is against it counts once, both together are for it more than they add up to. The square
    leaves small opposites alone, which else would hold each other at 0.

    Args:
        unique: per modality (B, C), what its unique expert's own network says.
        shared: per modality (B, C), what the redundancy network says of it.
    """
    opposed = torch.stack([(-own * other).clamp(min=0) for own, other in zip(unique, shared, strict=True)])
    return (opposed.square() / (1 + opposed)).mean()
