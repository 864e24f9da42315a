"""The pages of a run, and the policy each is shown under."""

import re
from pathlib import Path

from pydantic import BaseModel
from starlette.responses import HTMLResponse

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


class PageLink(BaseModel):
    """A page of the run and where it is."""

    folder: str
    name: str
    href: str


def run_pages(run: Path) -> list[PageLink]:
    """The pages that are there now."""
    found = []
    for folder in FOLDERS:
        for path in sorted((run / folder).glob("*.html")):
            if path.is_file() and re.fullmatch(r"[\w.-]+", path.name, re.ASCII):
                found.append(PageLink(folder=folder, name=path.name, href=f"/pages/{folder}/{path.name}"))
    return found


def read_page(run: Path, folder: str, name: str) -> bytes:
    """One of them; no path is ever made of what a client sent. Raises ApiError (404)."""
    for page in run_pages(run):
        if (page.folder, page.name) == (folder, name):
            return (run / page.folder / page.name).read_bytes()
    raise ApiError(404, f"no page {shown(name)} in {shown(folder)}", expected="one of /api/pages", reason="unknown")


def read_samples(run: Path, name: str) -> bytes:
    """A document with samples, which the page of the run loads in a frame. Raises ApiError (404)."""
    return _beside(run / "report" / "data", name, DATA)


def read_thumbnail(run: Path, name: str) -> tuple[bytes, str]:
    """A thumbnail of the page of the run, and its media type. Raises ApiError (404)."""
    kind = next((kind for kind, names in PICTURES.items() if names.fullmatch(name)), "image/png")
    return _beside(run / "report" / "pictures", name, PICTURES[kind]), kind


def _beside(folder: Path, name: str, names: re.Pattern[str]) -> bytes:
    if not names.fullmatch(name) or not (folder / name).is_file():
        raise ApiError(404, f"there is no {shown(name)} beside the page of the run", reason="unknown")
    return (folder / name).read_bytes()


def policy_of(page: bytes, framed: bool = False) -> str:
    """The Content-Security-Policy to send with a page of ours: nothing from elsewhere, and of the style and script that
    lie inside it just those whose hashes its own policy names.

    A page that names none, or is not ours, is shown without style and script. The page of a run loads its thumbnails
    and, in frames, its samples from beside it; those alone are `framed`.
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


def html(page: bytes, status: int = 200, policy: str | None = None) -> HTMLResponse:
    """A page as a response, under the policy given or else its own."""
    return HTMLResponse(page, status, headers={"Content-Security-Policy": policy or policy_of(page)})


def frame(page: bytes) -> HTMLResponse:
    """A document for a frame of our own pages."""
    headers = {"Content-Security-Policy": policy_of(page, framed=True), "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(page, headers=headers)
