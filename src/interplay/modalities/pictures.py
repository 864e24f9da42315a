"""Open any picture a dataset may hold as plain RGB, in bounded memory, or say what is wrong with it."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, cast

from PIL import ExifTags, Image, UnidentifiedImageError

from interplay.errors import DataError
from interplay.modalities.picture_limits import require_room

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
"""What is tried. Pillow's other formats stay out: some of them start programs of their own."""

_STRIP_PIXELS = 4_000_000
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's size limit and Python's warning filters are global: one thread at a time may lift them.
_LOCK = threading.RLock()


def open_picture(path: str | Path, max_side: int = 1024, row: int | None = None) -> Image.Image:
    """The picture as RGB, upright, at most `max_side` pixels on its longer side (never enlarged).

    Transparency is laid on white; of an animation the first frame is taken; EXIF rotation is applied. Grey of 16 bits
    is scaled from its full range; whole or real numbers outside 0..65535 or 0..1 are scaled from their own range.

    Memory: a baseline JPEG is shrunk while it is decoded and needs little whatever its size. Every other format is
    decoded whole, then shrunk strip by strip: 1 (grey, palette) to 4 (colour) bytes a pixel; more where the decoder
    holds copies of its own (`picture_limits`). Measured peaks of the whole process at 20,000 x 20,000 pixels: baseline
    JPEG 94 MB, palette PNG 460 MB, 16-bit grey PNG 880 MB, RGB PNG 1.6 GB; a progressive JPEG of 18,000 x 18,000, 1 GB.

    Args:
        path: the file.
        max_side: longer side of the result, pixels.
        row: row of the table that names the file, for the message.

    Raises:
        DataError: the file is missing, empty, not a picture, broken or cut short, or would take too much to decode
            (`picture_limits`).
    """
    assert max_side >= 1
    path = Path(path)
    _require_file(path, row)
    try:
        with _pillow_quiet(), Image.open(path, formats=FORMATS) as image:
            require_room(image, path, row)
            size = image.size
            image.draft("RGB", (max_side, max_side))
            image.load()
            turn = _orientation(image)
            return _finish(_shrink(image, max_side), size, max_side, turn)
    except (DataError, MemoryError):
        raise
    except UnidentifiedImageError:
        _refuse(path, row, f"it is not a picture: {_beginning(path)}")
    except Exception as error:  # Pillow's readers raise anything on broken bytes, even SyntaxError
        _refuse(path, row, f"the picture is corrupt or cut short ({error})", error)


def as_rgb(image: Image.Image, max_side: int | None = None) -> Image.Image:
    """A picture in memory as `open_picture` would give it: RGB, upright, transparency on white.

    Args:
        image: of any mode.
        max_side: longer side of the result, pixels; as it is if None.
    """
    side = max_side or max(image.size)
    return _finish(_shrink(image, side), image.size, side, _orientation(image))


def header_size(file: Any) -> tuple[int, int] | None:
    """(width, height) of a picture, from its header, without decoding it; None if it cannot be read.

    Args:
        file: an open binary file.
    """
    try:
        with _pillow_quiet(), Image.open(file, formats=FORMATS) as image:
            return image.size
    except Exception:  # not a picture, or a broken one: `open_picture` says how
        return None
    finally:
        file.seek(0)


def _require_file(path: Path, row: int | None) -> None:
    try:
        is_file = path.is_file()
        size = path.stat().st_size if is_file else 0
    except (OSError, ValueError) as error:  # a name too long, or holding a zero byte
        _refuse(path, row, f"the picture's path cannot be used ({error})", error)
    if not is_file:
        came = "a folder is there" if path.is_dir() else "the picture is missing"
        fix = "correct the path" if row is None else "correct the path or remove the row"
        raise DataError(came, expected="a picture file", fix=fix, file=path, row=row)
    if size == 0:
        _refuse(path, row, "the file is empty (0 bytes)")


def _refuse(path: Path, row: int | None, problem: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(
        problem,
        expected="a whole picture (JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF)",
        fix="replace the file" if row is None else "replace the file or remove its row",
        file=path,
        row=row,
    ) from cause


@contextmanager
def _pillow_quiet() -> Iterator[None]:
    """No size limit but ours, and no warnings about odd metadata: the picture counts."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken metadata beside a sound picture
        return 1


def _shrink(image: Image.Image, max_side: int) -> Image.Image:
    """RGB at a whole fraction of the size, still at least `max_side` long, made strip by strip.

    Conversions copy: on strips the copies stay small beside the picture itself.
    """
    width, height = image.size
    factor = max(1, max(width, height) // max_side)
    rows = max(1, _STRIP_PIXELS // width // factor) * factor
    # Whole or real numbers have no fixed white: their range is that of the whole picture, not of a strip.
    span = _range(image) if image.mode[0] in "IF" else (0.0, 1.0)
    shrunk = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        shrunk.paste(_rgb(strip, span).reduce(factor), (0, top // factor))
    return shrunk


def _range(image: Image.Image) -> tuple[float, float]:
    """The values that become black and white."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    low, high = (float(v) for v in cast(tuple[float, float], image.getextrema()))  # of mode I they are int
    full = 1.0 if image.mode == "F" else 65535.0
    return (0.0, full) if low >= 0 and high <= full else (low, high)


def _rgb(image: Image.Image, span: tuple[float, float]) -> Image.Image:
    if image.mode[0] in "IF":
        import numpy as np  # for such pictures alone: most tables are read without it

        low, high = span
        grey = (np.asarray(image).astype(np.float32) - low) * (255.0 / max(high - low, 1e-12))
        return Image.fromarray(np.nan_to_num(np.rint(grey)).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        page = Image.new("RGB", rgba.size, "white")
        page.paste(rgba, mask=rgba.getchannel("A"))
        return page
    return image.convert("RGB")


def _finish(image: Image.Image, size: tuple[int, int], max_side: int, turn: int) -> Image.Image:
    """The final size of a picture that was `size` pixels, and upright."""
    scale = min(1.0, max_side / max(size))
    wanted = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    if image.size != wanted:
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    return image.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else image


def _beginning(path: Path) -> str:
    """How the file begins, for the message."""
    with path.open("rb") as file:
        start = file.read(24)
    text = start.decode("ascii", errors="replace")
    return f"it begins with {text!r}" if text.isprintable() or text.strip().isprintable() else "unknown bytes"
