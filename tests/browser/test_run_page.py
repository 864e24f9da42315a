"""The page of a run in Chromium, from disk: what every control does, what it asks for, and whom it keeps out."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, expect
from tests.browser.conftest import Watch
from tests.run_pages import LABELS, made_report, made_rows, small_pictures

from interplay.report import write_page
from interplay.report.addresses import page_addresses, whose
from interplay.report.run_page import IN_A_CHUNK, RunReport, write_report
from interplay.report.run_rows import Row, confidence, mistake, predicted_indices
from interplay.results.baselines import Baselines, Difference


class FolderWatch(Watch):
    """A page that may read its own folder, and nothing else; `asked` are the files it did read."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.folder, self.asked = folder.as_uri() + "/", list[str]()
        super().__init__(page, (folder / "index.html").as_uri())

    def request(self, request: Request) -> None:
        if request.url.startswith(self.folder):
            self.asked.append(request.url.removeprefix(self.folder).partition("#")[0])
        else:
            super().request(request)


@pytest.fixture
def open_folder(browser) -> Iterator[Callable[..., tuple[Page, FolderWatch]]]:
    """Opens the page of a folder; at the end of the test nothing may have gone wrong in it."""
    contexts, watches = [], []

    def opener(folder: Path, fragment: str = "", **options: Any) -> tuple[Page, FolderWatch]:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        watches.append(FolderWatch(page, folder))
        page.goto((folder / "index.html").as_uri() + fragment)
        expect(page.locator("#told")).not_to_have_text("")
        return page, watches[-1]

    yield opener
    for context in contexts:
        context.close()
    problems = [problem for watch in watches for problem in watch.problems]
    assert not problems, problems


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    return small_pictures(tmp_path_factory.mktemp("originals"), 9)


@pytest.fixture(scope="module")
def make(tmp_path_factory) -> Callable[[RunReport], Path]:
    """Writes a report to a folder of its own."""
    return lambda report: write_report(report, tmp_path_factory.mktemp("run") / "report").parent


SINGLE, MULTI = made_rows(IN_A_CHUNK + 100), made_rows(90, kind="multi")


@pytest.fixture(scope="module")
def single(make, pictures) -> Path:
    return make(made_report(made_rows(IN_A_CHUNK + 100, pictures)))


@pytest.fixture(scope="module")
def multi(make) -> Path:
    return make(made_report(MULTI, kind="multi"))


@pytest.fixture(scope="module")
def explained(make, tmp_path_factory, examples) -> Path:
    """Three samples of which two are explained."""
    rows = [
        Row(name, "test", ("cat",), (0.8, 0.1, 0.1), {"caption": "words"}) for name in ("scene-0042", "noise", "not")
    ]
    noise = examples.only_noise().model_copy(update={"sample_id": "noise"})
    page = write_page([noise, examples.planted()], {}, tmp_path_factory.mktemp("x") / "page.html")
    addresses = page_addresses(page)
    found = [(e, addresses[e.sample_id, e.target, whose(e)]) for e in (examples.planted(), noise)]
    return make(made_report(rows, explanations=found, copies={"explanations.html": page}))


def names(rows: list[Row]) -> list[str]:
    return [row.id for row in rows]


def shown(page: Page) -> dict[int, str]:
    """Place among those found -> id, of the cards that are drawn when one looks at the first."""
    page.locator("#gallery").evaluate("node => node.scrollIntoView()")
    page.wait_for_timeout(100)
    ids = json.loads(page.locator("#index").text_content() or "")["columns"]["id"]
    cards = page.locator(".one").evaluate_all(
        "all => all.map((card) => [card.dataset.place, card.dataset.n].map(Number))"
    )
    return {place: ids[n] for place, n in cards}


def expect_rows(page: Page, rows: list[Row], total: int) -> None:
    """The page has found just these, in this order as far as it shows them."""
    told = f"{len(rows)} of {total} samples" if len(rows) < total else f"{total} samples"
    expect(page.locator("#told")).to_have_text(told)
    got = shown(page)
    assert got == {place: rows[place].id for place in got}
    assert set(got) >= set(range(min(len(rows), 21))), "all that is in view is drawn"


