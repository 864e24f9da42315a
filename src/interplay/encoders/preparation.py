"""From a picture to the square a frozen network takes, and back: which part of the picture each patch shows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

Fit = Literal["letterbox", "stretch", "crop"]
Box = tuple[float, float, float, float]
Colour = tuple[float, ...]


@dataclass(frozen=True)
class View:
    """Where a picture lies in the encoder's square of `size` x `size` pixels.

    `left`, `top`, `right`, `bottom` are the picture's edges in pixels of the square: inside it for a letterbox,
    beyond it for a crop.
    """

    size: int
    left: int
    top: int
    right: int
    bottom: int

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """A box of the square as fractions of the picture, clipped to the picture's edges.

        Args:
            x0: left edge, as a fraction of the square's side.
            y0: top edge.
            x1: right edge.
            y1: bottom edge.
        """
        width, height = self.right - self.left, self.bottom - self.top
        return (
            _cut((x0 * self.size - self.left) / width),
            _cut((y0 * self.size - self.top) / height),
            _cut((x1 * self.size - self.left) / width),
            _cut((y1 * self.size - self.top) / height),
        )


def _cut(x: float) -> float:
    return min(max(x, 0.0), 1.0)


def view(width: int, height: int, size: int, fit: Fit) -> View:
    """How a picture is put into the square: whole with bars, stretched, or its centre cropped.

    Args:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        size: side of the square, in pixels.
        fit: which of these.
    """
    side = {"letterbox": max(width, height), "crop": min(width, height)}
    w = size if fit == "stretch" else max(1, round(width * size / side[fit]))
    h = size if fit == "stretch" else max(1, round(height * size / side[fit]))
    left, top = int((size - w) / 2), int((size - h) / 2)  # towards 0, as transformers crops
    return View(size, left, top, left + w, top + h)


def square(picture: Image.Image, size: int, fit: Fit, mean: Colour) -> Image.Image:
    """The picture laid into a size x size RGB square; bars of a letterbox get the colour `mean` (0..1).

    Args:
        picture: an RGB picture.
        size: side of the square, in pixels.
        fit: whole with bars, stretched, or its centre cropped.
        mean: colour of the bars.
    """
    seen = view(*picture.size, size, fit)
    red, green, blue = (round(255 * level) for level in mean)
    out = Image.new("RGB", (size, size), (red, green, blue))
    extent = (seen.right - seen.left, seen.bottom - seen.top)
    resized = picture.convert("RGB").resize(extent, Image.Resampling.BICUBIC, reducing_gap=3.0)
    out.paste(resized, (seen.left, seen.top))
    return out


def normalised(picture: Image.Image, mean: Colour, std: Colour) -> np.ndarray:
    """RGB picture -> float32 (3, H, W), standardised per channel.

    Args:
        picture: an RGB picture.
        mean: per channel, 0..1.
        std: per channel, 0..1.
    """
    pixels = np.asarray(picture, dtype=np.float32) / 255.0
    centred = (pixels - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return centred.transpose(2, 0, 1)


def patch_boxes(seen: View, grid: int) -> list[Box]:
    """The boxes of a grid x grid patch sequence, row by row, as fractions of the picture.

    Args:
        seen: where the picture lies in the square.
        grid: patches on a side.
    """
    steps = [k / grid for k in range(grid + 1)]
    return [seen.box(steps[c], steps[r], steps[c + 1], steps[r + 1]) for r in range(grid) for c in range(grid)]


def patches_on_picture(seen: View, grid: int) -> np.ndarray:
    """(grid, grid) bool: patches that show at least half as much of the picture as the fullest patch does.

    The others lie on the bars of a letterbox: they are padding, not features. However thin a picture is, some stay.

    Args:
        seen: where the picture lies in the square.
        grid: patches on a side.
    """
    patch = seen.size / grid
    starts = np.arange(grid) * patch

    def shown(first: int, last: int) -> np.ndarray:
        return np.clip(np.minimum(starts + patch, last) - np.maximum(starts, first), 0.0, None)

    area = np.outer(shown(seen.top, seen.bottom), shown(seen.left, seen.right))
    return area >= area.max() / 2
