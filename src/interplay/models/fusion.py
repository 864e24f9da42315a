"""The three models on one trunk: dense, i2moe and fl-i2moe (METHOD 2). All give the same FusionOutput."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from interplay.config import Fill, FusionConfig
from interplay.models.contributions import Part, Question, Term, contribution_parts, counted_once, only, share_of
from interplay.models.designs import MODELS, Shape
from interplay.models.tokens import Tokens, remove
from interplay.models.trunk import Expert, masked_mean, router_of
from interplay.neighbours import pick, variant_count, variant_of


@dataclass(frozen=True)
class FusionOutput:
    """What every model returns.

    Attributes:
        logits: (B, C), the experts' logits summed with `weights`; with roles by construction, plus the bias.
        expert_logits: (B, E, C); with roles by construction, what each expert contributes, 0 where nothing is left.
        expert_latents: (B, E, M D), of all that the expert may see; the mean over the parts of its contribution.
        weights: (B, E) routing weights, summing to 1; with roles by construction 1 each, since contributions add up.
        alone: (B, M, C), with roles by construction the logits that the mixture would have with the other modalities
            absent; None otherwise.
        shared: (B, M, C), with roles by construction what the redundancy network says of each modality, before its
            share that counts once is taken; None otherwise.
        attention: per expert, per part of its contribution, per layer (B, H, T, T); empty unless asked for.
    """

    logits: Float[Tensor, "B C"]
    expert_logits: Float[Tensor, "B E C"]
    expert_latents: Float[Tensor, "B E L"]
    weights: Float[Tensor, "B E"]
    alone: Float[Tensor, "B M C"] | None
    shared: Float[Tensor, "B M C"] | None
    attention: list[list[list[Float[Tensor, "B H T T"]]]]


@dataclass
class NetworkAnswers:
    """What networks gave for one batch, each question asked once, whichever experts' contributions it is part of."""

    logits: dict[Question, Tensor] = field(default_factory=dict)
    latents: dict[Question, Tensor] = field(default_factory=dict)
    attention: dict[Question, list[Tensor]] = field(default_factory=dict)


FIRST_ONCE_LOGIT = 2.0
"""At first sigmoid(2) = .88 of what the redundancy network says counts once: what two modalities both say is redundant
unless labels tell that it adds up."""


