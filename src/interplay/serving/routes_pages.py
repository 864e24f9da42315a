"""Pages over HTTP: the start page, the one that asks for the token, and those of the run."""

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from interplay.models.run import Run
from interplay.report.start_page import render_docs, render_login, render_start
from interplay.serving.accepted import Accepted
from interplay.serving.errors import ALWAYS, HTML, ApiError, Declared, error_responses
from interplay.serving.middleware import COOKIE, cookie_of, refuse_waiting, same
from interplay.serving.pages import (
    PICTURES,
    PageLink,
    frame,
    html,
    html_file,
    page_file,
    read_samples,
    read_thumbnail,
    run_pages,
)
from interplay.serving.recent import Recent

FORM = "application/x-www-form-urlencoded"
LONGEST_TOKEN = 1000


def page_routes(run: Run, accepted: Accepted, token: str | None, wrong: Recent) -> APIRouter:
    """The routes /, /docs, /login, /api/pages, and those under /pages.

    Args:
        run: the trained run.
        accepted: what uploads are accepted.
        token: the token that requests must bring; None lets everybody in.
        wrong: counts wrong tokens.
    """
    routes = APIRouter(tags=["pages"])
    asks: Declared = {401: HTML[200] | {"description": "the page that asks for the token"}}

    @routes.get(
        "/",
        summary="The start page",
        response_class=HTMLResponse,
        responses=error_responses(400, 500, 503) | HTML | asks,
    )
    def start(request: Request) -> Response:
        if not request.state.let_in:
            page, policy = render_login(wrong=False)
            return html(page.encode(), 401, policy)
        page, policy = render_start(
            run.name,
            accepted.modalities,
            accepted.labels,
            accepted.options,
            budget=accepted.budget,
            most_budget=accepted.limits.most_budget,
            pages=[(f"{p.folder}/{p.name}", p.href) for p in run_pages(run.results)],
        )
        return html(page.encode(), 200, policy)

    @routes.get(
        "/docs",
        summary="The API described on a page",
        response_class=HTMLResponse,
        responses=error_responses(*ALWAYS) | HTML,
    )
    def docs(request: Request) -> Response:
        page, policy = render_docs(request.app.openapi())
        return html(page.encode(), 200, policy)

    @routes.get("/api/pages", summary="The pages of the run", responses=error_responses(*ALWAYS))
    def pages() -> list[PageLink]:
        return run_pages(run.results)

    @routes.get(
        "/pages/{folder}/{name}",
        summary="A page of the run",
        response_class=HTMLResponse,
        responses=error_responses(*ALWAYS, 404) | HTML,
    )
    def page(folder: str, name: str) -> Response:
        return html_file(page_file(run.results, folder, name))

    _add_beside(routes, run)
    _add_login(routes, token, wrong)
    return routes


def _add_beside(routes: APIRouter, run: Run) -> None:
    """What the page of the run loads."""

    @routes.get(
        "/pages/report/data/{name}",
        summary="Samples of the page of the run, for its frames",
        response_class=HTMLResponse,
        responses=error_responses(*ALWAYS, 404) | HTML,
    )
    def samples(name: str) -> Response:
        return frame(read_samples(run.results, name))

    pictures: Declared = {200: {"description": "the thumbnail", "content": {kind: {} for kind in PICTURES}}}

    @routes.get(
        "/pages/report/pictures/{part}/{name}",
        summary="A thumbnail of the page of the run",
        response_class=Response,
        responses=error_responses(*ALWAYS, 404) | pictures,
    )
    def thumbnail(part: str, name: str) -> Response:
        content, kind = read_thumbnail(run.results, f"{part}/{name}")
        return Response(content, media_type=kind)


def _add_login(routes: APIRouter, token: str | None, wrong: Recent) -> None:
    fields = {
        "type": "object",
        "properties": {"token": {"type": "string", "maxLength": LONGEST_TOKEN}},
        "required": ["token"],
        "additionalProperties": False,
    }
    answers: Declared = {
        303: {
            "description": "let in: go to the start page",
            "headers": {"Location": {"description": "the start page", "schema": {"type": "string"}}},
        },
        401: HTML[200] | {"description": "another token; the page that asks for it"},
    }

    @routes.post(
        "/login",
        summary="Exchange the token for a cookie, for browsers",
        status_code=303,
        response_class=RedirectResponse,
        openapi_extra={"requestBody": {"required": True, "content": {FORM: {"schema": fields}}}},
        responses=error_responses(400, 408, 413, 415, 429, 500, 503) | answers,
    )
    async def login(request: Request) -> Response:
        given = await _token_of(request)
        # Once more than before the body came in: of many guesses that came at the same time only so many are looked at.
        refuse_waiting(wrong, request.state.client)
        if token is not None and not same(given, token):
            wrong.add(request.state.client)
            page, policy = render_login(wrong=True)
            return html(page.encode(), 401, policy)
        response = RedirectResponse("/", 303)
        if token is not None:
            secure = request.url.scheme == "https"
            response.set_cookie(COOKIE, cookie_of(token), httponly=True, samesite="strict", secure=secure)
        return response


async def _token_of(request: Request) -> str:
    """What the form of the login holds. Raises ApiError (400, 415)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise ApiError(
            415, "the body is of another type", expected=FORM, fix="send the form of the start page", reason="type"
        )
    try:
        async with request.form(max_fields=2, max_part_size=12 * LONGEST_TOKEN) as form:
            given = form.multi_items()
    except HTTPException:
        given = []
    names, values = [name for name, _ in given], [value for _, value in given]
    if names != ["token"] or not isinstance(values[0], str) or len(values[0]) > LONGEST_TOKEN:
        raise ApiError(400, "the form cannot be read", expected="one field, token", fix="send it so", reason="form")
    return values[0].strip()
