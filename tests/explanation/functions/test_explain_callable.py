"""Any function of words and pixels is explained by what it answers with some of them removed."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interplay import explain_callable, finding
from interplay.config import ExplainConfig
from interplay.errors import BadInput, PredictorError
from interplay.explanation.functions.removal import cells_of, words_of
from interplay.interactions import exact_pairs
from interplay.report.claims import claim
from interplay.report.page import render_page

RED, BLUE = (250, 10, 10), (10, 10, 250)


def two_cells() -> Image.Image:
    """Left half red, right half blue."""
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    return picture


def shows(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    return bool((np.asarray(picture) == colour).all(axis=-1).any())


def chance(text: str, picture: Image.Image) -> float:
    """sun AND red raise it, rain OR blue lower it."""
    words = text.split()
    both, either = "sun" in words and shows(picture, RED), "rain" in words or shows(picture, BLUE)
    return 0.3 + 0.5 * both - 0.2 * either


def test_pair_scores_are_those_of_the_function_by_enumeration():
    explanation = explain_callable(chance, text="sun  and rain", image=two_cells(), grid=2, target="score")
    assert [f.text for f in explanation.features] == ["sun", "and", "rain", None, None]
    assert [f.box for f in explanation.features[3:]] == [(0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)]
    assert explanation.value.level == "input" and explanation.value.expert == "model"

    def value(coalitions):
        """The same game, written down without removing anything."""
        out = []
        for sun, _, rain, red, blue in coalitions:
            p = 0.3 + 0.5 * (sun and red) - 0.2 * (rain or blue)
            out.append(np.log(p / (1 - p)))
        return np.array(out)

    exact = exact_pairs(value, 5, list(itertools.product([0, 1, 2], [3, 4])))
    found = {(p.i, p.j): (p.sii, p.redundancy_gap) for p in explanation.pairs}
    for (i, j), sii, gap in zip(exact.pairs.tolist(), exact.sii, exact.redundancy_gap, strict=True):
        assert found[i, j] == pytest.approx((sii, gap), abs=1e-9)
    assert explanation.prediction == pytest.approx({"score": 0.6})
    assert explanation.whatif.without == pytest.approx([0.1, 0.6, 0.6, 0.1, 0.6])
    assert explanation.whatif.nothing == pytest.approx(0.3)
    assert any("cannot be looked into" in note for note in explanation.notes) and not explanation.attributions


def test_removing_a_word_or_a_cell_changes_nothing_else():
    words, picture = words_of(" two  words\nhere "), two_cells()
    cells = cells_of(picture, 4, "mean")
    assert len(cells.edges) == 8, "4 along the longer side, 2 along the other"
    assert words.keep(np.array([True, True, True])) == " two  words\nhere "
    assert words.keep(np.array([True, False, True])) == "two  here"
    assert words.keep(np.array([False, False, False])) == ""
    for stays in itertools.product([True, False], repeat=8):
        left = np.asarray(cells.keep(np.array(stays)))
        for (x0, y0, x1, y1), stay in zip(cells.edges, stays, strict=True):
            here = left[y0:y1, x0:x1]
            assert (here == np.asarray(picture)[y0:y1, x0:x1]).all() if stay else (here == cells.fill).all()
    assert cells.fill == (130, 10, 130) and cells_of(picture, 4, "grey").fill == (128, 128, 128)


@pytest.mark.parametrize(
    ("size", "grid", "count"), [((300, 100), 6, 12), ((1, 1), 6, 1), ((500, 2), 6, 6), ((7, 90), 3, 3)]
)
def test_cells_are_about_square_and_cover_the_picture(size, grid, count):
    cells = cells_of(Image.new("RGB", size), grid, "mean")
    covered = np.zeros(size[::-1], dtype=int)
    for x0, y0, x1, y1 in cells.edges:
        covered[y0:y1, x0:x1] += 1
    assert len(cells.edges) == count and (covered == 1).all()


def test_lists_at_once_give_the_same():
    def many(texts, pictures):
        return np.array([[1 - chance(t, p), chance(t, p)] for t, p in zip(texts, pictures, strict=True)])

    def one(text, picture):
        return [1 - chance(text, picture), chance(text, picture)]

    options = {"text": "sun and rain", "image": np.asarray(two_cells()), "grid": 2, "labels": ("no", "yes")}
    at_once = explain_callable(many, batch=True, **options)
    singly = explain_callable(one, **options)
    assert at_once.pairs == singly.pairs and at_once.prediction == singly.prediction
    assert at_once.target == "yes" and at_once.label_kind == "single"
    assert sum(at_once.prediction.values()) == pytest.approx(1)


def test_text_alone_and_a_picture_alone(tmp_path):
    two_cells().save(tmp_path / "two.png")
    text = explain_callable(lambda text: 2.0 * ("sun" in text), text="sun and rain", returns="logits")
    picture = explain_callable(lambda p: 3.0 * shows(p, RED), image=tmp_path / "two.png", returns="logits", grid=2)
    assert not text.pairs and not picture.pairs
    assert claim(text).kind not in {"together", "either"} and finding(text).endswith("“sun” alone; without it 50%")
    assert "sun" in render_page([text], {}) and render_page([picture], {"sample": {"image": two_cells()}})


@pytest.mark.slow
def test_the_example_finds_the_pair_that_its_function_needs(tmp_path, monkeypatch):
    path = Path(__file__).parents[3] / "examples" / "explain_a_function.py"
    spec = importlib.util.spec_from_file_location("explain_a_function", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    explanation = explain_callable(
        example.warns, text=example.TEXT, image=example.make_picture(), labels=["warning"], grid=4, budget=1500
    )
    best = max(explanation.pairs, key=lambda pair: pair.sii)
    assert explanation.features[best.i].text == "storms"
    assert explanation.features[best.j].box == (0.5, pytest.approx(1 / 3), 0.75, pytest.approx(2 / 3))
    others = [abs(pair.sii) for pair in explanation.pairs if pair is not best]
    assert best.sii > 3 and best.sii > 5 * max(others)
    assert "“storms” and the patch in row 2, column 3, only together" in finding(explanation)
    assert len(path.read_text().splitlines()) <= 36


class Counter:
    """Answers something else every time."""

    def __init__(self):
        self.calls = 0

    def __call__(self, text, picture):
        self.calls += 1
        return self.calls / 1000


def fails_on_no_words(text, picture):
    if not text:
        raise IndexError("list index out of range")
    return 0.5


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (Counter(), "Counter changes its answer to 'street' with 5 of 5 features left between two calls"),
        (fails_on_no_words, "fails_on_no_words failed on 'street' with .* features left: IndexError"),
        (lambda text, picture: [0.1, 0.2], "'street' with shape .2,.; expected 1 numbers, one for each of score"),
        (lambda text, picture: [[0.1]], "with shape .1, 1."),
        (lambda text, picture: float("nan"), "'street' with 5 of 5 features left by .nan.; expected finite"),
        (
            lambda text, picture: 0.5 if "sun" in text else float("inf"),
            "'street' with 4 of 5 .* by .inf.; expected finite",
        ),
        (
            lambda text, picture: 3.5,
            "'street' .* by .3.5.; expected probabilities, between 0 and 1; say returns=.logits.",
        ),
        (lambda text, picture: 0.5 if text else [0.5, 0.5], "'street' with shape .2,.; expected 1 numbers"),
        (lambda text, picture: "yes", "with str, not numbers"),
        (lambda text, picture: None, "expected"),
    ],
)
def test_functions_that_break_the_contract(function, words):
    with pytest.raises(PredictorError, match=words):
        explain_callable(function, text="sun and rain", image=two_cells(), grid=2, name="street")


def depends_on_its_number(texts, pictures):
    """Every answer is right for its own place in the list alone."""
    return np.arange(1, 1 + len(texts))[::-1] / 1000


def pads_without_a_mask(texts, pictures):
    """As many models do by mistake: the longest text of a list changes what is answered to the others."""
    longest = max(len(text) for text in texts)
    return [(1 + text.count(" ")) / (2 + longest) for text in texts]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (pads_without_a_mask, "changes its answer to 'street' with 1 of 5 .* depend on the others of a batch .mask"),
        (
            depends_on_its_number,
            "depends_on_its_number changes its answer to 'street' with 5 of 5 .*; expected the same",
        ),
        (lambda texts, pictures: [0.5], r"'street' with shape \(1,\); expected \(2, 1\), a row for each of 2 inputs"),
        (lambda texts, pictures: [[0.5, 0.5]] * len(texts), r"'street' with shape \(1, 2\); expected \(1, 1\)"),
        (lambda texts, pictures: [len(text) / 12 - 1e-9 if text else -3.0 for text in texts], "0 of 5 .* by .-3.0."),
        (lambda texts, pictures: [0.5 if "rain" in t or not t else np.nan for t in texts], r"[1-4] of 5 .* by \[nan\]"),
        (lambda texts, pictures: 1 / 0, "failed on 'street' with 1 inputs at once: ZeroDivisionError"),
    ],
)
def test_lists_that_break_the_contract(function, words):
    with pytest.raises(PredictorError, match=words):
        explain_callable(function, text="sun and rain", image=two_cells(), grid=2, name="street", batch=True)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("width", [None, 1e-9], ids=["budget", "width"])
@pytest.mark.parametrize("after", [1, 5, 20])
def test_ctrl_c_passes_through_and_leaves_nothing(tmp_path, monkeypatch, batch, width, after):
    """Whether in the first question, the pair scores or what-if: no error about the function, no file, and what was
    explained before or is explained next is as without it."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def one(text, picture):
        calls.append(text)
        if len(calls) == after:
            raise KeyboardInterrupt
        return chance(text, picture)

    def many(texts, pictures):
        return [one(text, picture) for text, picture in zip(texts, pictures, strict=True)]

    settings = ExplainConfig(max_interval_width=width, estimator="block")
    options = {"text": "sun and rain", "image": two_cells(), "grid": 2, "settings": settings, "batch": batch}
    with pytest.raises(KeyboardInterrupt):
        explain_callable(many if batch else one, **options, budget=30)
    assert len(calls) == after and not list(tmp_path.iterdir())
    again = explain_callable(many if batch else one, **options, budget=30)
    plain = explain_callable(chance, **options | {"batch": False}, budget=30)
    assert again.pairs == plain.pairs and again.whatif == plain.whatif


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "nothing to explain"),
        ({"text": " \n"}, "holds no word"),
        ({"text": "sun", "target": "hail"}, "unknown target 'hail'"),
        ({"text": "sun", "labels": ()}, "labels is empty"),
        ({"image": np.zeros((4, 4)), "text": "sun"}, r"array of float64 \(4, 4\)"),
        ({"image": "nowhere.png"}, "nowhere.png"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "grid": 0}, "grid is 0"),
        ({"text": "one two three four", "image": two_cells(), "budget": 3}, "budget"),
    ],
)
def test_inputs_that_cannot_be_used(options, words):
    with pytest.raises(BadInput, match=words):
        explain_callable(lambda *_: 0.5, **options)


