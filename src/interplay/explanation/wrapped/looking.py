"""What a Hugging Face model gets of a picture, and which parts of it can be removed."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from interplay.errors import BadInput
from interplay.explanation.wrapped.geometry import Cells, cells_seen
from interplay.explanation.wrapped.patches import painted
from interplay.explanation.wrapped.patchified import laid_out, removable


def seen(model: Any, image_processor: Any, picture: Image.Image, grid: int) -> tuple[Cells, torch.Tensor]:
    """The cells of a picture that play, and what the model gets of it.

    Args:
        model: one that looks.
        image_processor: its own.
        picture: RGB.
        grid: most cells along the longer side.

    Returns:
        The cells, and (1, 3, H, W).

    Raises:
        BadInput: the processor cannot use it, or does something else than scale, crop and pad.
    """

    def process(one: Image.Image) -> Float[np.ndarray, "3 H W"]:
        return processed(model, image_processor, one)

    cells = cells_seen(process, picture.size, removable(_vision(model)), grid)
    return cells, torch.from_numpy(process(picture)[None])


def processed(model: Any, image_processor: Any, picture: Image.Image) -> Float[np.ndarray, "3 H W"]:
    """What the model gets of a picture, laid out as a picture.

    Args:
        model: one that looks.
        image_processor: its own.
        picture: RGB.

    Raises:
        BadInput: the processor cannot use it.
    """
    try:
        return laid_out(image_processor(images=picture, return_tensors="np"), _vision(model))
    except ValueError as error:
        raise BadInput(
            f"the image processor cannot use a picture of {picture.width} x {picture.height} pixels: {error}",
            expected="a picture and a processor that fit the model",
        ) from error


def instead_of(
    model: Any, image_processor: Any, picture: Image.Image, pixels: torch.Tensor, removal: str
) -> torch.Tensor | None:
    """What removed patches show; None where their tokens are dropped.

    Args:
        model: one that looks.
        image_processor: its own.
        picture: RGB.
        pixels: (1, 3, H, W), what the model gets of it.
        removal: how patches are removed.
    """
    if removal == "grey":
        grey = Image.new("RGB", picture.size, (128, 128, 128))
        return torch.from_numpy(processed(model, image_processor, grey)[None])
    return painted(pixels, removal)


def _vision(model: Any) -> Any:
    return getattr(model.config, "vision_config", model.config)
