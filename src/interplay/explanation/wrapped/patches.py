"""Take patches from a vision transformer: their tokens are dropped after they are embedded, or show something else.

Dropped, none attends to them (Jain et al., "Missingness bias in model debugging", ICLR 2022): a vision transformer that
is not given some tokens stays near what it was trained on; one that is given painted squares does not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

REMOVALS = {
    "drop": "is not given to the model: its token is left out",
    "mean": "shows the picture's mean colour",
    "grey": "shows grey, 128 of 255",
    "blur": "shows the picture blurred, so that much of its colours stays",
}
BLUR = 8  # the deviation of the blur: this part of the longer side


def painted(pixels: Float[Tensor, "1 3 H W"], removal: str) -> Float[Tensor, "1 3 H W"] | None:
    """The picture's mean colour or itself blurred, which a removed patch shows; None where its token is dropped.

    Args:
        pixels: the picture as the model gets it.
        removal: "drop", "mean" or "blur".
    """
    if removal == "drop":
        return None
    if removal == "mean":
        return pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels)
    from scipy.ndimage import gaussian_filter

    wide = max(pixels.shape[2:]) / BLUR
    smooth = gaussian_filter(pixels.double().cpu().numpy(), sigma=(0, 0, wide, wide), mode="nearest")
    return torch.from_numpy(smooth).to(pixels)


@contextmanager
def only_patches(
    embeddings: nn.Module, kept: Int[Tensor, "B K"], patches: int, instead: Float[Tensor, "1 3 H W"] | None = None
) -> Iterator[None]:
    """While it lasts, the module that embeds a picture gives the tokens of some patches alone, each at its position.

    Tokens before those of patches (class, register) stay. Where no patch is left, the token of a blank picture's middle
    patch is: some models have no other token, and some average over patches. A patch is embedded by itself, so one that
    shows another picture has the token of that picture's patch.

    Args:
        embeddings: the module whose output is (B, special + patches, width).
        kept: for each picture of the batch, indices of the patches that stay.
        patches: how many patches there are.
        instead: a picture that the other patches show; None to leave their tokens out.
    """

    def pick(module: nn.Module, given: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
        special = tokens.shape[1] - patches
        first = torch.arange(special, device=tokens.device).expand(len(kept), special)
        at = torch.cat([first, kept.to(tokens.device) + special], dim=1)
        if instead is not None:
            other = module.forward(instead.to(given[0])).expand(len(kept), -1, -1)
            stays = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter(1, at, True)
            return torch.where(stays[:, :, None], tokens, other)
        if kept.shape[1] == 0:
            blank = module.forward(torch.zeros_like(given[0][:1]))
            return blank[:, [*range(special), special + patches // 2]].expand(len(kept), -1, -1)
        return tokens.gather(1, at[:, :, None].expand(-1, -1, tokens.shape[2]))

    handle = embeddings.register_forward_hook(pick)
    try:
        yield
    finally:
        handle.remove()


def by_count(patches: Bool[np.ndarray, "m P"], batch: int) -> Iterator[tuple[np.ndarray, Int[Tensor, "B K"]]]:
    """Rows with equally many patches left, some at a time: a batch of tensors has one length.

    Args:
        patches: (m, P), True where a patch stays.
        batch: rows at a time, at most.

    Yields:
        The rows, and for each the indices of its patches.
    """
    counts = patches.sum(axis=1)
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            kept = np.nonzero(patches[some])[1].reshape(len(some), count)
            yield some, torch.from_numpy(kept)


def in_batches(m: int, batch: int, ask: Callable[[np.ndarray], Tensor]) -> np.ndarray:
    """What a model answers to m questions, some at a time; half as many where memory does not hold them.

    Args:
        m: how many.
        batch: at a time, at most.
        ask: rows -> (rows, ...).

    Returns:
        (m, ...) in double precision, on the CPU.
    """
    out, start = [], 0
    while start < m:
        rows = np.arange(start, min(m, start + batch))
        try:
            out.append(ask(rows).detach().double().cpu().numpy())
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
            torch.cuda.empty_cache()
            batch //= 2
            continue
        start += len(rows)
    return np.concatenate(out)
