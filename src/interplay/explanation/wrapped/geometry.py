"""Which part of a picture each patch of a model's input shows.

It is measured with test pictures, not read from an image processor's settings, of which there are as many kinds as
processors: whatever it does, resize, crop or pad, the boxes are those that the model sees.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from interplay.errors import BadInput
from interplay.results import Box

Processed = Float[np.ndarray, "3 H W"]
FLAT = 1e-3  # a pixel that is this much alike for a black and a white picture shows neither: it is padding
SMALL = 64  # pixels: pictures with a shorter side are measured by larger ones of the same shape
STRAIGHT = 0.02  # of the picture: how far a pixel may lie from where scale and shift alone would put it


@dataclass(frozen=True)
class Cells:
    """The cells of a model's input that can be removed: groups of patches that show a part of the picture.

    Attributes:
        boxes: of each cell, what it shows: x0, y0, x1, y1 as fractions of the picture.
        patches: of each cell, the indices of its patches, counted row by row.
        rows, columns: how many patches the model's input has; those in no cell show padding, and always stay.
    """

    boxes: tuple[Box, ...]
    patches: tuple[tuple[int, ...], ...]
    rows: int
    columns: int

    def shown(self) -> Bool[np.ndarray, "rows columns"]:
        """Which patches show the picture, not padding."""
        out = np.zeros(self.rows * self.columns, dtype=bool)
        out[[at for patches in self.patches for at in patches]] = True
        return out.reshape(self.rows, self.columns)


def cells_seen(
    process: Callable[[Image.Image], Processed], size: tuple[int, int], patch: tuple[int, int], grid: int
) -> Cells:
    """Group the patches of a model's input into cells, and find what part of the picture each cell shows.

    Args:
        process: the image processor: a picture -> (3, H, W), what the model gets.
        size: width and height of the picture, in pixels.
        patch: height and width of a patch, in pixels of the model's input.
        grid: most cells along the longer side; a cell is a square of as many patches as that takes.

    Returns:
        The cells, row by row.

    Raises:
        BadInput: the processor does something else than scale, crop and pad, or patches do not divide what it gives.
    """
    columns_at, rows_at, shown = _where(process, size)
    H, W = shown.shape
    height, width = patch
    if H % height or W % width:
        raise BadInput(
            f"the processor gives {W} x {H} pixels, and patches are {width} x {height}",
            expected="a whole number of patches",
            fix="use the model's own processor",
        )
    rows, columns = H // height, W // width
    side = -(-max(rows, columns) // grid)
    boxes, patches = [], []
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            inside = [
                (r, c)
                for r in range(top, min(rows, top + side))
                for c in range(left, min(columns, left + side))
                if shown[r * height : (r + 1) * height, c * width : (c + 1) * width].any()
            ]
            if inside:
                r, c = np.array(inside).T
                x0, x1 = columns_at(c.min() * width), columns_at((c.max() + 1) * width)
                y0, y1 = rows_at(r.min() * height), rows_at((r.max() + 1) * height)
                boxes.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
                patches.append(tuple((r * columns + c).tolist()))
    return Cells(tuple(boxes), tuple(patches), rows, columns)


Line = Callable[[int], float]


def _where(
    process: Callable[[Image.Image], Processed], size: tuple[int, int]
) -> tuple[Line, Line, Bool[np.ndarray, "H W"]]:
    """Pixel edge of the model's input -> fraction of the picture, for columns and rows; and which pixels show it."""
    width, height = _test_size(process, size)
    black, white = (process(Image.new("RGB", (width, height), value)) for value in ((0, 0, 0), (255, 255, 255)))
    across = np.broadcast_to((np.arange(width) + 0.5) / width, (height, width))
    down = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], (height, width))
    ramps = [process(Image.fromarray(np.round(255 * ramp).astype(np.uint8)).convert("RGB")) for ramp in (across, down)]
    shown = np.abs(white - black).min(axis=0) > FLAT * max(1e-9, float(np.abs(white - black).max()))
    if not shown.any():
        raise BadInput("the processor gives the same for a black and a white picture", expected="one that shows it")
    x, y = (((ramp - black) / np.where(shown, white - black, 1.0)).mean(axis=0)[shown] for ramp in ramps)
    rows, columns = np.nonzero(shown)
    return _line(columns, x), _line(rows, y), shown


def _test_size(process: Callable[[Image.Image], Processed], size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of test pictures that become what the picture becomes, and are large enough to measure."""
    times = -(-SMALL // min(size))
    larger = (size[0] * times, size[1] * times)
    if times == 1:
        return larger
    _, height, width = process(Image.new("RGB", size)).shape
    if process(Image.new("RGB", larger)).shape[1:] == (height, width):
        return larger
    # Of a processor whose input grows with the picture, one of that input's size stays as it is.
    if process(Image.new("RGB", (width, height))).shape[1:] == (height, width):
        return width, height
    raise BadInput(
        f"a picture of {size[0]} x {size[1]} pixels is too small to find its parts in the model's input",
        expected=f"at least {SMALL} pixels a side",
        fix="enlarge it",
    )


def _line(pixels: np.ndarray, at: Float[np.ndarray, " n"]) -> Line:
    """Scale and shift from the centres of pixels to fractions of the picture, by least squares."""
    if len(set(pixels.tolist())) == 1:  # one pixel shows all there is
        first, last = int(pixels.min()), int(pixels.max()) + 1
        return lambda edge: float(np.clip((edge - first) / (last - first), 0.0, 1.0))
    scale, shift = np.polyfit(pixels + 0.5, at, 1)
    off = float(np.abs(scale * (pixels + 0.5) + shift - at).max())
    if off > STRAIGHT:
        raise BadInput(
            f"the processor moves parts of a picture by {off:.0%} of its side",
            expected="one that scales, crops and pads alone",
        )
    return lambda edge: float(np.clip(scale * edge + shift, 0.0, 1.0))
