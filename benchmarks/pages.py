"""How soon pages are seen: first contentful paint in Chromium, from disk, and how a large page of a run answers.

    python benchmarks/pages.py [--samples 10000] [--loads 7]

Of some loads the median and the slowest, each in a context of its own with an empty cache. What the pages hold is made
up: a caption with 16 patches, 320 words with 196 patches (every pair of them scored), and a run with drawn pictures.
It fails where a median is over the limit.
"""

import argparse
import importlib.util
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from markdown_table import markdown
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from interplay.report import write_page
from interplay.report.run_page import RunReport, write_report
from interplay.report.run_rows import Row

LABELS = tuple(f"label {c}" for c in range(23))  # as many as MM-IMDb has
WORDS = ("rain", "river", "night", "train", "letter", "garden", "window", "winter", "music", "harbor")
PICTURES = 500
LIMITS = {"sample": 1000.0, "run": 2000.0}  # ms until a page is seen
EXAMPLES = Path(__file__).parent.parent / "tests" / "report" / "examples.py"
PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""
DRAWN = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"  # after the last script
FILTER = """async (value) => {
    const [select, told] = [document.getElementById("by-error"), document.getElementById("told")];
    const [start, before] = [performance.now(), told.textContent];
    select.value = value;
    select.dispatchEvent(new Event("input", { bubbles: true }));
    while (told.textContent === before) await new Promise((done) => setTimeout(done, 1));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - start;
}"""


def loaded(browser: Browser, file: Path, loads: int) -> list[list[float]]:
    """Milliseconds from navigation to the first contentful paint, and until all was drawn, of each load."""
    times: list[list[float]] = [[], []]
    for _ in range(loads):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(file.resolve().as_uri())
        for found, asked in zip(times, (PAINT, DRAWN), strict=True):
            found.append(float(page.evaluate(asked)))
        context.close()
    return times


def row(what: str, file: Path, times: list[list[float]], limit: float) -> list[str]:
    """A row of the table of loads."""
    told = [f"{statistics.median(found):.0f} ({max(found):.0f})" for found in times]
    within = "yes" if statistics.median(times[0]) < limit else "NO"
    return [what, f"{file.stat().st_size / 1e6:.2f}", *told, f"{limit:.0f}", within]


def sample_pages(folder: Path) -> dict[str, Path]:
    """What is on a page of one explanation -> the page."""
    spec = importlib.util.spec_from_file_location("report_examples", EXAMPLES)
    assert spec is not None and spec.loader is not None
    examples = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(examples)
    pages = {}
    for explanation, side in ((examples.with_whatif(), 4), (examples.large(), 14)):
        pictures = {explanation.sample_id: {m: examples.picture(672, side) for m in ("image", "poster")}}
        what = f"sample, {len(explanation.features)} features, {len(explanation.pairs):,} pairs"
        pages[what] = write_page([explanation], pictures, folder / f"{side}.html")
    return pages


def made_run(folder: Path, samples: int) -> Path:
    """The page of a made-up run: plots of 150 words, of several labels, half of them right."""
    rng = np.random.default_rng(0)
    pictures = []
    for n in range(min(samples, PICTURES)):
        tiles = Image.fromarray(rng.integers(0, 255, (6, 4, 3)).astype(np.uint8))
        pictures.append(folder / f"{n}.png")
        tiles.resize((160, 240), Image.Resampling.BICUBIC).save(pictures[-1])
    rows = []
    for n in range(samples):
        probabilities = tuple(rng.beta(0.3, 1.2, len(LABELS)).round(4).tolist())
        likely = [c for c, p in enumerate(probabilities) if p > (0.5 if n % 2 else 0.6)]
        text = " ".join(rng.choice(WORDS, 150).tolist())
        picture = pictures[n % len(pictures)]
        split = "val" if n < samples // 4 else "test"
        true = tuple(LABELS[c] for c in likely)
        rows.append(Row(f"tt{n:07d}", split, true, probabilities, {"plot": text}, {"poster": picture}))
    return write_report(RunReport("a large run", LABELS, "multi", rows), folder / "report")


def answers(browser: Browser, file: Path) -> list[str]:
    """How the page of a run answers: a filter, a search, how many elements it holds."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.resolve().as_uri())
    page.wait_for_selector(".one", state="attached")
    filters = [float(page.evaluate(FILTER, value)) for value in ("wrong", "right") * 3]
    page.click("#clear")
    page.evaluate("document.getElementById('gallery').scrollIntoView()")
    page.wait_for_timeout(500)
    nodes = page.evaluate("document.querySelectorAll('*').length")
    start = page.evaluate("performance.now()")
    page.fill("#by-text", "nothing has this")
    page.locator("#none").wait_for(timeout=120_000)
    searched = page.evaluate("performance.now()") - start
    return [f"{statistics.median(filters):.0f}", f"{searched:.0f}", str(nodes)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--loads", type=int, default=7)
    given = parser.parse_args()
    chromium = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        rows = [
            row(what, file, loaded(browser, file, given.loads), LIMITS["sample"])
            for what, file in sample_pages(Path(folder)).items()
        ]
        run = made_run(Path(folder), given.samples)
        what = f"run, {given.samples:,} samples"
        rows.append(row(what, run, loaded(browser, run, given.loads), LIMITS["run"]))
        told = answers(browser, run)
        browser.close()
    print("### First paint\n")
    paint = "first paint, ms: median (slowest)"
    print(markdown(["page", "page, MB", paint, "all drawn, ms", "limit", "within"], rows))
    print("\n### How the page of a run answers\n")
    header = ["page", "a filter, ms", "first search of all texts, ms", "elements, gallery in view"]
    print(markdown(header, [[what, *told]]))
    if any("NO" in row for row in rows):
        raise SystemExit("a page is seen too late")


if __name__ == "__main__":
    main()
