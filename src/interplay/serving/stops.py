"""Why a job ends before its result is there: what stops a running one, and what its client then reads."""

from interplay.serving.errors import ErrorBody


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
