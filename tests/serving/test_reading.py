"""Uploaded files are read apart, within bounds: what is a bomb ends alone, and holds nobody up."""

import asyncio
import io
import multiprocessing
import os
import resource
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.corpus.make import tiff_tile
from tests.serving.conftest import PICTURE, Gate, form, picture
from tests.serving.test_api import png

from interplay.serving import lanes
from interplay.serving.decoding import CONTENT, LATER, REFUSED, TOO_MUCH, FileTask, read_file
from interplay.serving.errors import ApiError
from interplay.serving.lanes import file_reader, read_apart
from interplay.serving.limits import Bounds, Limits

LIMITS = Limits()
ROOMY = Bounds(cpu_seconds=30.0, seconds=120.0, memory=500_000_000, nice=0)


def saved(kind: str, size: tuple[int, int], mode: str = "RGB", **how: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **how)
    return out.getvalue()


def scans(size: tuple[int, int], count: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again: each is a walk over the whole picture."""
    whole = saved("JPEG", size, "L", progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start : whole.rindex(b"\xff\xd9")] * count + b"\xff\xd9"


def bmp(side: int) -> bytes:
    return b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)


BY_HEADER = {
    "PNG": png(20_000, 20_000),
    "PNG, wide": png(16_001, 1),
    "BMP": bmp(20_000),
    "PPM": b"P6 20000 20000 255\n" + bytes(100),
    "GIF": saved("GIF", (5_001, 5_000), "P"),
    "JPEG": saved("JPEG", (5_001, 5_000), "L"),
    "WebP": saved("WEBP", (16_001, 2)),
    "TIFF": saved("TIFF", (20_000, 1_300), "1", compression="group4"),
}


def task(path: Path, content: bytes | None, *, lane: str = "slow", kind: str = "image") -> FileTask:
    if content is not None:
        path.write_bytes(content)
    return FileTask(kind, path, 0, LIMITS.pixels, LIMITS.side, lane)


@pytest.mark.parametrize("name", BY_HEADER)
def test_the_header_alone_is_read_of_a_picture_too_large(tmp_path, monkeypatch, name):
    monkeypatch.setattr("interplay.modalities.pictures.open_picture", lambda *_: pytest.fail("it was decoded"))
    answer = read_file(task(tmp_path / "x", BY_HEADER[name]))
    assert answer[:1] == REFUSED and b'"status": 413' in answer and b"too many pixels" in answer


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_a_large_picture_is_left_to_the_slow_ones(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("interplay.modalities.pictures.open_picture", lambda *_: pytest.fail("it was decoded"))
    assert (
        read_file(task(tmp_path / "x", saved(kind, (2_001, 2_000), "1" if kind != "WEBP" else "RGB"), lane="quick"))
        == LATER
    )


def test_a_large_jpeg_is_not_for_it_is_shrunk_while_it_is_decoded(tmp_path):
    assert read_file(task(tmp_path / "x", saved("JPEG", (2_001, 2_000), "L"), lane="quick"))[:1] == CONTENT


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_only_small_pictures_are_small(tmp_path, monkeypatch, kind):
    assert read_file(task(tmp_path / "x", saved(kind, (1_000, 1_000)), lane="small"))[:1] == CONTENT
    monkeypatch.setattr("interplay.modalities.pictures.open_picture", lambda *_: pytest.fail("it was decoded"))
    assert read_file(task(tmp_path / "x", saved(kind, (1_001, 1_000)), lane="small")) == LATER
    longer = saved(kind, (90, 90)) + bytes(1_000_000)
    assert read_file(task(tmp_path / "x", longer, lane="small")) == LATER


def test_what_is_read_apart_is_what_is_read_here(tmp_path):
    for kind in ("PNG", "JPEG"):
        one = task(tmp_path / "x", picture((300, 200), kind))
        assert read_apart(one, ROOMY) == read_file(one)
    assert not multiprocessing.active_children(), "no process is left"


@pytest.mark.parametrize(
    "content, bounds",
    [
        (scans((2_000, 2_000), 2_434), replace(ROOMY, cpu_seconds=0.3)),
        (png(5_000, 5_000, 5_000), replace(ROOMY, memory=60_000_000)),
        (saved("WEBP", (4_000, 3_000), lossless=True, method=0), replace(ROOMY, memory=60_000_000)),
    ],
    ids=["2,434 scans", "25 megapixels in 60 MB", "WebP in 60 MB"],
)
def test_a_bomb_is_stopped_at_its_bounds_and_the_next_file_is_read(tmp_path, content, bounds):
    assert read_apart(task(tmp_path / "bomb", content), bounds)[:1] in (TOO_MUCH, REFUSED)
    assert read_apart(task(tmp_path / "x", PICTURE), ROOMY)[:1] == CONTENT


def test_a_file_that_never_ends_is_stopped_by_the_clock(tmp_path):
    os.mkfifo(tmp_path / "x")
    assert read_apart(task(tmp_path / "x", None), replace(ROOMY, seconds=0.5)) == TOO_MUCH
    assert not multiprocessing.active_children()


def claims_a_gigabyte(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    """As multiprocessing and as this service write a length."""
    os.write(answer.fileno(), struct.pack("!i", 1 << 30) + struct.pack(">Q", 1 << 30) + b"c")
    time.sleep(60)


def sends_a_gigabyte(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    os.write(answer.fileno(), struct.pack(">Q", 1 << 30))
    while True:
        os.write(answer.fileno(), bytes(1 << 16))


def never_answers(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    time.sleep(60)


def answers_drop_by_drop(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    os.write(answer.fileno(), struct.pack(">Q", 1_000) + b"c")
    while True:
        os.write(answer.fileno(), b"x")
        time.sleep(0.2)


def breaks_off(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    os.write(answer.fileno(), struct.pack(">Q", 1_000) + b"c")


def sends_garbage(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    os.write(answer.fileno(), struct.pack(">Q", 4) + b"\xff\xfe\0\1")


@pytest.mark.parametrize(
    "child", [claims_a_gigabyte, sends_a_gigabyte, never_answers, answers_drop_by_drop, breaks_off, sends_garbage]
)
def test_a_process_that_went_wrong_holds_nobody_up(tmp_path, monkeypatch, child):
    monkeypatch.setattr(lanes, "read_in_bounds", child)
    started, held = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_apart(task(tmp_path / "x", PICTURE), replace(ROOMY, seconds=2.0)) == TOO_MUCH
    assert time.monotonic() - started < 30, "children sleep for 60 seconds"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 200_000, "kB"
    assert not multiprocessing.active_children()


def test_a_refusal_that_makes_no_sense_is_one_of_the_file(monkeypatch):
    for answer in (b"r", b"r[]", b'r{"status": 200}', b'r{"status": "x"', b"r\xff"):
        monkeypatch.setattr(lanes, "read_apart", lambda *_, answer=answer: answer)
        with pytest.raises(ApiError) as refused:
            asyncio.run(file_reader(LIMITS).read("a", "image", 0, io.BytesIO(b"x")))
        assert refused.value.status == 413 and refused.value.body.fix


def test_a_reader_that_fails_in_a_new_way_is_no_fault_of_the_service(tmp_path, capfd):
    answer = read_apart(task(tmp_path / "missing", None), ROOMY)
    assert answer[:1] == REFUSED and b'"status": 422' in answer and b"fix" in answer
    assert "Traceback" not in capfd.readouterr().err


def test_pictures_are_read_without_pytorch():
    code = "import interplay.serving.decoding, sys; print({'torch', 'transformers', 'fastapi'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_reads_features_is_loaded_before_a_process_is_forked(tmp_path):
    """Its seconds are bounded, and loading NumPy would take some of them."""
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    code = f"""if True:
        import sys, interplay.serving.decoding as d
        before = set(sys.modules)
        d.read_file(d.FileTask("features", d.Path({str(tmp_path / "x.npy")!r}), 3, 1, 1))
        print([name for name in set(sys.modules) - before if name.startswith(("numpy", "interplay"))])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Lanes:
    """A reader whose files are answered by the test: those that hold `slow` wait, as if they took long."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limits: Limits = LIMITS) -> None:
        self.go_on, self.seen = threading.Event(), Counter[str]()
        self.reader, self.limits = file_reader(limits), limits
        monkeypatch.setattr(lanes, "read_apart", self._answer)

    def _answer(self, one: FileTask, bounds: Bounds) -> bytes:
        content = one.path.read_bytes()
        assert bounds is getattr(self.limits, one.lane)
        self.seen[one.lane] += 1
        if content == b"small":
            return CONTENT + content
        if content == one.lane.encode():
            assert self.go_on.wait(60)
            return CONTENT + content
        if one.lane != "slow":
            return TOO_MUCH if content == b"a bomb" else LATER
        assert self.go_on.wait(60)
        return CONTENT + content

    async def read(self, client: str, content: bytes) -> bytes:
        return await self.reader.read(client, "image", 0, io.BytesIO(content))


def running(steps: Callable[..., object]) -> object:
    return asyncio.run(steps())


def test_small_pictures_do_not_wait_for_large_ones(monkeypatch):
    one = Lanes(monkeypatch)

    async def steps() -> None:
        large = [asyncio.create_task(one.read("a", b"large")) for _ in range(4)]
        assert await asyncio.gather(*(one.read("b", b"small") for _ in range(20))) == [b"small"] * 20
        assert not any(task.done() for task in large)
        one.go_on.set()
        assert await asyncio.gather(*large) == [b"large"] * 4

    running(steps)


def test_small_pictures_wait_for_none_that_are_decoded_fast_either(monkeypatch):
    one = Lanes(monkeypatch)

    async def steps() -> None:
        others = [asyncio.create_task(one.read("a", b"quick")) for _ in range(8)]
        assert await asyncio.gather(*(one.read("b", b"small") for _ in range(20))) == [b"small"] * 20
        assert not any(task.done() for task in others)
        one.go_on.set()
        assert await asyncio.gather(*others) == [b"quick"] * 8

    running(steps)


def test_who_had_a_file_stopped_is_served_behind_the_others_for_a_while(monkeypatch):
    one = Lanes(monkeypatch)
    one.go_on.set()

    async def steps() -> None:
        await one.read("a", b"a bomb")
        assert one.seen == {"small": 1, "slow": 1}
        await one.read("a", b"small")
        assert one.seen == {"small": 1, "slow": 2}
        await one.read("b", b"small")
        assert one.seen == {"small": 2, "slow": 2}

    running(steps)


def test_no_more_than_so_many_large_pictures_wait(monkeypatch):
    one = Lanes(monkeypatch, replace(LIMITS, waiting_slow=2))

    async def steps() -> None:
        large = [asyncio.create_task(one.read("a", b"large")) for _ in range(3)]
        while one.seen["quick"] < 3 or one.reader.slow._places:
            await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await one.read("b", b"large")
        assert refused.value.status == 429 and refused.value.body.fix and refused.value.headers["Retry-After"]
        assert await one.read("b", b"small") == b"small"
        one.go_on.set()
        await asyncio.gather(*large)
        assert await one.read("b", b"large") == b"large"

    running(steps)


def test_more_pixels_get_more_memory():
    limits = LIMITS.with_pixels(50_000_000)
    assert limits.pixels == 50_000_000 and limits.slow.memory == 2 * LIMITS.slow.memory
    assert LIMITS.with_pixels(1_000).slow == LIMITS.slow


BOMBS = {
    **BY_HEADER,
    "2,434 scans": scans((1_500, 1_500), 2_434),
    "a huge tile": tiff_tile(32_768),
    "no picture": os.urandom(100_000),
    "a zip": b"PK\x03\x04" + bytes(1_000),
    "half": PICTURE[: len(PICTURE) // 2],
}


def test_bombs_of_every_format_are_refused_and_a_good_picture_is_taken_after_each(start):
    quick, slow = replace(LIMITS.quick, cpu_seconds=0.2), replace(LIMITS.slow, cpu_seconds=0.4)
    service = start(Gate(), limits=replace(LIMITS, small=quick, quick=quick, slow=slow, queue=100))
    for name, content in BOMBS.items():
        response = service.client.post("/api/jobs", **form(content=content))
        assert response.status_code in (413, 422) and response.json()["fix"], (name, response.text)
        assert service.client.post("/api/jobs", **form()).status_code == 202, name


def test_what_a_reader_needs_is_loaded_before_it_is_forked():
    """Of .3 seconds on the processor a small picture has, Pillow's decoders would take a third."""
    code = "import sys, interplay.serving.decoding; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "PIL.WebPImagePlugin", "PIL.TiffImagePlugin", "PIL.BmpImagePlugin"} <= {*loaded}
    assert "torch" not in loaded
