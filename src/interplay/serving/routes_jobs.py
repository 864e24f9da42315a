"""Jobs over HTTP: send a sample, see how far it is, cancel it, get what it leaves."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from interplay.results import Explanation
from interplay.serving.accepted import Accepted
from interplay.serving.errors import ALWAYS, HTML, Declared, error_responses
from interplay.serving.job import Job
from interplay.serving.jobs import JobQueue, unknown_job
from interplay.serving.lanes import FileReader
from interplay.serving.pages import html_file, streamed
from interplay.serving.uploads import Uploads, read_job_requests


def job_routes(accepted: Accepted, queue: JobQueue, reader: FileReader, uploads: Uploads) -> APIRouter:
    """The routes under /api/jobs.

    Args:
        accepted: what uploads are accepted.
        queue: the job queue.
        reader: reads uploaded files.
        uploads: counts the bodies that come in.
    """
    routes = APIRouter(tags=["jobs"])
    _add_submit(routes, accepted, queue, reader, uploads)
    _add_batch(routes, accepted, queue, reader, uploads)

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
        try:
            return streamed(queue.result(job_id), "application/json", {})
        except FileNotFoundError:  # forgotten just now, for a newer one
            raise unknown_job(job_id) from None

    @routes.get(
        "/api/jobs/{job_id}/page",
        summary="The explanation as a page",
        response_class=HTMLResponse,
        responses=error_responses(*ALWAYS, 404, 409) | HTML,
    )
    def page(job_id: str) -> Response:
        try:
            return html_file(queue.page(job_id))
        except FileNotFoundError:
            raise unknown_job(job_id) from None

    return routes


def multipart(schema: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    """How OpenAPI describes a form.

    Args:
        schema: its fields.
        encoding: content types of its files.
    """
    form = {"schema": schema, "encoding": encoding}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form}}}


def _add_submit(routes: APIRouter, accepted: Accepted, queue: JobQueue, reader: FileReader, uploads: Uploads) -> None:
    where = {"Location": {"description": "where its state is found", "schema": {"type": "string"}}}
    waits: Declared = {202: {"description": "it waits", "headers": where}}

    @routes.post(
        "/api/jobs",
        summary="Explain a new sample",
        status_code=202,
        response_model=Job,
        openapi_extra=multipart(accepted.schema(), accepted.encoding()),
        responses=error_responses(*ALWAYS, 403, 408, 413, 415, 422, 429) | waits,
    )
    async def submit(request: Request) -> Response:
        queue.refuse_full()
        job_requests = await read_job_requests(request, accepted, reader, uploads)
        job = await run_in_threadpool(queue.submit, job_requests[0])
        return JSONResponse(job.model_dump(mode="json"), 202, headers={"Location": f"/api/jobs/{job.id}"})


def _add_batch(routes: APIRouter, accepted: Accepted, queue: JobQueue, reader: FileReader, uploads: Uploads) -> None:
    most = min(queue.limits.samples, queue.limits.queue)
    waits: Declared = {202: {"description": "they wait: a job for each sample, in the order of the form"}}

    @routes.post(
        "/api/jobs/batch",
        summary="Explain several new samples: a job for each, or none at all",
        status_code=202,
        response_model=list[Job],
        openapi_extra=multipart(accepted.schema(most), accepted.encoding()),
        responses=error_responses(*ALWAYS, 403, 408, 413, 415, 422, 429) | waits,
    )
    async def submit_several(request: Request) -> Response:
        queue.refuse_full()
        job_requests = await read_job_requests(request, accepted, reader, uploads, most=most)
        jobs = await run_in_threadpool(queue.submit_all, job_requests)
        return JSONResponse([job.model_dump(mode="json") for job in jobs], 202)
