"""What a person can do with the page: point, pin, choose, sort, download; with a mouse, a keyboard or a phone."""

import csv
import io
import itertools
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from interplay.modalities import MODALITIES
from interplay.modalities.features import FeaturesModality
from interplay.report.findings import finding
from interplay.report.names import describe_features
from interplay.report.ranking import strong_pairs
from interplay.report.tables import pairs_csv
from interplay.results import Explanation, Shapley

KINDS = (
    "planted",
    "without_pairs",
    "only_noise",
    "dense",
    "three_modalities",
    "two_images",
    "two_texts",
    "with_features",
    "with_whatif",
    "hostile",
)
WONDERFUL, BOLT, SAD = 2, 18 + 6, 18 + 10  # features of the planted example


@pytest.fixture
def page(open_page, examples) -> Page:
    return open_page(examples.planted(), {"scene-0042": {"image": examples.picture()}})


def token(page: Page, at: int):
    return page.locator(f"#evidence .token[data-at='{at}']")


def patch(page: Page, at: int):
    return page.locator(f"#evidence .patch[data-at='{at}']")


def pills(page: Page, kind: str = ""):
    return page.locator(f".pill{kind}")


def heat(locator) -> float:
    return float(locator.evaluate("node => getComputedStyle(node).getPropertyValue('--heat')"))


# ---- what is there ----


def test_the_strongest_pair_is_a_score_below_the_headline(page):
    headline = page.locator("#strongest").text_content().replace("\u2068", "").replace("\u2069", "")
    assert re.fullmatch(
        r"Strongest pair score: “wonderful” and the patch in row 2, column 3, "
        r"SII \+\d\.\d ± \d\.\d on the logit of “sarcastic”\.",
        headline,
    )
    expect(page.locator(".verdict")).to_contain_text("Right")
    expect(page.locator(".labels .said")).to_contain_text("sarcastic")
    expect(page.locator(".labels .said")).to_contain_text("87%")
    expect(page.locator("#notes")).to_contain_text("All 18 words")
    expect(page.locator(".frame img").first).to_have_js_property("naturalWidth", 224)


@pytest.mark.parametrize("kind", ["planted", "three_modalities", "two_images", "two_texts", "with_features", "hostile"])
def test_the_headline_says_what_the_finding_says(open_page, examples, kind):
    explanation = getattr(examples, kind)()
    if kind == "planted":
        explanation = examples.with_whatif()
    page, first = open_page(explanation), strong_pairs(explanation)[0]
    headline, score = (
        page.locator(where).text_content().replace("\u2068", "").replace("\u2069", "") for where in ("h1", "#strongest")
    )
    assert score.startswith(f"Strongest pair score: {first.words}, ")
    said = finding(explanation).removeprefix(f"{explanation.sample_id} ").removeprefix("is ")
    label_first = said.startswith(explanation.target)  # which keeps its own case
    assert headline == f"{said if label_first else said[:1].upper() + said[1:]}."


def test_headline_says_when_nothing_stands_out(open_page, examples):
    page = open_page(examples.only_noise())
    expect(page.locator("#strongest")).to_contain_text("No pair score stands out at this budget of 2,048 evaluations")
    expect(pills(page)).to_have_count(0)
    expect(page.locator("#evidence .empty")).to_contain_text("excludes 0")
    expect(page.locator(".verdict")).to_contain_text("Wrong: the truth is")


def test_headline_doubts_a_pair_that_chance_explains(open_page, examples):
    pairs = examples.noisy_pairs(range(18), range(18, 34), {}, seed=3)
    page = open_page(examples.planted().model_copy(update={"pairs": pairs}))
    expect(page.locator(".basis")).to_contain_text("Among 288 pairs an interval this clear can arise by chance.")