@pytest.mark.parametrize(
    "text, words",
    [
        ("हिन्दी में storm", ["हिन्दी", "में", "storm"]),
        ("a \ufe0f b \u200b c", ["a", "b", "c"]),
        ("今日は雨。", ["今", "日", "は", "雨。"]),
        ("ฝน ตก", ["ฝ", "น", "ต", "ก"]),
        ("\U0001f44d", ["\U0001f44d"]),  # cases.md I: emoji alone
        ("\U0001f3f3\ufe0f\u200d\U0001f308 \u2764\ufe0f", ["\U0001f3f3\ufe0f\u200d\U0001f308", "\u2764\ufe0f"]),
    ],
)
def test_words_of_every_script_play_and_the_page_says_where_they_are_characters(text, words):
    explanation = explain_callable(lambda left: float(len(left)), text=text, returns="logits")
    assert [f.text for f in explanation.features] == words
    assert all(text[slice(*f.span)] == f.text for f in explanation.features)
    said = [note for note in explanation.notes if "puts no blanks between words" in note]
    assert len(said) == any(len(w.rstrip("。")) == 1 and w[0].isalpha() and not w.isascii() for w in words)


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\ufe0f", "\u3164"])
def test_a_text_that_shows_nothing_holds_no_word(text):
    with pytest.raises(BadInput, match="holds no word"):
        explain_callable(lambda left: 0.5, text=text)


@pytest.mark.parametrize("budget", [5e3, np.int64(5000), np.float32(5000), 500, 5e2])
def test_a_budget_of_any_whole_number_is_taken(budget):
    explained = explain_callable(chance, text="sun and rain", image=two_cells(), grid=2, budget=budget)
    assert (
        explained.pairs == explain_callable(chance, text="sun and rain", image=two_cells(), grid=2, budget=5000).pairs
    )


def test_a_label_that_is_nearly_one_is_suggested():
    with pytest.raises(BadInput, match="unknown target 'sarcasms'; did you mean sarcasm"):
        explain_callable(lambda text: [0.2, 0.3], text="a b", labels=("sarcasm", "storm"), target="sarcasms")
