"""The page of a function of words and pixels: no word of experts where there are none, and only what is no rounding."""

from tests.explanation.functions.test_explain_callable import chance, two_cells

from interplay import explain_callable


def test_a_function_is_called_the_model(open_page):
    explanation = explain_callable(chance, text="sun and rain", image=two_cells(), grid=2)
    page = open_page(explanation, {"sample": {"image": two_cells()}})
    headline = page.locator("h1").inner_text().translate({0x2068: None, 0x2069: None})
    assert "“sun” and the patch in row 1, column 1 act together" in headline and "expert" not in headline
    text = page.locator("body").inner_text().translate({0x2068: None, 0x2069: None})
    assert "model expert" not in text and "undefined" not in text
    assert "This model has no experts and cannot be looked into" in text
    assert "Features were removed from the input itself" in text
    assert "from the model. A removed word is left out of the text" in text
