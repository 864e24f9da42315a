"""Words encoded with the words beside them, as far as those are left [ours].

A word that was encoded in its whole text carries something of every other word: remove one, and the others still tell
of it. A word that was encoded by itself carries nothing of them, and is understood less well. Between the two, a word
is encoded once for each set of its nearest neighbours that may be left, its variants, and of these the one is taken
whose neighbours are left. What is removed is then removed from the whole model.

Variant v of a word was encoded with the neighbour at `offsets(k)[b]` where bit b of v is set.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F


def offsets(neighbours: int) -> list[int]:
    """Where the neighbours of a feature are, from the first to the last.

    Args:
        neighbours: how many on each side.

    >>> offsets(2)
    [-2, -1, 1, 2]
    """
    return [step for step in range(-neighbours, neighbours + 1) if step]


def variant_count(neighbours: int) -> int:
    """How many sets of neighbours may be left.

    Args:
        neighbours: how many on each side.

    >>> [variant_count(k) for k in (0, 1, 2)]
    [1, 4, 16]
    """
    return 1 << len(offsets(neighbours))


def reach(variants: int) -> int:
    """How many neighbours on each side make so many variants.

    Args:
        variants: how many there are.

    >>> [reach(variant_count(k)) for k in (0, 1, 2)]
    [0, 1, 2]
    """
    return (variants.bit_length() - 1) // 2


def variant_of(kept: Bool[Tensor, "*B T"], neighbours: int) -> Int[Tensor, "*B T"]:
    """The variant of each feature whose neighbours are those that are kept.

    Args:
        kept: (..., T) bool, True where a feature is left.
        neighbours: how many on each side.

    >>> variant_of(torch.tensor([True, True, False, True]), 1)
    tensor([2, 1, 3, 0])
    """
    wide = F.pad(kept, (neighbours, neighbours))  # beyond the ends nothing is left
    T = kept.shape[-1]
    there = [
        wide[..., neighbours + step : neighbours + step + T].long() << b for b, step in enumerate(offsets(neighbours))
    ]
    return torch.stack(there).sum(0) if there else torch.zeros_like(kept, dtype=torch.long)


def pick(variants: Float[Tensor, "*B T V W"], which: Int[Tensor, "*B T"]) -> Float[Tensor, "*B T W"]:
    """One variant of each feature.

    Args:
        variants: (..., T, V, W).
        which: (..., T), the number of the variant.
    """
    index = which[..., None, None].expand(*which.shape, 1, variants.shape[-1])
    return variants.gather(-2, index).squeeze(-2)


def intact(features: Float[Tensor, "*B T _"], valid: Bool[Tensor, "*B T"], neighbours: int) -> Float[Tensor, "*B T W"]:
    """The features of a whole sample: of each the variant with all neighbours that it has.

    Args:
        features: (..., T, V W) as encoded, variants side by side.
        valid: (..., T) bool, False for padding.
        neighbours: how many on each side; with 0 there is one variant, and features stay as they are.
    """
    if not neighbours:
        return features
    variants = features.unflatten(-1, (variant_count(neighbours), -1))
    return pick(variants, variant_of(valid, neighbours))
