"""Every error in one shape: what came, what was expected, what to do. Never a path, a host name or a stack trace."""

import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import JSONResponse

from interplay.errors import BadInput

log = logging.getLogger("interplay.serving")

LONGEST = 300
# The service's own addresses are no paths of this machine.
_PATH = re.compile(r"(?<![\w.<])(?!/api/)(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\"<>:;,()]+){2,}[/\\]?")

MEANINGS = {
    400: "the request cannot be read, or names a host that is not this one",
    401: "a token is needed, and none or another was given",
    403: "the request comes from a page of another site",
    404: "there is no such thing",
    408: "the body took too long to arrive",
    409: "the job is not in a state for that",
    413: "the body, the text or the picture is too large, or takes too much time or memory to read",
    415: "the body is of another type",
    422: "the request is understood, but cannot be used as it is",
    429: "too much at one time; try again after as many seconds as Retry-After says",
    500: "something went wrong here",
    503: "not ready, or too many connections",
}


SEE_DOCS = "compare the request with /docs, which says what is accepted, and send it again"


class ErrorBody(BaseModel):
    """What went wrong; the body of every answer that is not a success."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: str = Field(description="what came")
    expected: str = Field("", description="what would have been right")
    fix: str = Field(SEE_DOCS, min_length=1, description="what can be done about it; never empty")

    @field_validator("fix", mode="before")
    @classmethod
    def _never_empty(cls, fix: object) -> object:
        """Errors of other rooms, and jobs kept by older versions, may say nothing here."""
        return fix or SEE_DOCS


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        status: of the answer.
        problem: what came, in one clause.
        expected: what would have been right.
        fix: what the client can do.
        reason: one word for the metrics.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        expected: str = "",
        fix: str,
        reason: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(problem)
        self.status, self.reason, self.headers = status, reason, dict(headers or {})
        self.body = ErrorBody(error=plain(problem), expected=plain(expected), fix=plain(fix))


def plain(text: str) -> str:
    """A sentence fit to leave the service: on one line, not endless, no paths of this machine.

    >>> plain("cannot read '/srv/data/runs/x.png'")
    "cannot read 'a file'"

    Args:
        text: any sentence.
    """
    line = " ".join(_PATH.sub("a file", text[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def shown(value: str) -> str:
    """What a user sent, for a message: shortened, and escaped as Python does.

    Args:
        value: what was sent.
    """
    return repr(value if len(value) <= 40 else value[:39] + "…")


def error_body_of(error: BadInput) -> ErrorBody:
    """The same error without the file it names.

    Args:
        error: an error that the user can cause.
    """
    return ErrorBody(error=plain(error.problem), expected=plain(error.expected), fix=plain(error.fix))


def unforeseen(what: str) -> ErrorBody:
    """Log the error that is being handled under a new id; the answer has only the id.

    Args:
        what: what was being done, for the log.
    """
    key = secrets.token_hex(4)
    log.exception("%s failed (%s)", what, key)
    return ErrorBody(
        error=f"something went wrong here ({key})",
        fix="try again; if it fails again, report the number in brackets to the operator of this service",
    )


def error_response(body: ErrorBody, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as a response.

    Args:
        body: the error.
        status: the HTTP status.
        headers: further headers.
    """
    return JSONResponse(body.model_dump(), status, headers=dict(headers or {}))


Declared = dict[int | str, dict[str, Any]]
"""Status -> how OpenAPI describes it."""

ALWAYS = (400, 401, 429, 500, 503)
"""Errors that any request can meet."""

HTML: Declared = {200: {"description": "the page", "content": {"text/html": {"schema": {"type": "string"}}}}}


def in_json(*models: str) -> dict[str, Any]:
    """The content of an answer that is one of these models; JSON, also where the success is a page or a text.

    Args:
        models: names of the models in the OpenAPI document.
    """
    schemas = [{"$ref": f"#/components/schemas/{name}"} for name in models]
    return {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}}


def error_responses(*statuses: int) -> Declared:
    """How OpenAPI declares responses with these statuses.

    Args:
        statuses: HTTP statuses of errors.
    """
    out: Declared = {s: {"description": MEANINGS[s], "content": in_json("ErrorBody")} for s in statuses}
    if 429 in out:
        out[429]["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return out
