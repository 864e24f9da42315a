"""The pages of a run, and the policy each is shown under."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from starlette.responses import HTMLResponse, StreamingResponse

from interplay.serving.errors import ApiError, shown

FOLDERS = ("report", "explanations", "validation")
"""Folders of a run whose HTML files are shown; of anything else in it only what the page of the run loads."""

DATA = re.compile(r"\d{3,}\.html", re.ASCII)
PICTURES = {
    "image/webp": re.compile(r"\d{3,}/\d{5,}\.webp", re.ASCII),
    "image/png": re.compile(r"\d{3,}/\d{5,}\.png", re.ASCII),
}
"""What lies beside the page of a run (report/run_page.py): samples, in frames, and their thumbnails by media type."""

_META = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_HASH = re.compile(r"'sha256-[A-Za-z0-9+/]{43}='")
HEAD = 8192
CHUNK = 65_536


class PageLink(BaseModel):
    """A page of the run and where it is."""

    folder: str
    name: str
    href: str


def run_pages(run: Path) -> list[PageLink]:
    """The pages that are there now.

    Args:
        run: the run folder.
    """
    found = []
    for folder in FOLDERS:
        for path in sorted((run / folder).glob("*.html")):
            if path.is_file() and re.fullmatch(r"[\w.-]+", path.name, re.ASCII):
                found.append(PageLink(folder=folder, name=path.name, href=f"/pages/{folder}/{path.name}"))
    return found


def page_file(run: Path, folder: str, name: str) -> Path:
    """One of the pages of a run. The client's text is only compared with names, never used as a path.

    Args:
        run: the run folder.
        folder: folder of the page inside the run.
        name: name of the file.

    Raises:
        ApiError: there is no such page (404).
    """
    for page in run_pages(run):
        if (page.folder, page.name) == (folder, name):
            return run / page.folder / page.name
    raise ApiError(
        404,
        f"no page {shown(name)} in {shown(folder)}",
        expected="one of /api/pages",
        fix="choose one of these; `interplay report` makes more",
        reason="unknown",
    )


def read_samples(run: Path, name: str) -> bytes:
    """A document with samples, which the page of the run loads in a frame.

    Args:
        run: the run folder.
        name: name of the file.

    Raises:
        ApiError: there is no such document (404).
    """
    return _beside(run / "report" / "data", name, DATA)


def read_thumbnail(run: Path, name: str) -> tuple[bytes, str]:
    """A thumbnail of the page of the run, and its media type.

    Args:
        run: the run folder.
        name: name of the file.

    Raises:
        ApiError: there is no such thumbnail (404).
    """
    kind = next((kind for kind, names in PICTURES.items() if names.fullmatch(name)), "image/png")
    return _beside(run / "report" / "pictures", name, PICTURES[kind]), kind


def _beside(folder: Path, name: str, names: re.Pattern[str]) -> bytes:
    if not names.fullmatch(name) or not (folder / name).is_file():
        raise ApiError(
            404,
            f"there is no {shown(name)} beside the page of the run",
            fix="load the page of the run anew: it may have been made again",
            reason="unknown",
        )
    return (folder / name).read_bytes()


def policy_of(page: bytes, framed: bool = False) -> str:
    """The Content-Security-Policy to send with one of our pages.

    Nothing from elsewhere is allowed, and of its inline style and script only those whose hashes the page's own policy
    names. A page that names none, or is not ours, is shown without style and script. The page of a run loads its
    thumbnails and, in frames, its samples from beside it.

    Args:
        page: the page's HTML.
        framed: whether other pages of ours may show it in a frame: documents with samples.
    """
    # A page is written with its policy in its first lines, before anything of a sample. Quotes are escaped there.
    head = page[:HEAD].decode("utf-8", "replace").partition("</head>")[0].replace("&#39;", "'").replace("&#43;", "+")
    match = _META.search(head)
    own = {}
    for directive in match.group(1).split(";") if match else ():
        name, _, sources = directive.strip().partition(" ")
        own[name] = sources
    styles, scripts = (_HASH.findall(own.get(name, "")) for name in ("style-src", "script-src"))
    if not scripts and "'unsafe-inline'" in own.get("style-src", ""):
        styles = ["'unsafe-inline'"]  # figures of a report style themselves; it runs nothing
    parts = ["default-src 'none'", "img-src data:"]
    if scripts and own.get("frame-src") == "'self'":
        parts = ["default-src 'none'", "img-src 'self' data:", "frame-src 'self'"]
    parts += [f"{name} {' '.join(found)}" for name, found in (("style-src", styles), ("script-src", scripts)) if found]
    return "; ".join(
        [*parts, "base-uri 'none'", "form-action 'none'", f"frame-ancestors '{'self' if framed else 'none'}'"]
    )


def streamed(path: Path, media_type: str, headers: Mapping[str, str]) -> StreamingResponse:
    """A file as a response that is read as its client reads it: hundreds of slow ones hold no hundred copies.

    Args:
        path: the file.
        media_type: what it is.
        headers: further headers of the answer.

    Raises:
        FileNotFoundError: it is not there.
    """
    file = path.open("rb")
    length = str(os.fstat(file.fileno()).st_size)

    def parts() -> Iterator[bytes]:
        with file:
            while part := file.read(CHUNK):
                yield part

    return StreamingResponse(parts(), headers={**headers, "Content-Length": length}, media_type=media_type)


def html_file(path: Path) -> StreamingResponse:
    """One of our pages as a response.

    Args:
        path: the page.

    Raises:
        FileNotFoundError: it is not there.
    """
    with path.open("rb") as file:
        policy = policy_of(file.read(HEAD))
    return streamed(path, "text/html", {"Content-Security-Policy": policy})


def html(page: bytes, status: int = 200, policy: str | None = None) -> HTMLResponse:
    """A page as a response.

    Args:
        page: the page's HTML.
        status: the HTTP status.
        policy: its Content-Security-Policy; that of `policy_of` if None.
    """
    return HTMLResponse(page, status, headers={"Content-Security-Policy": policy or policy_of(page)})


def frame(page: bytes) -> HTMLResponse:
    """A document that our own pages show in a frame, as a response.

    Args:
        page: the page's HTML.
    """
    headers = {"Content-Security-Policy": policy_of(page, framed=True), "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(page, headers=headers)
