"""Planting: known words and stickers in other people's data, nothing else changed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interplay.data.plant import FIRST_WORDS, plant, plant_words
from interplay.data.plant_story import PLANTED_SLOTS, PLANTED_STORIES
from interplay.data.sample import Dataset, Sample
from interplay.data.scenes import make_scenes
from interplay.data.truth import read_truth
from interplay.errors import DataError

PLACES = [(x / 4, y / 2, (x + 1) / 4, (y + 1) / 2) for y in range(2) for x in range(4)]


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    rng = np.random.default_rng(0)
    samples = []
    for k in range(20):
        path = tmp_path / f"{k}.png"
        Image.fromarray(rng.integers(0, 255, (50, 80, 3), dtype=np.uint8)).save(path)
        split = ("train", "val", "test")[k % 3]
        samples.append(
            Sample(str(k), split, {"plot": f"A plot about number {k} and apple pie", "poster": path}, ("x",))
        )
    return Dataset("films", tmp_path, {"plot": "text", "poster": "image"}, ("x", "y"), "multi", samples)


def test_a_planted_copy(data, tmp_path):
    copy = plant(data, tmp_path / "copy", lambda picture: PLACES, samples=80, seed=3)
    truth = read_truth(copy.source)
    assert len(copy.samples) == 80 and copy.labels == tuple(PLANTED_STORIES)
    assert {s: len(copy.split(s)) for s in ("train", "val", "test")} == {"train": 28, "val": 28, "test": 24}
    for sample in copy.samples:
        own, text = truth[sample.id], str(sample.inputs["plot"])
        original = data.samples[int(sample.id[:6])]
        assert sample.split == original.split and own.grid is None
        for label, story in PLANTED_STORIES.items():
            assert (label in sample.labels) == (tuple(own.slots[n] for n in story.slots) in story.holds)
        words = []
        for name, (start, end) in own.words.items():
            slot = PLANTED_SLOTS[name]
            words.append(text[start:end])
            assert text[start:end] in (slot.yes if own.slots[name] else slot.no)
            assert text[start:end] != "apple", "the texts hold it"
        assert [w for w in text.split() if w not in words] == str(original.inputs["plot"]).split()
        seen = np.asarray(Image.open(Path(sample.inputs["poster"])).convert("RGB"))
        changed = np.any(seen != np.asarray(Image.open(Path(original.inputs["poster"]))), axis=2)
        inside = np.zeros_like(changed)
        for x0, y0, x1, y1 in own.cells.values():
            box = (slice(round(y0 * 50), round(y1 * 50)), slice(round(x0 * 80), round(x1 * 80)))
            assert changed[box].mean() > 0.3, "a sticker is there"
            inside[box] = True
        assert not (changed & ~inside).any() and len(set(own.cells.values())) == 2


def test_the_same_seed_gives_the_same_copy(data, tmp_path):
    first, again, other = (
        plant(data, tmp_path / name, lambda picture: PLACES, samples=20, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    rows = [(Path(d.source) / "samples.jsonl").read_bytes() for d in (first, again, other)]
    assert rows[0] == rows[1] != rows[2]


def test_slots_have_the_rates_of_their_stories(data, tmp_path):
    copy = plant(data, tmp_path / "copy", lambda picture: PLACES, samples=400)
    truth = list(read_truth(copy.source).values())
    for story in PLANTED_STORIES.values():
        for values, p in story.joint.items():
            hit = np.mean([tuple(t.slots[n] for n in story.slots) == values for t in truth])
            assert abs(hit - p) < 4 * np.sqrt(p * (1 - p) / 400)


def test_words_stay_where_an_encoder_reads_them():
    rng = np.random.default_rng(0)
    for _ in range(50):
        text, spans = plant_words("w " * 300, {"a": "first", "b": "second"}, rng)
        assert all(len(text[:start].split()) <= FIRST_WORDS + 1 for start, _ in spans.values())
    assert plant_words("", {"a": "first"}, rng) == ("first", {"a": (0, 5)})


def test_what_cannot_be_planted_into(data, tmp_path):
    from dataclasses import replace

    text_only = replace(data, modalities={"plot": "text"})
    with pytest.raises(DataError, match="one text and one image"):
        plant(text_only, tmp_path / "copy", lambda picture: PLACES)
    taken = [replace(s, inputs={**s.inputs, "plot": "Apple's, banana-bread; cherry/lemon?"}) for s in data.samples]
    with pytest.raises(DataError, match="hold all words"):
        plant(replace(data, samples=taken), tmp_path / "copy", lambda picture: PLACES)
    assert not (tmp_path / "copy").exists()
    for places in (PLACES[:1], [(x / 10, 0.0, (x + 1) / 10, 1.0) for x in range(10)]):
        with pytest.raises(DataError, match="no room for stickers"):
            plant(data, tmp_path / "copy", lambda picture, places=places: places)
    scenes = make_scenes(tmp_path / "scenes", samples=10)
    with pytest.raises(DataError, match="known already"):
        plant(scenes, tmp_path / "copy", lambda picture: PLACES)


def test_a_copy_is_about_as_large_as_asked(data, tmp_path):
    for samples, expected in ((10, 11), (20, 20), (70, 80), (5, 6)):
        copy = plant(data, tmp_path / f"copy{samples}", lambda picture: PLACES, samples=samples)
        assert len(copy.samples) == expected and all(copy.split(s) for s in ("train", "val", "test"))
