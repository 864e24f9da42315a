"""The service of one run: its routes, what is wrong with a request, and the OpenAPI document."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from interplay.models.run import Run
from interplay.serving.errors import ErrorBody, error_response
from interplay.serving.jobs import JobQueue
from interplay.serving.meter import Meter
from interplay.serving.middleware import OPEN_PATHS, ProtectionMiddleware
from interplay.serving.routes_jobs import job_routes
from interplay.serving.routes_pages import page_routes
from interplay.serving.routes_state import state_routes
from interplay.serving.uploads import Accepted


def make_app(run: Run, queue: JobQueue, meter: Meter, *, token: str | None, loopback: bool = True) -> FastAPI:
    """The service of one run.

    Args:
        run: the trained run.
        queue: takes the jobs; it must be running.
        meter: the service's metrics.
        token: whoever sends it is let in; None lets everybody in.
        loopback: whether it is reached from this machine alone; requests that name another host are then refused.
    """
    accepted = Accepted(dict(run.card.modalities), tuple(run.card.labels), dict(run.card.widths), queue.limits)
    app = FastAPI(
        title="Interplay",
        description="Explains new samples with a trained run: which words and patches act together, or alone.",
        version="1",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(page_routes(run, accepted, token))
    app.include_router(state_routes(run, accepted, queue, meter))
    app.include_router(job_routes(accepted, queue))
    _handle(app, meter)
    _complete(app, token)
    app.add_middleware(ProtectionMiddleware, token=token, loopback=loopback, limits=queue.limits, meter=meter)
    return app


def _handle(app: FastAPI, meter: Meter) -> None:
    """What the framework refuses by itself, in our words."""

    @app.exception_handler(HTTPException)
    def not_routed(request: Request, error: HTTPException) -> JSONResponse:
        meter.refused("route")
        problem = "this method is not offered there" if error.status_code == 405 else "there is nothing at this address"
        headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
        return error_response(
            ErrorBody(error=problem, expected="an address of /openapi.json"), error.status_code, headers
        )

    @app.exception_handler(RequestValidationError)
    def not_valid(request: Request, error: RequestValidationError) -> JSONResponse:
        meter.refused("input")
        return error_response(ErrorBody(error="the request cannot be used", expected="as /openapi.json says"), 422)


def _complete(app: FastAPI, token: str | None) -> None:
    """Add what FastAPI does not know: the token, and that any text can be an id, so that none is refused as 422."""
    made: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = made()
        for path, operations in document["paths"].items():
            for operation in operations.values():
                if operation["responses"].get("422", {}).get("description") == "Validation Error":
                    del operation["responses"]["422"]
                if token is not None and path not in OPEN_PATHS:
                    operation["security"] = [{"token": []}]
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        document["components"]["schemas"]["ErrorBody"] = ErrorBody.model_json_schema()
        if token is not None:
            document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = document
        return document

    app.openapi = openapi  # type: ignore[method-assign]