@final
class FusionModel(nn.Module):
    """Encoder features in, class logits out.

    dense and i2moe pool each modality to one vector before the experts; fl-i2moe gives them the sequences. Nothing
    depends on batch mates, padding or order.

    Attributes:
        modalities: names, in the order of every per-modality tuple.
        expert_names: the experts' names, in the order of every E axis.
        reads_sequences: whether experts see sequences, or one mean vector per modality.
        by_construction: whether roles are by construction: contributions that with a bias add up to the logits.
        neighbours: per modality, with how many to each side a feature is encoded, as far as they are left.
        parts: per expert, of which networks' answers its contribution is made.
        once_logit: (2, C), the logit of the share of what the redundancy network says for (row 0) and against each
            label that counts once; None where all of it does.
    """

    def __init__(self, config: FusionConfig, shape: Shape) -> None:
        super().__init__()
        self.modalities = list(shape.widths)
        design = MODELS[config.kind]
        self.expert_names = design.expert_names(self.modalities)
        self.reads_sequences = design.reads_sequences
        self.by_construction = config.roles == "construction" and len(self.expert_names) > 1
        M = len(self.modalities)
        whole = (Term(tuple(range(M)), 1),)
        self.parts: list[tuple[Part, ...]] = [(Part(e, whole),) for e in range(len(self.expert_names))]
        learned_share = self.by_construction and M > 1 and config.counted_once == "learned"
        if self.by_construction:
            self.parts = contribution_parts(M, learned_share)
        self.temperature = config.temperature
        D, E = config.width, len(self.expert_names)
        self.neighbours = [shape.neighbours.get(m, 0) for m in self.modalities]
        widths = [W // variant_count(k) for W, k in zip(shape.widths.values(), self.neighbours, strict=True)]
        self.projections = nn.ModuleList(nn.Linear(W, D) for W in widths)
        self.standardize = config.standardize
        for m, W in enumerate(widths):
            self.register_buffer(f"mean_{m}", torch.zeros(W))
            self.register_buffer(f"std_{m}", torch.ones(W))
        lengths = list(shape.lengths.values()) if self.reads_sequences else [1] * len(self.modalities)
        # With dropout the synergy network may miss what only two features together say (METHOD 12) [ours].
        synergy = M if self.by_construction else None
        # Built one after another from one stream of random numbers, so no two experts start alike [ours].
        self.experts = nn.ModuleList(
            Expert(
                lengths,
                D,
                config.layers,
                config.heads,
                0.0 if e == synergy else config.dropout,
                shape.classes,
                products=e == synergy and config.products,
            )
            for e in range(E)
        )
        self.bias = nn.Parameter(torch.zeros(shape.classes)) if self.by_construction else None
        self.once_logit = nn.Parameter(torch.full((2, shape.classes), FIRST_ONCE_LOGIT)) if learned_share else None
        learned = E > 1 and config.routing == "learned" and not self.by_construction
        self.router = router_of(D * len(self.modalities), E, config) if learned else None

    def set_moments(self, moments: list[tuple[Float[Tensor, " _"], Float[Tensor, " _"]]]) -> None:
        """Set the training tokens' mean and standard deviation of each modality, in the encoder's width.

        The mean is what the fill "mean" puts in. With `standardize`, features are brought to mean 0 and deviation 1
        before the projection [ours]: the difference between two words may be a small part of all variation. Deviations
        far below the usual one are taken larger, so that no noise is blown up.

        Args:
            moments: per modality the mean (W_m,) and the standard deviation (W_m,).
        """
        for m, (mean, deviation) in enumerate(moments):
            self.get_buffer(f"mean_{m}").copy_(mean)
            self.get_buffer(f"std_{m}").copy_(deviation.clamp(min=0.1 * float(deviation.median()) + 1e-6))

    def project(self, features: tuple[Float[Tensor, "B _ _"], ...], valid: tuple[Bool[Tensor, "B _"], ...]) -> Tokens:
        """Encoder features (B, T_m, W_m) -> tokens (B, T_m, D), with all neighbours that are there.

        Args:
            features: per modality (B, T_m, W_m), as encoded.
            valid: per modality (B, T_m) bool, False for padding.
        """
        values, variants = [], []
        for m, (x, there, k) in enumerate(zip(features, valid, self.neighbours, strict=True)):
            each = self._project(m, x.unflatten(-1, (variant_count(k), -1))) if k else None
            values.append(self._project(m, x) if each is None else pick(each, variant_of(there, k)))
            variants.append(each)
        return Tokens(tuple(values), valid, variants=tuple(variants) if any(self.neighbours) else None)

    def _project(self, m: int, x: Float[Tensor, "*B _"]) -> Float[Tensor, "*B D"]:
        if self.standardize:
            x = (x - self.get_buffer(f"mean_{m}")) / self.get_buffer(f"std_{m}")
        out: Tensor = self.projections[m](x)
        return out

    def projected_means(self) -> tuple[Float[Tensor, " D"], ...]:
        """The projection of each modality's mean token."""
        return tuple(self._project(m, self.get_buffer(f"mean_{m}")) for m in range(len(self.projections)))

    def remove(self, tokens: Tokens, keep: tuple[Bool[Tensor, "B _"], ...], fill: Fill) -> Tokens:
        """Remove features from a batch: `interplay.models.tokens.remove` with this model's mean tokens.

        Args:
            tokens: the batch of projected samples.
            keep: per modality (B, T_m) bool, False for what is removed.
            fill: what takes its place: "mean", "zero", or "attention" (nothing: it leaves attention and pooling).

        Raises:
            ValueError: tokens have lost their variants, so that what is left would still tell of what is removed.
        """
        variants = tokens.variants or (None,) * len(self.neighbours)
        if any(k and x is None for k, x in zip(self.neighbours, variants, strict=True)):
            raise ValueError("features are removed from tokens as `project` gives them, with variants")
        return remove(tokens, keep, fill, self.projected_means())

    def fuse(self, tokens: Tokens, return_attention: bool = False) -> FusionOutput:
        """Tokens -> logits of every expert and their routed mixture; with `return_attention`, attention weights too.

        Args:
            tokens: the batch of projected samples.
            return_attention: whether to return attention weights, which costs memory.
        """
        seen, found = tokens if self.reads_sequences else pool(tokens), NetworkAnswers()
        for e in range(len(self.experts)):
            self._ask(e, seen, found, return_attention)
        expert_logits = torch.stack([self.assemble(e, found.logits) for e in range(len(self.experts))], dim=1)
        weights = self.route(tokens)
        alone = shared = None
        if self.bias is not None:
            shared = self._sums(len(self.experts) - 1, found.logits).transpose(0, 1)
            own = [self._sums(m, found.logits)[0] for m in range(len(self.modalities))]
            alone = self.bias + torch.stack(own, dim=1) + shared
        return FusionOutput(
            logits=self.mix(expert_logits, weights),
            expert_logits=expert_logits,
            expert_latents=torch.stack(
                [torch.stack([found.latents[p.first] for p in parts]).mean(0) for parts in self.parts], dim=1
            ),
            weights=weights,
            alone=alone,
            shared=shared,
            attention=[[found.attention[p.first] for p in parts] for parts in self.parts] if return_attention else [],
        )

    def mix(self, expert_logits: Float[Tensor, "B E C"], weights: Float[Tensor, "B E"]) -> Float[Tensor, "B C"]:
        """The mixture's logits: the experts' summed with their weights, plus the bias of roles by construction.

        Args:
            expert_logits: (B, E, C) as in `FusionOutput`.
            weights: (B, E) of `route`.
        """
        mixed = (weights.unsqueeze(-1) * expert_logits).sum(1)
        return mixed if self.bias is None else mixed + self.bias

    def expert_logits(self, e: int, tokens: Tokens) -> Float[Tensor, "B C"]:
        """Tokens -> logits of one expert alone, as `fuse` gives them.

        Args:
            e: index of the expert.
            tokens: the batch of projected samples.
        """
        return self.contributions([e], tokens if self.reads_sequences else pool(tokens))[:, 0]

    def contributions(self, experts: Sequence[int], seen: Tokens) -> Float[Tensor, "B e C"]:
        """Logits of some experts from what experts see: the sequences, or pooled tokens.

        Args:
            experts: indices of the experts.
            seen: the batch, pooled unless experts read sequences.
        """
        found = NetworkAnswers()
        for e in experts:
            self._ask(e, seen, found, False)
        return torch.stack([self.assemble(e, found.logits) for e in experts], dim=1)

    def _ask(self, e: int, seen: Tokens, found: NetworkAnswers, return_attention: bool) -> None:
        """Ask for all that an expert's contribution is made of and that was not asked yet.

        Attention is of the first term of each part, which sees most, as the latent.
        """
        for number, part in enumerate(self.parts[e]):
            network = self.experts[part.network]
            if (key := part.first) not in found.latents:
                # Attention is read position by position.
                own = self.seen_by(e, number, seen, cut=not return_attention)
                found.logits[key], found.latents[key], found.attention[key] = network(own, return_attention)
            for term in part.terms:
                if term.factor and (key := (part.network, term.modalities)) not in found.logits:
                    rest = seen if term.modalities else seen.index(slice(1))  # nothing is left alike of all samples
                    found.logits[key] = network(only(rest, term.modalities))[0]

    def _sums(self, e: int, answers: Mapping[Question, Tensor]) -> Float[Tensor, "P B C"]:
        """The parts of one expert's contribution from the networks' answers, as `assemble` takes them."""
        sums = []
        for part in self.parts[e]:
            terms = [term.factor * answers[part.network, term.modalities] for term in part.terms if term.factor]
            sums.append(functools.reduce(torch.add, terms))
        return torch.stack(sums)

    def assemble(self, e: int, answers: Mapping[Question, Tensor]) -> Float[Tensor, "B C"]:
        """One expert's contribution from the networks' answers (METHOD 12); otherwise its own network's one answer.

        Args:
            e: index of the expert.
            answers: question -> the network's logits (B, C), or (1, C) where nothing is left.
        """
        parts, M = self._sums(e, answers), len(self.modalities)
        if self.once_logit is None or e == M:
            return counted_once(parts)
        share = self.once_logit.sigmoid()
        if e > M:
            return counted_once(share_of(parts, share))
        own, shared = parts
        return own + (shared - share_of(shared, share))

    def seen_by(self, e: int, part: int, tokens: Tokens, *, cut: bool = False) -> Tokens:
        """The batch as far as a part of one expert may see it: all of it, or with others absent (METHOD 12).

        Args:
            e: index of the expert.
            part: index of the part of its contribution.
            tokens: the batch of projected samples, pooled or not.
            cut: whether what is absent loses its place, too.
        """
        _, modalities = self.parts[e][part].first
        return tokens if len(modalities) == len(self.modalities) else only(tokens, modalities, cut=cut)

    def feature_scores(self, flow: Float[Tensor, "T T"], tokens: Tokens) -> Float[Tensor, " N"]:
        """Scores of the features of one sample from a rollout of an expert's attention (METHOD 7).

        Args:
            flow: how much of each input position of the expert (anchor_1, tokens of modality 1, anchor_2, ...) reaches
                each output position.
            tokens: the sample, a batch of 1, as far as the expert sees it.

        Returns:
            (N,) what each feature gives, on average over the valid output positions; modality after modality. Where
            experts see means, every valid token of a modality gave an equal share of its one position.
        """
        alone = self.reads_sequences
        lengths = tokens.lengths if alone else [1] * len(tokens.lengths)
        valid = [v[0] if alone else v.any(1) for v in tokens.valid]
        queries = torch.cat([torch.cat([v.new_ones(1), v]) for v in valid])
        scores = []
        for m, part in enumerate(flow[queries].mean(0).split([1 + T for T in lengths])):
            mask = tokens.valid[m][0].to(part.dtype)
            scores.append(part[1:] * mask if alone else part[1] * mask / mask.sum().clamp(min=1))
        return torch.cat(scores)

    def route(self, tokens: Tokens) -> Float[Tensor, "B E"]:
        """Routing weights of the experts (METHOD 4); equal ones for a single expert or uniform routing.

        Softmax at temperature tau of an MLP on the pooled, normalised tokens. With roles by construction each weight is
        1, since contributions add up.

        Args:
            tokens: the batch of projected samples.

        Returns:
            (B, E), each row sums to 1, or all 1.
        """
        if self.router is None:
            E = len(self.expert_names)
            return tokens.values[0].new_full((tokens.values[0].shape[0], E), 1.0 if self.by_construction else 1 / E)
        parts = [F.normalize(masked_mean(x, v), dim=-1) for x, v in zip(tokens.values, tokens.valid, strict=True)]
        return (self.router(torch.cat(parts, dim=-1)) / self.temperature).softmax(-1)

    def forward(
        self, features: tuple[Float[Tensor, "B _ _"], ...], valid: tuple[Bool[Tensor, "B _"], ...]
    ) -> FusionOutput:
        """Encoder features -> logits of every expert and their routed mixture: `project`, then `fuse`.

        Args:
            features: per modality (B, T_m, W_m), as encoded.
            valid: per modality (B, T_m) bool, False for padding.
        """
        return self.fuse(self.project(features, valid))


def pool(tokens: Tokens) -> Tokens:
    """One vector per modality, the mean of its valid tokens; not valid where no token is.

    Args:
        tokens: the batch of projected samples.
    """
    values = tuple(masked_mean(x, v).unsqueeze(1) for x, v in zip(tokens.values, tokens.valid, strict=True))
    return Tokens(values, tuple(v.any(dim=1, keepdim=True) for v in tokens.valid))
