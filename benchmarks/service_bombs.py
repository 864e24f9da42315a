"""Small files that are large pictures, or take long to read, in every format that the service takes."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

WIDE = (5_000, 4_990)
"""Pixels within the service's bounds, of one colour."""


def png(width: int, height: int, mode: int = 2) -> bytes:
    """A whole PNG of black pixels (colour, or grey if mode is 0): a thousandth of its size once decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer, row = zlib.compressobj(9), bytes(1 + (3 if mode == 2 else 1) * width)
    body = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def saved(kind: str, size: tuple[int, int] = WIDE, mode: str = "RGB", **how: object) -> bytes:
    """A black picture as Pillow writes it."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **how)
    return out.getvalue()


def scans(size: tuple[int, int], count: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again: each is a walk over the whole picture."""
    whole = saved("JPEG", size, "L", progressive=True)
    starts = [k for k in range(len(whole) - 1) if whole[k : k + 2] == b"\xff\xda"]
    last = whole[starts[-1] : whole.rindex(b"\xff\xd9")]
    return whole[: starts[-1]] + last * count + b"\xff\xd9"


def tile(side: int = 32_768, width: int = 1_000) -> bytes:
    """A TIFF of 1,000 x 1,000 pixels whose one tile has 32,768 x 32,768: a gigabyte once decoded."""
    packer, row = zlib.compressobj(9), bytes(side)
    content = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    entries = [
        (256, 4, width), (257, 4, width), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1),
        (322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, len(content)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI", tag, kind, 1) + (struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value))
        for tag, kind, value in entries
    )
    return b"II*\0" + struct.pack("<I", 8 + len(content)) + content + directory + bytes(4)


def plain_ppm(side: int) -> bytes:
    """Numbers as text, which Pillow reads in Python."""
    return b"P3 %d %d 255\n" % (side, side) + b"0 " * (3 * side * side)


def rle_bmp(side: int) -> bytes:
    """Runs of one pixel, which Pillow reads in Python."""
    body = np.tile(np.array([1, 0], dtype=np.uint8), side * side).tobytes() + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0) + bytes(1024)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


def bombs() -> dict[str, bytes]:
    """Name -> file: of every format one whose header gives it away, where it can, and one within bounds."""
    return {
        "PNG 20,000 x 20,000": png(20_000, 20_000),
        "PNG 15,999 x 1,562": png(15_999, 1_562),
        "JPEG of 2,434 scans": scans(WIDE, 2_434),
        "JPEG of 1,500 scans, 4 megapixels": scans((2_000, 2_000), 1_500),
        "JPEG 16,000 x 1,560, progressive": saved("JPEG", (16_000, 1_560), progressive=True),
        "TIFF of one tile": tile(),
        "TIFF, deflated": saved("TIFF", compression="tiff_adobe_deflate"),
        "WebP, lossless": saved("WEBP", lossless=True, method=0),
        "GIF": saved("GIF", mode="P"),
        "BMP 20,000 x 20,000": b"BM"
        + bytes(12)
        + struct.pack("<IiiHHIIiiII", 40, 20_000, 20_000, 1, 24, 0, 0, 0, 0, 0, 0),
        "BMP of single runs": rle_bmp(1_900),
        "PPM 20,000 x 20,000": b"P6 20000 20000 255\n" + bytes(100),
        "PPM as text": plain_ppm(1_300),
        "AVIF": saved("AVIF", speed=10),
    }
