"""Fill what is removed of a picture from what is left around it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def inpainted(
    pixels: Float[Tensor, "1 3 H W"], left: Bool[Tensor, "B rows columns"], empty: Float[Tensor, "1 3 H W"]
) -> Float[Tensor, "B 3 H W"]:
    """A picture with some patches left, and the others filled smoothly from these.

    By pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996): what is left is averaged over squares of twice the side
    again and again, until all of them hold something; a pixel that is missing is read from the finest that does. It
    costs little beside a vision transformer, and no pixel that was removed is read.

    Args:
        pixels: the picture.
        left: which patches are, each of H / rows x W / columns pixels.
        empty: what a picture shows of which no patch is left.

    Returns:
        (B, 3, H, W), with the pixels of patches that are left as they are.
    """
    weight = F.interpolate(left[:, None].to(pixels), size=pixels.shape[2:], mode="nearest")
    filled = _filled(pixels * weight, weight)
    return torch.where(left.flatten(1).any(dim=1)[:, None, None, None], filled, empty)


def _filled(weighted: Float[Tensor, "B 3 h w"], weight: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B 3 h w"]:
    """Colours where there is some weight, and from squares of twice the side where there is none."""
    known = weighted / weight.clamp_min(torch.finfo(weight.dtype).tiny)
    if weight.shape[2:] == (1, 1) or bool((weight > 0).all()):
        return known
    coarse = _filled(*(F.avg_pool2d(one, 2, ceil_mode=True) for one in (weighted, weight)))
    wider = F.interpolate(coarse, size=weight.shape[2:], mode="bilinear", align_corners=False)
    return torch.where(weight > 0, known, wider)
