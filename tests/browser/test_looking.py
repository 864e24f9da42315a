"""The lens of one word, links to what is looked at, what-if, hidden content, and the evidence as a picture."""

import io
import itertools
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

WONDERFUL, BOLT, SAD = 2, 18 + 6, 18 + 10  # features of the planted example
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page(open_page, examples) -> Page:
    return open_page(examples.with_whatif(), {"scene-0042": {"image": examples.picture()}})


def token(page: Page, at: int):
    return page.locator(f"#evidence .token[data-at='{at}']")


def patch(page: Page, at: int):
    return page.locator(f"#evidence .patch[data-at='{at}']")


def pressed(locator) -> None:
    expect(locator).to_have_attribute("aria-pressed", "true")


# ---- the lens ----


def test_a_pinned_word_shows_both_heat_maps(page):
    expect(page.locator(".lenses")).to_be_hidden()
    token(page, WONDERFUL).click()
    maps = page.locator(".lens")
    expect(maps).to_have_count(2)
    expect(maps.first).to_have_attribute("aria-label", re.compile("SII of .*wonderful"))
    expect(maps.last).to_have_attribute("aria-label", re.compile("redundancy gap of .*wonderful"))
    heats = [
        [
            float(cell.evaluate("node => node.style.getPropertyValue('--heat') || 0"))
            for cell in m.locator(".patch").all()
        ]
        for m in maps.all()
    ]
    assert len(heats[0]) == len(heats[1]) == 16
    assert heats[0].index(max(heats[0])) == BOLT - 18 and max(heats[0]) == 1
    assert heats[0] != heats[1]
    expect(maps.first.locator(".weak")).not_to_have_count(0)
    page.locator("#sure").uncheck()
    expect(maps.first.locator(".weak")).to_have_count(0)
    page.keyboard.press("Escape")
    token(page, WONDERFUL).click()
    expect(page.locator(".lenses")).to_be_hidden()


def test_a_pinned_word_shows_its_own_links(page):
    before = page.locator(".pill").count()
    token(page, 6).click()
    page.mouse.move(5, 5)
    page.locator("#sure").uncheck()
    assert before != page.locator(".pill").count()
    page.locator(".pill").first.hover()
    expect(page.locator("#evidence .board .on")).to_have_count(2)
    expect(token(page, 6)).to_have_class(re.compile(r"\bon\b"))
    for pill in page.locator(".pill").all():
        expect(pill).to_have_attribute("aria-label", re.compile("picnic"))
        expect(pill).to_contain_text("±")


def test_a_pinned_word_without_clear_pairs_says_so(page):
    token(page, 0).click()
    expect(page.locator("#evidence .empty")).to_contain_text("of what is pinned")


def test_budget_is_told(open_page, examples):
    full = examples.planted()
    settings = full.provenance.settings | {"budget": 4096}
    told = full.model_copy(update={"provenance": full.provenance.model_copy(update={"settings": settings})})
    expect(open_page(told).locator(".basis")).to_contain_text("2,048 evaluations of 4,096 spent")


# ---- links to what is looked at ----


def test_the_address_follows_and_back_goes_back(page):
    token(page, WONDERFUL).click()
    assert page.url.endswith("#scene-0042&pin=2")
    page.locator("#table").select_option("1")
    assert page.url.endswith("#scene-0042&value=synergy")
    page.locator("tbody button").first.click()
    assert page.url.endswith(f"#scene-0042&value=synergy&pair=2-{BOLT}")
    page.mouse.move(1, 1)  # the page scrolls, and what came under the mouse would count as pointed at
    page.go_back()
    expect(page.locator("#evidence .board .on")).to_have_count(0)
    expect(page.locator("#table")).to_have_value("1")
    page.go_back()
    expect(page.locator("#table")).to_have_value("0")
    expect(page.locator("#strongest")).not_to_contain_text("synergy expert")
    pressed(token(page, WONDERFUL))
    page.go_forward()
    page.go_forward()
    expect(page.locator("#evidence .board .on")).to_have_count(2)
    assert page.evaluate("history.length") == 5, "one step for each choice, after the empty page and this one"


def test_a_link_opens_one_pair(open_page, examples):
    page = open_page(examples.with_whatif(), fragment=f"#scene-0042&value=redundancy&pair=12-{BOLT}")
    expect(page.locator("#strongest")).to_contain_text("of the redundancy expert")
    expect(page.locator(".readout")).to_contain_text("storm")
    expect(page.locator(".readout")).to_contain_text("row 2, column 3")
    expect(page.locator("#evidence .board .on")).to_have_count(2)
    expect(page.locator(".board")).to_be_in_viewport()