def test_features_are_a_list_of_names(open_page, examples):
    page = open_page(examples.with_features(), {"with-features": {"image": examples.picture(side=2)}})
    headline = page.locator("#strongest").text_content().replace("\u2068", "").replace("\u2069", "")
    assert headline.startswith("Strongest pair score: “bell” and sound 3, SII +")
    panels = page.locator("#evidence .panel.of-features")
    expect(panels).to_have_count(2)
    expect(panels.first.locator("h3")).to_have_text("sound6 features, 3 more features not read by the encoder")
    expect(panels.first.locator(".token.chip")).to_have_text([f"sound {n}" for n in range(1, 7)])
    expect(panels.last.locator(".token.chip")).to_have_text(["<b>pose</b> 1", "<b>pose</b> 2"])
    expect(page.locator(".experts .look.of-features")).to_have_count(2 * 4)
    token(page, 10).click()
    expect(page.locator(".readout")).to_contain_text("sound 3")
    expect(page.locator(".readout")).to_contain_text("“\u2068bell\u2069”")
    page.keyboard.press("ArrowRight")
    expect(token(page, 11)).to_be_focused()
    with page.expect_download() as download:
        page.locator("#get-csv").click()
    assert download.value.path().read_text() == pairs_csv(examples.with_features()).replace("\r\n", "\n")


def test_a_new_kind_is_drawn_in_the_panel_that_it_names(open_page, examples, monkeypatch):
    """The page knows panels, not kinds: one that is added in Python alone is drawn, named and laid out like others."""
    audio = type("Audio", (FeaturesModality,), {"kind": "audio"})()
    monkeypatch.setitem(MODALITIES, "audio", audio)
    explanation = examples.with_features()
    inputs = {**explanation.inputs, "sound": explanation.inputs["sound"].model_copy(update={"kind": "audio"})}
    page = open_page(explanation.model_copy(update={"inputs": inputs}))
    sound = page.locator("#evidence .panel", has=page.get_by_role("heading", name="sound"))
    expect(sound).to_have_class("panel of-features")
    expect(sound.locator("h3")).to_have_text("sound6 features, 3 more features not read by the encoder")
    expect(sound.locator(".token.chip")).to_have_text([f"sound {n}" for n in range(1, 7)])
    expect(page.locator(".experts .look.of-features")).to_have_count(2 * 4)


def test_clear_pairs_are_not_doubted(page):
    expect(page.locator(".doubt")).to_have_count(0)


@pytest.mark.parametrize("empty", ["features", "prediction", "routing"])
def test_nearly_empty_explanations(open_page, examples, empty):
    nothing = {"features": [], "pairs": [], "more_pairs": [], "attributions": {}, "inputs": {}}
    change = nothing if empty == "features" else {empty: {}}
    expect(open_page(examples.planted().model_copy(update=change)).locator("h1")).not_to_be_empty()


def test_unknown_intervals_are_never_significant(open_page, examples):
    page = open_page(examples.dense())
    expect(page.locator("#strongest")).to_contain_text("no pair has an interval")
    page.locator("#sure").uncheck()
    expect(pills(page).first).to_contain_text("± n/a")
    expect(page.locator(".expert")).to_have_count(1)
    expect(page.locator(".expert h3")).to_have_text("Fusion")
    expect(page.locator(".lede", has_text="What each expert is asked to find")).not_to_contain_text("not a proof")


def test_a_score_is_not_rounded_to_its_interval(open_page, examples):
    planted = examples.planted()
    best = max(planted.pairs, key=lambda pair: pair.sii or 0)
    change = {"sii": 0.42, "sii_se": 0.36 / planted.interval.sii, "sii_unbiased": None}
    pair = best.model_copy(update={key: value for key, value in change.items() if key in type(best).model_fields})
    page = open_page(planted.model_copy(update={"pairs": [pair]}))
    expect(page.locator("#strongest")).to_contain_text("SII +0.42 ± 0.36")