def labels_said(row: Row, kind: str = "single") -> tuple[str, ...]:
    return tuple(LABELS[c] for c in predicted_indices(row.probabilities, kind))


# ---- what is there ----


def test_of_several_labels_a_card_says_which_are_missed_and_which_are_too_many(open_folder, make):
    """One that is missed is no reason to call what else is said wrong."""
    answers = [(("cat", "dog"), (0.9, 0.8, 0.1)), (("cat", "dog"), (0.9, 0.1, 0.7)), (("dog",), (0.9, 0.1, 0.1))]
    rows = [Row(f"s{n}", "test", truth, p, {"caption": "words"}) for n, (truth, p) in enumerate(answers)]
    page, _ = open_folder(make(made_report(rows, kind="multi")))
    cards = page.locator(".one")
    assert [card.get_attribute("class") for card in cards.all()] == ["one right", "one partly", "one wrong"]
    assert [mark.inner_text() for mark in page.locator(".one .outcome b").all()] == ["✓", "◐", "✗"]
    assert cards.nth(1).locator(".says").all_inner_texts() == ["missed\ndog", "extra\nbird"]
    name = cards.nth(1).get_attribute("aria-label")
    assert name == "s1, partly right: predicted cat, bird at 70%, missed dog, extra bird"
    cards.nth(1).click()
    expect(page.locator("dialog .verdict")).to_contain_text("Partly right")
    expect(page.locator("dialog code")).to_have_text("interplay explain RUN --sample s1")


def test_no_word_of_the_tables_is_broken_on_a_phone(open_folder, make):
    """ "split" and a label of ordinary words keep their words whole."""
    labels = ("Science Fiction", "Documentary", "a label of more words than fit into one line")
    rows = [Row("s0", "test", (labels[0],), (0.9, 0.1, 0.1), {"caption": "words"})]
    report = made_report(rows, kind="multi", metrics={"test": {"map": 0.5, "exact_match": 0.25}})
    page, _ = open_folder(make(replace(report, labels=labels)), viewport={"width": 360, "height": 800})
    broken = page.evaluate(
        """() => [...document.querySelectorAll("#metrics td bdi, #metrics th bdi")].filter((cell) => {
          const text = cell.firstChild, range = document.createRange();
          return [...text.data.matchAll(/\\S+/g)].some((word) => {
            range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
            return range.getClientRects().length > 1;
          });
        }).map((cell) => cell.textContent)"""
    )
    assert broken == []


def test_what_the_page_says(open_folder, single):
    page, watch = open_folder(single)
    expect(page.locator("h1")).to_have_text("first: fl-i2moe on things")
    expect(page.locator(".tiles")).to_contain_text("accuracy on test0.800")
    expect(page.locator(".against")).to_have_count(0)
    expect(page.locator("#facts")).to_contain_text("fl-i2moe, width 64")
    metrics = page.locator("#metrics table").first.locator("tr").all_inner_texts()
    assert "accuracy\t0.750\t0.800" in metrics and "AUROC\t–\t–" in metrics
    expect(page.locator("#training svg[role=img]")).to_have_attribute(
        "aria-label", re.compile("val/loss from 0.8 to 0.5")
    )
    assert len(page.locator("#training .curve").all()) == 4, "two curves and their keys"
    page.get_by_text("The same as numbers").click()
    rows = page.locator("#training table tbody tr").all_inner_texts()
    assert rows == ["1\t0.9\t0.8", "2\t0.4\t–", "3\t0.3\t0.5"]
    expect(page.locator("#tables")).to_contain_text("Can it be trusted?")
    first = page.locator(".one").first
    assert "sample-00000, wrong: predicted dog at 55%, true cat" in (first.get_attribute("aria-label") or "")
    expect(first.locator(".text")).to_have_text("a red thing beside a red one, number 0")
    expect(first.locator("img")).to_have_js_property("naturalWidth", 96)
    assert [name for name in watch.asked if name.startswith("data/")] == ["data/000.html"]


