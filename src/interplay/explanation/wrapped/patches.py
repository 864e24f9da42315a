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

from interplay.errors import BadInput

DROP, MASK = "drop", "mask"  # the default ways
REMOVALS = {
    DROP: "is not given to the model: its token is left out",
    "mean": "shows the picture's mean colour",
    "grey": "shows grey, 128 of 255",
    "blur": "shows the picture blurred, so that much of its colours stays",
    "inpaint": "shows what is left around it, inpainted; the picture's mean colour where nothing is left",
}
WORDS = {
    MASK: "is masked in the model's attention; its place stays",
    "delete": "is deleted from the text, and the rest is read again: words after it move up",
}
BLUR = 8  # the deviation of the blur: this part of the longer side


def check_removal(removal: str, words: str, *, looks: bool, reads: bool, prompts: bool) -> None:
    """See whether a model can do without patches and words in some ways.

    Args:
        removal: how patches are removed.
        words: how words are.
        looks: whether there is a picture.
        reads: whether there is a text.
        prompts: whether the text is read within a prompt.

    Raises:
        BadInput: it cannot.
    """
    if removal not in REMOVALS or (removal != "drop" and not looks):
        what = "one of " + ", ".join(REMOVALS) if looks else "drop: words are masked, and there is no picture"
        raise BadInput(f"patches are to be removed by {removal!r}", expected=what)
    if words not in WORDS:
        raise BadInput(f"words are to be removed by {words!r}", expected="one of " + ", ".join(WORDS))
    if words == "delete" and not (reads and not prompts):
        why = "tokens of a prompt, the picture's too, keep their places" if reads else "there is no text"
        raise BadInput(f"words are to be removed by {words!r}", expected=f"mask: {why}")


def painted(pixels: Float[Tensor, "1 3 H W"], removal: str) -> Float[Tensor, "1 3 H W"] | None:
    """The picture's mean colour or itself blurred, which a removed patch shows; None where its token is dropped.

    Args:
        pixels: the picture as the model gets it.
        removal: "drop", "mean", "blur", or "inpaint", which shows the mean colour where no patch is left.
    """
    if removal == "drop":
        return None
    if removal in ("mean", "inpaint"):
        return pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels)
    from scipy.ndimage import gaussian_filter

    wide = max(pixels.shape[2:]) / BLUR
    smooth = gaussian_filter(pixels.double().cpu().numpy(), sigma=(0, 0, wide, wide), mode="nearest")
    return torch.from_numpy(smooth).to(pixels)


@contextmanager
def only_patches(
    embeddings: nn.Module, kept: Int[Tensor, "B K"], patches: int, instead: Float[Tensor, "b ..."] | None = None
) -> Iterator[None]:
    """While it lasts, the module that embeds a picture gives the tokens of some patches alone, each at its position.

    Tokens before those of patches (class, register) stay. Where no patch is left, the token of a blank picture's middle
    patch is: some models have no other token, and some average over patches. A patch is embedded by itself, so one that
    shows another picture has the token of that picture's patch.

    Args:
        embeddings: the module whose output is (B, special + patches, width).
        kept: for each picture of the batch, indices of the patches that stay.
        patches: how many patches there are.
        instead: a picture that the other patches show, or one for each of the batch, as `embeddings` takes it; None to
            leave their tokens out.
    """

    def pick(module: nn.Module, given: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
        special = tokens.shape[1] - patches
        first = torch.arange(special, device=tokens.device).expand(len(kept), special)
        at = torch.cat([first, kept.to(tokens.device) + special], dim=1)
        if instead is not None:
            other = _embedded(module, instead.to(given[0]), given[1:]).expand(len(kept), -1, -1)
            stays = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device).scatter(1, at, True)
            return torch.where(stays[:, :, None], tokens, other)
        if kept.shape[1] == 0:
            blank = _embedded(module, torch.zeros_like(given[0][:1]), given[1:])
            return blank[:, [*range(special), special + patches // 2]].expand(len(kept), -1, -1)
        return tokens.gather(1, at[:, :, None].expand(-1, -1, tokens.shape[2]))

    handle = embeddings.register_forward_hook(pick)
    try:
        yield
    finally:
        handle.remove()


def _embedded(embeddings: nn.Module, pixels: Tensor, more: tuple[Tensor, ...]) -> Tensor:
    """Other pictures embedded, of the shapes that the model gives beside the first ones (NaFlex)."""
    tokens: Tensor = embeddings.forward(pixels, *(one[: len(pixels)] for one in more))
    return tokens


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
