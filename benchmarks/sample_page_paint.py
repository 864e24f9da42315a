"""How soon the page of one explanation is painted, opened from disk in Chromium.

    python benchmarks/sample_page_paint.py [--loads 5]

The first contentful paint as the browser tells it, and when its script had drawn all of the page: the median and the
slowest of some loads, each in a context of its own with an empty cache. The pages are made up: a caption with 16
patches, and 320 words with 196 patches, every pair of them scored.
"""

import argparse
import importlib.util
import shutil
import statistics
import tempfile
from pathlib import Path

from markdown import markdown
from playwright.sync_api import Browser, sync_playwright

from interplay.report import write_page

EXAMPLES = Path(__file__).parent.parent / "tests" / "report" / "examples.py"
PAINTED = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
  }).observe({type: "paint", buffered: true});
})"""


DRAWN = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"  # after the last script


def painted(browser: Browser, page_file: Path, loads: int = 5) -> list[tuple[float, float]]:
    """Seconds to (the first contentful paint, all drawn) of a page on disk, of each load."""
    seconds = []
    for _ in range(loads):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(page_file.resolve().as_uri())
        seconds.append((page.evaluate(PAINTED) / 1000, page.evaluate(DRAWN) / 1000))
        context.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loads", type=int, default=5)
    loads = parser.parse_args().loads
    spec = importlib.util.spec_from_file_location("report_examples", EXAMPLES)
    assert spec is not None and spec.loader is not None
    examples = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(examples)
    rows = []
    chromium = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for explanation, side in ((examples.with_whatif(), 4), (examples.large(), 14)):
            pictures = {explanation.sample_id: {m: examples.picture(672, side) for m in ("image", "poster")}}
            page_file = write_page([explanation], pictures, Path(folder) / "page.html")
            seconds = painted(browser, page_file, loads)
            size = page_file.stat().st_size / 1e6
            what = (len(explanation.features), f"{len(explanation.pairs):,}", f"{size:.2f}")
            rows.append((*what, *(f"{statistics.median(s):.2f} ({max(s):.2f})" for s in zip(*seconds, strict=True))))
        browser.close()
    print(markdown(("features", "pairs", "page, MB", "first paint, s: median (slowest)", "all drawn, s"), rows))


if __name__ == "__main__":
    main()
