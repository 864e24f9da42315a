"""Pictures: patches, which play by themselves or in square blocks."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.modalities.base import Checked, Modality

if TYPE_CHECKING:  # Pillow is imported where a picture is opened, not where a table is read
    import PIL.Image

    import interplay.encoders.frozen
    import interplay.results


@final
class ImageModality(Modality):
    """A picture in a file of its own."""

    kind = "image"
    panel = "image"
    file = "picture"
    media_types = "image/png, image/jpeg, image/webp"
    stored_as = ".png"

    def read(self, content: str | Path, row: int | None = None) -> "PIL.Image.Image":
        """The picture as RGB.

        Args:
            content: the text, or the path of the file.
            row: row of the table that names the file, for messages.

        Raises:
            DataError: see `open_picture`.
        """
        from interplay.modalities.pictures import open_picture

        return open_picture(content, row=row)

    def load_encoder(
        self, settings: EncoderConfig, modality: str, shape: tuple[int, int] | None
    ) -> "interplay.encoders.frozen.Encoder":
        """A Hugging Face or packaged vision model.

        Args:
            settings: which encoder, and how its features are taken.
            modality: name of the modality.
            shape: (width, longest sequence) of features computed beforehand; None for other kinds.

        Raises:
            EncoderError: see `encoders.loading.load_encoder`.
        """
        from interplay.encoders.loading import load_encoder

        return load_encoder(settings, self.kind)

    def check(self, path: Path) -> int | None:
        """Decode the picture, to see that it can be.

        Args:
            path: the file.

        Raises:
            DataError: it cannot.
        """
        from interplay.modalities.pictures import open_picture

        open_picture(path, max_side=64)
        return None

    def checked(self, path: Path) -> Checked:
        """Decode the picture, to see that it can be, and how large it is.

        Args:
            path: the file.

        Raises:
            DataError: it cannot.
        """
        from interplay.modalities.pictures import header_size, open_picture

        picture = open_picture(path, max_side=64)
        with path.open("rb") as file:
            return Checked(size=header_size(file), picture=picture)

    def groups(self, parts: Sequence[Part], *, token_groups: bool, grid: int | None) -> list[int]:
        """Patches by the cells of a grid, or each by itself.

        Args:
            parts: what each position is.
            token_groups: whether words are the units of texts.
            grid: cells on a side of the grid over pictures; None for single patches.
        """
        return cell_groups(parts, grid) if grid else list(range(len(parts)))

    def whole(self, parts: Sequence[Part], content: object) -> Part:
        """The box around all of the parts.

        Args:
            parts: what each position is.
            content: the text, or the path of the file.
        """
        left, top, right, bottom = zip(*(part.box for part in parts if part.box is not None), strict=True)
        return Part(box=(min(left), min(top), max(right), max(bottom)))

    def input_of(self, content: str | Path, truncated: int) -> "interplay.results.Input":
        """The file's name; a picture is never cut.

        Args:
            content: the text, or the path of the file.
            truncated: how many tokens were cut off.
        """
        return super().input_of(content, 0)

    def pixels(self, file: Any) -> tuple[int, int] | None:
        """(width, height) by the header; None for a broken picture, which `received` refuses.

        Args:
            file: an open binary file.
        """
        from interplay.modalities.pictures import header_size

        return header_size(file)

    def received(self, path: Path, width: int) -> bytes:
        """The picture, decoded and upright, as PNG.

        Args:
            path: the file.
            width: columns of the features, where the kind has them.
        """
        from interplay.modalities.pictures import open_picture

        return _png(open_picture(path))

    def example(self, width: int) -> bytes:
        """A grey square.

        Args:
            width: columns of the features, where the kind has them.
        """
        from PIL import Image

        return _png(Image.new("RGB", (64, 64), "grey"))


def _png(picture: "PIL.Image.Image") -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def cell_groups(parts: Sequence[Part], grid: int) -> list[int]:
    """For each patch, the cell of a grid x grid division of the picture that holds its centre.

    Args:
        parts: what each position is.
        grid: cells on a side.
    """
    groups = []
    for part in parts:
        assert part.box is not None
        left, top, right, bottom = part.box
        column, row = (min(int(grid * (a + b) / 2), grid - 1) for a, b in ((left, right), (top, bottom)))
        groups.append(row * grid + column)
    return groups
