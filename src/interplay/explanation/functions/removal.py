"""Removal at input level: what a text and a picture are with some words and cells gone (METHOD 6) [ours]."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool
from PIL import Image

from interplay.results import Box
from interplay.words import word_spans

ImageFill = Literal["mean", "grey"]


@dataclass(frozen=True)
class Words:
    """The words of a text, as `interplay.words` parts them.

    Attributes:
        text: the whole text.
        spans: (start, end) of each word, in characters.
    """

    text: str
    spans: tuple[tuple[int, int], ...]

    def keep(self, stays: Bool[np.ndarray, " n"]) -> str:
        """The text with only some words left, each with the blanks that follow it; as it is if all stay.

        Args:
            stays: (n,) bool, True for each word that stays.
        """
        if stays.all():
            return self.text
        ends = [start for start, _ in self.spans[1:]] + [len(self.text)]
        kept = [self.text[s:e] for (s, _), e, stay in zip(self.spans, ends, stays, strict=True) if stay]
        return "".join(kept).strip()


def words_of(text: str) -> Words:
    """Split a text into words.

    Args:
        text: any text.
    """
    return Words(text, tuple(word_spans(text)))


@dataclass(frozen=True)
class ImageCells:
    """The cells of a picture: a grid whose cells are about square.

    Attributes:
        picture: RGB.
        edges: (left, top, right, bottom) of each cell in pixels, row by row.
        fill: RGB colour of what is removed.
    """

    picture: Image.Image
    edges: tuple[tuple[int, int, int, int], ...]
    fill: tuple[int, int, int]

    def boxes(self) -> list[Box]:
        """Each cell as fractions of the picture: x0, y0, x1, y1."""
        width, height = self.picture.size
        return [(left / width, top / height, right / width, low / height) for left, top, right, low in self.edges]

    def keep(self, stays: Bool[np.ndarray, " n"]) -> Image.Image:
        """A copy of the picture with the cells that do not stay painted over.

        Args:
            stays: (n,) bool, True for each cell that stays.
        """
        out = self.picture.copy()
        for edges, stay in zip(self.edges, stays, strict=True):
            if not stay:
                out.paste(self.fill, edges)
        return out


def cells_of(picture: Image.Image, grid: int, fill: ImageFill) -> ImageCells:
    """Divide a picture into cells.

    Args:
        picture: RGB.
        grid: cells along the longer side; the shorter has as many of about the same size as fit, one at least.
        fill: what a removed cell is painted with: "mean", the picture's mean colour, or "grey", 128 of 255.

    Returns:
        The cells, row by row.
    """
    width, height = picture.size
    longer = max(width, height)
    columns, rows = (max(1, min(side, round(grid * side / longer))) for side in (width, height))
    xs = np.round(np.linspace(0, width, columns + 1)).astype(int).tolist()
    ys = np.round(np.linspace(0, height, rows + 1)).astype(int).tolist()
    edges = tuple((xs[c], ys[r], xs[c + 1], ys[r + 1]) for r in range(rows) for c in range(columns))
    red, green, blue = np.asarray(picture).reshape(-1, 3).mean(axis=0).round().astype(int).tolist()
    return ImageCells(picture, edges, (red, green, blue) if fill == "mean" else (128, 128, 128))
