"""Jobs: a bounded queue and one worker. What is kept of them on disk: `job_folder`."""

import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from interplay.errors import DiskFullError
from interplay.progress import Advance
from interplay.serving.errors import ApiError, ErrorBody, log, shown
from interplay.serving.job import ENDED, STATES, Explain, Job, JobProgress, JobRequest, State, new_job, now
from interplay.serving.job_folder import JobFolder
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter
from interplay.serving.stops import (
    INTERRUPTED,
    NO_ROOM,
    STOPPED,
    JobCancelled,
    JobTooLong,
    ServiceStopped,
    ended_by,
)

NICE = 5
"""How much explaining gives way to predictions and everything else but files that take long to read."""


@dataclass
class _Entry:
    job: Job
    job_request: JobRequest | None = None
    cancel: bool = False


class JobQueue:
    """Takes requests, has them explained one after another, keeps the results. Safe to be called by any thread.

    Used as a context manager: entered, its worker runs; left, the running job is stopped and fails as interrupted.

    Raises:
        BadInput: the folder cannot be one, or another service keeps its jobs there.
    """

    def __init__(self, explain: Explain, folder: Path, limits: Limits, meter: Meter) -> None:
        self._explain, self.limits, self._meter = explain, limits, meter
        self._disk = JobFolder(folder)
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._entries: dict[str, _Entry] = {}
        self._stopping = False
        self._typical = 5.0  # seconds a job, a running mean
        self._worker = threading.Thread(target=self._work, name="explain", daemon=True)
        self._open_folder()

    def __enter__(self) -> "JobQueue":
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopping = True
            for job_id in self._waiting:
                self._end(job_id, "failed", STOPPED)
            self._waiting.clear()
            self._changed.notify_all()
        self._worker.join(timeout=30)
        self._disk.close()

    @property
    def folder(self) -> Path:
        """Where the jobs are kept."""
        return self._disk.path

    @property
    def ready(self) -> bool:
        """Whether jobs are worked on."""
        return self._worker.is_alive() and not self._stopping

    def counts(self) -> dict[str, int]:
        """State -> jobs."""
        with self._changed:
            states = [entry.job.state for entry in self._entries.values()]
        return {state: states.count(state) for state in STATES}

    def jobs(self) -> list[Job]:
        """All that are known, the newest first."""
        with self._changed:
            return [self._shown(entry.job) for entry in reversed(self._entries.values())]

    def job(self, job_id: str) -> Job:
        """One job of the queue.

        Args:
            job_id: id of the job.

        Raises:
            ApiError: there is no such job (404).
        """
        with self._changed:
            return self._shown(self._known(job_id).job)

    def _shown(self, job: Job) -> Job:
        """With how many jobs are before it. Called with the lock."""
        if job.state != "queued":
            return job
        running = sum(entry.job.state == "running" for entry in self._entries.values())
        return job.model_copy(update={"ahead": running + self._waiting.index(job.id)})

    def refuse_full(self, count: int = 1) -> None:
        """Refuse if the queue has no place: to be called before an upload is read, too.

        Args:
            count: places that are needed.

        Raises:
            ApiError: there are not as many (429).
        """
        if len(self._waiting) + count > self.limits.queue:
            raise ApiError(
                429,
                f"{len(self._waiting)} jobs wait already",
                expected=f"at most {self.limits.queue}",
                fix="try again later",
                reason="queue",
                headers={"Retry-After": str(self._wait())},
            )

    def _wait(self) -> int:
        """Seconds until a place is likely to be free."""
        return max(1, min(600, math.ceil(self._typical)))

    def submit(self, job_request: JobRequest) -> Job:
        """Accept a job.

        Args:
            job_request: what the job is to do, and its uploaded files.

        Raises:
            ApiError: the queue is full (429), or the disk is (503).
        """
        return self.submit_all([job_request])[0]

    def submit_all(self, job_requests: Sequence[JobRequest]) -> list[Job]:
        """Accept a job for each request, or none of them.

        Args:
            job_requests: what the jobs are to do, and their uploaded files.

        Raises:
            ApiError: the queue is full (429), or the disk is (503).
        """
        jobs = [new_job(job_request) for job_request in job_requests]
        try:
            for job, job_request in zip(jobs, job_requests, strict=True):
                self._disk.create(job, job_request)
            with self._changed:
                if self._stopping:
                    raise ApiError(503, "the service is stopping", fix="try again later", reason="stopping")
                self.refuse_full(len(jobs))
                for job, job_request in zip(jobs, job_requests, strict=True):
                    self._entries[job.id] = _Entry(job, job_request)
                    self._waiting.append(job.id)
                self._changed.notify_all()
                return [self._shown(job) for job in jobs]
        except BaseException as error:
            for job in jobs:
                self._disk.forget(job.id)
            if isinstance(error, OSError | DiskFullError):
                log.exception("A job cannot be kept")
                raise ApiError(503, NO_ROOM.error, fix=NO_ROOM.fix, reason="disk") from None
            raise

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once if it waits, at its next evaluation if it runs.

        Args:
            job_id: id of the job.

        Raises:
            ApiError: there is no such job (404), or it has ended (409).
        """
        with self._changed:
            entry = self._known(job_id)
            if entry.job.state in ENDED:
                raise ApiError(
                    409,
                    f"the job has ended already: {entry.job.state}",
                    expected="one that waits or runs",
                    fix="nothing is left to cancel; get its result, or send the sample again",
                    reason="state",
                )
            if entry.job.state == "queued":
                self._waiting.remove(job_id)
                cancelled = self._end(job_id, "cancelled")
                self._trim()
                return cancelled
            entry.cancel = True
            entry.job = entry.job.model_copy(update={"cancelling": True})
            return entry.job

    def result(self, job_id: str) -> Path:
        """The file with the explanation of a job that is done, JSON.

        Args:
            job_id: id of the job.

        Raises:
            ApiError: there is no such job (404), or it is not done (409).
        """
        return self._left(job_id, "explanation.json")

    def page(self, job_id: str) -> Path:
        """The file with the page of a job that is done.

        Args:
            job_id: id of the job.

        Raises:
            ApiError: there is no such job (404), or it is not done (409).
        """
        return self._left(job_id, "page.html")

    def _left(self, job_id: str, name: str) -> Path:
        job = self.job(job_id)
        if job.state != "done":
            why = f": {job.fault.error}" if job.fault else ""
            wait = "wait until it is done" if job.state not in ENDED else "send it again"
            raise ApiError(409, f"the job is {job.state}{why}", expected="one that is done", fix=wait, reason="state")
        path = self.folder / job.id / name
        if not path.is_file():  # it was the oldest just now, or somebody tidied up
            raise unknown_job(job_id)
        return path

    def _known(self, job_id: str) -> _Entry:
        entry = self._entries.get(job_id)
        if entry is None:
            raise unknown_job(job_id)
        return entry

    def _work(self) -> None:
        _give_way()
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                job_id = self._waiting.popleft()
                entry = self._entries[job_id]
                entry.job = entry.job.model_copy(update={"state": "running", "started": now()})
            self._disk.save(entry.job)
            self._run(entry)

    def _run(self, entry: _Entry) -> None:
        """One job from its start to its end, whatever happens in it."""
        job_id, started = entry.job.id, time.monotonic()

        def advance(done: int, most: int) -> None:
            if self._stopping:
                raise ServiceStopped
            if entry.cancel:
                raise JobCancelled
            if time.monotonic() - started > self.limits.job_seconds:
                raise JobTooLong
            with self._changed:
                entry.job = entry.job.model_copy(update={"progress": JobProgress(done=done, most=most)})

        state, error = self._attempt(entry, advance)
        seconds = time.monotonic() - started
        self._meter.ran(state, seconds)
        with self._changed:
            self._typical = 0.7 * self._typical + 0.3 * seconds
            self._end(job_id, state, error)
            self._trim()

    def _attempt(self, entry: _Entry, advance: Advance) -> tuple[State, ErrorBody | None]:
        """Explain and write what that leaves; how it ended, and why it failed."""
        job_id = entry.job.id
        assert entry.job_request is not None
        try:
            explained = self._explain(entry.job_request, self._disk.inputs(job_id), advance)
            advance(entry.job.progress.done, entry.job.progress.most)  # cancelled since the last evaluation?
            self._disk.write_result(job_id, explained)
            return "done", None
        except Exception as error:
            return ended_by(error, job_id, self.limits.job_seconds)

    def _end(self, job_id: str, state: State, error: ErrorBody | None = None) -> Job:
        """Note how a job ended, and drop what was uploaded for it. Called with the lock."""
        entry = self._entries[job_id]
        entry.job_request = None
        entry.job = entry.job.model_copy(update={"state": state, "ended": now(), "fault": error, "cancelling": False})
        self._disk.end(entry.job)
        return entry.job

    def _trim(self) -> None:
        """Forget the oldest ended jobs beyond `keep`. Called with the lock."""
        ended = sorted((e.job for e in self._entries.values() if e.job.state in ENDED), key=lambda job: job.ended or "")
        for job in ended[: max(0, len(ended) - self.limits.keep)]:
            del self._entries[job.id]
            self._disk.forget(job.id)

    def _open_folder(self) -> None:
        """What earlier services left: ended jobs as they are; those that had not ended fail as interrupted."""
        for job in self._disk.read_jobs():
            self._entries[job.id] = _Entry(job)
            if job.state not in ENDED:
                self._end(job.id, "failed", INTERRUPTED)
        self._trim()


def _give_way() -> None:
    """Let the rest of the service go first: who sends a job waits for it in any case, other answers should not.

    On Linux a thread, and those that PyTorch starts for it, have a priority of their own.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # no priority is worth a service that explains nothing
            # A service that was started by `nice` stays at least as low.
            os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))


def unknown_job(job_id: str) -> ApiError:
    """The error of an id that no job has (404).

    Args:
        job_id: what the client sent.
    """
    return ApiError(
        404,
        f"no job {shown(job_id)}",
        expected="the id of a job that is kept",
        fix="look at /api/jobs for those that are, or send the sample again",
        reason="unknown",
    )
