"""Make the files of this folder: small pictures and tables of every format, whole and with every defect we know.

`python -m tests.corpus.make` writes them anew, and `expected.json`: file -> "read", or a part of the refusal.
"""

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
Made = Iterator[tuple[str, bytes, str]]


def picture(mode: str = "RGB", size: tuple[int, int] = (24, 18)) -> Image.Image:
    """Stripes and a ramp, made up: small files, and nothing plain."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x // 3 + y // 3) % 2 * 200], axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode == "I;16":
        return Image.fromarray((pixels[..., 0].astype(np.uint16) + 1) * 250)
    if mode == "F":
        return Image.fromarray(pixels[..., 0].astype(np.float32) / 255)
    if mode == "RGBA":
        image.putalpha(140)
        return image
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a picture in a format."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side: int) -> bytes:
    """A PNG whose header says far more than its file holds."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def tiff_tile(side: int) -> bytes:
    """A TIFF of 100 x 100 pixels with a tile of many more."""
    tile = zlib.compress(bytes(64))
    tags = [(256, 4, 100), (257, 4, 100), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    tags += [(322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, len(tile))]
    start = 8 + len(tile) + len(tile) % 2
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + tile.ljust(start - 8, b"\0") + table


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(picture(), "JPEG", progressive=True)
    tables = data.rfind(b"\xff\xc4", 0, data.rindex(b"\xff\xda"))
    return data[:-2] + data[tables:-2] * count + b"\xff\xd9"


def pictures() -> Made:
    """Whole pictures of each format and mode, and broken ones."""
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = {
        "rgb.jpg": encoded(picture(), "JPEG"),
        "grey.jpg": encoded(picture("L"), "JPEG"),
        "cmyk.jpg": encoded(picture("CMYK"), "JPEG"),
        "progressive.jpg": encoded(picture(), "JPEG", progressive=True),
        "turned.jpg": encoded(picture(), "JPEG", exif=exif),
        "few-scans.jpg": scans(3),
        "rgb.png": encoded(picture(), "PNG"),
        "alpha.png": encoded(picture("RGBA"), "PNG"),
        "palette.png": encoded(picture("P"), "PNG"),
        "bits.png": encoded(picture("1"), "PNG"),
        "deep.png": encoded(picture("I;16"), "PNG"),
        "lossy.webp": encoded(picture(), "WEBP"),
        "lossless.webp": encoded(picture("RGBA"), "WEBP", lossless=True),
        "moving.webp": encoded(picture(), "WEBP", save_all=True, append_images=[picture("L").convert("RGB")]),
        "still.gif": encoded(picture("P"), "GIF"),
        "moving.gif": encoded(picture("P"), "GIF", save_all=True, append_images=[picture("L").convert("P")]),
        "rgb.bmp": encoded(picture(), "BMP"),
        "palette.bmp": encoded(picture("P"), "BMP"),
        "rgb.tif": encoded(picture(), "TIFF"),
        "deflate.tif": encoded(picture(), "TIFF", compression="tiff_deflate"),
        "lzw.tif": encoded(picture(), "TIFF", compression="tiff_lzw"),
        "fax.tif": encoded(picture("1"), "TIFF", compression="group4"),
        "real.tif": encoded(picture("F"), "TIFF"),
        "rgb.ppm": encoded(picture(), "PPM"),
        "rgb.avif": encoded(picture(), "AVIF"),
        "jpeg-called.png": encoded(picture(), "JPEG"),
        "no-suffix": encoded(picture(), "PNG"),
    }
    for name, data in whole.items():
        yield name, data, "read"
    for name in (
        "rgb.jpg",
        "rgb.png",
        "lossy.webp",
        "still.gif",
        "rgb.bmp",
        "rgb.tif",
        "lzw.tif",
        "rgb.ppm",
        "rgb.avif",
    ):
        stem, suffix = name.split(".")
        data = whole[name]
        yield f"{stem}-cut.{suffix}", data[: len(data) // 2], "corrupt or cut short|not a picture|far more"
        yield f"{stem}-head.{suffix}", data[:12], "corrupt or cut short|not a picture"
    yield "empty.png", b"", "empty"
    yield "page.jpg", b"<!doctype html><title>404</title>", "not a picture"
    yield "vector.png", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"
    yield "zeros.png", bytes(200), "not a picture"
    yield "pointer.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "not a picture"
    yield "bomb.png", png_bomb(60_000), "would take"
    yield "promise.png", png_bomb(15_000), "in a file of"
    yield "tile.tif", tiff_tile(32_768), "tiles of 32768 x 32768"
    yield "scans.jpg", scans(120), "scans, each of which"


GOOD = [
    ("s0", "train", "a storm at noon", "cat"),
    ("s1", "train", "calm sea", "dog"),
    ("s2", "train", "rain again", "cat"),
    ("s3", "val", "no wind", "dog"),
    ("s4", "val", "snow falls", "cat"),
    ("s5", "test", "fog", "dog"),
    ("s6", "test", "हिन्दी में", "cat"),
]
HEADER = ("id", "split", "text", "labels")


def csv_of(rows: list[tuple[Any, ...]], header: tuple[str, ...] = HEADER, end: str = "\n") -> bytes:
    """Rows as CSV, every field in quotes."""
    lines = [header, *rows]
    return "".join(",".join('"' + str(v).replace('"', '""') + '"' for v in line) + end for line in lines).encode()


def jsonl_of(rows: list[tuple[Any, ...]], header: tuple[str, ...] = HEADER) -> bytes:
    """Rows as lines of JSON."""
    return "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows).encode()


def with_labels(*labels: Any) -> list[tuple[Any, ...]]:
    """The good rows with other labels, again from the first where there are fewer."""
    return [(*row[:3], labels[at % len(labels)]) for at, row in enumerate(GOOD)]


def with_text(text: Any) -> list[tuple[Any, ...]]:
    """The good rows with another text in the third."""
    return [(*row[:2], text if at == 2 else row[2], row[3]) for at, row in enumerate(GOOD)]


def tables() -> Made:
    """CSV and JSONL, as people and programs keep them."""
    plain = csv_of(GOOD)
    yield "plain.csv", plain, "read"
    yield "plain.jsonl", jsonl_of(GOOD), "read"
    yield "plain.tsv", "\n".join("\t".join(row) for row in [HEADER, *GOOD]).encode(), "read"
    yield "bom.csv", b"\xef\xbb\xbf" + plain, "read"
    yield "windows.csv", csv_of(GOOD, end="\r\n"), "read"
    yield "index.csv", csv_of([(n, *row) for n, row in enumerate(GOOD)], ("", *HEADER)), "read"
    yield "trailing.csv", csv_of([(*row, "", "") for row in GOOD] + [("",) * 6] * 3, (*HEADER, "", "")), "read"
    yield "label.csv", csv_of(GOOD, ("id", "split", "text", "label")), "read"
    yield "no-id.csv", csv_of([row[1:] for row in GOOD], HEADER[1:]), "read"
    yield "capitals.csv", csv_of(GOOD, ("ID", "Split", "Text", "Labels")), "read"
    yield "lists.csv", csv_of(with_labels("['storm', 'urgent']", "['calm']")), "read"
    yield "numpy-lists.csv", csv_of(with_labels("['storm' 'urgent']", "['calm']")), "read"
    yield "json-lists.csv", csv_of(with_labels('["storm", "urgent"]', "[]")), "read"
    yield "parted.csv", csv_of(with_labels("storm|urgent", "calm")), "read"
    yield "indicators.csv", csv_of(with_labels("[1, 0, 1]", "[0, 0, 1]")), "read"
    yield "floats.csv", csv_of(with_labels("0.0", "1.0")), "read"
    yield "truth.csv", csv_of(with_labels("True", "False")), "read"
    yield "lists.jsonl", jsonl_of(with_labels(["storm", "urgent"], [])), "read"
    yield "indicators.jsonl", jsonl_of(with_labels([1, 0], [0, 1], [1, 1])), "read"
    yield "numbers.jsonl", jsonl_of(with_labels(1, 0)), "read"
    yield "floats.jsonl", jsonl_of(with_labels(1.0, 0.0)), "read"
    yield "truth.jsonl", jsonl_of(with_labels(True, False)), "read"
    yield "blanks.csv", csv_of(with_labels(" cat", "dog\u00a0", "cat\u200b")), "read"
    yield "near.csv", csv_of(with_labels("cat", "Cat", "dog")), "read"
    yield "null.jsonl", jsonl_of(with_labels("a", "b", None)), "the label is missing"
    yield "fraction.jsonl", jsonl_of(with_labels(0.5, 1)), "no whole number"
    yield "object.jsonl", jsonl_of(with_labels({"a": 1}, "b")), "neither a text nor a number"
    yield "invisible.csv", csv_of(with_text("\u200b")), "empty or blank"
    yield "selector.csv", csv_of(with_text("\ufe0f")), "empty or blank"
    yield "filler.csv", csv_of(with_text("\u3164 \u2800")), "empty or blank"
    yield "private.csv", csv_of(with_text("\ue000")), "reads nothing in this text"
    yield "emoji.csv", csv_of(with_text("\U0001f600")), "read"
    yield "number.jsonl", jsonl_of(with_text(5)), "the text is 5"
    yield "semicolons.csv", plain.replace(b'","', b'";"'), "not separated by commas"
    yield "latin.csv", "id,split,text,labels\n1,train,caf\u00e9,a\n".encode("latin-1"), "not UTF-8"
    yield "utf-16.csv", plain.decode().encode("utf-16"), "UTF-16"
    yield "ragged.csv", plain + b"1,train,one,two,three\n", "5 fields"
    yield "quote.csv", plain + b'9,train,"open,cat\n', "quotes do not match"
    yield "twice.csv", csv_of([*GOOD, GOOD[0]]), "also on row 2"
    yield "split.csv", csv_of([*GOOD, ("s9", "trian", "x", "cat")]), "'trian'"
    yield "one-class.csv", csv_of(with_labels("cat")), "the same labels"
    yield "header.csv", csv_of([]), "no rows"
    yield "nothing.jsonl", b"", "empty"
    yield "broken.jsonl", jsonl_of(GOOD) + b'{"id": \n', "not JSON"
    yield "url.csv", csv_of([(*row, "https://example.org/a.png") for row in GOOD], (*HEADER, "image")), "is a URL"


def make() -> None:
    """Write every file."""
    expected: dict[str, str] = {}
    for kind, made in (("pictures", pictures()), ("tables", tables())):
        (HERE / kind).mkdir(exist_ok=True)
        for name, data, what in made:
            (HERE / kind / name).write_bytes(data)
            expected[f"{kind}/{name}"] = what
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    make()
