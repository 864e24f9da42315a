"""Boxes of cells are where a processor took them from, whatever it does with a picture."""

import numpy as np
import pytest
import transformers
from PIL import Image

from interplay.errors import BadInput
from interplay.explanation.wrapped.geometry import cells_seen

CLIP = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
SIGLIP = transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32})
VILT = transformers.ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8)


def by(processor):
    return lambda image: np.asarray(processor(images=image, return_tensors="np")["pixel_values"][0])


def letterboxed(image: Image.Image) -> np.ndarray:
    """Laid into a square of 32 pixels, with bars of zeros."""
    small = image.copy()
    small.thumbnail((32, 32), Image.Resampling.BICUBIC)
    out = np.zeros((3, 32, 32))
    top, left = (32 - small.height) // 2, (32 - small.width) // 2
    out[:, top : top + small.height, left : left + small.width] = np.asarray(small).transpose(2, 0, 1) / 255 * 2 - 1
    return out


@pytest.mark.parametrize(
    ("process", "size", "first", "last", "count"),
    [
        (by(SIGLIP), (90, 60), (0, 0, 0.25, 0.25), (0.75, 0.75, 1, 1), 16),
        (by(CLIP), (60, 60), (0, 0, 0.25, 0.25), (0.75, 0.75, 1, 1), 16),
        (by(CLIP), (600, 300), (0.25, 0, 0.375, 0.25), (0.625, 0.75, 0.75, 1), 16),  # its middle square
        (by(CLIP), (300, 600), (0, 0.25, 0.25, 0.375), (0.75, 0.625, 1, 0.75), 16),
        (by(VILT), (90, 60), (0, 0, 1 / 6, 0.25), (5 / 6, 0.75, 1, 1), 24),
        (letterboxed, (640, 320), (0, 0, 0.25, 0.5), (0.75, 0.5, 1, 1), 8),  # no cell of the bars
        (letterboxed, (640, 440), (0, 0, 0.25, 3 / 22), (0.75, 19 / 22, 1, 1), 16),  # few pixels of it count, too
        (
            lambda image: by(SIGLIP)(image.convert("L").convert("RGB")),
            (90, 60),
            (0, 0, 0.25, 0.25),
            (0.75, 0.75, 1, 1),
            16,
        ),
        (by(SIGLIP), (2, 1), (0, 0, 0.25, 0.25), (0.75, 0.75, 1, 1), 16),
        (by(SIGLIP), (1, 1), (0, 0, 0.25, 0.25), (0.75, 0.75, 1, 1), 16),
    ],
)
def test_boxes_are_where_patches_come_from(process, size, first, last, count):
    cells = cells_seen(process, size, (8, 8), 7)
    assert len(cells.boxes) == len(cells.patches) == count
    np.testing.assert_allclose(cells.boxes[0], first, atol=0.02)
    np.testing.assert_allclose(cells.boxes[-1], last, atol=0.02)
    shown = sorted(at for patches in cells.patches for at in patches)
    assert len(shown) == len(set(shown)) and set(shown) <= set(range(cells.rows * cells.columns))


@pytest.mark.parametrize("size", [(90, 60), (64, 64), (50, 200)])
@pytest.mark.parametrize("processor", [CLIP, SIGLIP, VILT])
def test_what_lies_in_a_box_is_what_its_patches_see(processor, size):
    """A picture that is white in one box alone is brighter in its patches than in any other."""
    cells = cells_seen(by(processor), size, (8, 8), 2)
    for box, patches in zip(cells.boxes, cells.patches, strict=True):
        picture = Image.new("RGB", size)
        left, top, right, low = (round(at * side) for at, side in zip(box, size * 2, strict=True))
        picture.paste((255, 255, 255), (left, top, right, low))
        seen = by(processor)(picture).mean(axis=0)
        rows, columns = cells.rows, cells.columns
        bright = seen.reshape(rows, 8, columns, 8).mean(axis=(1, 3)).ravel()
        others = np.setdiff1d(np.arange(rows * columns), patches)
        assert bright[list(patches)].min() > bright[others].max()


def test_a_coarser_grid_groups_whole_patches():
    def wide(image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((96, 32)), dtype=float).transpose(2, 0, 1)

    cells = cells_seen(wide, (192, 64), (8, 8), 5)  # 12 x 4 patches: cells of 3 x 3, the last row of 3 x 1
    assert [len(patches) for patches in cells.patches] == [9] * 4 + [3] * 4
    np.testing.assert_allclose(cells.boxes[0], (0, 0, 0.25, 0.75), atol=0.02)
    np.testing.assert_allclose(cells.boxes[4], (0, 0.75, 0.25, 1), atol=0.02)


def test_what_cannot_be_placed_is_refused():
    with pytest.raises(BadInput, match=r"moves parts of a picture by .*; expected one that scales, crops and pads"):
        cells_seen(lambda image: np.roll(by(SIGLIP)(image), 9, axis=2), (64, 64), (8, 8), 7)
    with pytest.raises(BadInput, match=r"gives 32 x 32 pixels, and patches are 7 x 7; expected a whole number"):
        cells_seen(by(SIGLIP), (64, 64), (7, 7), 7)
    with pytest.raises(BadInput, match=r"the same for a black and a white picture"):
        cells_seen(lambda image: np.zeros((3, 32, 32)), (64, 64), (8, 8), 7)
