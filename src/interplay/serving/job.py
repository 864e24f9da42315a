"""One job: its request, its state and its result."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from interplay.progress import Advance
from interplay.serving.errors import ErrorBody

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED = ("done", "failed", "cancelled")
JOB_SCHEMA = "interplay/job/1"


class JobProgress(BaseModel):
    """Evaluations of the model done, and the most there will be; 0 of 0 before the first."""

    done: int = Field(0, ge=0)
    most: int = Field(0, ge=0)


class Job(BaseModel):
    """One job as it is shown and kept. Times are ISO 8601 in UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    schema_: str = Field(default=JOB_SCHEMA, alias="schema")
    id: str
    state: State
    inputs: dict[str, str] = Field(description="modality -> the beginning of the text, or the name of the file")
    target: str | None = Field(None, description="the label explained; the most probable one if null")
    budget: int = Field(ge=1)
    seed: int = Field(ge=0)
    created: str
    started: str | None = None
    ended: str | None = None
    progress: JobProgress = JobProgress()
    ahead: int | None = Field(None, ge=0, description="jobs that are before it, while it waits")
    cancelling: bool = Field(False, description="it was asked to stop, and will at its next evaluation")
    fault: ErrorBody | None = Field(None, description="why it failed")


@dataclass(frozen=True)
class JobRequest:
    """What is to be explained.

    Attributes:
        texts: modality -> its text.
        files: modality -> (file name under `inputs`, bytes), decoded and written anew by us.
        names: modality -> what the client called its file.
        target: None is the most probable label.
    """

    texts: Mapping[str, str]
    files: Mapping[str, tuple[str, bytes]]
    names: Mapping[str, str]
    target: str | None
    budget: int
    seed: int


@dataclass(frozen=True)
class Explained:
    """What a job leaves."""

    explanation: str
    page: str


Explain = Callable[[JobRequest, Path, Advance], Explained]
"""(job_request, its folder of inputs, an `Advance` called with (done, most) that may raise) -> its result."""


def new_job(job_request: JobRequest) -> Job:
    """A job that waits, under a new id.

    Args:
        job_request: what it is to do.
    """
    inputs = {modality: text[:80] for modality, text in job_request.texts.items()} | dict(job_request.names)
    return Job(
        id=secrets.token_hex(8),
        state="queued",
        inputs=inputs,
        target=job_request.target,
        budget=job_request.budget,
        seed=job_request.seed,
        created=now(),
    )


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