def test_what_a_run_is_judged_by_comes_first(open_folder, make):
    """Of several labels mAP, beside what a linear probe has: accuracy is high where labels are rare."""
    metrics = {"test": {"accuracy": 0.85, "macro_f1": 0.3, "map": 0.34}}
    kept = Baselines(
        headline="map",
        model=0.34,
        difference=Difference(value=-0.01, low=-0.04, high=0.02, samples=90),
        penalty=0.1,
        prior={"test": {"map": 0.18}},
        linear_probe={"test": {"map": 0.35}},
    )
    page, _ = open_folder(make(made_report(MULTI, kind="multi", metrics=metrics, against=[kept.sentence()])))
    tiles = page.locator(".tiles dt").all_inner_texts()
    assert tiles == ["mAP on test", "macro F1 on test", "accuracy on test"]
    expect(page.locator(".against")).to_have_text(
        "Test mAP 0.340; a linear probe of the same features 0.350, labels' shares alone 0.180: it does not beat the "
        "linear probe, -0.010 (95% -0.040 to +0.020 over 90 test samples)."
    )


def test_numbers_lead_to_their_samples(open_folder, multi, single):
    page, _ = open_folder(multi)
    page.locator("#metrics tr", has_text="testdog").get_by_label("true but not predicted").click()
    missed = [r for r in MULTI if r.split == "test" and "dog" in r.truth and "dog" not in labels_said(r, "multi")]
    assert missed
    expect_rows(page, missed, len(MULTI))
    expect(page.locator("#by-error")).to_have_value("fn:dog")
    page, _ = open_folder(single)
    page.locator("#metrics tr", has_text="valcat").get_by_label("predicted but not true").click()
    wrong = [r for r in SINGLE if r.split == "val" and r.truth != ("cat",) and labels_said(r) == ("cat",)]
    expect_rows(page, wrong, len(SINGLE))


# ---- filters, order, search ----


@pytest.mark.parametrize(
    "control, value, keeps",
    [
        ("split", "val", lambda r: r.split == "val"),
        ("true", "dog", lambda r: r.truth == ("dog",)),
        ("said", "dog", lambda r: labels_said(r) == ("dog",)),
        ("error", "wrong", lambda r: labels_said(r) != r.truth),
        ("error", "right", lambda r: labels_said(r) == r.truth),
    ],
)
def test_one_filter(open_folder, single, control, value, keeps):
    page, _ = open_folder(single)
    page.locator(f"#by-{control}").select_option(value)
    kept = [row for row in SINGLE if keeps(row)]
    assert 0 < len(kept) < len(SINGLE)
    expect_rows(page, kept, len(SINGLE))
    assert page.evaluate("location.hash") == f"#{control}={value}"
    page.locator("#clear").click()
    expect_rows(page, SINGLE, len(SINGLE))
    assert page.evaluate("location.hash") == ""


@pytest.mark.parametrize(
    "control, value, keeps",
    [
        ("error", "wrong", lambda r: set(labels_said(r, "multi")) != set(r.truth)),
        ("error", "fp:cat", lambda r: "cat" in labels_said(r, "multi") and "cat" not in r.truth),
        ("error", "fn:cat", lambda r: "cat" not in labels_said(r, "multi") and "cat" in r.truth),
        ("true", "!none", lambda r: r.truth == ()),
        ("true", "bird", lambda r: "bird" in r.truth),
    ],
)
def test_filters_of_several_labels(open_folder, multi, control, value, keeps):
    page, _ = open_folder(multi)
    page.locator(f"#by-{control}").select_option(value)
    kept = [row for row in MULTI if keeps(row)]
    assert 0 < len(kept) < len(MULTI)
    expect_rows(page, kept, len(MULTI))


def test_filters_go_together_with_confidence(open_folder, single):
    page, _ = open_folder(single)
    page.locator("#by-error").select_option("wrong")
    page.locator("#by-min").fill("70")
    page.locator("#by-max").fill("80.5")
    kept = [r for r in SINGLE if labels_said(r) != r.truth and 0.70 <= round(max(r.probabilities), 4) <= 0.805]
    assert 0 < len(kept) < 60
    expect_rows(page, kept, len(SINGLE))


