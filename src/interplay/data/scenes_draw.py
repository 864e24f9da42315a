"""Pictures of the scenes: pictograms of matplotlib's own DejaVu Sans, one to a cell of a 4 x 4 grid.

A pictogram is an ink glyph on a pastel tile with a soft shadow. Tile and shadow stay inside their cell, so that what
a picture shows can be located to one cell exactly.
"""

import colorsys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from interplay.data.truth import GRID
from interplay.results import Box

CELL = 56
SIDE = GRID * CELL

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
PAPER = (250, 246, 238)
EMPTY = (244, 238, 227)
SHADOW = (96, 78, 56)
TILE_SIDES = (45, 46, 47, 48)
GLYPH_SHARE = (0.62, 0.66, 0.70)
MOVE = 2
"""Largest shift of a tile from the middle of its cell, pixels: (CELL - 48) / 2 - MOVE leaves 2 for the shadow."""

# (tile, ink): eight hues of one lightness and strength, so that none stands out.
PALETTE = {
    "coral": ((250, 214, 203), (176, 66, 45)),
    "amber": ((252, 228, 178), (148, 92, 8)),
    "olive": ((229, 233, 186), (98, 107, 24)),
    "green": ((205, 233, 208), (40, 112, 62)),
    "teal": ((195, 231, 228), (20, 108, 118)),
    "blue": ((203, 223, 246), (38, 88, 152)),
    "indigo": ((218, 214, 246), (76, 70, 162)),
    "plum": ((241, 210, 230), (146, 52, 110)),
}
# A glyph keeps its hue. Small frozen encoders distinguish thin glyphs poorly, and a truth that no model can learn shows
# nothing. No hue belongs to one meaning alone: the shape is needed.
HUES = {
    "coral": "🐭🐮🐱🐵♥♦⚑⌂",
    "amber": "☺😃😄😊😁😉⚡☀☼★☕⚜✌",
    "olive": "✏⚙⚒",
    "green": "♣☘♻☎☯",
    "teal": "☁☂☃❄✉⚗",
    "blue": "☹😞😠😢😟😧✈⚓",
    "indigo": "☾☽♠♫⚛☮",
    "plum": "♛✂⚖✿☠✪",
}
HUE_OF = {glyph: hue for hue, glyphs in HUES.items() for glyph in glyphs}
_SHARP = 4  # masks are drawn this many times larger, then shrunk, for smooth edges


def cell_box(cell: int) -> Box:
    """(x0, y0, x1, y1) of a cell, counted row by row from 0, as fractions of the picture.

    Args:
        cell: number of the cell.
    """
    row, column = divmod(cell, GRID)
    return (column / GRID, row / GRID, (column + 1) / GRID, (row + 1) / GRID)


def draw_picture(pictograms: Sequence[tuple[str, int]], rng: np.random.Generator) -> Image.Image:
    """An RGB picture of SIDE x SIDE pixels with pictograms; their sizes, places within the cell and hues vary.

    Args:
        pictograms: (glyph, cell) pairs.
        rng: where the randomness comes from.
    """
    picture = blank_picture().copy()
    for glyph, cell in pictograms:
        row, column = divmod(cell, GRID)
        side = int(rng.choice(TILE_SIDES))
        share = float(rng.choice(GLYPH_SHARE))
        dx, dy = (int(v) for v in rng.integers(-MOVE, MOVE + 1, 2))
        tile, ink = PALETTE[HUE_OF[glyph]]
        hue, light = (float(v) for v in rng.uniform(-1, 1, 2))
        # Inside a cell of its own nothing can cross into a neighbour, whatever the jitter.
        corner = (column * CELL, row * CELL)
        patch = Image.new("RGB", (CELL, CELL), PAPER)
        patch.paste(SHADOW, (dx, dy + 1), _shadow(side))
        patch.paste(_shift(tile, hue, light), (dx, dy), _tile(side))
        mask = _glyph(glyph, round(side * share))
        at = (CELL // 2 + dx - mask.width // 2, CELL // 2 + dy - mask.height // 2)
        patch.paste(_shift(ink, hue, light), at, mask)
        picture.paste(patch, corner)
    return picture


def sticker(glyph: str, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """A pictogram on a tile of CELL x CELL pixels, to be put onto another picture.

    Args:
        glyph: the pictogram's character.
        rng: where the randomness comes from.

    Returns:
        The tile, and the mask of its visible pixels.
    """
    tile, ink = PALETTE[HUE_OF[glyph]]
    hue, light = (float(v) for v in rng.uniform(-1, 1, 2))
    side = TILE_SIDES[-1]
    patch = Image.new("RGB", (CELL, CELL), _shift(tile, hue, light))
    mask = _glyph(glyph, round(side * float(rng.choice(GLYPH_SHARE))))
    patch.paste(_shift(ink, hue, light), (CELL // 2 - mask.width // 2, CELL // 2 - mask.height // 2), mask)
    return patch, _tile(side)


@cache
def blank_picture() -> Image.Image:
    """The paper with its sixteen empty places; do not change it, copy it."""
    picture = Image.new("RGB", (SIDE, SIDE), PAPER)
    for cell in range(GRID * GRID):
        row, column = divmod(cell, GRID)
        picture.paste(EMPTY, (column * CELL, row * CELL), _tile(TILE_SIDES[0]))
    return picture


def _shift(colour: tuple[int, int, int], hue: float, light: float) -> tuple[int, int, int]:
    """The colour moved by at most 5 degrees of hue and 2.5% of lightness."""
    h, l, s = colorsys.rgb_to_hls(*(v / 255 for v in colour))  # noqa: E741
    r, g, b = colorsys.hls_to_rgb((h + hue * 5 / 360) % 1.0, min(1.0, l * (1 + 0.025 * light)), s)
    return round(r * 255), round(g * 255), round(b * 255)


@cache
def _tile(side: int) -> Image.Image:
    """Mask (CELL x CELL) of a rounded square in the middle of a cell."""
    big = Image.new("L", (CELL * _SHARP, CELL * _SHARP), 0)
    start = (CELL - side) * _SHARP / 2
    end = start + side * _SHARP - 1
    ImageDraw.Draw(big).rounded_rectangle((start, start, end, end), radius=11 * _SHARP, fill=255)
    return big.resize((CELL, CELL), Image.Resampling.BOX)


@cache
def _shadow(side: int) -> Image.Image:
    blurred = _tile(side).filter(ImageFilter.GaussianBlur(1.6))
    return blurred.point([round(v * 0.22) for v in range(256)])


@cache
def _glyph(glyph: str, size: int) -> Image.Image:
    """Mask of a glyph whose longer side is `size` pixels."""
    shape = _outline(glyph)
    scale = size / max(shape.size)
    width, height = (max(1, round(v * scale)) for v in shape.size)
    return shape.resize((width, height), Image.Resampling.BOX)


@cache
def _outline(glyph: str) -> Image.Image:
    """A glyph drawn large and cut to its own bounds."""
    font = ImageFont.truetype(FONT, 64 * _SHARP)
    left, top, right, bottom = font.getbbox(glyph)
    image = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), 0)
    ImageDraw.Draw(image).text((4 - left, 4 - top), glyph, font=font, fill=255)
    box = image.getbbox()
    assert box is not None, f"DejaVu Sans has no {glyph!r}"
    return image.crop(box)
