"""What the service is and how it does."""

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse, Response

from interplay.models.run import Run
from interplay.serving.accepted import Accepted
from interplay.serving.errors import ALWAYS, Declared, error_responses, in_json
from interplay.serving.jobs import JobQueue
from interplay.serving.meter import MEDIA_TYPE, Meter


class Health(BaseModel):
    """Whether the service lives, and whether it works on jobs."""

    alive: bool
    ready: bool
    queued: int


class About(BaseModel):
    """What a form of a new sample must hold, and the bounds.

    `fields` is what -> the name of its field: every modality, and the options target, budget and seed.
    """

    run: str
    modalities: dict[str, str]
    labels: list[str]
    fields: dict[str, str]
    characters: int
    upload_bytes: int
    budget: int
    most_budget: int


def state_routes(run: Run, accepted: Accepted, queue: JobQueue, meter: Meter) -> APIRouter:
    """The routes /health, /metrics and /api/run.

    Args:
        run: the trained run.
        accepted: what uploads are accepted.
        queue: the job queue.
        meter: the service's metrics.
    """
    routes = APIRouter(tags=["state"])
    not_ready: Declared = {
        503: {"description": "not ready, or too many connections", "content": in_json("Health", "ErrorBody")}
    }

    @routes.get(
        "/health",
        summary="Whether it lives and works",
        response_model=Health,
        responses=error_responses(400, 500) | not_ready,
    )
    def health() -> Response:
        state = Health(alive=True, ready=queue.ready, queued=queue.counts()["queued"])
        return JSONResponse(state.model_dump(), 200 if state.ready else 503)

    @routes.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=PlainTextResponse,
        responses=error_responses(*ALWAYS),
    )
    def metrics() -> Response:
        return Response(meter.text(queue.counts()), media_type=MEDIA_TYPE)

    @routes.get("/api/run", summary="What a new sample must hold", responses=error_responses(*ALWAYS))
    def about() -> About:
        limits = accepted.limits
        return About(
            run=run.name,
            modalities=dict(accepted.modalities),
            labels=list(accepted.labels),
            fields={m: m for m in accepted.modalities} | accepted.options,
            characters=limits.characters,
            upload_bytes=limits.upload_bytes,
            budget=accepted.budget,
            most_budget=limits.most_budget,
        )

    return routes