def test_a_pair_that_is_not_among_the_strongest_is_drawn(open_page, examples):
    page = open_page(examples.with_whatif(), fragment="#scene-0042&pair=0-20")
    pill = page.locator(".pill[aria-pressed=true]")
    expect(pill).to_have_count(1)
    expect(pill).to_have_attribute("aria-label", re.compile("What.*row 1, column 3"))
    expect(page.locator(".wire:not(.dim)")).to_have_count(1)


def test_a_missing_pair_can_be_linked_to(open_page, examples):
    page = open_page(examples.with_whatif(), fragment="#scene-0042&pair=1-19")
    expect(page.locator(".readout")).to_contain_text("missing")


@pytest.mark.parametrize(
    "rest",
    ["&pair=9999-0", "&pin=-1", "&pin=x", "&value=nobody", "&value=~99", "&off=a-b", "&pair=0-1", "&&=&", "&pair=0"],
)
def test_a_broken_link_opens_the_page(open_page, examples, rest):
    page = open_page(examples.with_whatif(), fragment=f"#scene-0042{rest}")
    expect(page.locator("#strongest")).to_contain_text("SII")
    expect(page.locator("#evidence .board .on")).to_have_count(0)
    expect(page.locator("#table")).to_have_value("0")


def test_links_hold_which_sample(open_page, examples):
    both = [examples.planted(), examples.three_modalities()]
    page = open_page(both, fragment="#screens%2F7%20%C3%A9&pin=3")
    expect(page.locator("#picker .of")).to_have_text("2 of 2")
    pressed(token(page, 3))
    page.locator("#previous").click()
    expect(page.locator("#evidence .board .on")).to_have_count(0)
    page.go_back()
    pressed(token(page, 3))


def test_keyboard_focus_stays_on_a_pill_that_is_pinned(page):
    token(page, WONDERFUL).click()
    page.locator(".pill").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pill").first).to_be_focused()
    pressed(page.locator(".pill").first)


# ---- what if ----


def told(page: Page) -> str:
    return page.locator(".outcome b").last.inner_text()


def percent(p: float) -> str:
    return f"{100 * p:.0f}%"


def test_taking_features_out_shows_stored_answers(page, examples):
    stored = examples.with_whatif().whatif
    expect(page.locator(".whatif")).to_be_hidden()
    page.locator("#ask").click()
    expect(page.locator(".whatif")).to_contain_text("Choose words and patches")
    assert told(page) == percent(stored.whole)
    token(page, WONDERFUL).click()
    pressed(token(page, WONDERFUL))
    assert told(page) == percent(stored.without[WONDERFUL])
    patch(page, BOLT).click()
    row = list(zip(stored.i, stored.j, strict=True)).index((WONDERFUL, BOLT))
    assert told(page) == percent(stored.without_both[row])
    expect(page.locator(".outcome").last).to_have_class(re.compile("exact"))
    expect(page.locator(".whatif")).to_contain_text("An exact answer of the model")
    assert page.url.endswith(f"&off={WONDERFUL}-{BOLT}")
    expect(page.locator("#evidence .board .off")).to_have_count(2)
    patch(page, BOLT).click()
    assert told(page) == percent(stored.without[WONDERFUL])
    page.locator("#restore").click()
    expect(page.locator("#evidence .board .off")).to_have_count(0)
    expect(page.locator("#ask")).to_be_focused()


def test_more_than_two_are_an_estimate_that_says_so(page, examples):
    """The example's model has no terms beyond pairs, so that the estimate must be its answer."""
    page.locator("#ask").click()
    for at in (BOLT, SAD, 18, WONDERFUL):
        (token if at < 18 else patch)(page, at).click()
    right = examples.sigmoid(examples.whatif_logit([WONDERFUL, 18, BOLT, SAD]))
    assert told(page) == f"about {percent(right)}"
    expect(page.locator(".outcome.about")).to_have_count(1)
    expect(page.locator(".whatif")).to_contain_text("An estimate")
    at = examples.whatif_logit([WONDERFUL, 18, BOLT, SAD])
    low, high = (percent(examples.sigmoid(at + sign * 0.25)) for sign in (-1, 1))
    expect(page.locator(".whatif")).to_contain_text(f"95 of 100 answers would lie between {low} and {high}.")
    patch(page, 19).click()
    expect(page.locator(".whatif")).to_contain_text("was not checked for so many")
    assert page.locator(".outcome.about .track").evaluate("node => getComputedStyle(node).borderStyle") == "dashed"


