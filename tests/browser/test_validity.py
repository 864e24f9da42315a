"""The validity report in Chromium: what it says is seen, it asks for nothing, and it fits a phone."""

from pathlib import Path

import numpy as np
import pytest
from tests.browser.conftest import Watch

from interplay.data.scenes_story import STORIES
from interplay.evaluation.discovery import discoveries
from interplay.evaluation.summaries import calibrations, recovered
from interplay.evaluation.validity import SampleAnswers, SamplePairs
from interplay.report.validity import HEADER, write_validity
from interplay.results import Provenance
from interplay.results.validity import Validity

NAMES = ["unique_text", "unique_image", "synergy", "redundancy", "mixture"]


def made_up(seed: int = 0) -> Validity:
    """A report on noise around the truth, of two stories."""
    named = {name: STORIES[name] for name in ("sarcasm", "storm")}
    rng = np.random.default_rng(seed)
    answers, pairs = [], []
    for _ in range(30):
        ideal = {name: np.zeros((50, 2, 2)) for name in ("sii", "redundancy_gap")}
        ideal["sii"][3, 0], ideal["redundancy_gap"][3, 1] = 0.25, 0.6
        planted = np.zeros((50, 2), dtype=bool)
        planted[3] = True
        scores = {n: v[..., None] + 0.05 * rng.standard_normal((50, 2, 2, 5)) for n, v in ideal.items()}
        outside = {name: np.abs(values) > 0.1 for name, values in scores.items()}
        pairs.append(SamplePairs(scores, outside, ideal, planted, np.array([True, True]), 100))
        exact, whole = rng.random((20, 2)), rng.random((4, 2))
        off = 0.05 * rng.standard_normal(5)
        answers.append(
            SampleAnswers(np.linspace(0, 1, 20), exact[..., None] + off, exact, whole[..., None] + off, whole)
        )
    return Validity(
        stories={name: story.score for name, story in named.items()},
        fill="attention",
        players="words and cells",
        backgrounds=8,
        samples=30,
        calibrations=calibrations(answers, pairs, NAMES, list(named)),
        recovered=recovered(pairs, NAMES, named),
        discoveries=discoveries(pairs, pairs, NAMES, named),
        evaluations=100,
        seconds=1.0,
        verdicts=["<b>sarcasm</b> & storm"],
        provenance=Provenance(
            run="<i>run</i>", data="scenes", versions={}, seed=0, settings={"preset": "default", "training_seed": 0}
        ),
    )


@pytest.mark.parametrize("width", [390, 1200])
def test_the_report_is_seen_whole(browser, tmp_path: Path, width):
    address = write_validity(made_up(), tmp_path).as_uri()
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    watch = Watch(page, address)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("li").inner_text() == "<b>sarcasm</b> & storm"
    assert page.locator("table").count() == 3 and page.locator("figure svg").count() == 2
    heads = page.locator("table").first.locator("th").all_inner_texts()
    assert heads == list(HEADER)
    assert page.locator("table").first.locator("tbody tr").count() == 4
    assert all(box["width"] > 200 for svg in page.locator("figure svg").all() if (box := svg.bounding_box()))
    page.screenshot(path=tmp_path / "report.png", full_page=True)
    context.close()
    assert watch.problems == []
