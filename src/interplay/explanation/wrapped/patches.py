"""Leave patches out of a vision transformer: their tokens are dropped after they are embedded, so none attends to them.

Jain et al., "Missingness bias in model debugging" (ICLR 2022): a vision transformer that is not given some tokens stays
near what it was trained on; one that is given painted squares does not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn


@contextmanager
def only_patches(embeddings: nn.Module, kept: Int[Tensor, "B K"], patches: int) -> Iterator[None]:
    """While it lasts, the module that embeds a picture gives the tokens of some patches alone, each at its position.

    Tokens before those of patches (class, register) stay. Of a picture with no patch left, where there is none of
    these either, the token of a blank picture's middle patch stands for it.

    Args:
        embeddings: the module whose output is (B, special + patches, width).
        kept: for each picture of the batch, indices of the patches that stay.
        patches: how many patches there are.
    """

    def pick(module: nn.Module, given: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
        special = tokens.shape[1] - patches
        first = torch.arange(special, device=tokens.device).expand(len(kept), special)
        at = torch.cat([first, kept.to(tokens.device) + special], dim=1)
        if at.shape[1] == 0:
            blank = module.forward(torch.zeros_like(given[0][:1]))
            return blank[:, patches // 2, None].expand(len(kept), 1, -1)
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