@pytest.mark.parametrize(
    "gone, missing", [((3,), 1), ((4, 18 + 15), 1), ((0, 1), 1), ((0, 1, BOLT), 1), ((3, 0, BOLT), 2)]
)
def test_what_is_not_stored_is_said(open_page, examples, gone, missing):
    page = open_page(examples.with_whatif(), fragment=f"#scene-0042&off={'-'.join(map(str, gone))}")
    assert told(page) == "not stored"
    expect(page.locator(".whatif")).to_contain_text(f"Not stored: {missing} answer")
    expect(page.locator(".outcome.unknown")).to_have_count(1)


def test_a_whole_modality_and_everything(page, examples):
    stored = examples.with_whatif().whatif
    page.locator("#ask").click()
    boxes = page.locator(".all input")
    boxes.last.check()
    expect(page.locator("#evidence .patch.off")).to_have_count(16)
    assert told(page) == percent(stored.without_modality["image"])
    boxes.first.check()
    assert told(page) == percent(stored.nothing)
    boxes.last.uncheck()
    assert told(page) == percent(stored.without_modality["caption"])
    token(page, 0).click()
    expect(boxes.first).not_to_be_checked()


def test_the_keyboard_takes_out_and_puts_back(page, examples):
    stored = examples.with_whatif().whatif
    page.locator("#ask").focus()
    page.keyboard.press("Enter")
    token(page, 0).focus()
    page.keyboard.press("Enter")
    assert told(page) == percent(stored.without[0])
    page.keyboard.press("Enter")
    expect(page.locator("#evidence .board .off")).to_have_count(0)


def test_without_stored_answers_nothing_is_offered(open_page, examples):
    page = open_page(examples.planted(), fragment="#scene-0042&off=1")
    expect(page.locator("#ask")).to_have_count(0)
    expect(page.locator(".all")).to_have_count(0)
    expect(page.locator(".whatif")).to_be_hidden()


# ---- the prediction in words ----


@pytest.mark.parametrize(
    "kind, prediction, claim",
    [
        ("single", {"a": 0.97, "b": 0.03}, "Says “a” (97%)."),
        ("single", {"a": 0.9996, "b": 0.0004}, "Says “a” (>99.9%)."),
        ("single", {"a": 0.71, "b": 0.29}, "Leans to “a” (71%)."),
        ("single", {"a": 0.45, "b": 0.4, "c": 0.15}, "Undecided: “a” (45%) before “b” (40%)."),
        (
            "multi",
            {"a": 0.95, "b": 0.7, "c": 0.5, "d": 0.1},
            "Says “a” (95%); leans to “b” (70%); undecided on “c” (50%).",
        ),
        ("multi", {"a": 0.04}, "Says that it is not “a” (4%)."),
        ("multi", {"a": 0.35}, "Leans to its not being “a” (35%)."),
        ("multi", {"a": 0.04, "b": 0.03}, "Says that no label holds; the likeliest is “a” (4%)."),
        ("multi", {"a": 0.3, "b": 0.03}, "Leans to no label; the likeliest is “a” (30%)."),
    ],
)
def test_the_prediction_is_told_no_surer_than_it_is(open_page, examples, kind, prediction, claim):
    change = {"prediction": prediction, "target": "a", "truth": ["b"], "label_kind": kind}
    page = open_page(examples.planted().model_copy(update=change))
    assert page.locator(".claim").inner_text().replace("\u2068", "").replace("\u2069", "") == claim
    expect(page.locator(".verdict")).to_contain_text("the truth is")


# ---- hidden until asked for ----


def test_hidden_content_is_in_nothing_that_is_seen_or_read_out(open_page, examples):
    shown = examples.two_texts()
    page = open_page([examples.with_whatif(), shown], {"scene-0042": {"image": examples.picture()}}, blur=True)
    secrets = ("wonderful", "picnic", "storm", "sky", "clear")
    for step in range(2):
        if step:
            page.locator("#next").click()
        token(page, 2).click()
        everything = page.evaluate(
            """() => [document.title, ...Array.from(document.querySelectorAll('body *:not(script)'), (node) =>
                [...Array.from(node.attributes, (a) => a.value.startsWith('data:') ? '' : a.value),
                 ...Array.from(node.childNodes).filter((n) => n.nodeType === 3).map((n) => n.data)].join(' ')
              )].join(' ')"""
        )
        assert not [word for word in secrets if word in everything]
        expect(token(page, 2)).to_have_attribute("aria-label", re.compile("word 3.*, hidden until asked for"))
    page.locator("#previous").click()
    expect(page.locator(".panel img")).to_have_attribute("alt", "The picture of image, hidden until asked for")
    assert "blur" in page.locator(".panel img").evaluate("node => getComputedStyle(node).filter")
    assert "blur" in page.locator(".looks img").first.evaluate("node => getComputedStyle(node).filter")
    expect(page.locator("#strongest")).to_contain_text("word 3 and the patch in row 2, column 3")


