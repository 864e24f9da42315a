"""The service of one run: its routes, what is wrong with a request, and the OpenAPI document."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from interplay.serving.accepted import Accepted
from interplay.serving.errors import ErrorBody, error_response
from interplay.serving.explainer import Explainer
from interplay.serving.jobs import JobQueue
from interplay.serving.lanes import FileReader, file_reader
from interplay.serving.meter import Meter
from interplay.serving.middleware import OPEN_PATHS, ProtectionMiddleware
from interplay.serving.predicting import Predictor
from interplay.serving.recent import Recent
from interplay.serving.routes_jobs import job_routes
from interplay.serving.routes_pages import page_routes
from interplay.serving.routes_predict import predict_routes
from interplay.serving.routes_state import state_routes
from interplay.serving.uploads import Uploads


def make_app(
    explainer: Explainer,
    queue: JobQueue,
    meter: Meter,
    *,
    token: str | None,
    loopback: bool = True,
    public_host: str | None = None,
    reader: FileReader | None = None,
) -> FastAPI:
    """The service of one run.

    Args:
        explainer: the trained run with its encoders.
        queue: takes the jobs; it must be running.
        meter: the service's metrics.
        token: whoever sends it is let in; None lets everybody in.
        loopback: whether it is reached from this machine alone; requests that name another host are then refused.
        public_host: the name under which a reverse proxy on this machine offers it.
        reader: reads uploaded files; a new one if None.
    """
    run, limits = explainer.run, queue.limits
    accepted = Accepted(dict(run.card.modalities), tuple(run.card.labels), dict(run.card.widths), limits)
    reader, uploads, wrong = reader or file_reader(limits), Uploads(limits.uploads), Recent(limits.wrong_tokens)
    app = FastAPI(
        title="Interplay",
        description="Explains new samples with a trained run: which words and patches act together, or alone.",
        version="1",
        docs_url=None,  # they load scripts from elsewhere; ours is in routes_pages
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(page_routes(run, accepted, token, wrong))
    app.include_router(state_routes(run, accepted, queue, meter))
    app.include_router(job_routes(accepted, queue, reader, uploads))
    app.include_router(predict_routes(accepted, Predictor(explainer, limits.predictions), reader, uploads))
    _handle(app, meter)
    _complete(app, token)
    app.add_middleware(
        ProtectionMiddleware,
        token=token,
        loopback=loopback,
        public_host=public_host,
        limits=limits,
        meter=meter,
        wrong=wrong,
    )
    return app


def _handle(app: FastAPI, meter: Meter) -> None:
    """What the framework refuses by itself, in our words."""

    @app.exception_handler(HTTPException)
    def not_routed(request: Request, error: HTTPException) -> JSONResponse:
        meter.refused("route")
        problem = "this method is not offered there" if error.status_code == 405 else "there is nothing at this address"
        headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
        body = ErrorBody(error=problem, expected="an address of /openapi.json", fix="/docs shows all of them")
        return error_response(body, error.status_code, headers)

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
