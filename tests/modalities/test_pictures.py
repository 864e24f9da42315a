"""Any picture opens as RGB in bounded memory; anything else is refused by name."""

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interplay.errors import DataError
from interplay.modalities.picture_limits import MEMORY_LIMIT
from interplay.modalities.pictures import open_picture
from interplay.modalities.whole_files import looks_whole


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path: Path, width: int, height: int, bits: int, colour: int, row: bytes, rows: int) -> None:
    """A PNG of equal rows made without holding it in memory; fewer rows than its height: cut short."""
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(b"\0" + row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    path.write_bytes(start + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff", "ppm"])
def test_common_formats_open_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path)
    picture = open_picture(path)
    assert picture.mode == "RGB" and picture.size == (40, 30)
    assert np.allclose(picture.getpixel((20, 15)), (200, 100, 50), atol=12)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_opens(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tiff"
    noise("L").convert(mode).save(path) if mode in ("I;16", "I", "F") else noise(mode).save(path)
    assert open_picture(path).mode == "RGB"


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    assert np.allclose(open_picture(tmp_path / "a.jpg").getpixel((16, 16)), (255, 0, 0), atol=8)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "rgba.png")
    Image.new("LA", (8, 8), (0, 128)).save(tmp_path / "la.png")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([9, 9, 9, 0, 0, 255])
    palette.save(tmp_path / "index.png", transparency=1)
    palette.save(tmp_path / "bytes.png", transparency=bytes([255, 0]))
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    Image.new("L", (8, 8), 7).save(tmp_path / "grey_key.png", transparency=7)
    for name in ("rgba", "index", "bytes", "key", "grey_key"):
        assert open_picture(tmp_path / f"{name}.png").getpixel((4, 4)) == (255, 255, 255), name
    assert np.allclose(open_picture(tmp_path / "la.png").getpixel((4, 4)), 127, atol=1)


def test_shrinking_does_not_let_hidden_colours_bleed(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 32, 64))
    picture.save(tmp_path / "a.png")
    red, green, blue = np.moveaxis(np.asarray(open_picture(tmp_path / "a.png", max_side=8)), 2, 0)
    assert np.array_equal(red, green) and (blue == 255).all()


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)[None].repeat(8, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    grey = np.asarray(open_picture(tmp_path / "a.png"))[0, :, 0]
    assert np.abs(grey.astype(int) - np.arange(256)).max() <= 1


def test_numbers_outside_the_usual_range_use_their_own(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-2.0, 0.0, 2.0]], np.float32)).save(tmp_path / "f.tiff")
    assert [p[0] for p in np.asarray(open_picture(tmp_path / "f.tiff"))[0]] == [0, 128, 255]
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "g.tiff")
    assert [p[0] for p in np.asarray(open_picture(tmp_path / "g.tiff"))[0]] == [0, 128, 255]


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (10, 10), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    for suffix in ("gif", "png", "webp"):
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
        red, _, blue = open_picture(tmp_path / f"a.{suffix}").getpixel((5, 5))
        assert red > 240 and blue < 15


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff"])
def test_exif_rotation(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = Image.new("RGB", (32, 16), "white")
    upright.paste((255, 0, 0), (0, 0, 16, 8))
    # Undo what the viewer is told to do: the inverse of each turn.
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif)
    shown = open_picture(tmp_path / f"a.{suffix}")
    assert shown.size == (32, 16)
    assert np.allclose(shown.getpixel((4, 2)), (255, 0, 0), atol=30)
    assert np.allclose(shown.getpixel((28, 13)), (255, 255, 255), atol=30)


