"""The exact posterior: what is known by definition, and what thousands of scenes show."""

from itertools import product

import numpy as np
import pytest

from interplay.data.scenes import make_scene, make_scenes
from interplay.data.scenes_story import PICTOGRAMS, SLOTS, STORIES, draw_signs, draw_slots
from interplay.data.truth import Truth, posterior, read_truth

CELL = (0.0, 0.0, 0.25, 0.25)


def scene(**slots: bool) -> Truth:
    """The truth of a scene with these slots; the rest are not true."""
    values = dict.fromkeys(SLOTS, False) | slots
    return Truth(values, {}, {}, {})


def answer(story: str, truth: Truth, *shown: str, decoys: int = 0) -> float:
    seen = {name: np.array([name in shown]) for name in SLOTS}
    return float(posterior(STORIES[story], SLOTS, truth, seen, {"animal_sign": np.array([decoys])})[0])


@pytest.mark.parametrize("praise, unhappy", list(product((True, False), repeat=2)))
def test_an_and_of_two_fair_coins(praise, unhappy):
    truth = scene(praise=praise, unhappy=unhappy)
    assert answer("sarcasm", truth) == pytest.approx(0.25)
    assert answer("sarcasm", truth, "praise") == pytest.approx(0.5 * praise)
    assert answer("sarcasm", truth, "unhappy") == pytest.approx(0.5 * unhappy)
    assert answer("sarcasm", truth, "praise", "unhappy") == pytest.approx(float(praise and unhappy))


def test_an_or_whose_halves_mostly_come_together():
    both, neither = scene(storm_word=True, lightning=True), scene()
    assert answer("storm", both) == pytest.approx(0.4)
    assert answer("storm", both, "lightning") == 1
    assert answer("storm", neither, "lightning") == pytest.approx(0.04 / 0.64)  # the word alone still may
    assert answer("storm", neither, "lightning", "storm_word") == 0


def test_an_xor_tells_nothing_until_both_are_seen():
    for night, moon in product((True, False), repeat=2):
        truth = scene(night_word=night, moon=moon)
        assert [answer("mismatch", truth, *shown) for shown in ((), ("night_word",), ("moon",))] == [0.5] * 3
        assert answer("mismatch", truth, "night_word", "moon") == float(night != moon)


def test_what_other_stories_show_tells_nothing():
    truth = scene(praise=True, storm_word=True)
    others = [name for name in SLOTS if name not in STORIES["sarcasm"].slots]
    assert answer("sarcasm", truth, "praise", *others, decoys=3) == answer("sarcasm", truth, "praise")


def test_seeing_objects_makes_a_hidden_animal_less_likely():
    truth = scene(animal_sign=False)
    assert answer("animal", truth) == pytest.approx(0.4)
    assert answer("animal", truth, decoys=6) == 0  # all six are objects: no room for an animal
    assert answer("animal", truth, decoys=3) == pytest.approx(0.4 * 0.5 / (0.4 * 0.5 + 0.6))
    assert answer("animal", scene(animal_sign=True), "animal_sign", decoys=2) == 1


@pytest.mark.slow
def test_the_posterior_is_what_many_scenes_show():
    """Some cells are hidden: among scenes that look alike in the others, the label is as frequent as it says."""
    rng = np.random.default_rng(0)
    for hidden in (6, 11):
        seen: dict[tuple[int, bool], list[tuple[bool, float]]] = {}
        for _ in range(6000):
            slots = draw_slots(rng)
            glyphs, places = draw_signs(slots, rng)
            shown = rng.choice(16, PICTOGRAMS, replace=False) >= hidden
            objects = sum(bool(s) for g, s in zip(glyphs, shown, strict=True) if g in SLOTS["animal_sign"].no)
            animal = slots["animal_sign"] and bool(shown[places["animal_sign"]])
            truth = scene(animal_sign=slots["animal_sign"])
            p = answer("animal", truth, *(["animal_sign"] if shown[places["animal_sign"]] else []), decoys=objects)
            seen.setdefault((objects, animal), []).append((slots["animal_sign"], p))
        for key, rows in seen.items():
            labels, p = np.array(rows).T
            assert len(set(p)) == 1, f"what looks alike has one posterior: {key}"
            assert abs(labels.mean() - p[0]) <= 4 * np.sqrt(p[0] * (1 - p[0]) / len(p)), (key, labels.mean(), p[0])


def test_the_truth_of_a_scene_survives_its_file(tmp_path):
    dataset = make_scenes(tmp_path / "scenes", samples=12, seed=4)
    truth = read_truth(dataset.source)
    for index, sample in enumerate(dataset.samples):
        assert truth[sample.id] == make_scene(4, index)[1]
        for name, (start, end) in truth[sample.id].words.items():
            yes = truth[sample.id].slots[name]
            assert str(sample.inputs["text"])[start:end] in (SLOTS[name].yes if yes else SLOTS[name].no)
        assert len(truth[sample.id].decoys["animal_sign"]) == 6 - truth[sample.id].slots["animal_sign"]