@pytest.mark.parametrize(
    "order, key",
    [
        ("id", lambda r: r.id),
        ("true", lambda r: r.truth),
        ("said", labels_said),
        ("confidence", lambda r: round(confidence(r.probabilities, "single"), 4)),
        ("mistake", lambda r: round(mistake(r.probabilities, [LABELS.index(r.truth[0])], "single"), 4)),
    ],
)
def test_orders(open_folder, single, order, key):
    page, _ = open_folder(single)
    page.locator("#by-sort").select_option(order)
    expect_rows(page, sorted(SINGLE, key=key), len(SINGLE))
    page.locator("#by-down").click()
    expect(page.locator("#by-down")).to_have_attribute("aria-pressed", "true")
    expect_rows(page, sorted(SINGLE, key=key, reverse=True), len(SINGLE))  # reverse keeps the order of equals


def test_search_reads_all_texts_and_ids(open_folder, single):
    page, watch = open_folder(single)
    page.locator("#by-text").fill("NUMBER 55")
    expect_rows(page, [r for r in SINGLE if "number 55" in r.texts["caption"]], len(SINGLE))
    assert sorted({n for n in watch.asked if n.startswith("data/")}) == ["data/000.html", "data/001.html"]
    page.locator("#by-text").fill("sample-00012")
    expect_rows(page, [SINGLE[12]], len(SINGLE))
    page.locator("#by-text").fill("nothing has this")
    expect(page.locator("#none")).to_be_visible()
    expect(page.locator("#gallery")).to_be_hidden()
    expect(page.locator("#get-csv")).to_be_disabled()


def test_a_missing_file_is_told(open_folder, make):
    folder = make(made_report(made_rows(5)))
    (folder / "data" / "000.html").unlink()
    page, watch = open_folder(folder)
    expect(page.locator(".excerpt").first).to_have_text("The text could not be read.", timeout=9000)
    page.locator("#by-text").fill("red")
    expect(page.locator("#told")).to_contain_text("could not be read")
    page.locator(".one").first.click()
    expect(page.locator("#sample")).to_be_visible()
    watch.problems[:] = [p for p in watch.problems if "ERR_FILE_NOT_FOUND" not in p]


# ---- one sample ----


def test_a_sample_opens_and_steps(open_folder, single):
    page, _ = open_folder(single, "#error=wrong")
    wrong = [r for r in SINGLE if labels_said(r) != r.truth]
    page.locator(".one").nth(1).click()
    box = page.locator("#sample")
    expect(box.locator("h2")).to_have_text(wrong[1].id)
    expect(box.locator(".text")).to_have_text(wrong[1].texts["caption"])
    expect(box).to_contain_text("Wrong")
    expect(box.locator(".said")).to_contain_text(labels_said(wrong[1])[0])
    expect(box.locator("li", has_text="true")).to_contain_text(wrong[1].truth[0])
    expect(box.locator("img")).to_have_js_property("naturalWidth", 96)
    assert page.evaluate("location.hash") == f"#error=wrong&sample={wrong[1].id}"
    page.get_by_role("button", name="Next").click()
    expect(box.locator("h2")).to_have_text(wrong[2].id)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(box.locator("h2")).to_have_text(wrong[0].id)
    expect(page.locator("#sample-before")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page).to_have_url(re.compile("#error=wrong$"))  # the dialog says that it was closed a moment later
    expect(page.locator(".one").first).to_be_focused()


def test_addresses(open_folder, single):
    page, watch = open_folder(single, "#split=test&sort=confidence&down=1&sample=sample-00555")
    expect(page.locator("#sample h2")).to_have_text("sample-00555")
    expect(page.locator("#sample .text")).to_have_text(SINGLE[555].texts["caption"])
    expect(page.locator("#by-sort")).to_have_value("confidence")
    tests = [r for r in SINGLE if r.split == "test"]
    expect_rows(page, sorted(tests, key=lambda r: -round(max(r.probabilities), 4)), len(SINGLE))
    page.locator("#sample-close").click()
    page.go_back()
    expect(page.locator("#sample h2")).to_have_text("sample-00555")
    page.evaluate("location.hash = 'true=cat'")
    expect(page.locator("#sample")).to_be_hidden()
    expect_rows(page, [r for r in SINGLE if r.truth == ("cat",)], len(SINGLE))
    for odd in ("#sort=__proto__&min=abc&sample=nobody", "#%", "#true=<img src=x>", "#error=fp:nothing"):
        page.evaluate("hash => { location.hash = hash; }", odd)
        expect(page.locator("#told")).to_have_text(re.compile("600 samples"))
    assert watch.problems == []


