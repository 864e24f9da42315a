"""The transformer trunk that one expert is (METHOD 3), and the router. Attention weights are returned, never kept."""

from itertools import combinations
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from interplay.config import FusionConfig
from interplay.models.tokens import Tokens


@final
class Attention(nn.Module):
    """Multi-head self-attention in which what is not valid is never attended to."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "B T D"], valid: Bool[Tensor, "B T"], return_attention: bool
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T T"] | None]:
        """Multi-head self-attention.

        Args:
            x: (B, T, D) tokens.
            valid: (B, T) bool, False for positions that nobody attends to.
            return_attention: whether to return attention weights, which costs memory.

        Returns:
            (B, T, D), and the attention weights (B, H, T, T), with gradients, if `return_attention`; else None.
        """
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = valid[:, None, None, :]
        if not return_attention:
            mixed, weights = F.scaled_dot_product_attention(q, k, v, attn_mask=mask), None
        else:
            scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
            mixed = weights @ v
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


@final
class Block(nn.Module):
    """Pre-norm block: x += Drop(MHA(LN x)); x += Drop(MLP(LN x)), MLP D -> 2D -> D with GELU (METHOD 3)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], valid: Bool[Tensor, "B T"], return_attention: bool
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T T"] | None]:
        """Attention and MLP, each with a norm before it and a residual connection.

        Args:
            x: (B, T, D) tokens.
            valid: (B, T) bool, False for positions that nobody attends to.
            return_attention: whether to return attention weights, which costs memory.

        Returns:
            (B, T, D), and the attention weights (B, H, T, T) if `return_attention`; else None.
        """
        mixed, weights = self.attention(self.norm_attention(x), valid, return_attention)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.mlp(self.norm_mlp(x))), weights


@final
class Expert(nn.Module):
    """One interaction expert: blocks over all modalities' tokens, a mean per modality, one linear layer (METHOD 3).

    Each modality brings one learned token of its own, its anchor, that is always there [ours]: a modality whose
    features are all removed still has a latent, and v(nothing) is something the model was trained to answer.
    Positions are coded per modality [ours], so that a prediction does not depend on how long the others are.

    With `products` the linear layer reads, beside the modalities' means, the product of each two of them [ours]. A
    network that is to tell of an XOR from sums alone goes on for long with a loss that does not fall.
    """

    def __init__(
        self,
        lengths: list[int],
        width: int,
        layers: int,
        heads: int,
        dropout: float,
        classes: int,
        products: bool = False,
    ) -> None:
        super().__init__()
        self.pairs = list(combinations(range(len(lengths)), 2)) if products else []
        self.anchors = nn.Parameter(0.02 * torch.randn(len(lengths), width))
        self.positions = nn.ParameterList(0.02 * torch.randn(T, width) for T in lengths)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.head = nn.Linear((len(lengths) + len(self.pairs)) * width, classes)

    def forward(
        self, tokens: Tokens, return_attention: bool = False
    ) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B L"], list[Float[Tensor, "B H T T"]]]:
        """Fuse the modalities and classify.

        Args:
            tokens: the batch of projected samples.
            return_attention: whether to return attention weights, which costs memory.

        Returns:
            Logits (B, C), latent (B, M D), and, if `return_attention`, each layer's attention weights (B, H, T, T), T
            over anchor_1, tokens of modality 1, anchor_2, ...
        """
        B = tokens.values[0].shape[0]
        pieces, masks = [], []
        for m, (value, valid) in enumerate(zip(tokens.values, tokens.valid, strict=True)):
            places = slice(value.shape[1]) if tokens.places is None else tokens.places[m]
            pieces += [self.anchors[m].expand(B, 1, -1), value + self.positions[m][places]]
            masks += [valid.new_ones(B, 1), valid]
        x, valid = torch.cat(pieces, dim=1), torch.cat(masks, dim=1)
        attention = []
        for block in self.blocks:
            x, weights = block(x, valid, return_attention)
            if weights is not None:
                attention.append(weights)
        sizes = [1 + T for T in tokens.lengths]
        parts = zip(x.split(sizes, dim=1), valid.split(sizes, dim=1), strict=True)
        latents = torch.stack([masked_mean(part, mask) for part, mask in parts], dim=1)
        return self.read(latents), latents.flatten(1), attention

    def read(self, latents: Float[Tensor, "B M D"]) -> Float[Tensor, "B C"]:
        """The logits (B, C): the linear layer over latents and, with `products`, products of each two modalities'.

        Args:
            latents: (B, M, D), the mean of each modality's tokens after the last block.
        """
        products = [latents[:, m] * latents[:, j] for m, j in self.pairs]
        return self.head(torch.cat([latents.flatten(1), *products], dim=-1))


def masked_mean(x: Float[Tensor, "B T D"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "B D"]:
    """Mean over the valid positions; zeros where there is none.

    Args:
        x: (B, T, D) tokens.
        valid: (B, T) bool.
    """
    weight = valid.unsqueeze(-1).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)


def router_of(width: int, experts: int, config: FusionConfig) -> nn.Sequential:
    """The MLP whose softmax weighs the experts (METHOD 4) [I2MoE].

    Args:
        width: of the pooled tokens of all modalities together.
        experts: how many there are.
        config: its depth, its hidden width and dropout.
    """
    layers: list[nn.Module] = []
    for depth in range(config.routing_layers):
        layers += [
            nn.Linear(width if depth == 0 else config.routing_hidden, config.routing_hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        ]
    return nn.Sequential(*layers, nn.Linear(config.routing_hidden, experts))
