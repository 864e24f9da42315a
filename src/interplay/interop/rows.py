"""Rows of a data frame, or a list of mappings, as samples: each value is checked, pictures in memory become files."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from interplay.data.table_declaration import GUESSED_MODALITIES
from interplay.errors import BadInput, DataError
from interplay.explanation.functions.explain import rgb
from interplay.files import write_atomic
from interplay.modalities import MODALITIES

PICTURES = "pictures"
"""Folder of the feature store for pictures that came as arrays or images: a sample holds the path of a file."""


@runtime_checkable
class Frame(Protocol):
    """What is used of a data frame."""

    columns: Any

    def to_dict(self, orient: str) -> Any:
        """The rows as mappings, for orient "records".

        Args:
            orient: "records".
        """
        ...


@contextmanager
def counted_from_0() -> Iterator[None]:
    """Let errors of the pipeline name a row of X as all others here do. There a row is one of a table, counted from 1.

    Raises:
        DataError: with the row in the sentence.
    """
    try:
        yield
    except DataError as error:
        if error.row is None:
            raise
        problem = f"row {error.row - 1} of X: {error.problem}"
        raise DataError(problem, expected=error.expected, fix=error.fix, file=error.file) from error


def read_rows(X: Any) -> list[Mapping[str, Any]]:
    """The rows of a data frame, a list of mappings, or one mapping.

    Args:
        X: the rows.

    Raises:
        BadInput: it is something else, or has no row.
    """
    if isinstance(X, Mapping):
        return [X]
    rows = X.to_dict("records") if isinstance(X, Frame) else list(X) if isinstance(X, Sequence | np.ndarray) else None
    if rows is None or isinstance(X, str) or not all(isinstance(row, Mapping) for row in rows):
        raise BadInput(
            f"X is of type {type(X).__name__}",
            expected="a data frame with one column a modality, or a list of mappings",
            fix='write it as [{"text": "...", "image": "photo.png"}, ...]',
        )
    if not rows:
        raise BadInput("X has no row", expected="at least one")
    return rows


def resolve_kinds(rows: Sequence[Mapping[str, Any]], given: Mapping[str, str] | None) -> dict[str, str]:
    """Modality -> kind of the columns that are used, in their order.

    Args:
        rows: the rows.
        given: column -> kind; None for the columns text and image, and no others.

    Raises:
        BadInput: a column is missing, or one is there that nothing is known of, or a kind is unknown.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if given is None:
        odd = [str(name) for name in columns if name not in GUESSED_MODALITIES]
        if odd:
            raise BadInput(
                f"X has the columns {', '.join(map(str, columns))}",
                expected="text, image, or both, and no others",
                fix=f'leave {odd[0]} out, or say what is what: modalities={{"{odd[0]}": "text"}}',
            )
        return {name: kind for name, kind in GUESSED_MODALITIES.items() if name in columns}
    for name, kind in given.items():
        if kind not in MODALITIES:
            raise BadInput(f"modalities says that {name!r} is {kind!r}", expected=f"one of {', '.join(MODALITIES)}")
    return dict(given)


def read_inputs(row: Mapping[str, Any], number: int, kinds: Mapping[str, str], store: Path) -> dict[str, str | Path]:
    """The inputs of one sample: texts, and paths of files.

    Args:
        row: column -> value; columns that are no modality are not looked at.
        number: the row's number, counted from 0, for messages.
        kinds: modality -> kind.
        store: the feature store, where pictures are kept that came in memory.

    Raises:
        BadInput: a value is missing, or is nothing that its kind can be.
    """
    inputs: dict[str, str | Path] = {}
    for name, kind in kinds.items():
        value = row.get(name)
        if is_missing(value):
            lacks = "is missing" if name in row else f"is no column; there are {', '.join(map(str, row))}"
            raise BadInput(
                f"row {number} of X: {name} {lacks}",
                expected=f"every modality in every row: {', '.join(kinds)}",
                fix="leave the row out, or fill it in",
            )
        inputs[name] = _file(value, name, kind, number, store) if MODALITIES[kind].file else _text(value, name, number)
    return inputs


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, or what pandas puts where there is none.

    >>> [is_missing(value) for value in (None, float("nan"), "", 0, "nan")]
    [True, True, False, False, False]

    Args:
        value: a value of a row.
    """
    return type(value).__name__ in ("NoneType", "NAType", "NaTType") or (
        isinstance(value, float | np.floating) and bool(np.isnan(value))
    )


def _text(value: Any, name: str, number: int) -> str:
    if not isinstance(value, str):
        raise BadInput(f"row {number} of X: {name} is of type {type(value).__name__}", expected="a text")
    if not value.strip():
        raise BadInput(f"row {number} of X: {name} is empty", expected="at least one word", fix="leave the row out")
    return value


def _file(value: Any, name: str, kind: str, number: int, store: Path) -> Path:
    if isinstance(value, str | Path):
        return Path(value).expanduser()
    if MODALITIES[kind].panel == "image" and isinstance(value, Image.Image | np.ndarray):
        try:
            return _kept(rgb(value), store / PICTURES)
        except BadInput as error:
            raise BadInput(f"row {number} of X: {error.problem}", expected=error.expected) from None
    pictures = ", an image or an array of bytes (height, width, 3)" if MODALITIES[kind].panel == "image" else ""
    raise BadInput(f"row {number} of X: {name} is of type {type(value).__name__}", expected=f"a path{pictures}")


def _kept(picture: Image.Image, folder: Path) -> Path:
    """A file of the picture, whose name is its content: the same picture is the same file."""
    content = hashlib.sha256(f"{picture.size} ".encode() + picture.tobytes()).hexdigest()
    file = folder / f"{content[:32]}.png"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        out = io.BytesIO()
        picture.save(out, "PNG", compress_level=1)
        write_atomic(file, out.getvalue())
    return file