def test_explanations_are_filtered_and_lead_on(open_folder, explained):
    page, watch = open_folder(explained)
    page.locator("#by-pairs").select_option("any")
    expect(page.locator("#told")).to_have_text("2 of 3 samples")
    for kind in ("sii", "gap"):
        page.locator("#by-pairs").select_option(kind)
        expect(page.locator("#told")).to_have_text("1 of 3 samples")
    page.locator("#by-strength").fill("50")
    expect(page.locator("#told")).to_have_text("0 of 3 samples")
    page.locator("#clear").click()
    page.locator("#by-sort").select_option("sii")
    assert list(shown(page).values()) == ["scene-0042", "noise", "not"], "those without a pair come last"
    page.locator("#by-down").click()
    assert list(shown(page).values()) == ["scene-0042", "noise", "not"]
    page.evaluate("location.hash = 'sample=scene-0042&pair=2-24'")
    link = page.locator("#sample a[aria-current=true]").first
    expect(link).to_be_focused()
    expect(link).to_contain_text("wonderful")
    page.keyboard.press("Enter")
    page.wait_for_url("**/explanations.html#scene-0042&pair=2-24")
    expect(page.locator("#evidence .token[data-at='2']")).to_have_class(re.compile(r"\bon\b|\blinked\b"))
    expect(page.locator(".eyebrow")).to_contain_text("scene-0042")
    expect(page.locator("#evidence .readout")).to_contain_text("wonderful")
    assert "explanations.html" in watch.asked


# ---- keyboard, blur ----


def test_arrow_keys_walk_the_grid(open_folder, single):
    page, _ = open_folder(single)
    across = int(page.locator("#gallery").get_attribute("aria-colcount") or 0)
    assert across > 3 and page.locator("#gallery [tabindex='0']").count() == 1
    page.locator("#clear").focus()
    page.keyboard.press("Tab")

    def at() -> int:
        return page.evaluate("Number(document.activeElement.dataset.place ?? -1)")

    assert at() == 0
    for key, place in (("ArrowRight", 1), ("ArrowDown", 1 + across), ("End", 2 * across - 1), ("Home", across)):
        page.keyboard.press(key)
        assert at() == place, key
    page.keyboard.press("Control+End")
    assert at() == len(SINGLE) - 1
    assert page.locator("#gallery [tabindex='0']").count() == 1
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(100)
    assert at() == len(SINGLE) - 1, "what has the focus stays in the page"
    page.keyboard.press("Control+Home")
    page.keyboard.press("PageDown")
    assert at() >= across and at() % across == 0
    page.keyboard.press("Enter")
    expect(page.locator("#sample")).to_be_visible()
    expect(page.locator("#sample-close")).to_be_focused()


def blurred(page: Page, selector: str) -> bool:
    return "blur" in page.locator(selector).first.evaluate("node => getComputedStyle(node).filter")


def test_blur(open_folder, make, pictures):
    folder = make(made_report(made_rows(30, pictures), blur=True))
    page, _ = open_folder(folder)
    page.wait_for_timeout(300)
    first = page.locator(".one").first
    assert blurred(page, ".one img") and blurred(page, ".one .text")
    assert "thing" not in page.locator("#gallery").inner_text()
    expect(first).to_have_attribute("aria-label", re.compile("blurred"))
    first.focus()
    page.keyboard.press("b")
    expect(first.locator(".text")).to_have_text("a red thing beside a red one, number 0")
    expect(first).to_be_focused()
    assert not blurred(page, ".one img")
    assert page.locator(".one.blurred").count() == page.locator(".one").count() - 1
    page.locator(".one").nth(1).click()
    box = page.locator("#sample")
    assert blurred(page, "#sample img") and "thing" not in box.inner_text()
    page.get_by_role("button", name="Show this sample").click()
    expect(box.locator(".text")).to_have_text("a green thing beside a red one, number 1")
    assert not blurred(page, "#sample img")
    page.get_by_role("button", name="Blur this sample").click()
    assert "thing" not in box.inner_text()
    page.locator("#sample-close").click()
    button = page.get_by_role("button", name="Blur pictures and texts")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".one:not(.blurred)")).to_have_count(0)
    button.click()
    expect(page.locator(".one.blurred")).to_have_count(0)
    page.reload()
    expect(page.locator(".one:not(.blurred)")).to_have_count(0)


