"""What decoding a picture would take, by its header and the size of its file: bombs are refused before any is spent."""

from pathlib import Path
from typing import Any

from PIL import Image

from interplay.errors import DataError

MEMORY_LIMIT = 2 * 2**30
"""Largest decoded picture, bytes; 20,000 x 20,000 RGB pixels of a PNG take 1.6e9."""

BYTES_PER_PIXEL = {"JPEG": 6, "MPO": 6, "WEBP": 16, "AVIF": 10}
"""While decoding, of formats that take more than their pixels: a progressive JPEG keeps every coefficient."""

SCANS = 100
"""Most scans of a JPEG: encoders write about ten, and every one goes through the whole picture again."""

TILE_SIDE = 4096
"""Largest side of a TIFF's tile where the picture is smaller: a tile is decoded whole."""

SMALL, EXPANSION = 64 * 2**20, 9000
"""Pictures up to so many bytes are decoded whatever their file; larger ones may be so many times larger than it.
Deflate, which PNG and TIFF use, reaches 1,032, and a pixel of one bit becomes a byte."""

_FIX = "make it smaller, or save it anew as a baseline JPEG"
_ROOM = f"a picture that decodes within {MEMORY_LIMIT / 2**30:.0f} GiB"


def require_room(image: Image.Image, path: Path, row: int | None) -> None:
    """Refuse a picture that would take too much time or memory, before a pixel of it is decoded.

    Args:
        image: opened, not loaded.
        path: its file.
        row: row of the table that names it, for the message.

    Raises:
        DataError: it would take more than MEMORY_LIMIT, has more than SCANS scans, tiles far larger than itself, or
            far more pixels than its file can hold.
    """

    def refuse(problem: str, expected: str = _ROOM) -> None:
        raise DataError(problem, expected=expected, fix=_FIX, file=path, row=row)

    width, height = image.size
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and (scans := _scans(path)) > SCANS:
        refuse(f"the JPEG has {scans:,} scans, each of which is decoded over the whole picture", f"at most {SCANS}")
    tile = _tile(image)
    for side, own in zip(tile, image.size, strict=True):
        if side > max(TILE_SIDE, 2 * own):
            came = f"the TIFF has tiles of {tile[0]} x {tile[1]} pixels for a picture of {width} x {height}"
            refuse(came, "tiles about as large as the picture at most")
    if jpeg and "progressive" not in image.info:
        return  # shrunk while it is decoded
    takes = max(width, tile[0]) * max(height, tile[1]) * _bytes_per_pixel(image)
    if takes > MEMORY_LIMIT:
        refuse(f"the picture has {width} x {height} pixels and would take {takes / 2**30:.1f} GiB")
    size = path.stat().st_size
    if takes > max(SMALL, EXPANSION * size):
        came = f"the picture has {width} x {height} pixels in a file of {size:,} bytes"
        refuse(f"{came}: a file cut short, or made to fill the memory", f"at most {EXPANSION:,} times the file's size")


def _bytes_per_pixel(image: Image.Image) -> int:
    modes = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
    return BYTES_PER_PIXEL.get(image.format or "", modes.get(image.mode, 4))


def _scans(path: Path) -> int:
    """How often a scan begins: the mark cannot stand in coded data, and hardly ever in metadata."""
    count, last = 0, b""
    with path.open("rb") as file:
        while block := file.read(2**20):
            count += (last + block).count(b"\xff\xda")
            last = block[-1:]
    return count


def _tile(image: Image.Image) -> tuple[int, int]:
    """(width, height) of a TIFF's tiles; zeros if it has none."""
    tags: Any = getattr(image, "tag_v2", None) or {}
    sides = []
    for tag in (322, 323):  # TileWidth, TileLength
        value = tags.get(tag, 0)
        value = value[0] if isinstance(value, tuple) and value else value
        sides.append(int(value) if isinstance(value, int | float) else 0)
    return sides[0], sides[1]
