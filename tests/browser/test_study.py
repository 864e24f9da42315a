"""The study's page in Chromium: every table and figure is seen, it asks for nothing, and it fits a phone."""

from pathlib import Path

import pytest
from tests.browser.conftest import Watch


@pytest.mark.parametrize("width", [390, 1200])
def test_the_study_is_seen_whole(browser, small_study, tmp_path: Path, width):
    address = (small_study.out / "study.html").as_uri()
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    watch = Watch(page, address)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heads = page.locator("h2").all_inner_texts()
    for title in (
        "What the paper claims",
        "Table 1",
        "Figure 3",
        "Figure 4",
        "Table 2",
        "Concentration",
        "Known truth",
    ):
        assert any(title in head for head in heads), title
    claims = page.locator("table").first.locator("tbody tr")
    assert claims.count() == len(small_study.claims)
    assert claims.first.locator("td").all_inner_texts()[1] in ("holds", "does not hold", "cannot be told")
    figures = page.locator("figure svg").all()
    assert len(figures) == 6 and all(box["width"] > 200 for svg in figures if (box := svg.bounding_box()))
    for table in page.locator("table").all():
        assert table.locator("tbody tr").count() > 0
    page.screenshot(path=tmp_path / "study.png", full_page=True)
    assert watch.problems == []
    page.get_by_role("link", name="example.html").click()
    page.wait_for_load_state()
    assert "example.html" in page.url and page.locator("h1").count() >= 1
    context.close()
