"""Uploaded files read a few at a time, each in a process of its own; small pictures never wait for larger ones."""

import asyncio
import json
import multiprocessing
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from interplay.modalities import MODALITIES
from interplay.serving.decoding import (
    CONTENT,
    LATER,
    REFUSED,
    TOO_MUCH,
    FileTask,
    read_in_bounds,
    received_answer,
)
from interplay.serving.errors import ApiError
from interplay.serving.limits import Bounds, Limits
from interplay.serving.recent import Recent

# Forked from a small process of its own, never from this one with its threads and the model.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["__main__", "interplay.serving.decoding"])


class Lane:
    """Reads so many files at a time within the same bounds; only so many more wait."""

    def __init__(self, name: str, together: int, waiting: int, bounds: Bounds) -> None:
        self._threads = ThreadPoolExecutor(together, thread_name_prefix=name)
        self._places, self._bounds = together + waiting, bounds

    async def read(self, task: FileTask) -> bytes:
        """The answer about one file, see `decoding`. Called on the event loop.

        Args:
            task: the file.

        Raises:
            ApiError: too many files wait (429).
        """
        self.refuse_full()
        self._places -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read_apart, task, self._bounds)
        finally:
            self._places += 1

    def refuse_full(self) -> None:
        """Raise ApiError (429) if too many files wait."""
        if self._places <= 0:
            raise ApiError(
                429,
                "too many files wait to be read",
                expected="fewer at one time",
                fix="try again later, or send a smaller picture: small ones do not wait for large ones",
                reason="files",
                headers={"Retry-After": "2"},
            )

    def close(self) -> None:
        """Read no more files."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def read_apart(task: FileTask, bounds: Bounds) -> bytes:
    """The answer of a new process about one file; TOO_MUCH where it was stopped at one of its bounds, or died.

    Args:
        task: the file.
        bounds: what reading may take.
    """
    receive, send = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=read_in_bounds, args=(send, task, bounds), daemon=True)
    process.start()
    send.close()
    with receive:
        try:
            return received_answer(receive, bounds.memory, bounds.seconds)  # what it sends was in its memory
        finally:
            process.kill()
            process.join()
            process.close()


@dataclass(frozen=True)
class FileReader:
    """Reads uploaded files: most at once, and those that take long after one another and behind everything else."""

    limits: Limits
    small: Lane
    quick: Lane
    slow: Lane
    stopped: Recent
    """Clients of whom a file had to be stopped in the last minute: theirs are read with the slow ones."""

    def refuse_full(self, client: str) -> None:
        """Refuse a client's file before it comes in, where it would not be read anyway.

        Args:
            client: the address of who sends it.

        Raises:
            ApiError: too many files wait (429).
        """
        (self.slow if self.stopped.wait(client) else self.small).refuse_full()

    async def read(self, client: str, kind: str, width: int, file: BinaryIO, suffix: str = "") -> bytes:
        """An uploaded file, read and written anew. Called on the event loop.

        Args:
            client: the address of who sent it.
            kind: kind of its modality.
            width: columns that features must have.
            file: what was uploaded.
            suffix: how the name of the file ends, where the modality goes by that.

        Raises:
            ApiError: it cannot be used (422), takes too much (413), or too many wait (429).
        """
        with tempfile.TemporaryDirectory(prefix="interplay-upload-") as folder:
            path = Path(folder) / f"content{suffix}"
            await asyncio.to_thread(_copy, file, path)
            task = FileTask(kind, path, width, self.limits.pixels, self.limits.side)
            answer = LATER if self.stopped.wait(client) else await self.small.read(replace(task, lane="small"))
            if answer == LATER and not self.stopped.wait(client):
                answer = await self.quick.read(replace(task, lane="quick"))
            if answer == TOO_MUCH:
                self.stopped.add(client)
            if answer in (LATER, TOO_MUCH):
                answer = await self.slow.read(task)
        refused = _refusal(answer[1:]) if answer[:1] == REFUSED else None
        if refused:
            raise refused
        if answer[:1] != CONTENT:
            slow, what = self.limits.slow, MODALITIES[kind].file
            raise ApiError(
                413,
                f"the {what} takes too much time or memory to read",
                expected=f"one that is read in {slow.cpu_seconds:g} seconds and {slow.memory // 10**6} MB",
                fix="make it smaller, or save it as a baseline JPEG" if what == "picture" else "make it smaller",
                reason="bounds",
            )
        return answer[1:]

    def warm_up(self) -> None:
        """Start what the processes are forked from, so that the first upload does not wait for it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "content.png"
            path.write_bytes(MODALITIES["image"].example(0))
            read_apart(FileTask("image", path, 0, self.limits.pixels, self.limits.side), self.limits.quick)

    def close(self) -> None:
        """Read no more files."""
        self.small.close()
        self.quick.close()
        self.slow.close()


def _refusal(answer: bytes) -> ApiError | None:
    """What a process found wrong with a file; None if its answer makes no sense."""
    try:
        found = json.loads(answer)
        problem, expected, fix = (str(found[key]) for key in ("problem", "expected", "fix"))
        reason = {413: "pixels", 422: "input"}[found["status"]]
    except (ValueError, KeyError, TypeError):
        return None
    return ApiError(found["status"], problem, expected=expected, fix=fix, reason=reason)


def _copy(file: BinaryIO, path: Path) -> None:
    with path.open("wb") as out:
        shutil.copyfileobj(file, out)


def file_reader(limits: Limits) -> FileReader:
    """A reader within the service's limits.

    Args:
        limits: the service's limits.
    """
    # Several share the processors: a small picture is read in its own short time, though bombs are read beside it.
    small, quick = Lane("small", 4, limits.waiting, limits.small), Lane("quick", 2, limits.waiting, limits.quick)
    return FileReader(limits, small, quick, Lane("slow", 1, limits.waiting_slow, limits.slow), Recent(1))
