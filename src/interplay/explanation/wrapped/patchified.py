"""Pictures whose processor gives them cut into patches: Qwen2-VL's, and SigLIP 2's of any shape (NaFlex).

They are laid together again, so that patches are found, painted and tested as those of any other model, and cut as the
model takes them when it is evaluated.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def laid_out(found: Mapping[str, Any], vision: Any) -> Float[np.ndarray, "3 H W"]:
    """The picture that an image processor gives.

    Args:
        found: what the processor gives for one picture, as arrays.
        vision: the configuration of the model that looks.

    Raises:
        ValueError: the patches are not those of the configuration.
    """
    pixels = np.asarray(found["pixel_values"], np.float32)
    if "image_grid_thw" in found:
        m, size = vision.spatial_merge_size, vision.patch_size
        _, rows, columns = np.asarray(found["image_grid_thw"])[0].tolist()
        frames = pixels.reshape(rows // m, columns // m, m, m, 3, vision.temporal_patch_size, size, size)
        return frames[..., 0, :, :].transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * size, columns * size)
    if "spatial_shapes" in found:
        size = vision.patch_size
        rows, columns = np.asarray(found["spatial_shapes"])[0].tolist()
        patches = pixels[0, : rows * columns].reshape(rows, columns, size, size, 3)
        return patches.transpose(4, 0, 2, 1, 3).reshape(3, rows * size, columns * size)
    return pixels[0]


def removable(vision: Any) -> tuple[int, int]:
    """Height and width of the smallest part of a picture that can be removed, in pixels of the model's input.

    It is a patch, or the square of patches that a language model sees as one token.

    Args:
        vision: the configuration of the model that looks.
    """
    height, width = (vision.patch_size,) * 2 if isinstance(vision.patch_size, int) else vision.patch_size
    merge = getattr(vision, "spatial_merge_size", 1)
    return height * merge, width * merge


def flat_patches(pixels: Float[Tensor, "B 3 H W"], size: int) -> Float[Tensor, "B P D"]:
    """Pictures as SigLIP 2 takes them, without padding.

    Args:
        pixels: the pictures.
        size: the side of a patch, in pixels.
    """
    B, _, H, W = pixels.shape
    cut = pixels.reshape(B, 3, H // size, size, W // size, size).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(B, (H // size) * (W // size), size * size * 3)


def merged_patches(pixels: Float[Tensor, "B 3 H W"], vision: Any) -> Float[Tensor, "B U k D"]:
    """Pictures as Qwen2-VL takes them: for each token of its language model the k patches that are merged into it.

    Args:
        pixels: the pictures.
        vision: the configuration of the model that looks.
    """
    B, _, H, W = pixels.shape
    m, size, frames = vision.spatial_merge_size, vision.patch_size, vision.temporal_patch_size
    rows, columns = H // size // m, W // size // m
    cut = pixels.reshape(B, 3, rows, m, size, columns, m, size).permute(0, 2, 5, 3, 6, 1, 4, 7)
    several = cut[:, :, :, :, :, :, None].expand(*cut.shape[:6], frames, size, size)  # a picture is a film of equals
    return several.reshape(B, rows * columns, m * m, 3 * frames * size * size)


def shape_of(pixels: Float[Tensor, "1 3 H W"], size: int) -> Tensor:
    """How many rows and columns of patches a picture has.

    Args:
        pixels: the picture.
        size: the side of a patch, in pixels.

    Returns:
        (1, 2) whole numbers.
    """
    return torch.tensor([[pixels.shape[2] // size, pixels.shape[3] // size]])
