"""Coalitions of one sample as rows of a table, and which of them are computed together.

A row stands for one anchor or one valid feature, or for one variant of it: the feature with one set of the neighbours
that may be left. The table of an expert holds for each row what its first layer makes of it
(`interplay.explanation.trained.expert_tables`), so a coalition is a list of row numbers and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from interplay.config import Fill
from interplay.errors import GameError
from interplay.models.tokens import Tokens
from interplay.neighbours import reach, variant_of

SIMILAR = 0.8  # in a chunk no coalition has fewer rows than this share of the longest: padding is computed for nothing


@dataclass(frozen=True)
class SampleFeatures:
    """The valid features of one sample, and what stands in for those that are removed.

    Attributes:
        values: per modality (T_m, D).
        places: per modality (T_m,), where in its sequence each stands.
        fills: per modality (D,); None if what is removed leaves attention and pooling.
        variants: per modality, how many rows in a row are one feature with each set of neighbours that may be left.
    """

    values: tuple[Float[Tensor, "_ D"], ...]
    places: tuple[Int[Tensor, " _"], ...]
    fills: tuple[Float[Tensor, " D"], ...] | None
    variants: tuple[int, ...]

    @property
    def lengths(self) -> list[int]:
        """T_m of each modality."""
        return [len(value) for value in self.values]

    def row_modality(self) -> Int[Tensor, " N"]:
        """The modality of each row; the rows are anchor_1, features of modality 1, anchor_2, ..."""
        device = self.values[0].device
        return torch.cat([torch.full((1 + T,), m, device=device) for m, T in enumerate(self.lengths)])

    def in_reach(self, keep: Bool[Tensor, "m N"]) -> Bool[Tensor, "m N"]:
        """Of the variants of each feature that is kept, the one with the neighbours that are kept.

        Args:
            keep: (m, N) bool, the rows of what is kept, all variants of it.
        """
        if max(self.variants) == 1:
            return keep
        parts = []
        for rows, V in zip(keep.split([1 + T for T in self.lengths], dim=1), self.variants, strict=True):
            kept = rows[:, 1::V]
            which = F.one_hot(variant_of(kept, reach(V)), V).bool() & kept.unsqueeze(-1)
            parts.append(torch.cat([rows[:, :1], which.flatten(1)], dim=1))
        return torch.cat(parts, dim=1)

    def tokens(self, keep: Bool[Tensor, "m N"]) -> Tokens:
        """The tokens of each coalition: removed features filled or marked not valid, every feature in its place.

        Args:
            keep: (m, N) bool, the rows that are kept.
        """
        kept = [rows[:, 1:] for rows in keep.split([1 + T for T in self.lengths], dim=1)]
        places = tuple(where.expand(len(keep), -1) for where in self.places)
        if self.fills is None:
            return Tokens(tuple(value.expand(len(keep), -1, -1) for value in self.values), tuple(kept), places)
        filled = [torch.where(k[..., None], v, f) for k, v, f in zip(kept, self.values, self.fills, strict=True)]
        return Tokens(tuple(filled), tuple(torch.ones_like(k) for k in kept), places)

    def means(self, keep: Bool[Tensor, "m N"]) -> Tokens:
        """The mean of each modality under each coalition, as one token; not valid where nothing is left.

        A mean is linear in which features are kept, so all coalitions take one matrix product.

        Args:
            keep: (m, N) bool, the rows that are kept.
        """
        values, valid = [], []
        for m, (value, rows) in enumerate(
            zip(self.values, keep.split([1 + T for T in self.lengths], dim=1), strict=True)
        ):
            kept = rows[:, 1:].to(value.dtype)
            if self.fills is None or not len(value):
                count = kept.sum(1, keepdim=True)
                values.append(kept @ value / count.clamp(min=1))
                valid.append(count > 0)
            else:
                values.append(self.fills[m] + kept @ (value - self.fills[m]) / len(value))
                valid.append(torch.ones_like(rows[:, :1]))
        return Tokens(tuple(value.unsqueeze(1) for value in values), tuple(valid))


def features_of(tokens: Tokens, fill: Fill, means: tuple[Float[Tensor, " D"], ...]) -> SampleFeatures:
    """The valid features of one sample, with what takes their place when they are removed.

    Args:
        tokens: one sample, projected: a batch of 1.
        fill: what takes the place of removed features: "mean", "zero" or "attention" (nothing: they leave attention).
        means: per modality (D,), the values of the fill "mean".

    Raises:
        GameError: features have neighbours and something would take their place.
    """
    if fill != "attention" and any(x is not None for x in tokens.variants or ()):
        raise GameError(
            f"fill {fill!r} of features that were encoded with their neighbours",
            expected='"attention": what is removed leaves no feature behind',
            fix="explain by the run's own settings",
        )
    values, places, counts = [], [], []
    for m, (value, valid) in enumerate(zip(tokens.values, tokens.valid, strict=True)):
        where = valid[0].nonzero().flatten()
        variants = None if tokens.variants is None else tokens.variants[m]
        each = value.unsqueeze(2) if variants is None else variants
        counts.append(each.shape[2])
        values.append(each[0, where].flatten(0, 1))
        places.append((where if tokens.places is None else tokens.places[m][0, where]).repeat_interleave(counts[-1]))
    stand_in = means if fill == "mean" else tuple(torch.zeros_like(mean) for mean in means)
    return SampleFeatures(tuple(values), tuple(places), None if fill == "attention" else stand_in, tuple(counts))


@dataclass(frozen=True)
class Chunk:
    """Coalitions of similar size, computed together.

    Attributes:
        rows: (b, n) rows of the table.
        attended: (b, 1, 1, n) bool, False where a shorter coalition was padded; None if none was: attention without
            a mask is faster.
        shares: (b, M, n), what each row counts in the mean of each modality.
        start: how many rows all chunks before this one have.
    """

    rows: Int[Tensor, "b n"]
    attended: Bool[Tensor, "b 1 1 n"] | None
    shares: Float[Tensor, "b M n"]
    start: int


@dataclass(frozen=True)
class CoalitionBatch:
    """Coalitions, the longest first, on the model's device but for what is decided on the host.

    Attributes:
        keep: (m, N), which rows are in; the anchors always are.
        rows: (m, n) rows of the table, padded behind with any rows.
        sizes: how many of the rows of each are its own.
        order: (m,) place of each coalition in the request.
        cuts: first and last + 1 of the coalitions of each chunk.
        absent: whether some rows are neither in nor filled, though others are filled.
    """

    keep: Bool[Tensor, "m N"]
    rows: Int[Tensor, "m n"]
    sizes: list[int]
    order: Int[Tensor, " m"]
    cuts: list[tuple[int, int]]
    absent: bool = False

    @property
    def chunk_rows(self) -> int:
        """How many rows all chunks have, with padding."""
        return sum((stop - start) * self.sizes[start] for start, stop in self.cuts)

    def chunks(self, modality: Int[Tensor, " R"], M: int) -> Iterator[Chunk]:
        """All coalitions, longest first, in chunks that are computed together.

        Args:
            modality: (R,) index of the modality of each row of the table.
            M: how many modalities there are.

        Yields:
            The chunks, in order.
        """
        device, done = self.rows.device, 0
        sizes = torch.tensor(self.sizes, device=device)
        is_of = torch.eye(M, device=device)[modality]  # R M
        for start, stop in self.cuts:
            longest, attended = self.sizes[start], None
            rows = self.rows[start:stop, :longest]
            shares = is_of[rows]
            if self.sizes[stop - 1] < longest:
                own = torch.arange(longest, device=device) < sizes[start:stop, None]
                attended, shares = own[:, None, None], shares * own[..., None]
            yield Chunk(rows, attended, (shares / shares.sum(1, keepdim=True)).transpose(1, 2), done)
            done += (stop - start) * longest


def batch_of(
    keep: Bool[Tensor, "m N"], seen: Bool[Tensor, " N"], compact: bool, device: torch.device, most: int
) -> CoalitionBatch:
    """The rows of each coalition, and which coalitions are computed together.

    Args:
        keep: on the host, the rows that are in.
        seen: on the host, the rows that are in or filled; all others are absent.
        compact: leave out the rows that are not in; otherwise row r not in is row r + N of the table, its fill.
        device: where the model is.
        most: rows of a chunk, if it has more than one coalition.
    """
    m, N = keep.shape
    if compact:
        sizes, order = keep.sum(1).sort(descending=True, stable=True)
        keep = keep[order]
        rows = (~keep).to(torch.uint8).argsort(dim=1, stable=True)[:, : int(sizes[0])]
    else:
        sizes, order = torch.full((m,), int(seen.sum())), torch.arange(m)
        rows = (torch.arange(N) + N * ~keep)[:, seen]
    listed = sizes.tolist()
    absent = not compact and not bool(seen.all())
    return CoalitionBatch(keep.to(device), rows.to(device), listed, order.to(device), _cut(listed, most), absent)


def _cut(sizes: list[int], most: int) -> list[tuple[int, int]]:
    cuts, start = [], 0
    while start < len(sizes):
        stop = min(start + max(1, most // sizes[start]), len(sizes))
        while sizes[stop - 1] < SIMILAR * sizes[start]:
            stop -= 1
        cuts.append((start, stop))
        start = stop
    return cuts
