"""Features that were computed beforehand: positions (frames, steps) with numbers each, which play by themselves."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, final

from interplay.encoders.settings import EncoderConfig
from interplay.errors import DataError
from interplay.modalities.base import Modality

if TYPE_CHECKING:  # NumPy is imported where features are read, not where a table is
    import numpy as np

    import interplay.encoders.frozen


@final
class FeaturesModality(Modality):
    """An array (T, D) in a file of its own."""

    kind = "features"
    panel = "features"
    file = "feature file"
    suffixes = (".npy", ".safetensors")
    media_types = "application/octet-stream"
    stored_as = ".npy"
    precomputed = True

    def read(self, content: str | Path, row: int | None = None) -> "np.ndarray":
        """The features (T, D), float32.

        Args:
            content: the text, or the path of the file.
            row: row of the table that names the file, for messages.

        Raises:
            DataError: see `read_features`.
        """
        from interplay.modalities.feature_files import read_features

        return read_features(content, row)

    def load_encoder(
        self, settings: EncoderConfig, modality: str, shape: tuple[int, int] | None
    ) -> "interplay.encoders.frozen.Encoder":
        """The encoder that passes features through unchanged.

        Args:
            settings: which encoder, and how its features are taken.
            modality: name of the modality.
            shape: (width, longest sequence) of features computed beforehand; None for other kinds.

        Raises:
            EncoderError: a model is named for them.
        """
        from interplay.encoders.precomputed import PrecomputedEncoder

        assert shape is not None
        return PrecomputedEncoder(settings, modality, *shape)

    def check(self, path: Path) -> int | None:
        """Read the features, and return how many columns they have.

        Args:
            path: the file.

        Raises:
            DataError: they cannot be read.
        """
        return int(self.read(path).shape[1])

    def shape(self, path: Path, row: int | None = None) -> tuple[int, int]:
        """(T, D), from the file's header.

        Args:
            path: the file.
            row: row of the table that names the file, for messages.

        Raises:
            DataError: see `feature_shape`.
        """
        from interplay.modalities.feature_files import feature_shape

        return feature_shape(path, row)

    def received(self, path: Path, width: int) -> bytes:
        """The features of an uploaded file as .npy of float32.

        Args:
            path: the file.
            width: columns of the features, where the kind has them.

        Raises:
            DataError: they have not `width` columns.
        """
        values = self.read(path)
        if values.shape[1] != width:
            raise DataError(f"the features have {values.shape[1]} columns", expected=f"{width}, as those trained on")
        return _npy(values)

    def example(self, width: int) -> bytes:
        """Two positions of zeros.

        Args:
            width: columns of the features, where the kind has them.
        """
        import numpy as np

        return _npy(np.zeros((2, width), np.float32))


def refuse_other_width(path: Path, row: int | None, own: int, first: int) -> None:
    """Check that the features of a file have as many columns as the first ones of their modality.

    Args:
        path: the file.
        row: row of the table that names the file, for messages.
        own: columns of this file.
        first: columns of the first file.

    Raises:
        DataError: the numbers differ.
    """
    if own != first:
        raise DataError(
            f"the features have {own} columns",
            expected=f"{first}, as those of the first sample",
            fix="compute all samples' features alike",
            file=path,
            row=row,
        )


def _npy(values: "np.ndarray") -> bytes:
    import numpy as np

    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()
