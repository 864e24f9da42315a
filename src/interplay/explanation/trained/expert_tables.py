"""One expert on many coalitions of one sample: METHOD 3, without computing twice what does not change.

Exact but for rounding. Shared over coalitions: a feature enters the first layer as it is or as its fill, so its
input, its norm and its query, key and value there are computed once for both and then looked up. Values that are not
used are not computed: of the last layer only the mean over each modality is needed, and the mean passes through the
second matrix of the MLP.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from interplay.explanation.trained.coalitions import Chunk, CoalitionBatch, SampleFeatures
from interplay.explanation.trained.first_layer import SharedAttention, shared_attention
from interplay.models.trunk import Block, Expert

ENOUGH = 64  # coalitions for which products over coalitions are worth their preparation


@dataclass(frozen=True)
class Matrix:
    """A linear layer: weight (O, I) in the chosen precision, bias (O,)."""

    weight: Float[Tensor, "O I"]
    bias: Float[Tensor, " O"]

    def __call__(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        """The layer of x, computed in the precision of the weight."""
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias)

    def add_to(self, x: Float[Tensor, "*B O"], y: Float[Tensor, "*B I"]) -> None:
        """Add the matrix product with y to x, in place.

        Args:
            x: (*B, O), added to.
            y: (*B, I), the input.
        """
        if self.weight.dtype != x.dtype:  # the sum over layers stays in single precision
            x += self(y)
            return
        x += self.bias
        x.view(-1, x.shape[-1]).addmm_(y.reshape(-1, y.shape[-1]), self.weight.t())


@dataclass(frozen=True)
class Layer:
    """The weights of one block."""

    norm_attention: nn.LayerNorm
    norm_mlp: nn.LayerNorm
    qkv: Matrix
    out: Matrix
    widen: Matrix
    narrow: Matrix
    heads: int

    def attend(self, x: Float[Tensor, "b n D"], qkv: Float[Tensor, "b n D3"], chunk: Chunk) -> None:
        """Add multi-head attention to x, in place.

        Args:
            x: (b, n, D), added to.
            qkv: (b, n, 3 D) queries, keys and values.
            chunk: which rows are padding.
        """
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=chunk.attended)
        self.out.add_to(x, mixed.transpose(1, 2).flatten(2))

    def hidden(self, x: Float[Tensor, "b n D"]) -> Float[Tensor, "b n D2"]:
        """The MLP's hidden activations, before its second matrix.

        Args:
            x: (b, n, D).
        """
        return torch.ops.aten.gelu_(self.widen(self.norm_mlp(x)))  # F.gelu, in place


@dataclass(frozen=True)
class ExpertTable:
    """One expert, and what its first layer makes of each row of one sample.

    Attributes:
        x: (R, D), input of the first layer: R = N rows as they are and, unless what is removed leaves attention, N
            more with the fill in place of the feature.
        qkv: (R, 3 D), their queries, keys and values.
        N: rows as they are.
        read: from the modalities' latents (b, M, D) to logits (b, C).
    """

    x: Float[Tensor, "R D"]
    qkv: Float[Tensor, "R D3"]
    N: int
    layers: tuple[Layer, ...]
    read: Callable[[Float[Tensor, "b M D"]], Float[Tensor, "b C"]]

    @cached_property
    def shared(self) -> SharedAttention | None:
        """The attention of the first layer as products over coalitions; None where it cannot or need not be."""
        # On an accelerator one small product per row would wait for its launch longer than it computes.
        if self.qkv.device.type != "cpu" or self.qkv.dtype != torch.float32:
            return None
        return shared_attention(self.qkv, self.layers[0].heads, self.N)

    def logits(self, batch: CoalitionBatch, chunks: list[Chunk], space: Float[Tensor, "_ D"]) -> Float[Tensor, "m C"]:
        """The expert's logits for every coalition of a batch, in the batch's order.

        Args:
            batch: the coalitions, as rows of the table.
            chunks: how the coalitions of the batch were cut into chunks of similar size.
            space: (_, D) memory that may be overwritten, for products that coalitions share.
        """
        mixed = None
        many = len(batch.sizes) >= ENOUGH and not batch.absent
        if many and batch.chunk_rows <= len(space) and self.shared is not None:
            mixed = space[: batch.chunk_rows]
            self.shared(batch, mixed)
        return torch.cat([self._chunk_logits(chunk, mixed) for chunk in chunks])

    def _chunk_logits(self, chunk: Chunk, mixed: Float[Tensor, "_ D"] | None) -> Float[Tensor, "b C"]:
        first, last = self.layers[0], self.layers[-1]
        x = F.embedding(chunk.rows, self.x)
        if mixed is None:
            first.attend(x, F.embedding(chunk.rows, self.qkv), chunk)
        else:
            first.out.add_to(x, mixed[chunk.start : chunk.start + chunk.rows.numel()].view_as(x))
        for layer, after in pairwise(self.layers):
            layer.narrow.add_to(x, layer.hidden(x))
            after.attend(x, after.qkv(after.norm_attention(x)), chunk)
        hidden = last.hidden(x)
        latent = chunk.shares @ x + last.narrow(chunk.shares.to(hidden.dtype) @ hidden)
        return self.read(latent)


@dataclass(frozen=True)
class OtherExpert:
    """An expert of another make than `Expert`, of which nothing is known: each coalition is put to it whole."""

    expert: nn.Module
    features: SampleFeatures

    def logits(self, batch: CoalitionBatch, chunks: list[Chunk], space: Float[Tensor, "_ D"]) -> Float[Tensor, "m C"]:
        """The expert's logits for every coalition of a batch, in the batch's order.

        Args:
            batch: the coalitions, as rows of the table.
            chunks: not used.
            space: not used.
        """
        return torch.cat([self.expert(self.features.tokens(batch.keep[start:stop]))[0] for start, stop in batch.cuts])


def expert_table(expert: Expert, features: SampleFeatures, precision: torch.dtype) -> ExpertTable:
    """Compute once what all coalitions of one sample share in one expert.

    The expert must not change while the table is in use.

    Args:
        expert: one of the model's experts.
        features: the features of the sample.
        precision: type of matrix products and attention.
    """
    x = _inputs(expert, features, features.values)
    N = len(x)
    if features.fills is not None:
        removed = tuple(f.expand(T, -1) for f, T in zip(features.fills, features.lengths, strict=True))
        x = torch.cat([x, _inputs(expert, features, removed)])
    layers = tuple(_layer(cast(Block, block), precision) for block in expert.blocks)
    return ExpertTable(x, layers[0].qkv(layers[0].norm_attention(x)), N, layers, expert.read)


def _inputs(expert: Expert, features: SampleFeatures, values: tuple[Float[Tensor, "_ D"], ...]) -> Float[Tensor, "N D"]:
    pieces = []
    for m, (value, places) in enumerate(zip(values, features.places, strict=True)):
        pieces += [expert.anchors[m : m + 1], value + expert.positions[m][places]]
    return torch.cat(pieces)


def _layer(block: Block, precision: torch.dtype) -> Layer:
    def matrix(linear: nn.Module) -> Matrix:
        assert isinstance(linear, nn.Linear)
        return Matrix(linear.weight.to(precision), linear.bias.to(precision))

    return Layer(
        block.norm_attention,
        block.norm_mlp,
        qkv=matrix(block.attention.qkv),
        out=matrix(block.attention.out),
        widen=matrix(block.mlp[0]),
        narrow=matrix(block.mlp[2]),
        heads=block.attention.heads,
    )
