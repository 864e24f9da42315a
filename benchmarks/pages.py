"""How soon pages are seen: first contentful paint in Chromium, from disk, and how a large page of a run answers.

    python benchmarks/pages.py [--samples 10000] [--loads 7]

The page of a run holds made-up answers and drawn pictures: what is in them costs nothing. It fails over the limit.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from markdown import markdown
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from interplay.report.run_page import RunReport, write_run_page
from interplay.report.run_rows import Row

LABELS = tuple(f"label {c}" for c in range(23))  # as many as MM-IMDb has
WORDS = ("rain", "river", "night", "train", "letter", "garden", "window", "winter", "music", "harbor")
PICTURES = 500
LIMIT = 2000.0  # ms until a page of 10,000 samples is seen
PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""
FILTER = """async (value) => {
    const [select, told] = [document.getElementById("by-error"), document.getElementById("told")];
    const [start, before] = [performance.now(), told.textContent];
    select.value = value;
    select.dispatchEvent(new Event("input", { bubbles: true }));
    while (told.textContent === before) await new Promise((done) => setTimeout(done, 1));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - start;
}"""


def first_paint(page: Page, address: str, loads: int = 7) -> float:
    """Milliseconds from navigation to the first contentful paint, the median of several loads."""
    times = []
    for _ in range(loads):
        page.goto("about:blank")
        page.goto(address)
        times.append(float(page.evaluate(PAINT)))
    return statistics.median(times)


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
    return write_run_page(RunReport("a large run", LABELS, "multi", rows), folder / "report")


def run_page(page: Page, address: str, loads: int, samples: int) -> list[str]:
    """A row of the table."""
    paint = first_paint(page, address, loads)
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
    verdict = "yes" if paint < LIMIT else "NO"
    times = [f"{statistics.median(filters):.0f}", f"{searched:.0f}"]
    return [f"run, {samples:,} samples", f"{paint:.0f}", f"{LIMIT:.0f}", verdict, *times, str(nodes)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--loads", type=int, default=7)
    given = parser.parse_args()
    chromium = next(p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n)))
    header = (
        *("page", "first paint, ms", "limit", "within", "a filter, ms", "first search of all texts, ms"),
        "elements, gallery in view",
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        address = made_run(Path(folder), given.samples).as_uri()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        rows = [run_page(page, address, given.loads, given.samples)]
        browser.close()
    print(markdown(header, rows))
    if any("NO" in row for row in rows):
        raise SystemExit("a page is seen too late")


if __name__ == "__main__":
    main()