def test_the_clearer_of_two_pairs_leads(open_page, examples):
    planted = examples.planted()
    pair = planted.pairs[0].model_copy(
        update={"sii": 0.9, "sii_se": 0.2, "redundancy_gap": 0.5, "redundancy_gap_se": 0.02, "samples": 64}
    )
    page = open_page(planted.model_copy(update={"pairs": [pair]}))
    expect(page.locator("#strongest")).to_contain_text("redundancy gap +")
    weak = {"sii": 0.9, "sii_se": 0.9 / planted.interval.sii / 1.01}  # the doubt is of the pair that leads, not of this
    page = open_page(planted.model_copy(update={"pairs": [pair.model_copy(update=weak)]}))
    expect(page.locator("#strongest")).to_contain_text("redundancy gap +")
    expect(page.locator(".doubt")).to_have_count(0)


def test_missing_pairs_say_so_and_sort_last(page):
    token(page, 1).hover()
    expect(patch(page, 18)).not_to_have_class(re.compile("missing"))
    expect(patch(page, 19)).to_have_class(re.compile("missing"))
    token(page, 1).click()
    patch(page, 19).hover()
    expect(page.locator(".readout")).to_contain_text("n/a")
    for _ in range(4):
        page.locator("#more").click() if page.locator("#more").is_visible() else None
    expect(page.locator("tbody tr").last).to_contain_text("n/a")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_shape_renders(open_page, examples, kind, scheme):
    page = open_page(getattr(examples, kind)(), color_scheme=scheme)
    expect(page.locator("h1")).not_to_be_empty()
    expect(page.locator("#provenance dl")).to_contain_text("Seed")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", background)[:3])) > 380
    assert light == (scheme == "light")


@pytest.mark.parametrize("kind", [*KINDS, "large"])
@pytest.mark.parametrize("width", [320, 390, 820])
def test_no_sideways_scrolling(open_page, examples, kind, width):
    page = open_page(getattr(examples, kind)(), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_theme_can_be_chosen(page):
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 21, 23)"


# ---- pointing ----


def test_pointing_at_a_word_lights_its_patches(page):
    token(page, WONDERFUL).hover()
    expect(patch(page, BOLT)).to_have_class(re.compile(r"\bpos\b"))
    assert heat(patch(page, BOLT)) == 1
    assert all(heat(patch(page, at)) < 0.2 for at in range(18, 34) if at != BOLT)
    expect(page.locator(".readout")).to_contain_text("row 2, column 3")
    expect(page.locator(".pills .dim")).to_have_count(4)
    expect(page.locator(".tooltip")).to_contain_text("row 2, column 3: SII +3.")
    page.mouse.move(5, 5)
    expect(page.locator(".tooltip")).to_be_hidden()
    expect(patch(page, BOLT)).not_to_have_class(re.compile(r"\bpos\b"))
    expect(page.locator(".readout")).to_contain_text("Point at")
    expect(page.locator(".pills .dim")).to_have_count(0)


def test_pointing_at_a_patch_lights_its_words(page):
    patch(page, BOLT).hover()
    expect(token(page, WONDERFUL)).to_have_class(re.compile(r"\bpos\b"))
    expect(token(page, 12)).to_have_class(re.compile(r"\bneg\b"))
    expect(token(page, 12)).to_have_class(re.compile(r"\bbackup\b"))
    assert heat(token(page, WONDERFUL)) > heat(token(page, 12)) > heat(token(page, 0))


def test_click_pins_and_shows_the_pair(page):
    token(page, WONDERFUL).click()
    page.mouse.move(5, 5)
    expect(token(page, WONDERFUL)).to_have_attribute("aria-pressed", "true")
    expect(patch(page, BOLT)).to_have_class(re.compile(r"\bpos\b"))
    patch(page, SAD).hover()
    expect(page.locator(".readout")).to_contain_text("row 3, column 3")
    expect(page.locator(".readout")).to_contain_text("64 backgrounds")
    token(page, WONDERFUL).click()
    page.mouse.move(5, 5)
    expect(token(page, WONDERFUL)).to_have_attribute("aria-pressed", "false")


