"""An explanation inside a notebook: the page in its frame works, and cannot reach what is around it."""

from pathlib import Path
from types import ModuleType

from playwright.sync_api import Browser, expect
from tests.browser.conftest import Watch

from interplay.report.notebook import as_html


def test_the_page_works_in_its_frame(browser: Browser, examples: ModuleType, tmp_path: Path):
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><title>n</title><p id=cell>before</p>{as_html(examples.planted())}")
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    watch = Watch(page, notebook.as_uri())
    page.goto(notebook.as_uri())
    frame = page.frame_locator("iframe")
    expect(frame.locator("#evidence")).to_be_visible()
    frame.locator("#evidence button, #evidence [tabindex='0']").first.click()
    inside = next(f for f in page.frames if f != page.main_frame)
    reached = inside.evaluate("() => { try { return parent.document.title } catch (error) { return error.name } }")
    assert reached == "SecurityError"
    problems = [p for p in watch.problems if "about:srcdoc" not in p and "Blocked a frame" not in p]
    context.close()
    assert not problems
