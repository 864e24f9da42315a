"""Features that were computed beforehand: one file a sample, a row of numbers for each position (a frame, a step).

`.npy`, or `.safetensors` with one tensor (or one called `features`), of shape (T, D): T positions, D numbers each. D is
the same in all samples, T is any sample's own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
from jaxtyping import Float

from interplay.errors import DataError

EXPECTED = "numbers of shape (T, D) with T and D at least 1: a row for each position"
KEY = "features"
T = TypeVar("T")


def read_features(path: str | Path, row: int | None = None) -> Float[np.ndarray, "T D"]:
    """The features (T, D) of one sample, float32.

    Args:
        path: the file.
        row: row of the table that names it, for the message.

    Raises:
        DataError: the file is missing, of another kind or broken, its shape or type is another, or a number is not
            finite in float32. Nothing in a file is ever run (no pickle).
    """
    path = Path(path)
    values = _opened(path, row, lambda: _read_npy(path), lambda: _read_safetensors(path))
    _refuse_shape(path, row, values.shape)
    if values.dtype.kind not in "fiu":
        _refuse(path, row, f"the features are of type {values.dtype}", "numbers", "save them as float32")
    with np.errstate(over="ignore"):
        features = np.array(values, dtype=np.float32)
    if not (finite := np.isfinite(features)).all():
        position, column = np.argwhere(~finite)[0]
        came = f"the number at position {position}, column {column} is {values[position, column]}"
        _refuse(path, row, came, "finite numbers that float32 can hold", "correct it, or remove the row")
    return features


def feature_shape(path: Path, row: int | None = None) -> tuple[int, int]:
    """(T, D) of one file, from its header; the values are not read.

    Args:
        path: the file.
        row: row of the table that names the file, for messages.

    Raises:
        DataError: see `read_features`.
    """
    shape = _opened(path, row, lambda: _read_npy(path).shape, lambda: _safetensors_shape(path))
    _refuse_shape(path, row, shape)
    return shape[0], shape[1]


def _opened(path: Path, row: int | None, npy: Callable[[], T], safetensors: Callable[[], T]) -> T:
    """What the reader of this kind of file gives; whatever it raises becomes a DataError."""
    readers = {".npy": npy, ".safetensors": safetensors}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        _refuse(path, row, f"the name ends in {path.suffix!r}", " or ".join(readers), "save it as one of these")
    try:
        if not path.is_file():
            _refuse(path, row, "the file is missing", "a file of features", "correct the path or remove the row")
        return reader()
    except (DataError, MemoryError):
        raise
    except Exception as error:  # numpy and safetensors raise anything on broken files
        lines = str(error).strip().splitlines() or [type(error).__name__]
        came = f"the features cannot be read ({lines[0].rstrip('.')})"
        _refuse(path, row, came, f"a whole {path.suffix} file of numbers", "write it again", error)


def _read_npy(path: Path) -> np.ndarray:
    """The array, mapped: a header that promises more than the file holds takes no memory, and no object is made."""
    return np.lib.format.open_memmap(path, mode="r")


def _read_safetensors(path: Path) -> np.ndarray:
    from safetensors import safe_open  # the package of figures comes without it

    with safe_open(path, framework="numpy") as file:
        values: np.ndarray = file.get_tensor(_key(list(file.keys())))
    return values


def _safetensors_shape(path: Path) -> tuple[int, ...]:
    from safetensors import safe_open  # the package of figures comes without it

    with safe_open(path, framework="numpy") as file:
        return tuple(file.get_slice(_key(list(file.keys()))).get_shape())


def _key(keys: list[str]) -> str:
    if len(keys) == 1:
        return keys[0]
    if KEY not in keys:
        raise ValueError(f"it holds {len(keys)} tensors and none is called {KEY!r}")
    return KEY


def _refuse_shape(path: Path, row: int | None, shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or 0 in shape:
        fix = "for one vector a sample, save it as one row: x[None]" if len(shape) == 1 else "save them so"
        _refuse(path, row, f"the features have the shape {shape}", EXPECTED, fix)


def _refuse(
    path: Path, row: int | None, problem: str, expected: str, fix: str, cause: Exception | None = None
) -> NoReturn:
    raise DataError(problem, expected=expected, fix=fix, file=path, row=row) from cause