def test_pointing_at_a_number_shows_its_two_ends(page):
    pills(page, ".synergy").first.hover()
    expect(page.locator("#evidence .on")).to_have_count(2)
    expect(page.locator(".readout")).to_contain_text("interval excludes 0")


def test_pills_keep_off_each_other_and_the_text(page):
    page.locator("#links").fill("10")
    page.locator("#sure").uncheck()
    boxes = [pill.bounding_box() for pill in pills(page).all()]
    assert len(boxes) == 20
    edges = sorted((box["y"], box["y"] + box["height"]) for box in boxes)
    assert all(bottom <= top for (_, bottom), (top, _) in itertools.pairwise(edges))
    words = max(b["x"] + b["width"] for b in (t.bounding_box() for t in page.locator("#evidence .token").all()))
    assert min(box["x"] for box in boxes) >= words


def test_links_end_in_their_patches(page):
    ends = page.evaluate(
        """() => Array.from(document.querySelectorAll('.wire circle'), (dot) => {
            const r = dot.getBoundingClientRect();
            return document.elementsFromPoint(r.x + r.width / 2, r.y + r.height / 2)
              .find((node) => node.matches('.patch'))?.dataset.at;
        })"""
    )
    assert sorted(set(ends)) == [str(at) for at in (BOLT, SAD, 18 + 13)]


# ---- choosing ----


def test_kinds_of_link(page):
    expect(pills(page, ".synergy")).not_to_have_count(0)
    expect(pills(page, ".redundancy")).not_to_have_count(0)
    page.get_by_label("Synergy", exact=True).check(force=True)
    expect(pills(page, ".redundancy")).to_have_count(0)
    expect(pills(page, ".synergy")).not_to_have_count(0)
    page.get_by_label("Redundancy", exact=True).check(force=True)
    expect(pills(page, ".synergy")).to_have_count(0)
    expect(pills(page, ".redundancy")).to_have_count(2)
    patch(page, BOLT).hover()
    assert heat(token(page, 12)) == 1  # now the heat is the gap's


def test_synergy_and_redundancy_differ_by_more_than_colour(page):
    def dash(kind: str) -> str:
        return page.locator(f".wire.{kind} .thread").first.evaluate("node => getComputedStyle(node).strokeDasharray")

    assert dash("synergy") == "none"
    assert dash("redundancy") != "none"
    expect(pills(page, ".synergy").first).to_contain_text("SII")
    expect(pills(page, ".redundancy").first).to_contain_text("gap")


def test_number_of_links_and_filter(page):
    page.locator("#links").fill("1")
    expect(pills(page)).to_have_count(2)
    page.locator("#links").fill("10")
    sure = pills(page).count()
    page.locator("#sure").uncheck()
    expect(pills(page)).to_have_count(20)
    assert sure < 20
    expect(page.locator(".pills .unsure").first).to_be_attached()


def test_choice_of_value(page):
    page.locator("#table").select_option("1")
    expect(page.locator("#strongest")).to_contain_text("of the synergy expert")
    expect(page.locator(".under-table")).to_contain_text("synergy expert, logit")
    expect(page.locator("#table")).to_have_value("1")


def test_choice_of_method(page):
    expect(page.locator(".expert")).to_have_count(5)
    expect(page.get_by_label("Integrated gradients")).to_be_checked()
    expect(page.locator(".expert[data-expert='synergy'] .neg").first).to_be_attached()
    page.get_by_label("Attention rollout").check(force=True)
    expect(page.locator(".expert[data-expert='synergy'] .neg")).to_have_count(0)
    expect(page.locator(".expert[data-expert='redundancy']")).to_contain_text("was not computed for this expert")
    row = page.locator(".expert[data-expert='synergy']")
    expect(row).to_contain_text("56%")
    expect(row).to_contain_text("only when modalities are taken together")
    expect(page.locator(".lede", has_text="A role is what training asks for, not a proof.")).to_have_count(1)
    row.locator(".token").nth(WONDERFUL).hover()
    expect(row.locator(".of-text figcaption")).to_contain_text("raw score")


