"""The page of a function of words and pixels: no word of experts where there are none, and only what is no rounding."""

import pytest
from playwright.sync_api import expect
from tests.explanation.functions.test_explain_callable import chance, two_cells

from interplay import explain_callable


def test_a_function_is_called_the_model(open_page):
    explanation = explain_callable(chance, text="sun and rain", image=two_cells(), grid=2)
    page = open_page(explanation, {"sample": {"image": two_cells()}})
    headline = page.locator("h1").inner_text().translate({0x2068: None, 0x2069: None})
    assert (
        headline.startswith("score at 60%: “sun” and the patch in row 1, column 1, only together; ")
        and "expert" not in headline
    )
    text = page.locator("body").inner_text().translate({0x2068: None, 0x2069: None})
    assert "model expert" not in text and "undefined" not in text
    assert "This model has no experts and cannot be looked into" in text
    assert "Features were removed from the input itself" in text
    assert "from the model. A removed word is left out of the text" in text


@pytest.mark.parametrize("width", [320, 390])
def test_a_function_on_a_phone(open_page, width):
    explanation = explain_callable(chance, text="sun and rain", image=two_cells(), grid=2)
    phone = {"viewport": {"width": width, "height": 700}, "has_touch": True, "is_mobile": True}
    page = open_page(explanation, {"sample": {"image": two_cells()}}, **phone)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    show = page.locator("tbody tr").first.get_by_title("Show this pair in the evidence")
    show.scroll_into_view_if_needed()
    box = show.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] >= 24, "large enough for a finger"
    show.tap()
    expect(page.locator("#evidence .pill[aria-pressed=true]")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