def test_blur_is_off_unless_asked(open_folder, single):
    page, _ = open_folder(single)
    expect(page.locator(".blurred")).to_have_count(0)
    page.locator(".one").nth(2).focus()
    page.keyboard.press("b")
    expect(page.locator(".one.blurred")).to_have_count(1)
    page.get_by_role("button", name="Blur pictures and texts").click()
    assert page.locator(".one.blurred").count() == page.locator(".one").count()


# ---- downloads ----


def download(page: Page, kind: str) -> str:
    with page.expect_download() as waited:
        page.locator(f"#get-{kind}").click()
    assert waited.value.suggested_filename == f"samples.{kind}"
    return Path(waited.value.path()).read_bytes().decode("utf-8")


def test_downloads_hold_what_is_found(open_folder, single):
    page, _ = open_folder(single, "#error=wrong&split=test")
    wrong = [r for r in SINGLE if labels_said(r) != r.truth and r.split == "test"]
    rows = list(csv.DictReader(io.StringIO(download(page, "csv"), newline="")))
    assert [row["id"] for row in rows] == names(wrong)
    for row, given in zip(rows, wrong, strict=True):
        assert (row["true"], row["predicted"], row["right"]) == (given.truth[0], labels_said(given)[0], "false")
        assert float(row["p(dog)"]) == pytest.approx(given.probabilities[1], abs=1e-4)
        assert row["caption"] == given.texts["caption"] and row["sii"] == ""
    found = json.loads(download(page, "json"))
    assert [one["id"] for one in found] == names(wrong)
    assert found[0]["texts"] == dict(wrong[0].texts) and found[0]["sii"] is None


def test_downloads_hold_the_strongest_pairs(open_folder, explained):
    page, _ = open_folder(explained)
    rows = list(csv.DictReader(io.StringIO(download(page, "csv"), newline="")))
    assert float(rows[0]["sii"]) > 2 and float(rows[0]["redundancy_gap"]) > 1 and rows[1]["sii"] == ""
    assert "wonderful" in json.loads(download(page, "json"))[0]["sii"]["words"]


# ---- hostile, accessible, narrow, printed ----


def test_hostile_texts_are_inert(open_folder, make, examples):
    words = examples.HOSTILE
    rows = [
        Row(
            f"{text[:300]}{k}",
            text[:40],
            (words[k % 3],),
            (0.2, 0.3, 0.5),
            {text: text, "__proto__": text, "": words[0]},
        )
        for k, text in enumerate(words)
    ]
    report = made_report(
        rows, title=words[0], facts={t: t for t in words}, notes=words, metrics={words[0]: {words[2]: 1.0}}
    )
    report = RunReport(**{**vars(report), "labels": words[:3]})
    page, _ = open_folder(make(report))
    expect(page.locator("h1")).to_have_text(words[0])
    assert page.locator("script").count() == 3 and page.locator("#gallery img, #facts img").count() == 0
    for k in range(len(rows)):
        page.evaluate("([id]) => { location.hash = new URLSearchParams({ sample: id }); }", [rows[k].id])
        expect(page.locator("#sample")).to_be_visible()
        assert page.locator("#sample :is(script, img, svg, iframe)").count() == 0
        page.locator("#sample-close").click()
        page.wait_for_function("!location.hash.includes('sample=')")  # it is gone from the address a moment later
    lines = list(csv.DictReader(io.StringIO(download(page, "csv"), newline="")))
    assert len(lines) == len(rows) and not any(line["id"].startswith("=") for line in lines)
    found = json.loads(download(page, "json"))
    assert [one["texts"]["__proto__"] for one in found] == list(words)
    page.locator("#by-true").select_option(words[1])
    expect(page.locator("#told")).to_have_text(f"5 of {len(rows)} samples")
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every((n) => !n.getAttributeNames().some((name) => name.startsWith('on')))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["single", "explained", "blurred"])
def test_nothing_keeps_people_out(open_folder, single, explained, make, kind, scheme):
    folder = {"single": single, "explained": explained}.get(kind) or make(made_report(made_rows(9), blur=True))
    page, _ = open_folder(folder, color_scheme=scheme)
    page.wait_for_timeout(300)

    def faults() -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{v['id']}: {n['html'][:200]}" for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"]
        ]

    assert faults() == []
    page.locator(".one").first.click()
    expect(page.locator("#sample .text").first).to_be_visible()
    assert faults() == []


