"""Remove features from a sample: the one operator behind baselines, probes, masking tests and training (METHOD 6).

It works on projected tokens, so `mean` puts in the projection of the training set's mean token (projection is linear)
and `zero` a vector of zeros; `attention` leaves the tokens be and takes them out of attention and pooling.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interplay.config import Fill
from interplay.neighbours import pick, reach, variant_of


@dataclass(frozen=True)
class Tokens:
    """Projected features of a batch, one entry per modality in the model's order.

    Attributes:
        values: per modality (B, T_m, D).
        valid: per modality (B, T_m) bool; what is not valid is never attended to nor pooled.
        places: per modality (B, T_m), where in the sample's own sequence each token stands; in order if None.
        variants: per modality (B, T_m, V, D), each token with each set of neighbours that may be left
            (`interplay.neighbours`), or None where tokens have none; None where nothing is removed any more.
    """

    values: tuple[Float[Tensor, "B _ D"], ...]
    valid: tuple[Bool[Tensor, "B _"], ...]
    places: tuple[Int[Tensor, "B _"], ...] | None = None
    variants: tuple[Float[Tensor, "B _ _ D"] | None, ...] | None = None

    @property
    def lengths(self) -> list[int]:
        """T_m of each modality."""
        return [v.shape[1] for v in self.valid]

    def expand(self, B: int) -> "Tokens":
        """One sample (batch of 1) seen as B copies, without copying.

        Args:
            B: how many copies.
        """
        return Tokens(tuple(v.expand(B, -1, -1) for v in self.values), tuple(v.expand(B, -1) for v in self.valid))

    def index(self, rows: slice | Tensor) -> "Tokens":
        """Some samples of the batch.

        Args:
            rows: which samples.
        """
        places = None if self.places is None else tuple(p[rows] for p in self.places)
        variants = None if self.variants is None else tuple(None if v is None else v[rows] for v in self.variants)
        return Tokens(tuple(v[rows] for v in self.values), tuple(v[rows] for v in self.valid), places, variants)

    def packed(self) -> "Tokens":
        """The same samples with valid tokens first, cut to the longest of the batch.

        A model answers as before (to rounding), in less time the fewer tokens are valid.
        """
        values, valid, places = [], [], []
        for value, mask in zip(self.values, self.valid, strict=True):
            order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)[:, : max(1, int(mask.sum(1).max()))]
            values.append(value.gather(1, order.unsqueeze(-1).expand(-1, -1, value.shape[-1])))
            valid.append(mask.gather(1, order))
            places.append(order)
        return Tokens(tuple(values), tuple(valid), tuple(places))

    def by_size(self, together: int) -> Iterator[tuple[Int[Tensor, " _"], "Tokens"]]:
        """All samples in groups with about as many valid tokens each, which wastes little on padding.

        Args:
            together: samples in a group, at most.

        Yields:
            (rows, those samples without needless padding), for each group.
        """
        order = torch.stack([valid.sum(1) for valid in self.valid]).sum(0).argsort(stable=True)
        for rows in order.split(together):
            yield rows, self.index(rows).packed()


def concatenate(batches: list[Tokens]) -> Tokens:
    """Batches of equal lengths, one after another.

    Args:
        batches: batches with the same sequence lengths.
    """
    modalities = range(len(batches[0].values))
    return Tokens(
        tuple(torch.cat([b.values[m] for b in batches]) for m in modalities),
        tuple(torch.cat([b.valid[m] for b in batches]) for m in modalities),
    )


def remove(
    tokens: Tokens, keep: tuple[Bool[Tensor, "B _"], ...], fill: Fill, means: tuple[Float[Tensor, " D"], ...]
) -> Tokens:
    """Remove the features where `keep` is False; those that stay are encoded with the neighbours that stay.

    Args:
        tokens: the batch, (B, T_m, D) per modality.
        keep: per modality (B, T_m) bool.
        fill: what stands in their place (METHOD 6).
        means: per modality (D,), the projected mean token, used by the fill "mean".
    """
    left = tuple(v & k for v, k in zip(tokens.valid, keep, strict=True))
    values = tokens.values
    if tokens.variants is not None:
        each = zip(values, tokens.variants, left, strict=True)
        values = tuple(v if x is None else pick(x, variant_of(there, reach(x.shape[2]))) for v, x, there in each)
    if fill == "attention":
        return Tokens(values, left)
    filled = []
    for value, kept, mean in zip(values, keep, means, strict=True):
        put = mean if fill == "mean" else torch.zeros_like(mean)
        filled.append(torch.where(kept.unsqueeze(-1), value, put))
    return Tokens(tuple(filled), tokens.valid)


def draw_keep(
    valid: tuple[Bool[Tensor, "B _"], ...],
    drop_modality: float,
    drop_all: float = 0.0,
    generator: torch.Generator | None = None,
) -> tuple[Bool[Tensor, "B _"], ...]:
    """Draw the features that mask-aware training keeps (METHOD 6) [ours].

    Each sample keeps every feature with its own probability q ~ U(0, 1), so that all coalition sizes are equally
    likely: the distribution that pair scores are defined over. A share `drop_modality` of the samples instead loses one
    modality whole and keeps the others whole, and a share `drop_all` loses everything, which would hardly ever happen
    otherwise.

    Args:
        valid: per modality (B, T_m) bool, False for padding.
        drop_modality: share of samples that lose one whole modality, in 0..1.
        drop_all: share of samples that lose everything, in 0..1.
        generator: where the randomness comes from; torch's global generator if None.

    Returns:
        Per modality (B, T_m) bool, True for what is kept.
    """
    B, device = valid[0].shape[0], valid[0].device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    q, u = uniform(B, 1), uniform(B, 1)
    whole, nothing = u < drop_modality, (u >= drop_modality) & (u < drop_modality + drop_all)
    lost = torch.randint(len(valid), (B, 1), generator=generator, device=device)
    return tuple(torch.where(whole, lost != m, uniform(*v.shape) < q) & ~nothing for m, v in enumerate(valid))