def test_hidden_content_is_shown_when_asked_for_and_hidden_again(open_page, examples):
    page = open_page(examples.with_whatif(), {"scene-0042": {"image": examples.picture()}}, blur=True)
    token(page, WONDERFUL).click()
    page.get_by_role("button", name="Show pictures and text").click()
    expect(token(page, WONDERFUL)).to_have_text("wonderful")
    pressed(token(page, WONDERFUL))
    expect(page.locator(".panel img")).to_have_attribute("alt", "The picture of image")
    assert page.locator(".panel img").evaluate("node => getComputedStyle(node).filter") == "none"
    expect(page.locator("#strongest")).to_contain_text("wonderful")
    expect(page.locator("#unveil")).to_be_focused()
    page.get_by_role("button", name="Hide pictures and text").click()
    expect(token(page, WONDERFUL)).to_have_text("x" * 9)
    page.reload()
    expect(page.locator("#unveil")).to_have_text("Show pictures and text")


def test_what_is_not_said_to_offend_is_shown(page):
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator(".veiled")).to_have_count(0)


# ---- the evidence as a picture ----


def download(page: Page, kind: str) -> bytes:
    with page.expect_download() as found:
        page.locator(f"#get-{kind}").click()
    assert found.value.suggested_filename == f"scene-0042.{kind}"
    return Path(found.value.path()).read_bytes()


def test_the_svg_stands_alone_and_holds_the_evidence(page):
    page.locator("#links").fill("4")
    drawing = ElementTree.fromstring(download(page, "svg"))
    texts = [node.text or "" for node in drawing.iter(f"{SVG}text")]
    assert "wonderful" in texts and "storm" in texts
    pills = [" ".join(p.inner_text().split()) for p in page.locator(".pill").all()]
    assert len(pills) == 5 and all(text in texts for text in pills)
    (picture,) = drawing.iter(f"{SVG}image")
    assert picture.attrib["href"].startswith("data:image/")
    assert len(list(drawing.iter(f"{SVG}circle"))) == len(pills)
    dashed = [node for node in drawing.iter(f"{SVG}path") if node.get("stroke-dasharray")]
    assert len(dashed) >= 2 and not [n for n in drawing.iter() if "style" in n.attrib or "class" in n.attrib]
    boxes = [
        (float(n.get("x", 0)), float(n.get("y", 0)), float(n.get("textLength", 0)))
        for n in drawing.iter(f"{SVG}text")
        if n.get("textLength")
    ]
    for (x0, y0, w0), (x1, y1, _) in itertools.pairwise(boxes):
        assert x1 >= x0 + w0 - 0.2 or y1 > y0, "words stand one after another"


def test_the_png_is_the_svg_drawn(page):
    page.locator("#links").fill("4")
    with Image.open(io.BytesIO(download(page, "png"))) as image:
        drawing = ElementTree.fromstring(download(page, "svg"))
        assert image.size == (2 * int(drawing.attrib["width"]), 2 * int(drawing.attrib["height"]))
        colours = image.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    found = {colour: n for n, colour in colours}
    assert found[(217, 88, 13)] > 500 and found[(11, 122, 114)] > 300, "links are drawn"
    assert sum(n for colour, n in found.items() if math.dist(colour, (0xF6, 0xD8, 0xC6)) < 3) > 10_000, (
        "so is the picture"
    )


def test_the_picture_of_what_is_hidden_hides_it(open_page, examples):
    page = open_page(examples.with_whatif(), {"scene-0042": {"image": examples.picture()}}, blur=True)
    page.locator("#links").fill("4")
    text = download(page, "svg").decode()
    assert "wonderful" not in text and "data:image" not in text
    assert "SII" in text


@pytest.mark.parametrize(
    "kind", ["three_modalities", "two_images", "two_texts", "with_features", "dense", "without_pairs"]
)
def test_every_shape_can_be_drawn(open_page, examples, kind):
    page = open_page(getattr(examples, kind)())
    page.locator("#sure").uncheck()
    with page.expect_download() as found:
        page.locator("#get-svg").click()
    drawing = ElementTree.fromstring(Path(found.value.path()).read_bytes())
    assert "NaN" not in Path(found.value.path()).read_text()
    assert len(list(drawing.iter(f"{SVG}text"))) > 5
