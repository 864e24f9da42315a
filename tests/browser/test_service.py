"""The start page of the service in Chromium: a sample sent by its form, its page, hostile texts, the token."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.serving.hostile import TEXTS

from interplay.models.run import Run
from interplay.pipeline.report import report_run
from interplay.serving.app import make_app
from interplay.serving.explainer import Explainer
from interplay.serving.jobs import JobQueue
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter
from interplay.serving.server import bind, server_of

TOKEN = "a-token-of-24-characters"
Served = Callable[..., Page]


@pytest.fixture
def served(browser: Browser, small_run, tmp_path: Path) -> Iterator[Served]:
    """Starts a service and opens its start page; any script error, dialog, or request elsewhere fails the test."""
    problems: list[str] = []
    endings: list[Callable[[], object]] = []

    def open_start(token: str | None = None, *, width: int = 1000, run: Run = small_run.run) -> Page:
        limits, meter = Limits(budget=400, most_budget=2_000), Meter()
        queue = JobQueue(Explainer(small_run.run, small_run.encoders), tmp_path / "jobs", limits, meter)
        queue.__enter__()
        address = bind("127.0.0.1", 0)
        address.socket.listen()
        app = make_app(Explainer(run, small_run.encoders), queue, meter, token=token)
        server = server_of(app, limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [address.socket]})
        thread.start()
        context = browser.new_context(viewport={"width": width, "height": 900})

        def end() -> None:
            context.close()
            server.should_exit = True
            thread.join(timeout=60)
            queue.__exit__()

        endings.append(end)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith((address.url, "data:", "blob:")) else problems.append(f"asked {r.url[:99]}")
            ),
        )
        page.goto(address.url)
        return page

    yield open_start
    for end in endings:
        end()
    assert not problems, problems


def explain(page: Page, text: str, file: Path) -> None:
    page.get_by_label("text").fill(text)
    page.get_by_label("image").set_input_files(file)
    page.get_by_role("button", name="Explain").click()


def test_a_sample_sent_by_the_form_leads_to_its_page(served, small_run):
    page = served()
    explain(page, "a wonderful thunder", Path(small_run.dataset.samples[0].inputs["image"]))
    page.get_by_role("link", name="Open the page").click(timeout=120_000)
    page.get_by_role("heading").first.wait_for()
    assert "wonderful" in page.inner_text("main"), "the page's script ran under the policy it was sent with"


def test_the_page_of_the_run_loads_what_lies_beside_it(served, small_run, tmp_path):
    run = replace(small_run.run, folder=tmp_path / "run")
    shutil.copytree(small_run.run.folder, run.folder)
    report_run(run, small_run.dataset, splits=["val"], store=small_run.store)
    page = served(run=run)
    page.get_by_role("link", name="report/index.html").click()
    first, sample = page.locator(".one").first, small_run.dataset.split("val")[0]
    expect(first.locator(".text")).to_have_text(sample.inputs["text"])
    expect(first.locator("img")).to_have_js_property("naturalWidth", 96)


def test_a_refusal_is_said_where_it_is_seen(served, tmp_path):
    page = served(width=360)
    (tmp_path / "no.png").write_text("no picture")
    explain(page, "a word", tmp_path / "no.png")
    page.get_by_role("alert").filter(has_text="it is not a picture").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits a phone"


def test_hostile_texts_are_text(served, small_run):
    page = served()
    image = Path(small_run.dataset.samples[0].inputs["image"])
    for text in (TEXTS[1], TEXTS[5], TEXTS[24], TEXTS[37]):
        explain(page, text, image)
        page.get_by_role("button", name="Explain").and_(page.locator(":enabled")).wait_for()
    expect(page.locator("#jobs a[href$=page]")).to_have_count(4, timeout=240_000)
    assert TEXTS[5] in page.inner_text("#jobs")
    for href in [a.get_attribute("href") for a in page.locator("#jobs a[href$=page]").all()]:
        page.goto(page.url.split("/api")[0].rstrip("/") + href)
        page.get_by_role("heading").first.wait_for()


def test_the_token_is_asked_for_once(served, small_run):
    page = served(TOKEN)
    page.get_by_label("Token").fill("another token")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("alert").filter(has_text="another token").wait_for()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Explain a new sample").wait_for()
    page.get_by_text("None yet.").wait_for()
    explain(page, "a wonderful thunder", Path(small_run.dataset.samples[0].inputs["image"]))
    page.get_by_role("link", name="Open the page").click(timeout=120_000)
    page.get_by_role("heading").first.wait_for()


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(served, token, scheme):
    page = served(token)
    page.emulate_media(color_scheme=scheme)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
