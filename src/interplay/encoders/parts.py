"""What one feature of a sample is to a person."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What one feature is to a person: a piece of the text with its span, a box of the picture, or a name alone.

    Attributes:
        text: the piece of text, or the name.
        span: its (start, end) characters in the text.
        word: of a piece of a text, the number of the word that it belongs to.
        box: (x0, y0, x1, y1) as fractions of the picture, origin top left.
    """

    text: str | None = None
    span: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    word: int | None = None