def test_what_experts_add(open_page, examples):
    """Contributions in place of weights: signed, never a percentage, bars to both sides; the mixture says the sum."""
    page = open_page(examples.with_contributions())
    expect(page.locator(".expert")).to_have_count(5)
    expect(page.locator(".experts")).not_to_contain_text("routing")
    expect(page.locator(".experts .weight")).to_have_count(0)
    lede = page.locator(".lede", has_text="What each expert adds")
    expect(lede).to_contain_text("By construction a unique expert reads its own modality alone")

    def row(expert: str):
        return page.locator(f".expert[data-expert='{expert}']")

    expect(row("mixture").locator(".about")).to_contain_text("What all experts add, and a bias")
    expect(row("mixture").locator(".sum")).to_have_text("adds up to +1.95 on the logit, with a bias of −1.50")
    expect(row("synergy").locator(".adds")).to_have_text("adds +3.24 to the logit")
    expect(row("unique_image").locator(".adds")).to_have_text("adds −0.21 to the logit")
    expect(row("redundancy").locator(".adds")).to_have_text("adds 0.00 to the logit")

    def bar(expert: str) -> tuple[float, float, float]:
        """Left and right end of the bar, and the middle of its track."""
        track, drawn = row(expert).locator(".track").bounding_box(), row(expert).locator(".track span").bounding_box()
        return drawn["x"], drawn["x"] + drawn["width"], track["x"] + track["width"] / 2

    left, right, middle = bar("synergy")
    assert abs(left - middle) < 1 and right - left > 50
    left, right, middle = bar("unique_image")
    assert abs(right - middle) < 1 and 2 < right - left < 12


def test_a_waterfall_shows_what_the_logit_adds_up_from(open_page, examples):
    """Each bar begins where the one before it ends, from the bias to the logit; without experts, from their split."""
    page = open_page(examples.with_contributions())
    steps = page.locator(".waterfall li")
    expect(steps.locator(".name")).to_have_text(
        ["Bias", "Unique: caption", "Unique: image", "Synergy", "Redundancy", "Logit"]
    )
    expect(steps.locator("b")).to_have_text(["−1.50", "+0.42", "−0.21", "+3.24", "0.00", "+1.95, 87%"])
    expect(page.locator(".waterfall small")).to_have_count(0)
    bars = [box.bounding_box() for box in steps.locator(".track span").all()]
    ends = {name: (bar["x"], bar["x"] + bar["width"]) for name, bar in zip("btisrl", bars, strict=True)}
    assert ends["t"][0] == pytest.approx(ends["b"][0], abs=1.5), "what is added begins at the bias, left of 0"
    assert ends["i"][1] == pytest.approx(ends["t"][1], abs=1.5) and ends["s"][0] == pytest.approx(ends["i"][0], abs=1.5)
    assert ends["l"][1] == pytest.approx(ends["s"][1], abs=1.5) and ends["l"][0] == pytest.approx(ends["b"][1], abs=1.5)
    page = open_page(examples.with_whatif())
    expect(page.locator(".waterfall small")).to_contain_text("A split of the model's own answers")
    expect(page.locator(".waterfall .name").first).to_have_text("With nothing")
    expect(open_page(examples.planted()).locator(".waterfall")).to_have_count(0)


