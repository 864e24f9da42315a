"""What a model answers about one sample, for many coalitions at once and exactly as `FusionModel.fuse` would."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from interplay.config import Fill, Precision
from interplay.errors import GameError
from interplay.explanation.trained.coalitions import SampleFeatures, batch_of, features_of
from interplay.explanation.trained.expert_tables import ExpertTable, OtherExpert, expert_table
from interplay.models.contributions import Question
from interplay.models.fusion import FusionModel
from interplay.models.tokens import Tokens
from interplay.models.trunk import Expert

TYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}
# Numbers (rows x width) computed together. On a processor what a chunk reads and writes should stay in its cache; an
# accelerator wants enough to be busy.
CHUNK, CHUNK_ACCELERATED = 2**18, 2**24
TOGETHER = 2**25  # numbers (coalitions x rows x width) kept of the first layer: 128 MiB


@final
@dataclass(frozen=True)
class Answers:
    """A model and one sample, prepared to evaluate coalitions.

    Attributes:
        holds: (n, N) on the host, 1 where a player holds a row; the rows are anchor_1, features of modality 1, ...
        anchors: (N,) on the host, True where a row is an anchor.
        tables: index of an evaluated network -> its table; empty where experts see only means.
        experts: indices of the experts to evaluate; None for all of them and the mixture.
        space: (TOGETHER / D, D), filled anew by each expert: fresh memory would cost more than what is computed in it.
    """

    model: FusionModel
    features: SampleFeatures
    holds: Float[Tensor, "n N"]
    anchors: Bool[Tensor, " N"]
    tables: dict[int, ExpertTable | OtherExpert]
    experts: tuple[int, ...] | None
    space: Float[Tensor, "_ D"]

    @torch.inference_mode()
    def __call__(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E C"]:
        """Logits of every expert to evaluate, and of the mixture if all are; they come to the host in one transfer."""
        numbers = coalitions.shape[0] * self.holds.shape[1] * self.features.values[0].shape[1]
        pieces = torch.from_numpy(coalitions).tensor_split(min(len(coalitions), ceil(numbers / TOGETHER)))
        return torch.cat([self._answer(present) for present in pieces]).cpu().numpy()

    def _answer(self, present: Bool[Tensor, "m n"]) -> Float[Tensor, "m E C"]:
        keep = self.features.in_reach((present.float() @ self.holds > 0) | self.anchors)
        device = self.features.values[0].device
        means = self.features.means(keep.to(device))
        asked = range(len(self.model.experts)) if self.experts is None else self.experts
        if not self.model.reads_sequences:
            logits = self.model.contributions(asked, means)
        else:
            logits = self._sequence_logits(keep, asked, device)
        if self.experts is not None:
            return logits
        mixture = self.model.mix(logits, self.model.route(means)).unsqueeze(1)
        return torch.cat([logits, mixture], dim=1)

    def _sequence_logits(
        self, keep: Bool[Tensor, "m N"], asked: Sequence[int], device: torch.device
    ) -> Float[Tensor, "m E C"]:
        """Logits of the experts asked for, made of the answers of the networks whose tables these are.

        Networks that see the same modalities are evaluated in one batch, and coalitions that are equal in those
        modalities are evaluated once.
        """
        modality = self.features.row_modality().cpu()
        parts = [part for e in asked for part in self.model.parts[e]]
        needed = {(part.network, term.modalities) for part in parts for term in part.terms if term.factor}
        answers: dict[Question, Tensor] = {}
        for seen in sorted({modalities for _, modalities in needed}):
            networks = [network for network in self.tables if (network, seen) in needed]
            rows = self.anchors | torch.isin(modality, torch.tensor(seen, dtype=modality.dtype))
            found = self._seen_logits(keep, rows, [self.tables[network] for network in networks], device)
            answers |= {(network, seen): logits for network, logits in zip(networks, found, strict=True)}
        return torch.stack([self.model.assemble(e, answers) for e in asked], dim=1)

    def _seen_logits(
        self,
        keep: Bool[Tensor, "m N"],
        rows: Bool[Tensor, " N"],
        tables: Sequence[ExpertTable | OtherExpert],
        device: torch.device,
    ) -> list[Float[Tensor, "m C"]]:
        """Logits of some experts when only some rows are seen at all."""
        whole = bool(rows.all())
        same = None
        if not whole:
            keep, same = (keep & rows).unique(dim=0, return_inverse=True)
        D, compact = self.features.values[0].shape[1], self.features.fills is None
        numbers = CHUNK if device.type == "cpu" else CHUNK_ACCELERATED
        batch = batch_of(keep, rows, compact, device, most=max(1, numbers // D))
        modality = self.features.row_modality()
        chunks = list(batch.chunks(modality if compact else modality.repeat(2), len(self.features.values)))
        found = []
        for table in tables:
            logits = table.logits(batch, chunks, self.space)
            logits = torch.empty_like(logits).index_copy_(0, batch.order, logits)
            found.append(logits if same is None else logits[same.to(device)])
        return found


@torch.inference_mode()
def prepare_answers(
    model: FusionModel,
    tokens: Tokens,
    fill: Fill,
    holds: Sequence[Bool[np.ndarray, "n _"]],
    precision: Precision,
    experts: Sequence[int] | None,
) -> Answers:
    """Prepare a model for one sample.

    Args:
        model: the fusion model, in evaluation mode.
        tokens: one sample, a batch of 1.
        fill: what takes the place of removed features: "mean", "zero" or "attention" (nothing: they leave attention).
        holds: per modality (n, T_m), the positions each of all n players holds.
        precision: "bf16" computes the matrix products and the attention of sequences in bfloat16; sums, norms and
            everything else stay in single precision.
        experts: indices of the experts to evaluate; all and the mixture if None.

    Returns:
        A function from coalitions to logits.

    Raises:
        GameError: for a model in training mode.
    """
    if model.training:
        raise GameError(
            "the model is in training mode", expected="the same value every time", fix="call its eval() first"
        )
    features = features_of(tokens, fill, model.projected_means())
    columns, anchors = [], []
    for held, valid, V in zip(holds, tokens.valid, features.variants, strict=True):
        mine = torch.from_numpy(held).float()[:, valid[0].cpu()].repeat_interleave(V, dim=1)
        columns += [mine.new_zeros(len(mine), 1), mine]
        anchors += [True] + [False] * mine.shape[1]
    tables = {}
    if model.reads_sequences:
        asked = range(len(model.experts)) if experts is None else experts
        networks = sorted({part.network for e in asked for part in model.parts[e]})
        tables = {network: _table(model.experts[network], features, TYPES[precision]) for network in networks}
    D = features.values[0].shape[1]
    device = features.values[0].device
    # NumPy's zeros are written when they are first used, so they cost nothing where few coalitions are evaluated;
    # PyTorch's are written at once.
    rows = TOGETHER // D + len(anchors) if device.type == "cpu" and model.reads_sequences else 0
    return Answers(
        model,
        features,
        torch.cat(columns, dim=1),
        torch.tensor(anchors),
        tables,
        None if experts is None else tuple(experts),
        torch.from_numpy(np.zeros((rows, D), np.float32)).to(device),
    )


def _table(expert: nn.Module, features: SampleFeatures, precision: torch.dtype) -> ExpertTable | OtherExpert:
    return expert_table(expert, features, precision) if isinstance(expert, Expert) else OtherExpert(expert, features)
