"""From a text or a picture to what a frozen network takes, and back: which token or patch each feature is."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

Fit = Literal["letterbox", "stretch", "crop"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """Where a picture of `width` x `height` lies in the encoder's square of side 1.

    `left`, `top`, `right`, `bottom` are the picture's edges in units of the square: inside 0..1 for a letterbox,
    beyond it for a crop.
    """

    left: float
    top: float
    right: float
    bottom: float

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """A box of the square as fractions of the picture, cut at the picture's edges."""
        width, height = self.right - self.left, self.bottom - self.top

        def cut(x: float) -> float:
            return min(max(x, 0.0), 1.0)

        return (
            cut((x0 - self.left) / width),
            cut((y0 - self.top) / height),
            cut((x1 - self.left) / width),
            cut((y1 - self.top) / height),
        )

    def holds(self, x: float, y: float) -> bool:
        """Whether a point of the square lies on the picture (and not on the letterbox's bars)."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def view(width: int, height: int, fit: Fit) -> View:
    """How a picture meets the square: whole inside it, stretched to it, or its centre cut out of it."""
    if fit == "stretch":
        return View(0.0, 0.0, 1.0, 1.0)
    side = max(width, height) if fit == "letterbox" else min(width, height)
    w, h = width / side, height / side
    return View((1 - w) / 2, (1 - h) / 2, (1 + w) / 2, (1 + h) / 2)


def square(picture: Image.Image, size: int, fit: Fit, fill: tuple[int, int, int]) -> Image.Image:
    """The picture (RGB) laid into a size x size square; bars of a letterbox get the colour `fill`."""
    seen = view(*picture.size, fit)
    width = max(1, round((seen.right - seen.left) * size))
    height = max(1, round((seen.bottom - seen.top) * size))
    out = Image.new("RGB", (size, size), fill)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    out.paste(resized, (math.floor((size - width) / 2), math.floor((size - height) / 2)))
    return out


def normalised(picture: Image.Image, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """RGB picture -> float32 (3, H, W), standardised per channel."""
    pixels = np.asarray(picture, dtype=np.float32) / 255.0
    centred = (pixels - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return centred.transpose(2, 0, 1)


def patch_boxes(seen: View, grid: int) -> list[Box]:
    """The boxes of a grid x grid patch sequence, row by row, as fractions of the picture."""
    steps = [k / grid for k in range(grid + 1)]
    return [seen.box(steps[c], steps[r], steps[c + 1], steps[r + 1]) for r in range(grid) for c in range(grid)]


def patches_on_picture(seen: View, grid: int) -> np.ndarray:
    """(grid * grid,) bool: patches whose centre lies on the picture. The others are padding, not features."""
    centres = [(k + 0.5) / grid for k in range(grid)]
    return np.array([seen.holds(x, y) for y in centres for x in centres])