def test_a_waterfall_shows_what_words_and_patches_give(open_page, examples):
    """Within each part; where no expert adds up, within the whole. Nothing is said of what was not asked."""
    plain = examples.with_contributions()
    expect(open_page(plain).locator(".waterfall .given")).to_have_count(0)
    n = len(plain.features)
    values = {name: [0.0] * n for name in (*plain.contributions, "mixture")}
    errors = {name: [0.01] * n for name in values}
    values["synergy"][0], values["synergy"][n - 1] = 1.62, -1.12
    given = Shapley(values=values, se=errors, orders=8, evaluations=100)
    page = open_page(plain.model_copy(update={"shapley": given}))
    expect(page.locator(".waterfall .given")).to_have_count(1)
    names = [name.phrase for name in describe_features(plain)]
    row = page.locator(".waterfall li", has_text="Synergy").locator(".given")
    expect(row).to_have_text(f"{names[0]} +1.62 ± 0.02; {names[n - 1]} −1.12 ± 0.02")
    expect(page.locator(".waterfall .caption")).to_contain_text("whose 95% interval excludes 0")
    plain, size = examples.with_whatif(), len(examples.with_whatif().features)
    values = Shapley(values={"mixture": [3.0] * size}, se={"mixture": [0.01] * size}, orders=8, evaluations=100)
    page = open_page(plain.model_copy(update={"shapley": values}))
    expect(page.locator(".waterfall .total .given")).to_contain_text("+3.00 ± 0.02")


def test_the_evidence_shows_first_what_the_headline_says(open_page, examples):
    """The claimed pair is linked, or none where none is claimed; what is claimed is marked; then a person chooses."""
    plain = examples.with_whatif()
    page = open_page(plain)
    expect(page.locator("h1")).to_contain_text("many small things")
    expect(pills(page)).to_have_count(0)
    expect(page.locator("#evidence .empty")).to_contain_text("No links are drawn")
    expect(page.locator("#links")).to_have_value("0")
    expect(page.locator(".claimed")).to_have_count(0)
    token(page, 2).click()  # a word that is pinned shows its own
    assert pills(page).count() > 0
    page.keyboard.press("Escape")
    page.locator("#links").fill("2")
    expect(pills(page)).to_have_count(4)
    word, patch = 2, len(plain.features) - 1
    answers = {"without": [plain.whatif.whole] * len(plain.features), "nothing": 0.02}
    answers["without"][word] = answers["without"][patch] = 0.05
    pair = {"i": [word], "j": [patch], "without_both": [0.04]}
    whatif = plain.whatif.model_copy(update=answers | pair)
    scored = [p.model_copy(update={"sii": 9.0 if (p.i, p.j) == (word, patch) else p.sii}) for p in plain.pairs]
    together = plain.model_copy(update={"whatif": whatif, "pairs": scored})
    page = open_page(together)
    expect(page.locator("h1")).to_contain_text("only together")
    expect(pills(page)).to_have_count(1)
    expect(pills(page)).to_contain_text("+9.00")
    assert page.locator(".claimed").evaluate_all("nodes => nodes.map(n => Number(n.dataset.at))") == [word, patch]
    page = open_page(together.model_copy(update={"pairs": plain.pairs}))
    expect(pills(page)).to_have_count(0)  # its score is not the largest: nothing else is drawn in its place


def test_experts_that_add_nothing(open_page, examples):
    nothing = {"contributions": dict.fromkeys(examples.with_contributions().contributions, 0.0), "bias": 0.0}
    page = open_page(examples.with_contributions().model_copy(update=nothing))
    expect(page.locator(".adds")).to_have_text(["adds 0.00 to the logit"] * 4)
    expect(page.locator(".expert .sum")).to_have_text("adds up to 0.00 on the logit, with a bias of 0.00")
    assert page.locator(".adds .track span").evaluate_all("bars => bars.map((bar) => bar.offsetWidth)") == [0] * 4


