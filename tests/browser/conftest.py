"""Chromium over the made-up pages. Every page is watched: one error, dialog or request too many fails its test."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

from interplay.report import write_page
from interplay.results import Explanation

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--font-render-hinting=none", "--disable-quic"),
)


def load(name: str) -> ModuleType:
    """A module of made-up explanations beside the tests of the report."""
    file = Path(__file__).parent.parent / "report" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"report_{name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def examples() -> ModuleType:
    return load("examples")


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    return load("hostile")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its file: Playwright's event loop runs on between tests, and one that starts its own would fail."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(
            "The browser tests need Chromium and found none of "
            f"{', '.join(names)}; install it, for example with `apt-get install chromium`.",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


class Watch:
    """Notes what a page must never do."""

    def __init__(self, page: Page, address: str) -> None:
        self.address, self.problems = address, list[str]()
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self.request)
        page.on("dialog", self.dialog)
        page.on("popup", lambda other: self.problems.append(f"popup: {other.url}"))

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def request(self, request: Request) -> None:
        url = request.url.partition("#")[0]
        if url != self.address and not url.startswith(("data:", "blob:")):
            self.problems.append(f"request: {url[:200]}")

    def dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()


Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Writes explanations to a page and opens it from disk; options go to the browser context."""
    contexts, watches = [], []

    def opener(
        explanations: Explanation | Sequence[Explanation],
        pictures: Mapping[str, Mapping[str, Image.Image]] | None = None,
        *,
        fragment: str = "",
        blur: bool = False,
        **options: Any,
    ) -> Page:
        several = [explanations] if isinstance(explanations, Explanation) else explanations
        path = write_page(several, pictures or {}, tmp_path / "page.html", blur=blur)
        options.setdefault("viewport", {"width": 1280, "height": 1000})
        context = browser.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, path.as_uri()))
        page.goto(path.as_uri() + fragment)
        return page

    yield opener
    for context in contexts:
        context.close()
    problems = [problem for watch in watches for problem in watch.problems]
    assert not problems, problems
