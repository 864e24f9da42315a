"""Texts: pieces of words, which play word by word."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, final

from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.modalities.base import Modality
from interplay.words import has_content

if TYPE_CHECKING:
    import interplay.encoders.frozen
    import interplay.results


@final
class TextModality(Modality):
    """A text, given as it is."""

    kind = "text"
    panel = "text"

    def read(self, content: str | Path, row: int | None = None) -> str:
        """The text itself.

        Args:
            content: the text, or the path of the file.
            row: row of the table that names the file, for messages.
        """
        return str(content)

    def load_encoder(
        self, settings: EncoderConfig, modality: str, shape: tuple[int, int] | None
    ) -> "interplay.encoders.frozen.Encoder":
        """A Hugging Face text model.

        Args:
            settings: which encoder, and how its features are taken.
            modality: name of the modality.
            shape: (width, longest sequence) of features computed beforehand; None for other kinds.

        Raises:
            EncoderError: see `encoders.loading.load_encoder`.
        """
        from interplay.encoders.loading import load_encoder

        return load_encoder(settings, self.kind)

    def groups(self, parts: Sequence[Part], *, token_groups: bool, grid: int | None) -> list[int]:
        """Tokens by words, or each by itself as far as it shows something.

        Args:
            parts: what each position is.
            token_groups: whether words are the units of texts.
            grid: cells on a side of the grid over pictures; None for single patches.
        """
        return word_groups(parts) if token_groups else piece_groups(parts)

    def whole(self, parts: Sequence[Part], content: object) -> Part:
        """The text from the first of the parts to the last.

        Args:
            parts: what each position is.
            content: the text, or the path of the file.
        """
        spans = [part.span for part in parts if part.span is not None]
        start, end = min(a for a, _ in spans), max(b for _, b in spans)
        return Part(text=str(content)[start:end], span=(start, end))

    def input_of(self, content: str | Path, truncated: int) -> "interplay.results.Input":
        """The text itself.

        Args:
            content: the text, or the path of the file.
            truncated: how many tokens were cut off.
        """
        from interplay.results import Input

        return Input(kind=self.kind, text=str(content), truncated=truncated)

    def example(self, width: int) -> bytes:
        """Two words.

        Args:
            width: columns of the features, where the kind has them.
        """
        return b"a word"


def word_groups(parts: Sequence[Part]) -> list[int]:
    """The group of each token of a text: those of one word are one.

    Args:
        parts: what each token is.
    """
    assert all(part.word is not None for part in parts)
    return _numbered([k > 0 and parts[k - 1].word != part.word for k, part in enumerate(parts)])


def piece_groups(parts: Sequence[Part]) -> list[int]:
    """The group of each token of a text: each by itself, but for those that show nothing of their own.

    The bytes of one character are one, and marks and joiners go with the piece before them, or after them where they
    begin a word: no feature is without visible text.

    Args:
        parts: what each token is.
    """
    new, shown = [], False
    for k, part in enumerate(parts):
        before = parts[k - 1] if k else part
        seen = has_content(part.text or "")
        other_word = k > 0 and before.word != part.word
        new.append(other_word or (shown and seen and before.span != part.span))
        shown = seen if new[-1] else shown or seen
    return _numbered(new)


def _numbered(new: Sequence[bool]) -> list[int]:
    return list(accumulate(map(int, new)))