@pytest.mark.parametrize("width", [360, 800, 2200])
def test_it_fits(open_folder, explained, single, width):
    for folder in (explained, single):
        page, _ = open_folder(folder, viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        across = int(page.locator("#gallery").get_attribute("aria-colcount") or 0)
        assert across == {360: 2, 800: 4, 2200: 7}[width]
        page.locator(".one").first.click()
        box = page.locator("#sample").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_theme_turns(open_folder, single):
    page, _ = open_folder(single, color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    page.locator("#theme").click()
    expect(page.locator("#theme")).to_have_attribute("aria-label", "Colour theme: dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_it_prints_the_first_samples(open_folder, single):
    page, _ = open_folder(single)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    cards = page.locator(".one")
    assert 48 <= cards.count() <= 56
    boxes = [card.bounding_box() for card in cards.all()]
    assert all(box and box["height"] > 200 for box in boxes)
    assert len({(round(box["x"]), round(box["y"])) for box in boxes if box}) == len(boxes), "no card lies on another"
    expect(page.locator("#filters")).to_be_hidden()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert cards.count() < 48 or page.locator(".line").first.evaluate("n => getComputedStyle(n).position") == "absolute"
    assert len(page.pdf()) > 20_000


# ---- large runs ----


@pytest.fixture(scope="module")
def large(make, tmp_path_factory) -> Path:
    """10,000 samples with 1,000 pictures."""
    return make(made_report(made_rows(10_000, small_pictures(tmp_path_factory.mktemp("many"), 1000))))


def nodes(page: Page) -> int:
    return page.evaluate("document.querySelectorAll('*').length")


def test_ten_thousand_samples_stay_fluid(open_folder, large):
    rows = made_rows(10_000)
    page, watch = open_folder(large)
    expect(page.locator("#told")).to_have_text("10,000 samples")
    page.locator("#browse").click()
    expect(page.locator(".one .text").first).to_contain_text("number 0")
    assert nodes(page) < 2000
    assert {n for n in watch.asked if n.startswith("data/")} == {"data/000.html"}
    assert 0 < sum(n.startswith("pictures/") for n in watch.asked) < 100, "only what is in view"

    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.locator(".one .text").last).to_contain_text("number 9999")
    assert nodes(page) < 2000
    assert {n for n in watch.asked if n.startswith("data/")} == {"data/000.html", "data/019.html"}

    page.locator("#by-error").select_option("wrong")
    page.locator("#by-min").fill("95")
    kept = [r for r in rows if labels_said(r) != r.truth and round(max(r.probabilities), 4) >= 0.95]
    expect(page.locator("#told")).to_have_text(f"{len(kept)} of 10,000 samples")
    got = shown(page)
    assert got == {place: kept[place].id for place in got} and len(got) >= 21 and nodes(page) < 2000
    assert {n for n in watch.asked if n.startswith("data/")} < {f"data/{k:03d}.html" for k in range(20)}

    page.locator("#clear").click()
    page.locator("#by-text").fill("number 777")
    expect(page.locator("#told")).to_have_text("11 of 10,000 samples", timeout=20_000)
    assert len({n for n in watch.asked if n.startswith("data/")}) == 20
    assert len([n for n in watch.asked if n.startswith("data/")]) == 20, "each is read once"
