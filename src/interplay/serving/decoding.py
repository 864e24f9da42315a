"""Reads one uploaded file in a process of its own, within bounds: a bomb ends alone, and nobody waits for it.

What runs here is forked from a server process that has Pillow and NumPy loaded but not PyTorch: that takes
milliseconds, and no two uploads meet in one process. The answer is bytes: a letter, then the content or a refusal;
it is sent behind its length.
"""

import json
import math
import os
import resource
import signal
import struct
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from PIL import Image

import interplay.modalities.feature_files  # with NumPy
import interplay.modalities.pictures  # noqa: F401 - with Pillow
from interplay.errors import BadInput
from interplay.modalities import MODALITIES
from interplay.serving.limits import Bounds

Image.init()  # its decoders, too: a forked process has no time to load any of these

CONTENT, REFUSED, LATER, TOO_MUCH = b"c", b"r", b"l", b"m"
"""What answers begin with; LATER: it may take long, and was not tried."""
LENGTH = struct.Struct(">Q")
"""How the length of an answer is sent."""

SMALL_PIXELS, SMALL_BYTES = 1_000_000, 1_000_000
"""Of a picture that is read before all others."""

QUICK_PIXELS = 4_000_000
"""Of a picture that is certainly decoded within `Limits.quick`."""

_JPEG, _WEBP = b"\xff\xd8\xff", b"RIF"


@dataclass(frozen=True)
class FileTask:
    """One file to be read.

    Attributes:
        kind: kind of its modality.
        path: where it lies; its name ends as the modality wants it.
        width: columns that features must have.
        pixels, side: most of a picture.
        lane: `Limits` has its bounds; what does not belong there by its size and header is left to a later lane.
    """

    kind: str
    path: Path
    width: int
    pixels: int
    side: int
    lane: Literal["small", "quick", "slow"] = "slow"


def read_in_bounds(answer: Connection, task: FileTask, bounds: Bounds) -> None:
    """What the process runs: read the file and send an answer; none is sent if the system stops it first.

    Args:
        answer: where the answer is sent.
        task: the file.
        bounds: what reading may take.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then stops this process
    _confine(bounds)
    try:
        message = read_file(task)
    except MemoryError:
        message = TOO_MUCH
    except BadInput as error:
        message = _refusal(
            422, error.problem, error.expected, "" if not MODALITIES[task.kind].precomputed else error.fix
        )
    except Exception as error:  # a reader that fails in a new way must not look like a fault of the service
        print(f"An uploaded file cannot be read: {type(error).__name__}: {error}", file=sys.stderr)
        message = _refusal(422, "the file cannot be read", "a whole file", "")
    with open(answer.fileno(), "wb", closefd=False) as out:
        out.write(LENGTH.pack(len(message)) + message)
    answer.close()


def received_answer(answer: Connection, most: int, seconds: float) -> bytes:
    """The answer of a process, however little can be expected of it: neither its length nor when it comes is trusted.

    Args:
        answer: where it is received.
        most: bytes of an answer.
        seconds: until it must be whole.

    Returns:
        The answer; TOO_MUCH where none came in time, or one that is longer or of another form.
    """
    until = time.monotonic() + seconds
    try:
        (length,) = LENGTH.unpack(_exactly(answer, LENGTH.size, until))
        message = _exactly(answer, length, until) if 0 < length <= most else TOO_MUCH
    except (EOFError, OSError):  # it ended before: the system stopped it at a bound, or it crashed
        return TOO_MUCH
    return message if message[:1] in (CONTENT, REFUSED) or message == LATER else TOO_MUCH


def _exactly(answer: Connection, count: int, until: float) -> bytes:
    """So many bytes. Raises EOFError or TimeoutError."""
    found = bytearray()
    while len(found) < count:
        if not answer.poll(max(0.0, until - time.monotonic())):
            raise TimeoutError
        part = os.read(answer.fileno(), min(count - len(found), 1 << 20))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def read_file(task: FileTask) -> bytes:
    """The answer about a file: its content written anew, a refusal by its header, or that it may take long.

    Args:
        task: the file.

    Raises:
        BadInput: it cannot be read.
        MemoryError: there is not enough memory for it.
    """
    kind = MODALITIES[task.kind]
    with task.path.open("rb") as file:
        begins = file.read(len(_JPEG))
        file.seek(0)
        width, height = kind.pixels(file) or (0, 0)
    if width * height > task.pixels or max(width, height) > task.side:
        return _refusal(
            413,
            f"the picture has too many pixels: {width} x {height}",
            f"at most {task.pixels} in all, and {task.side} a side",
            "make it smaller",
        )
    if _is_for_later(task, width * height, begins):
        return LATER
    return CONTENT + kind.received(task.path, task.width)


def _is_for_later(task: FileTask, pixels: int, begins: bytes) -> bool:
    if task.lane == "slow":
        return False
    if begins == _WEBP and not pixels:  # its header alone takes memory for all pixels
        return True
    if task.lane == "small":
        return pixels > SMALL_PIXELS or task.path.stat().st_size > SMALL_BYTES
    return pixels > QUICK_PIXELS and begins != _JPEG  # a JPEG is shrunk while it is decoded, whatever its size


def _refusal(status: int, problem: str, expected: str, fix: str) -> bytes:
    body = {"status": status, "problem": problem, "expected": expected, "fix": fix or "send another file"}
    return REFUSED + json.dumps(body).encode()


def _confine(bounds: Bounds) -> None:
    os.nice(bounds.nice)
    signal.setitimer(signal.ITIMER_PROF, bounds.cpu_seconds)  # SIGPROF ends the process, also in the midst of C
    held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, held + bounds.memory),
        (resource.RLIMIT_CPU, math.ceil(bounds.cpu_seconds)),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
