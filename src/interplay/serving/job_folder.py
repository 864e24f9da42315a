"""Jobs on disk: one folder each.

<jobs>/
  <id>/job.json          what is known about it; written last, so a job that says "done" is
  <id>/explanation.json  the result
  <id>/page.html         the page
  <id>/inputs/           what was uploaded, until the job ends
"""

import re
import shutil
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from interplay.errors import BadInput, DiskFullError
from interplay.files import refuse_blocked, write_atomic
from interplay.serving.errors import log
from interplay.serving.job import Explained, Job, JobRequest

_ID = re.compile(r"[0-9a-f]{16}")


class JobFolder:
    """The folder of the jobs of one service, which holds its lock until `close`.

    Args:
        path: where it is, or is made.

    Raises:
        BadInput: it cannot be a folder, or another service keeps its jobs there.
    """

    def __init__(self, path: Path) -> None:
        refuse_blocked(path)
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = FileLock(path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BadInput(
                "another service keeps its jobs there", file=path, fix="stop it, or give another folder with --jobs"
            ) from None

    def close(self) -> None:
        """Let another service have it."""
        self._lock.release()

    def inputs(self, job_id: str) -> Path:
        """The folder of a job's uploaded files, which are deleted when the job ends.

        Args:
            job_id: id of the job.
        """
        return self.path / job_id / "inputs"

    def create(self, job: Job, job_request: JobRequest) -> None:
        """Write a new job and its files. If this fails, `forget` removes what was written.

        Args:
            job: the job.
            job_request: what the job is to do, and its uploaded files.

        Raises:
            OSError: the files cannot be written.
            DiskFullError: the disk has no room.
        """
        self.inputs(job.id).mkdir(parents=True)
        for name, content in job_request.files.values():
            write_atomic(self.inputs(job.id) / name, content)
        self._write_state(job)

    def save(self, job: Job) -> None:
        """Write the state of a job; a full disk is only logged.

        Args:
            job: the job.
        """
        try:
            self._write_state(job)
        except (OSError, DiskFullError):
            log.exception("The state of job %s cannot be kept", job.id)

    def _write_state(self, job: Job) -> None:
        write_atomic(self.path / job.id / "job.json", job.model_dump_json(indent=1) + "\n")

    def write_result(self, job_id: str, explained: Explained) -> None:
        """Write the result of a job.

        Args:
            job_id: id of the job.
            explained: the explanation and its page.

        Raises:
            OSError: the files cannot be written.
            DiskFullError: the disk has no room.
        """
        write_atomic(self.path / job_id / "explanation.json", explained.explanation)
        write_atomic(self.path / job_id / "page.html", explained.page)

    def end(self, job: Job) -> None:
        """Write how a job ended, and delete its uploaded files and any incomplete result.

        Args:
            job: the job.
        """
        shutil.rmtree(self.inputs(job.id), ignore_errors=True)
        if job.state != "done":
            for name in ("explanation.json", "page.html"):
                (self.path / job.id / name).unlink(missing_ok=True)
        self.save(job)

    def forget(self, job_id: str) -> None:
        """Delete a job and all its files.

        Args:
            job_id: id of the job.
        """
        shutil.rmtree(self.path / job_id, ignore_errors=True)

    def read_jobs(self) -> list[Job]:
        """The jobs that earlier services left, the oldest first."""
        found = []
        for folder in self.path.iterdir():
            if not _ID.fullmatch(folder.name) or not folder.is_dir():
                continue  # not ours
            if not (folder / "job.json").exists():
                shutil.rmtree(folder, ignore_errors=True)  # its client never got an id
                continue
            try:
                job = Job.model_validate_json((folder / "job.json").read_bytes())
            except (OSError, ValidationError):
                log.exception("A kept job cannot be read: %s", folder.name)
                continue
            if job.id == folder.name:
                found.append(job)
        return sorted(found, key=lambda job: (job.created, job.id))