def test_broken_exif_beside_a_sound_picture(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    assert open_picture(tmp_path / "a.jpg").size == (40, 30)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((300, 200), (100, 67)), ((100, 100), (100, 100)), ((101, 1), (100, 1)), ((1, 1000), (1, 100)), ((9, 9), (9, 9))],
)
def test_longer_side_is_bounded_never_enlarged(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    for suffix in ("png", "jpg"):
        noise(size=size).save(tmp_path / f"a.{suffix}")
        assert open_picture(tmp_path / f"a.{suffix}", max_side=100).size == expected


def test_shrinking_by_strips_equals_shrinking_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise(size=(90, 70)).save(tmp_path / "a.png")
    whole = np.asarray(open_picture(tmp_path / "a.png", max_side=30))
    monkeypatch.setattr("interplay.modalities.pictures._STRIP_PIXELS", 500)
    assert np.array_equal(whole, np.asarray(open_picture(tmp_path / "a.png", max_side=30)))


def bad_file(folder: Path, kind: str) -> Path:
    path = folder / "bad.png"
    png, jpg = folder / "sound.png", folder / "sound.jpg"
    noise(size=(200, 200)).save(png)
    noise(size=(200, 200)).save(jpg, quality=90)
    whole = {"png": png.read_bytes(), "jpg": jpg.read_bytes()}
    data = {
        "empty": b"",
        "text": b"this is no picture",
        "page": b"<!DOCTYPE html><html>not found</html>",
        "png cut": whole["png"][: len(whole["png"]) // 2],
        "jpg cut": whole["jpg"][: len(whole["jpg"]) // 2],
        "header only": whole["png"][:40],
        "signature only": whole["png"][:8],
        "png garbled": whole["png"][:100] + b"\xff" * 200 + whole["png"][300:],
        "random": np.random.default_rng(1).bytes(500),
    }
    if kind == "folder":
        path.mkdir()
    elif kind == "too large":
        write_png(path, 30_000, 30_000, 8, 2, b"", 1)
    elif kind == "absurd":
        write_png(path, 2_000_000_000, 2_000_000_000, 8, 2, b"", 1)
    elif kind != "missing":
        path.write_bytes(data[kind])
    return path


BAD = [
    "missing", "folder", "empty", "text", "page", "png cut", "jpg cut", "header only", "signature only",
    "png garbled", "random", "too large", "absurd",
]  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_pictures_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = bad_file(tmp_path, kind)
    with pytest.raises(DataError) as caught:
        open_picture(path, row=7)
    error = caught.value
    assert error.file == path and error.row == 7
    assert error.problem and error.expected and error.fix
    assert str(path) in str(error) and "row 7" in str(error)


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000])
def test_impossible_names(name: str) -> None:
    with pytest.raises(DataError):
        open_picture(name)


def test_every_cut_of_a_small_png_is_refused_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise(size=(6, 5)).save(path)
    whole, expected = path.read_bytes(), np.asarray(open_picture(path))
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        try:
            assert np.array_equal(np.asarray(open_picture(path)), expected)
        except DataError:
            continue


def peak_bytes(path: Path) -> int:
    """Peak memory of a process of its own that opens the picture."""
    code = (
        "import pathlib, re, resource, sys\n"
        "from interplay.modalities.pictures import open_picture\n"
        "assert max(open_picture(sys.argv[1], max_side=512).size) == 512\n"
        "status = pathlib.Path('/proc/self/status')\n"
        # Linux counts the parent's peak into a child's ru_maxrss, but not into its VmHWM.
        "found = re.search(r'VmHWM:\\s+(\\d+)', status.read_text()) if status.exists() else None\n"
        "print(found[1] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    assert not done.stderr
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)


def test_memory_of_a_jpeg_of_20000_pixels(tmp_path: Path) -> None:
    Image.new("L", (20_000, 20_000), 90).save(tmp_path / "a.jpg")
    assert peak_bytes(tmp_path / "a.jpg") < 250e6


@pytest.mark.slow
def test_memory_of_a_png_of_20000_pixels(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", 20_000, 20_000, 1, 0, b"\x55" * 2500, 20_000)
    assert peak_bytes(tmp_path / "a.png") < 650e6 < MEMORY_LIMIT


def test_memory_of_a_bomb_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, 60_000, 60_000, 8, 2, b"", 1)
    with pytest.raises(DataError, match="60000 x 60000"):
        open_picture(path)


def test_pillows_own_limit_is_left_as_it_was(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    before = Image.MAX_IMAGE_PIXELS
    open_picture(tmp_path / "a.png")
    with pytest.raises(DataError):
        open_picture(tmp_path / "none.png")
    assert before == Image.MAX_IMAGE_PIXELS


def scan_bomb(path: Path, scans: int) -> None:
    """A progressive JPEG whose last scan, of one coefficient, comes again and again: cases.md N."""
    Image.effect_noise((256, 256), 90).convert("RGB").save(path, progressive=True)
    data = path.read_bytes()
    last = data.rindex(b"\xff\xda")
    tables = data.rfind(b"\xff\xc4", 0, last)
    path.write_bytes(data[:-2] + data[tables:-2] * scans + b"\xff\xd9")


def tile_bomb(path: Path, side: int, picture: int = 1000) -> None:
    """A TIFF with one deflated tile far larger than its header says the picture is: cases.md N."""
    tile = zlib.compress(bytes(min(side, 4096) * 64), 9)  # its pixels need not be there for the memory to be taken
    entries = [
        *[(256, 4, picture), (257, 4, picture), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)],
        *[(322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, len(tile))],
    ]
    start = 8 + len(tile) + len(tile) % 2
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries)
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + tile.ljust(start - 8, b"\0") + table + bytes(4))


def test_a_jpeg_of_thousands_of_scans_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    scan_bomb(tmp_path / "a.jpg", 2434)
    before = time.process_time()
    with pytest.raises(DataError, match=r"has 2,4\d\d scans") as caught:
        open_picture(tmp_path / "a.jpg")
    assert time.process_time() - before < 0.5 and caught.value.fix
    scan_bomb(tmp_path / "b.jpg", 3)  # an ordinary progressive JPEG with a few scans more
    assert open_picture(tmp_path / "b.jpg").size == (256, 256)


@pytest.mark.parametrize("side", [32_768, 16_384, 8_192])
def test_a_tiff_of_one_huge_tile_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    tile_bomb(tmp_path / "a.tif", side)
    with pytest.raises(DataError, match=f"tiles of {side} x {side} pixels for a picture of 1000 x 1000"):
        open_picture(tmp_path / "a.tif")


def test_a_picture_far_larger_than_its_file_can_hold_is_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", 20_000, 20_000, 8, 2, b"", 0)  # 1.2 GB of pixels, none of which is there
    with pytest.raises(DataError, match="20000 x 20000 pixels in a file of"):
        open_picture(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tif"])
def test_whole_pictures_are_known_from_their_beginning_and_end(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"a{suffix}"
    noise().save(whole)
    assert looks_whole(whole)
    data = whole.read_bytes()
    whole.write_bytes(data + b"\0\n")  # what some writers leave behind the end
    assert looks_whole(whole)
    for broken in (data[: len(data) // 2], b"", b"<html>not found</html>"):
        whole.write_bytes(broken)
        assert not looks_whole(whole), broken[:10]
    assert not looks_whole(tmp_path / "none")
