"""Features that come and go together: the pieces of a word, the patches of a cell."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from interplay.encoders.frozen import Part


def word_groups(parts: Sequence[Part]) -> Int[np.ndarray, " T"]:
    """The word of each token of a text: tokens with no blank between them are one."""
    groups: list[int] = []
    end = 0
    for k, part in enumerate(parts):
        assert part.span is not None
        start, stop = part.span
        groups.append(0 if k == 0 else groups[-1] + (end < start))
        end = stop
    return np.array(groups, dtype=np.int64)


def cell_groups(parts: Sequence[Part], grid: int) -> Int[np.ndarray, " T"]:
    """The cell of a grid x grid division of the picture that each patch has its middle in."""
    boxes = np.array([part.box for part in parts], dtype=float).reshape(-1, 4)
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    column, row = (np.minimum((grid * z).astype(np.int64), grid - 1) for z in (x, y))
    return row * grid + column


def group(parts: Sequence[Part], *, words: bool, grid: int | None) -> Int[np.ndarray, " T"]:
    """The groups of one modality's features; each by itself where nothing else is asked for."""
    if parts and parts[0].span is not None and words:
        return word_groups(parts)
    if parts and parts[0].box is not None and grid:
        return cell_groups(parts, grid)
    return np.arange(len(parts))


def whole(parts: Sequence[Part], content: object) -> Part:
    """The parts of one player as one: the text from the first to the last, the box around all, or its name."""
    if parts[0].span is not None:
        spans = [part.span for part in parts if part.span is not None]
        start, end = min(a for a, _ in spans), max(b for _, b in spans)
        return Part(text=str(content)[start:end], span=(start, end))
    if parts[0].box is None:  # neither text nor picture: it plays by itself
        return parts[0]
    boxes = [part.box for part in parts if part.box is not None]
    left, top, right, bottom = zip(*boxes, strict=True)
    return Part(box=(min(left), min(top), max(right), max(bottom)))
