"""The pages of a run, and the policy each is shown under."""

import re
from pathlib import Path

from pydantic import BaseModel
from starlette.responses import HTMLResponse

from interplay.serving.wording import Refusal, shown

FOLDERS = ("explanations", "validation", "page")
"""Folders of a run whose HTML files are shown; anything else in it is not."""

_META = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_HASH = re.compile(r"'sha256-[A-Za-z0-9+/]{43}='")
HEAD = 8192


class Shown(BaseModel):
    """A page of the run and where it is."""

    folder: str
    name: str
    href: str


def run_pages(run: Path) -> list[Shown]:
    """The pages that are there now."""
    found = []
    for folder in FOLDERS:
        for path in sorted((run / folder).glob("*.html")):
            if path.is_file() and re.fullmatch(r"[\w.-]+", path.name, re.ASCII):
                found.append(Shown(folder=folder, name=path.name, href=f"/pages/{folder}/{path.name}"))
    return found


def read_page(run: Path, folder: str, name: str) -> bytes:
    """One of them; no path is ever made of what a client sent. Raises Refusal (404)."""
    for page in run_pages(run):
        if (page.folder, page.name) == (folder, name):
            return (run / page.folder / page.name).read_bytes()
    raise Refusal(404, f"no page {shown(name)} in {shown(folder)}", expected="one of /api/pages", reason="unknown")


def policy_of(page: bytes) -> str:
    """The Content-Security-Policy to send with a page of ours: nothing from anywhere, and of the style and script that
    lie inside it just those whose hashes its own policy names.

    A page that names none, or is not ours, is shown without style and script.
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
    parts += [f"{name} {' '.join(found)}" for name, found in (("style-src", styles), ("script-src", scripts)) if found]
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])


def html(page: bytes, status: int = 200, policy: str | None = None) -> HTMLResponse:
    """A page as a response, under the policy given or else its own."""
    return HTMLResponse(page, status, headers={"Content-Security-Policy": policy or policy_of(page)})
