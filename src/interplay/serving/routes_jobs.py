"""Jobs over HTTP: send a sample, see how far it is, cancel it, get what it leaves."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from interplay.results import Explanation
from interplay.serving.errors import ALWAYS, HTML, ApiError, Declared, error_responses
from interplay.serving.job import Job
from interplay.serving.jobs import JobQueue
from interplay.serving.pages import html
from interplay.serving.uploads import Accepted, read_job_request


class Uploads:
    """How many bodies come in at this time; only ever touched on the event loop."""

    def __init__(self, most: int) -> None:
        self._most, self._now = most, 0

    def __enter__(self) -> None:
        if self._now >= self._most:
            raise ApiError(
                429,
                f"{self._now} uploads come in at this time",
                expected=f"at most {self._most}",
                fix="try again later",
                reason="uploads",
                headers={"Retry-After": "1"},
            )
        self._now += 1

    def __exit__(self, *_: object) -> None:
        self._now -= 1


def job_routes(accepted: Accepted, queue: JobQueue) -> APIRouter:
    """The routes under /api/jobs.

    Args:
        accepted: what uploads are accepted.
        queue: the job queue.
    """
    routes = APIRouter(tags=["jobs"])
    _add_submit(routes, accepted, queue)

    @routes.get("/api/jobs", summary="All jobs that are kept, the newest first", responses=error_responses(*ALWAYS))
    def jobs() -> list[Job]:
        return queue.jobs()

    @routes.get("/api/jobs/{job_id}", summary="One job", responses=error_responses(*ALWAYS, 404))
    def job(job_id: str) -> Job:
        return queue.job(job_id)

    @routes.delete(
        "/api/jobs/{job_id}",
        summary="Cancel a job that waits or runs",
        responses=error_responses(*ALWAYS, 403, 404, 409),
    )
    def cancel(job_id: str) -> Job:
        return queue.cancel(job_id)

    @routes.get(
        "/api/jobs/{job_id}/result",
        summary="The explanation",
        response_model=Explanation,
        responses=error_responses(*ALWAYS, 404, 409),
    )
    def result(job_id: str) -> Response:
        return Response(queue.result(job_id), media_type="application/json")

    @routes.get(
        "/api/jobs/{job_id}/page",
        summary="The explanation as a page",
        response_class=HTMLResponse,
        responses=error_responses(*ALWAYS, 404, 409) | HTML,
    )
    def page(job_id: str) -> Response:
        return html(queue.page(job_id))

    return routes


def _add_submit(routes: APIRouter, accepted: Accepted, queue: JobQueue) -> None:
    uploads = Uploads(queue.limits.uploads)
    form = {"schema": accepted.schema(), "encoding": accepted.encoding()}
    where = {"Location": {"description": "where its state is found", "schema": {"type": "string"}}}
    waits: Declared = {202: {"description": "it waits", "headers": where}}

    @routes.post(
        "/api/jobs",
        summary="Explain a new sample",
        status_code=202,
        response_model=Job,
        openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": form}}},
        responses=error_responses(*ALWAYS, 403, 408, 413, 415, 422, 429) | waits,
    )
    async def submit(request: Request) -> Response:
        queue.refuse_full()
        with uploads:
            job_request = await read_job_request(request, accepted)
            job = await run_in_threadpool(queue.submit, job_request)
        return JSONResponse(job.model_dump(mode="json"), 202, headers={"Location": f"/api/jobs/{job.id}"})
