"""Stories in which no pair acts together: drawn only when asked for, and evidence that adds up exactly."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from interplay.data.known import SLOTS as KNOWN
from interplay.data.scenes import make_scene, make_scenes
from interplay.data.scenes_draw import CELL, HUE_OF, cell_box
from interplay.data.scenes_more import MORE_SLOTS, MORE_STORIES, draw_more
from interplay.data.scenes_story import CAPTION, DEFAULT_STORIES, SLOTS, STORIES
from interplay.data.truth import posterior, read_truth
from interplay.evaluation.ideal import logit

COUNT = 3000
ALL = (*STORIES, *MORE_STORIES)


def test_the_table_is_sound():
    used = [name for story in MORE_STORIES.values() for name in story.slots]
    assert sorted(used) == sorted(MORE_SLOTS) and not set(used) & set(SLOTS), "each in one story"
    for story in MORE_STORIES.values():
        assert set(story.joint) == set(itertools.product((True, False), repeat=len(story.slots)))
        assert sum(story.joint.values()) == pytest.approx(1)
        assert story.score is None and not story.all_of_it
    for name, slot in MORE_SLOTS.items():
        assert not set(slot.yes) & set(slot.no)
        assert slot.kind == "sign" or f"{{{name}}}" in CAPTION
        assert slot.kind == "word" or set(slot.yes + slot.no) <= set(HUE_OF)
    shown = [glyph for slot in KNOWN.values() if slot.kind == "sign" for glyph in {*slot.yes, *slot.no}]
    assert all(shown.count(g) == 1 for s in MORE_SLOTS.values() if s.kind == "sign" for g in s.yes + s.no)


@pytest.mark.parametrize("name", MORE_STORIES)
def test_values_and_labels_are_as_frequent_as_stated(name):
    story = MORE_STORIES[name]
    drawn = [draw_more(name, 3, index) for index in range(COUNT)]
    for values, p in story.joint.items():
        held = np.array([d.holds for d in drawn if tuple(d.slots[s] for s in story.slots) == values])
        assert abs(len(held) / COUNT - p) < 4 * np.sqrt(p * (1 - p) / COUNT)
        q = story.probability(values)
        if len(held):
            assert abs(held.mean() - q) <= 4 * np.sqrt(q * (1 - q) / len(held))


@pytest.mark.parametrize("name", ["outing", "lively"])
def test_what_the_slots_say_adds_up_on_the_logit(name):
    """Whichever are shown: so nothing interacts, and no pair may be claimed."""
    story = MORE_STORIES[name]
    truth = make_scene(0, 4, stories=[name])[1]
    shown = np.array(list(itertools.product((True, False), repeat=len(story.slots))))
    f = logit(posterior(story, MORE_SLOTS, truth, dict(zip(story.slots, shown.T, strict=True)), {}))
    none = f[~shown.any(axis=1)]
    alone = np.array([f[shown[:, k] & (shown.sum(axis=1) == 1)] - none for k in range(len(story.slots))])
    inside = np.abs(f) < 4.5  # the others are clipped
    np.testing.assert_allclose(f[inside], (none + shown @ alone)[:, 0][inside], atol=1e-9)
    assert inside.sum() > len(f) / 2 and none == pytest.approx(0, abs=1e-9)


def test_all_else_of_a_scene_stays():
    for index in range(20):
        plain, _, before = make_scene(1, index)
        sample, truth, after = make_scene(1, index, stories=(*DEFAULT_STORIES, *MORE_STORIES))
        assert sample.labels[: len(plain.labels)] == plain.labels
        words, others = (str(s.inputs["text"]).rstrip(".").split() for s in (sample, plain))
        changed = {a.strip(",") for a, b in zip(words, others, strict=True) if a != b}
        shown = {str(sample.inputs["text"])[a:b] for name, (a, b) in truth.words.items() if name in MORE_SLOTS}
        assert changed <= shown and len(shown) == 7
        a, b = np.asarray(before), np.asarray(after)
        cells = [cell_box(c) for c in range(16) if (a != b)[_pixels(cell_box(c))].any()]
        assert cells == sorted((truth.cells["peace"], truth.cells["skull"]), key=lambda box: (box[1], box[0]))


def _pixels(box):
    x, y = (round(4 * CELL * at) for at in box[:2])
    return slice(y, y + CELL), slice(x, x + CELL)


def test_evidence_is_what_speaks_for_a_label(tmp_path: Path):
    dataset = make_scenes(tmp_path / "scenes", samples=120, stories=ALL, seed=2)
    assert dataset.labels == ALL
    truth, counts = read_truth(dataset.source), dict.fromkeys(MORE_STORIES, 0)
    for sample in dataset.samples:
        t, text = truth[sample.id], str(sample.inputs["text"])
        for name, story in MORE_STORIES.items():
            values = tuple(t.slots[slot] for slot in story.slots)
            assert (name in sample.evidence) == (name in sample.labels and values in story.holds)
            if name not in sample.evidence:
                continue
            counts[name] += 1
            found = sample.evidence[name]
            true = [slot for slot in story.slots if t.slots[slot]]
            assert {text[a:b].lower() for a, b in found.words} <= {w.lower() for s in true for w in MORE_SLOTS[s].yes}
            assert len(found.words) == sum(MORE_SLOTS[s].kind == "word" for s in true)
            assert found.cells == tuple(t.cells[s] for s in true if MORE_SLOTS[s].kind == "sign")
    assert min(counts.values()) > 20
