"""One sample by two models: side by side, one click apart, and the pair looked at in both."""

import re

import pytest
from playwright.sync_api import Page, expect

from interplay.report.claims import beside_claim

WONDERFUL, BOLT = 2, 18 + 6  # features of the planted example


@pytest.fixture
def page(open_page, examples) -> Page:
    pictures = {"scene-0042": {"image": examples.picture()}}
    return open_page([examples.planted(), examples.dense_beside(), examples.three_modalities()], pictures)


def test_both_models_are_shown_and_told_apart(page, examples):
    sides = page.locator("#beside .side")
    expect(sides).to_have_count(2)
    expect(sides.first).to_contain_text("fl-i2moe (runs/scenes-fli2moe-0)")
    expect(sides.last).to_contain_text("dense (runs/scenes-dense-0)")
    claims = sides.locator(".claim").all_inner_texts()
    assert len(set(claims)) == 2, "each its own prediction"
    expect(sides.last.locator(".found")).to_contain_text("none stands out")
    heats = [
        side.locator(".patch").evaluate_all("nodes => nodes.map(n => n.style.getPropertyValue('--heat'))")
        for side in sides.all()
    ]
    assert len(heats[0]) == len(heats[1]) == 16 and heats[0] != heats[1]
    options = page.locator("#sample option").all_inner_texts()
    assert [bool(re.search("i2moe|dense", text)) for text in options] == [True, True, False]


def test_in_how_many_it_holds_is_said_in_place_of_a_warning(open_page, examples, page):
    expect(page.locator(".headline .reach")).to_contain_text("Trained again, a model may decide by other parts")
    one = examples.with_whatif()
    expect(open_page([one]).locator(".headline .reach")).to_contain_text(beside_claim(one))
    again = one.model_copy(update={"provenance": one.provenance.model_copy(update={"run": "runs/seed-1"})})
    together = open_page([one, again, examples.three_modalities()])
    expect(together.locator(".headline .reach")).to_contain_text("What is said holds in both models.")
    together.locator("#sample").select_option(index=2)
    expect(together.locator(".headline .reach")).to_contain_text("Trained again, a model may decide by other parts")


def test_the_other_is_one_click_away(page):
    page.locator("#beside").get_by_role("button", name="Look at it").click()
    assert page.evaluate("location.hash") == "#scene-0042~2"
    expect(page.locator("#provenance")).to_contain_text("runs/scenes-dense-0")
    expect(page.locator("#beside .side").last).to_contain_text("on show")
    page.go_back()
    expect(page.locator("#beside .side").first).to_contain_text("on show")


def test_the_pair_looked_at_is_told_for_both(page, examples):
    expect(page.locator("#beside .looked")).to_have_count(0)
    page.evaluate(f"location.hash = '#scene-0042&pair={WONDERFUL}-{BOLT}'")
    looked = page.locator("#beside .looked")
    expect(looked).to_have_count(2)
    ours, theirs = looked.all_inner_texts()
    assert ours != theirs and all(re.match(r"SII [+−].* ± .*\ngap ", text) for text in (ours, theirs))
    page.keyboard.press("Escape")
    page.locator("#evidence .token").first.click()
    expect(looked).to_have_count(0)


def test_a_pair_the_other_did_not_score_is_missing(open_page, examples):
    other = examples.dense_beside()
    other = other.model_copy(update={"pairs": [p for p in other.pairs if p.i != WONDERFUL]})
    page = open_page([examples.planted(), other], fragment=f"#scene-0042&pair={WONDERFUL}-{BOLT}")
    expect(page.locator("#beside .looked").last).to_have_text("not scored here: missing, not zero")


def test_the_method_chosen_shades_both(page):
    first = page.locator("#beside .side").first.locator(".patch").first
    before = first.get_attribute("style")
    page.get_by_label("Random (control)").check()
    assert first.get_attribute("style") != before


def test_a_sample_explained_once_has_no_such_section(page):
    page.locator("#sample").select_option("2")
    expect(page.locator("#beside")).to_be_hidden()
    assert page.locator("#beside").inner_text() == ""


def test_runs_of_one_name_are_told_apart(open_page, examples):
    page = open_page([examples.planted(), examples.planted()])
    names = page.locator("#beside h3 bdi").all_inner_texts()
    assert names == ["fl-i2moe (runs/scenes-fli2moe-0)", "fl-i2moe (runs/scenes-fli2moe-0), 2"]


@pytest.mark.parametrize("width", [360, 320])
def test_it_fits_a_phone(open_page, examples, width):
    """The mean of several models, too, whose name is long and whose scores stand beside names."""
    one = examples.planted()
    names = {"run": "seed0, seed1, seed2", "model": "mean of 3 fl-i2moe", "members": ["seed0", "seed1", "seed2"]}
    pairs = [p.model_copy(update={"redundancy_gap": 0.0204, "redundancy_gap_se": 0.004}) for p in one.pairs]
    mean = one.model_copy(update={"provenance": one.provenance.model_copy(update=names), "pairs": pairs})
    page = open_page([mean, one, examples.dense_beside()], viewport={"width": width, "height": 800})
    expect(page.locator("#beside .side")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