def test_sorting(page):
    def column(n: int) -> list[str]:
        return page.locator(f"tbody td:nth-child({n})").all_inner_texts()

    def scores(n: int) -> list[float]:
        return [float(text.split(" ")[0].replace("−", "-")) for text in column(n)]

    def rising(values: list[float]) -> bool:
        return all(a <= b + 0.05 for a, b in itertools.pairwise(values))  # they are shown rounded

    expect(page.locator("th").nth(2)).to_have_attribute("aria-sort", "descending")
    assert rising([-abs(score) for score in scores(3)])
    page.locator("[data-sort='gap']").click()
    assert scores(4)[0] > 0.5
    assert rising([-score for score in scores(4)])
    page.locator("[data-sort='gap']").click()
    expect(page.locator("th").nth(3)).to_have_attribute("aria-sort", "ascending")
    assert scores(4)[0] < -0.5
    assert rising(scores(4))
    page.locator("[data-sort='i']").click()
    assert column(1) == ["What"] * 12
    page.locator("#more").click()
    expect(page.locator("tbody tr")).to_have_count(112)


def test_a_row_shows_its_pair_in_the_evidence(page):
    page.locator("tbody button").first.click()
    expect(page.locator("#evidence .on")).to_have_count(2)
    expect(token(page, WONDERFUL)).to_have_class(re.compile(r"\bon\b"))


@pytest.mark.parametrize("kind", ["planted", "three_modalities", "hostile"])
def test_downloads_hold_the_explanation(open_page, examples, kind):
    explanation = getattr(examples, kind)()
    page = open_page(explanation)
    with page.expect_download() as download:
        page.locator("#get-json").click()
    name = download.value.suggested_filename
    assert re.fullmatch(r"\w[\w.-]*\.json", name)
    assert Explanation.model_validate(json.loads(Path(download.value.path()).read_bytes())) == explanation
    with page.expect_download() as download:
        page.locator("#get-csv").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8")
    assert numbers(text) == numbers(pairs_csv(explanation))


def numbers(text: str) -> list[list[str | float]]:
    """The cells of a CSV, numbers as numbers: 1e-7 and 1e-07 are one."""

    def cell(text: str) -> str | float:
        return float(text) if re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", text) else text

    return [[cell(text) for text in row] for row in csv.reader(io.StringIO(text, newline=""))]


# ---- several explanations ----


def test_several_explanations(open_page, examples):
    both = [examples.planted(), examples.three_modalities(), examples.planted()]
    page = open_page(both, fragment="#screens%2F7%20%C3%A9")
    expect(page.locator(".eyebrow")).to_contain_text("screens/7 é")
    expect(page.locator("#picker")).to_contain_text("2 of 3")
    page.locator("#previous").click()
    expect(page.locator(".eyebrow")).to_contain_text("scene-0042")
    assert page.url.endswith("#scene-0042")
    expect(page.locator("#previous")).to_be_disabled()
    page.locator("#sample").select_option("2")
    expect(page.locator("#picker")).to_contain_text("3 of 3")
    assert page.url.endswith("#scene-0042~2")
    page.go_back()
    expect(page.locator("#picker")).to_contain_text("1 of 3")


def test_an_unknown_address_opens_the_first(open_page, examples):
    page = open_page([examples.planted(), examples.dense()], fragment="#%E0%A4%A")
    expect(page.locator(".eyebrow")).to_contain_text("scene-0042")


# ---- keyboard ----


