"""Why a job ends before its result is there: what stops a running one, and what its client then reads."""

from interplay.errors import BadInput, DiskFullError
from interplay.serving.errors import ErrorBody, error_body_of, unforeseen
from interplay.serving.job import State


class JobStopped(Exception):
    """Raised inside a job by the callback it reports to."""


class JobCancelled(JobStopped):
    """Its client asked for it."""


class JobTooLong(JobStopped):
    """It took longer than a job may."""


class ServiceStopped(JobStopped):
    """The service goes down."""


INTERRUPTED = ErrorBody(error="interrupted by a restart", expected="", fix="send it again")
STOPPED = ErrorBody(error="interrupted: the service was stopped", expected="", fix="send it again once it is up")
NO_ROOM = ErrorBody(
    error="there is no room on the disk of this service",
    expected="",
    fix="ask the operator of this service to free some",
)


def ended_by(error: Exception, job_id: str, seconds: float) -> tuple[State, ErrorBody | None]:
    """How a job ends that raised an error, and what its client then reads. Called where the error is handled.

    Args:
        error: what was raised.
        job_id: id of the job, for the log.
        seconds: how long a job may take.
    """
    match error:
        case JobCancelled():
            return "cancelled", None
        case JobTooLong():
            came = f"it ran longer than {seconds:g} seconds"
            return "failed", ErrorBody(error=came, fix="ask for a smaller budget, or try again")
        case ServiceStopped():
            return "failed", STOPPED
        case BadInput():
            return "failed", error_body_of(error)
        case DiskFullError():
            return "failed", NO_ROOM
        case MemoryError():
            return "failed", ErrorBody(error="there was not enough memory for it", fix="send a smaller picture or text")
        case _:
            return "failed", unforeseen(f"Job {job_id}")
