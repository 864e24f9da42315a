"""What a modality is: how its content is read, encoded, grouped and drawn, in one object a kind."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig

if TYPE_CHECKING:  # torch is imported where an encoder is loaded, not where a table is read
    from PIL import Image

    import interplay.encoders.frozen
    import interplay.results


@dataclass(frozen=True)
class Checked:
    """What is seen in a file that can be read.

    Attributes:
        width: columns of the features, where those of all samples must be equal.
        size: (width, height) of a picture in pixels.
        picture: a small copy of it, by which pictures are compared.
    """

    width: int | None = None
    size: tuple[int, int] | None = None
    picture: "Image.Image | None" = None


Panel = Literal["text", "image", "features"]
"""How the page draws a modality, and names its features: marked words, boxes on a picture, or named positions."""


class Modality(ABC):
    """One kind of modality. A new kind is one subclass and one line in `MODALITIES`.

    Attributes:
        kind: its name in dataset.toml and in the configuration.
        panel: how the page draws it, and names its features.
        file: what a file of it is called in messages; empty where the content is the text itself.
        suffixes: how names of its files may end; empty if the content alone decides.
        media_types: what the service takes as an upload; empty for a text field.
        stored_as: how the name of an upload ends once it is read and written again.
        precomputed: whether the data brings the features, with a width of its own, and no network encodes them.
    """

    kind: ClassVar[str]
    panel: ClassVar[Panel]
    file: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()
    media_types: ClassVar[str] = ""
    stored_as: ClassVar[str] = ""
    precomputed: ClassVar[bool] = False

    @abstractmethod
    def read(self, content: str | Path, row: int | None = None) -> Any:
        """The content of one sample as its encoder takes it: a text, an RGB picture, an array (T, D).

        Args:
            content: the text itself, or the path of the file.
            row: row of the table that names it, for the message.

        Raises:
            DataError: the file cannot be read.
        """

    @abstractmethod
    def load_encoder(
        self, settings: EncoderConfig, modality: str, shape: tuple[int, int] | None
    ) -> "interplay.encoders.frozen.Encoder":
        """The frozen encoder of one modality of this kind.

        Args:
            settings: its section of the configuration.
            modality: the modality's name, for messages.
            shape: (width, longest sequence), where `precomputed`.

        Raises:
            EncoderError: it cannot be opened, or does not fit the settings.
        """

    def check(self, path: Path) -> int | None:
        """Read a file to see whether it can be: its width, where those of all samples must be equal.

        Args:
            path: the file.

        Raises:
            DataError: what is wrong with it.
        """
        self.read(path)
        return None

    def checked(self, path: Path) -> Checked:
        """Read a file to see whether it can be, and what is in it.

        Args:
            path: the file.

        Raises:
            DataError: what is wrong with it.
        """
        return Checked(width=self.check(path))

    def shape(self, path: Path, row: int | None = None) -> tuple[int, int]:
        """(T, D) of a file, where the features are `precomputed`.

        Args:
            path: the file.
            row: row of the table that names the file, for messages.

        Raises:
            DataError: it cannot be read.
        """
        # Called for precomputed kinds alone, which override it; for any other this is a mistake of the caller.
        raise NotImplementedError(f"{self.kind} has no shape before it is encoded")

    def groups(self, parts: Sequence[Part], *, token_groups: bool, grid: int | None) -> list[int]:
        """Which features come and go together: the number of its group for each; here each by itself.

        Args:
            parts: the features of one sample.
            token_groups: whether pieces of one word are one group.
            grid: patches are grouped into grid x grid cells; None: each by itself.
        """
        return list(range(len(parts)))

    def whole(self, parts: Sequence[Part], content: object) -> Part:
        """The parts of one group as one part.

        Args:
            parts: what each position is.
            content: the text, or the path of the file.
        """
        return parts[0]

    def input_of(self, content: str | Path, truncated: int) -> "interplay.results.Input":
        """What an explanation keeps of the content: a file by its name alone.

        Args:
            content: the text itself, or the path of the file.
            truncated: tokens cut off by the encoder.
        """
        from interplay.results import Input

        return Input(kind=self.kind, path=getattr(content, "name", str(content)), truncated=truncated)

    def pixels(self, file: Any) -> tuple[int, int] | None:
        """(width, height) of an uploaded picture, from its header, without decoding it; None for other kinds.

        Args:
            file: an open binary file.
        """
        return None

    def received(self, path: Path, width: int) -> bytes:
        """An uploaded file, read and written anew, so that what came in goes no further.

        Args:
            path: where it lies; its name ends in one of `suffixes`.
            width: columns that the features must have, where `precomputed`.

        Raises:
            DataError: it cannot be read.
        """
        # Called for kinds that are uploaded as files alone, which override it; text arrives as a field of the form.
        raise NotImplementedError(f"{self.kind} is no file")

    @abstractmethod
    def example(self, width: int) -> bytes:
        """Made-up content that can be read: a text in UTF-8, or a file as `received` would write it.

        Args:
            width: columns of the features, where `precomputed`.
        """
