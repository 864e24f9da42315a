"""What a logit adds up from: what experts add, or the split of any model by its answers alone and together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.report.claims import logit
from interplay.report.waterfall import shared_level, virtual_experts, waterfall
from interplay.results import Shapley, WhatIf

sizes = st.floats(-6, 6)


def p(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def asked(nothing: float, text: float, image: float, whole: float) -> WhatIf:
    """Answers of a model with two modalities, by their logits; `text` is that to the text alone."""
    rest = {"without": [], "i": [], "j": [], "without_both": [], "evaluations": 4}
    return WhatIf(whole=p(whole), nothing=p(nothing), without_modality={"text": p(image), "image": p(text)}, **rest)


def split(*logits: float) -> list[float]:
    """unique_text, unique_image, synergy, redundancy."""
    return list(virtual_experts(asked(*logits)).values())


@pytest.mark.parametrize(
    "logits, expected",
    [
        ((-1, -1, -1, -1), (0, 0, 0, 0)),  # nothing to find
        ((0, 2, 1.5, 3.5), (2, 1.5, 0, 0)),  # additive
        ((0, 2, -1.5, 0.5), (2, -1.5, 0, 0)),  # additive, two ways
        ((0, 3, 0, 3), (3, 0, 0, 0)),  # the text alone
        ((0, 0, 0, 4), (0, 0, 4, 0)),  # XOR
        ((-1, 0, 0, 4), (1, 1, 3, 0)),  # AND
        ((0, 5, 5, 5), (0, 0, 0, 5)),  # OR
        ((0, 5, 3, 5), (2, 0, 0, 3)),  # OR of which one says more
        ((0, 5, 3, 7), (4, 2, 0, 1)),  # of the smaller one, 1 is the same
        ((-1, -5, -5, -5), (0, 0, 0, -4)),  # either is against it
        ((0, 5, 5, 3), (0, 0, -2, 5)),  # both say the same, and together less than one alone
        ((0, 4, -4, 2), (4, -4, 2, 0)),  # they differ: nothing is shared
    ],
)
def test_known_functions(logits, expected):
    assert split(*logits) == pytest.approx(expected, abs=1e-6)
    assert list(virtual_experts(asked(*logits))) == ["unique_text", "unique_image", "synergy", "redundancy"]


@given(sizes, sizes, sizes, sizes)
def test_parts_add_up_and_keep_what_each_modality_says(nothing, text, image, whole):
    own_text, own_image, synergy, redundancy = split(nothing, text, image, whole)
    assert own_text + own_image + synergy + redundancy == pytest.approx(whole - nothing, abs=1e-6)
    for own, said in ((own_text, text - nothing), (own_image, image - nothing)):
        shared = said - own
        assert shared * redundancy >= -1e-6 and abs(shared) <= abs(said) + 1e-6
        assert own * said >= -1e-6, "no modality is turned against what it says"
    bent = whole - text - image + nothing
    assert abs(synergy) <= abs(bent) + 1e-6


@given(st.lists(st.floats(0, 9), min_size=2, max_size=5), st.floats(0, 30))
def test_what_is_shared_counts_once(says, too_often):
    level = shared_level(says, too_often)
    most = sum(says) - max(says)
    assert sum(min(x, level) for x in says) - level == pytest.approx(min(too_often, most), abs=1e-9)
    assert level <= sorted(says)[-2] + 1e-12


def test_three_modalities_need_to_be_asked_alone():
    rest = {"without": [], "i": [], "j": [], "without_both": [], "evaluations": 4}
    without = {"a": p(5), "b": p(5), "c": p(5)}
    found = WhatIf(whole=p(5), nothing=p(0), without_modality=without, **rest)
    assert virtual_experts(found) is None
    found = found.model_copy(update={"only_modality": {"a": p(5), "b": p(5), "c": p(0)}})
    assert list(virtual_experts(found).values()) == pytest.approx([0, 0, 0, 0, 5], abs=1e-6)
    one = WhatIf(whole=p(5), nothing=p(0), without_modality={"a": p(0)}, **rest)
    assert virtual_experts(one) is None


def test_which_parts_are_shown(examples):
    own = waterfall(examples.with_contributions())
    assert not own.virtual and own.parts == examples.with_contributions().contributions and own.start == -1.5
    plain = examples.with_whatif()
    found = waterfall(plain)
    assert found.virtual and set(found.parts) == {"unique_caption", "unique_image", "synergy", "redundancy"}
    assert found.start + sum(found.parts.values()) == pytest.approx(logit(plain.whatif.whole))
    assert waterfall(plain.model_copy(update={"whatif": None})) is None


def test_features_are_shown_within_a_part_where_they_surely_count(examples):
    plain = examples.with_contributions()
    n = len(plain.features)
    values = {name: [0.0] * n for name in (*plain.contributions, "mixture")}
    errors = {name: [0.0] * n for name in values}
    # Largest part: 3.24. Sure and large; sure and against it; large and unsure; sure and next to nothing.
    values["synergy"][:4], errors["synergy"][:4] = [0.5, -2.0, 3.0, 0.3], [0.1, 0.2, 2.0, 0.001]
    found = waterfall(plain.model_copy(update={"shapley": shapley(values, errors)}))
    assert [(one.at, one.value) for one in found.within["synergy"]] == [(1, -2.0), (0, 0.5)]
    assert found.within["synergy"][0].half == pytest.approx(0.2 * 2.3646, abs=1e-3), "Student's t of 7 degrees"
    assert all(not found.within[name] for name in found.within if name != "synergy")
    values["synergy"] = [1.0 + at / 100 for at in range(n)]
    many = waterfall(plain.model_copy(update={"shapley": shapley(values, errors)})).within["synergy"]
    assert len(many) == 4, "the largest four"
    assert waterfall(plain).within == {}, "not asked"
    nothing = plain.model_copy(update={"contributions": dict.fromkeys(plain.contributions, 0.0), "bias": 0.0})
    assert waterfall(nothing.model_copy(update={"shapley": shapley(values, errors)})).within == {}


def shapley(values, errors):
    return Shapley(values=values, se=errors, orders=8, evaluations=100)
