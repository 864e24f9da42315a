"""Attention of the first layer, as one matrix product over coalitions for each query.

What row r of a sample asks of row j, and what j answers, are the same in every coalition; a coalition only says which
rows are there. With w_rj = exp(q_r k_j), the attention of r is sum_j w_rj v_j / sum_j w_rj over the rows j that are in:
for many coalitions a product of the 0/1 matrix of what is in with the matrix w_rj v_j. No score and no exponential is
computed per coalition.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interplay.explanation.trained.coalitions import CoalitionBatch

WIDEST = 60.0  # between two scores of a query; beyond it exp of the smaller vanishes in single precision
STEADY = 16.0  # how much more weight a query may lose than it keeps before a difference of sums loses digits


@dataclass(frozen=True)
class Fills:
    """What the fills of removed rows bring.

    Attributes:
        weights: (R, N, H, 1), weight of the fill of each row for each query.
        values: (N, H, d + 1), their values, with a 1 behind.
        all: (R, H, d + 1), what each query gets where everything is removed.
        steady: of each query, whether what a row brings more than its fill can be added to `all` and not lose digits.
    """

    weights: Float[Tensor, "R N H 1"]
    values: Float[Tensor, "N H d1"]
    all: Float[Tensor, "R H d1"]
    steady: list[bool]


@dataclass(frozen=True)
class SharedAttention:
    """Weights and values of the first layer, for one expert and one sample.

    Attributes:
        weights: (R, N, H, 1), weight of each row as it is for each query.
        values: (N, H, d + 1), their values, with a 1 behind: its sum is what to divide by.
        fills: None if what is removed leaves attention.
    """

    weights: Float[Tensor, "R N H 1"]
    values: Float[Tensor, "N H d1"]
    fills: Fills | None

    def __call__(self, batch: CoalitionBatch, out: Float[Tensor, "_ D"]) -> None:
        """Write what each row of each chunk gets, chunk after chunk; rows of padding are left as they are."""
        _, H, d1 = self.values.shape
        keep = batch.keep.to(out.dtype)
        present = torch.cat([torch.ones_like(keep[:, :1]), keep, 1 - keep], dim=1)  # m 1+2N
        bounds, coalition, place = _queries(batch, self.fills is None)
        for r, (start, stop) in enumerate(pairwise(bounds)):
            if start < stop:
                who, brings = self._brings(r)
                mixed = (present[:, who].index_select(0, coalition[start:stop]) @ brings.flatten(1)).view(-1, H, d1)
                out.index_copy_(0, place[start:stop], (mixed[..., :-1] / mixed[..., -1:]).flatten(1))

    def _brings(self, r: int) -> tuple[slice, Float[Tensor, "J H d1"]]:
        """Columns of (always, each row in, each row removed), and what each brings to query r."""
        (N, H, d1), fills = self.values.shape, self.fills
        if fills is None:
            return slice(1, N + 1), self.weights[r] * self.values
        brings = self.values.new_empty(N + 1 if fills.steady[r] else 2 * N, H, d1)
        if not fills.steady[r]:
            torch.mul(self.weights[r], self.values, out=brings[:N])
            torch.mul(fills.weights[r], fills.values, out=brings[N:])
            return slice(1, 2 * N + 1), brings
        brings[0] = fills.all[r]
        torch.mul(self.weights[r], self.values, out=brings[1:]).addcmul_(fills.weights[r], fills.values, value=-1)
        return slice(N + 1), brings


def shared_attention(qkv: Float[Tensor, "R D3"], heads: int, N: int) -> SharedAttention | None:
    """Prepare the first layer of one expert for one sample; None if scores are too far apart for it.

    Args:
        qkv: of the N rows as they are and, if R = 2 N, with their fills.
        heads: how many attention heads.
        N: rows of the table without fills.
    """
    q, k, v = qkv.unflatten(-1, (3, heads, -1)).permute(1, 2, 0, 3)  # H R d
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    top = scores.amax(-1, keepdim=True)
    if not float((top - scores.amin(-1, keepdim=True)).max()) <= WIDEST:
        return None
    weights = (scores - top).exp().permute(1, 2, 0).unsqueeze(-1)  # R R H 1
    values = torch.cat([v, torch.ones_like(v[..., :1])], dim=-1).transpose(0, 1).contiguous()
    here, gone = weights[:, :N].contiguous(), weights[:, N:].contiguous()
    if len(qkv) == N:
        return SharedAttention(here, values, None)
    # A sum that gains a row's share and loses its fill's has an error of about this ratio times that of one number.
    most, least = torch.maximum(here, gone).sum(1), torch.minimum(here, gone).sum(1)
    fills = Fills(
        gone,
        values[N:],
        torch.einsum("rjh,jhd->rhd", gone.squeeze(-1), values[N:]),
        (most <= STEADY * least).flatten(1).all(1).tolist(),
    )
    return SharedAttention(here, values[:N], fills)


def _queries(batch: CoalitionBatch, compact: bool) -> tuple[list[int], Int[Tensor, " Q"], Int[Tensor, " Q"]]:
    """Who asks: each row of the table in each coalition that has it, row after row.

    Returns:
        Where each row's part of the two lists begins, and the last ends; coalitions; places in the chunks' rows.
    """
    device = batch.keep.device
    longest = torch.tensor([batch.sizes[start] for start, stop in batch.cuts for _ in range(start, stop)])
    before = (longest.cumsum(0) - longest).to(device)[:, None]
    if compact:
        asks, place = batch.keep, before + batch.keep.cumsum(1) - 1
    else:
        asks = torch.cat([batch.keep, ~batch.keep], dim=1)
        place = before + torch.arange(batch.keep.shape[1], device=device).repeat(2)
    row, coalition = asks.t().nonzero(as_tuple=True)
    counts = torch.bincount(row, minlength=asks.shape[1])
    return [0, *counts.cumsum(0).tolist()], coalition, place[coalition, row]