def test_keyboard_alone_can_explore(page):
    token(page, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(token(page, WONDERFUL)).to_be_focused()
    expect(patch(page, BOLT)).to_have_class(re.compile(r"\bpos\b"))
    page.keyboard.press("Enter")
    expect(token(page, WONDERFUL)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    expect(patch(page, 18)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(patch(page, BOLT)).to_be_focused()
    expect(page.locator(".readout")).to_contain_text("interval excludes 0")
    page.keyboard.press("Escape")
    expect(token(page, WONDERFUL)).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Tab")
    expect(pills(page).first).to_be_focused()
    page.keyboard.press("Enter")
    expect(pills(page).first).to_have_attribute("aria-pressed", "true")


def test_arrows_move_between_lines_of_text(page):
    token(page, 0).focus()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("Number(document.activeElement.dataset.at)")
    assert below > 0
    assert token(page, below).bounding_box()["y"] > token(page, 0).bounding_box()["y"]
    page.keyboard.press("ArrowUp")
    expect(token(page, 0)).to_be_focused()
    page.keyboard.press("End")
    expect(token(page, 17)).to_be_focused()


def test_panels_are_one_tab_stop_each(page):
    assert page.locator("#evidence [data-at][tabindex='0']").count() == 2


def test_names_for_those_who_do_not_see(page):
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.locator(".panel img")).to_have_attribute("alt", "The picture of image")
    expect(patch(page, BOLT)).to_have_attribute("aria-label", "the patch in row 2, column 3")
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    nameless = page.evaluate(
        """() => Array.from(document.querySelectorAll('button, select, input, [role=button]'))
            .filter((n) => !n.textContent.trim() && !n.ariaLabel && !n.labels?.length).length"""
    )
    assert nameless == 0


# ---- hostile data ----


def test_hostile_texts_are_inert(open_page, examples):
    page = open_page(examples.hostile())
    page.locator("#links").fill("10")
    page.locator("#sure").uncheck()
    for at in (0, 5, 15):
        token(page, at).hover(position={"x": 4, "y": 8})
    page.locator("#more").click()
    page.locator("tbody button").nth(3).click()
    assert page.locator("img, iframe, object, embed, b b, i i, u, #hero script").count() == 0
    assert page.evaluate("document.querySelectorAll('script').length") == 3
    page.wait_for_timeout(100)


def test_what_cannot_be_seen_is_spelled_out(open_page, examples):
    page = open_page(examples.hostile())
    expect(token(page, 8)).to_have_text("⟨U+200B⟩")
    expect(token(page, 6)).to_have_text("⟨U+202E⟩evil⟨U+202C⟩")
    expect(token(page, 7)).to_have_text("مرحبا")
    assert len(token(page, 15).inner_text()) < 200


def test_words_named_like_object_members_are_plain_keys(open_page, examples):
    page = open_page(examples.hostile())
    expect(page.locator(".expert[data-expert='constructor']")).to_have_count(1)
    page.get_by_label("constructor").check(force=True)
    expect(page.locator(".expert .empty").first).to_contain_text("was not computed")


# ---- size, print ----


def test_320_words_by_196_patches_stay_fluid(open_page, examples):
    page = open_page(examples.large())
    expect(page.locator("tbody tr")).to_have_count(12)
    token(page, 20).hover()
    assert heat(patch(page, 320 + 50)) == 1
    made, touched = page.evaluate(
        """() => {
            const words = Array.from(document.querySelectorAll('#evidence .token')).slice(20, 50);
            const seen = new MutationObserver(() => {});
            seen.observe(document.body, {subtree: true, childList: true, attributes: true});
            const counts = words.map((word) => {
                word.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}));
                const records = seen.takeRecords();
                const added = records.flatMap((one) => Array.from(one.addedNodes));
                const whole = (node) => 1 + (node.querySelectorAll?.('*').length ?? 0);
                return [added.reduce((sum, node) => sum + whole(node), 0), records.length];
            });
            return [0, 1].map((at) => Math.max(...counts.map((count) => count[at])));
        }"""
    )
    assert 0 < touched < 5 * (320 + 196) and 0 < made < 100, "marks change, neither text nor patches are built anew"


def test_print_lays_the_links_out_anew(page):
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".board").bounding_box()["width"] == 680
    dot = page.locator(".wire circle").first.bounding_box()
    frame = page.locator("#evidence .frame").bounding_box()
    assert frame["x"] <= dot["x"] <= frame["x"] + frame["width"]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".toolbar").first.is_hidden()
