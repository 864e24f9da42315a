"""The ideal value function: its pair scores by enumeration over few players equal those over all of them."""

import numpy as np
import pytest

from interplay.data.scenes_story import SLOTS, STORIES
from interplay.data.truth import Truth
from interplay.encoders.parts import Part
from interplay.evaluation.ideal import CLIP, carriers, ideal_pairs, ideal_value, lies_in, logit, overlaps
from interplay.explanation.players import Players
from interplay.interactions import exact_pairs

WORDS = {"praise": (0, 3), "storm_word": (4, 7), "urgent_word": (8, 11), "night_word": (12, 15)}
PARTS = (
    [Part(text="abc", span=(4 * k, 4 * k + 3)) for k in range(5)],
    [Part(box=(k / 5, 0.0, (k + 1) / 5, 1.0)) for k in range(5)],
)
PLAYERS = Players(np.repeat([0, 1], 5), tuple(np.array([k]) for k in (*range(5), *range(5))))
PAIRS = np.array([(i, j) for i in range(5) for j in range(5, 10)])


def scene(**slots: bool) -> Truth:
    """Words 0-3 and signs in patches 0-3 carry the slots; patch 4 shows one more object."""
    values = dict.fromkeys(SLOTS, False) | slots
    signs = ("unhappy", "lightning", "animal_sign", "moon")
    cells = {name: (k / 5, 0.0, (k + 1) / 5, 1.0) for k, name in enumerate(signs)}
    objects = [(0.8, 0.0, 1.0, 1.0)] + ([] if values["animal_sign"] else [cells["animal_sign"]])
    return Truth(values, WORDS, cells, {"animal_sign": objects})


def test_who_carries_what():
    carried = carriers(scene(), PLAYERS, PARTS)
    assert carried.slots["praise"] == [0] and carried.slots["unhappy"] == [5] and carried.slots["moon"] == [8]
    assert carried.decoys["animal_sign"] == [[9], [7]]
    assert overlaps(Part(text="bc", span=(1, 3)), (0, 2)) and not overlaps(Part(text="d", span=(3, 4)), (0, 3))
    assert lies_in(Part(box=(0.0, 0.0, 0.5, 1.0)), (0.2, 0.0, 0.3, 1.0))
    assert not lies_in(Part(box=(0.0, 0.0, 0.5, 1.0)), (0.3, 0.0, 0.9, 1.0))


@pytest.mark.parametrize("on", ["probability", "logit"])
@pytest.mark.parametrize("story", list(STORIES))
def test_few_players_are_enough(story, on):
    rng = np.random.default_rng(len(story))
    for _ in range(4):
        truth = scene(**{name: bool(rng.integers(2)) for name in SLOTS})
        carried = carriers(truth, PLAYERS, PARTS)
        value = ideal_value(STORIES[story], SLOTS, truth, carried)
        exact = exact_pairs(lambda c, v=value: logit(v(c)) if on == "logit" else v(c), 10, PAIRS)
        sii, gap = ideal_pairs(STORIES[story], SLOTS, truth, carried, PAIRS, on)
        np.testing.assert_allclose(sii, exact.sii, atol=1e-12)
        np.testing.assert_allclose(gap, exact.redundancy_gap, atol=1e-12)


def test_the_ideal_scores_of_the_planted_pairs():
    def planted(story, first, second, **slots):
        truth = scene(**slots)
        sii, gap = ideal_pairs(
            STORIES[story], SLOTS, truth, carriers(truth, PLAYERS, PARTS), np.array([[first, second]]), "probability"
        )
        return sii[0], gap[0]

    assert planted("sarcasm", 0, 5, praise=True, unhappy=True)[0] == pytest.approx(0.25)
    assert planted("sarcasm", 0, 5, praise=True)[0] == pytest.approx(-0.25)
    assert planted("mismatch", 3, 8, moon=True) == pytest.approx((0.5, -0.5))
    assert planted("mismatch", 3, 8, moon=True, night_word=True)[0] == pytest.approx(-0.5)
    assert planted("storm", 1, 6, storm_word=True, lightning=True) == pytest.approx((-0.6, 0.6))
    assert planted("urgent", 2, 6, urgent_word=True) == pytest.approx((0, 0))


def test_what_nobody_carries_is_never_shown():
    truth = Truth(dict.fromkeys(SLOTS, True), {}, {}, {})
    value = ideal_value(
        STORIES["sarcasm"],
        SLOTS,
        truth,
        carriers(Truth(truth.slots, {"praise": (90, 95)}, {"unhappy": (2.0, 2.0, 3.0, 3.0)}, {}), PLAYERS, PARTS),
    )
    assert value(np.ones((1, 10), dtype=bool)) == pytest.approx(0.25)


def test_a_certain_posterior_has_a_finite_logit():
    assert logit(np.array([0.0, 0.5, 1.0])) == pytest.approx([np.log(CLIP / (1 - CLIP)), 0, np.log((1 - CLIP) / CLIP)])
