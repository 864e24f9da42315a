"""What is claimed of a prediction, against functions whose truth is known: those with a pair, and those without."""

import math
import re
from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.report.claims import bend, beside_claim, claim, logit
from interplay.report.findings import finding
from interplay.report.names import without_isolates
from interplay.results import Explanation, Feature, Input, Provenance, ValueFunction, WhatIf
from interplay.results.explanation import Member

WORDS = ("brilliant", "day", "at", "sea")
CELLS = 4


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def explained(p: Callable[[frozenset[int]], float], prediction: float | None = None, **changes) -> Explanation:
    """The explanation of a function of which of 4 words (0-3) and 4 cells (4-7) are there -> probability."""
    n = len(WORDS) + CELLS
    everything = frozenset(range(n))
    pairs = list(combinations(range(n), 2))
    asked = WhatIf(
        whole=p(everything),
        nothing=p(frozenset()),
        without_modality={"text": p(everything - {0, 1, 2, 3}), "image": p(everything - {4, 5, 6, 7})},
        without=[p(everything - {at}) for at in range(n)],
        i=[i for i, _ in pairs],
        j=[j for _, j in pairs],
        without_both=[p(everything - {i, j}) for i, j in pairs],
        evaluations=1,
    )
    features = [Feature(index=at, modality="text", text=word) for at, word in enumerate(WORDS)]
    features += [
        Feature(index=4 + at, modality="image", box=(at % 2 / 2, at // 2 / 2, at % 2 / 2 + 0.5, at // 2 / 2 + 0.5))
        for at in range(CELLS)
    ]
    whole = asked.whole if prediction is None else prediction
    made = Explanation(
        sample_id="s1",
        inputs={"text": Input(kind="text", text=" ".join(WORDS)), "image": Input(kind="image", path="x.png")},
        prediction={"storm": whole, "calm": 1 - whole},
        target="storm",
        value=ValueFunction(on="logit", expert="mixture", fill="attention"),
        routing={},
        features=features,
        attributions={},
        pairs=[],
        evaluations=1,
        provenance=Provenance(run="r", data="d", versions={}, seed=0),
        whatif=asked,
    )
    return made.model_copy(update=changes)


def posterior(holds: Callable[[frozenset[int]], float | None], base: float = 0.25):
    """What is true of the label with what is left: sure where it can be known, `base` where it cannot."""

    def p(left: frozenset[int]) -> float:
        known = holds(left)
        return base if known is None else min(0.99, max(0.01, known))

    return p


def additive(weights: Sequence[float], bias: float = -3.0):
    return lambda left: sigmoid(bias + sum(weights[at] for at in left))


PLANTED = {
    "alone of what is sure": (  # three quarters of the evidence, and less than half of the probability
        additive([0.3, 0.1, 3.5, 0.1, 0.1, 0.1, 0.1, 0.0], bias=-0.1),
        {2},
        "“at” alone; without it 67%",
    ),
    "alone": (posterior(lambda left: 1.0 if 0 in left else None), {0}, "“brilliant” alone; without it 25%"),
    "a patch alone": (
        posterior(lambda left: 1.0 if 5 in left else None),
        {5},
        "the patch in row 1, column 2 alone; without it 25%",
    ),
    "together": (
        posterior(lambda left: 1.0 if {0, 5} <= left else None),
        {0, 5},
        "“brilliant” and the patch in row 1, column 2, only together; without the first 25%, without the second 25%",
    ),
    "together within the text": (posterior(lambda left: 1.0 if {0, 3} <= left else None), {0, 3}, "only together"),
    "xor": (posterior(lambda left: 1.0 if {1, 6} <= left else None, base=0.5), {1, 6}, "only together"),
    "either": (
        posterior(lambda left: 1.0 if left & {0, 5} else 0.02),
        {0, 5},
        "“brilliant” or the patch in row 1, column 2, either would do; without both 2%",
    ),
    "both add": (additive([3.0, 0, 0, 0, 0, 3.0, 0, 0]), {0, 5}, "both add, each by itself"),
    "one adds more": (
        additive([1.9, 0, 0, 0, 0, 0.9, 0, 0], bias=0.0),
        {0, 5},
        "both add, each by itself; without the first 71%, without the second 87%, without both 50%",
    ),
    "both add to what is sure": (  # most of the evidence, and less than half of the probability
        additive([2.0, 0.4, 0.3, 0.3, 0.3, 1.8, 0, 0], bias=0.0),
        {0, 5},
        "both add, each by itself; without the first 96%, without the second 96%, without both 79%",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_claimed(name):
    function, features, words = PLANTED[name]
    found = claim(explained(function))
    text = without_isolates(found.text)
    assert set(found.features) == features and words in text
    assert found.kind == {
        "a patch alone": "alone",
        "together within the text": "together",
        "xor": "together",
        "alone of what is sure": "alone",
        "both add": "both_add",
        "one adds more": "both_add",
        "both add to what is sure": "both_add",
    }.get(name, name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alone", "With everything removed this model can only guess, and answers 10%."),
        (
            "either",
            "Without the first only, 90%; without the second only, 90%; "
            "with everything removed this model can only guess, and answers 10%.",
        ),
        ("together", "Without both, 20%; with everything removed this model can only guess, and answers 10%."),
        (
            "modality",
            "With everything removed this model can only guess, and answers 40%: what else is there speaks against "
            "storm.",
        ),
        (
            "both_add",
            "With everything removed this model can only guess, and answers 50%: what else is there speaks for storm.",
        ),
    ],
)
def test_beside_the_claim_stands_what_its_percentages_are_seen_against(name, said):
    function = {
        "alone": lambda left: 0.9 if 0 in left else 0.1,
        "either": lambda left: 0.9 if {0, 4} & left else 0.1,
        "together": lambda left: 0.9 if {0, 4} <= left else 0.2 if left else 0.1,
        "modality": lambda left: 0.2 + 0.7 * len({0, 1, 2, 3} & left) / 4 if left else 0.4,
        "both_add": lambda left: sigmoid(-2 * (0 in left) - 2 * (4 in left) + 1.5 * (5 in left)),
    }[name]
    assert claim(explained(function)).kind == name
    assert without_isolates(beside_claim(explained(function))) == said


def test_beside_a_claim_that_says_it_all_nothing_stands():
    assert beside_claim(explained(lambda left: 0.7)) == ""  # "with everything removed 70%" is the claim
    assert beside_claim(explained(lambda left: 0.9, whatif=None)) == ""


NO_PAIR = {
    "a constant": (lambda left: 0.7, "unmoved", "nothing here moves it; with everything removed 70%"),
    "evidence in many words": (additive([1.5] * 4 + [0.0] * 4), "modality", "the text as a whole, many small things"),
    "two of many that are sure": (additive([3.0, 3.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], bias=0.0), "many", "many small"),
    "evidence in words and patches": (additive([0.9] * 8), "many", "many small things, none above"),
    "words of many that back each other up a little": (
        lambda left: sigmoid(-0.8 + 0.6 * len({0, 1} & left) + (0.0, 1.8, 2.5)[len({2, 3} & left)]),
        "modality",
        "the text as a whole, many small things",
    ),
    "a veto": (
        lambda left: 0.03 if 2 in left else sigmoid(-1 + 2.5 * (4 in left)),
        "alone",
        "“at” alone speaks against storm; without it",
    ),
    "evidence both ways": (additive([5.0, -5.0, 0, 0, 0, 0, 0, 0], bias=0.0), "opposed", "features pull both ways"),
    "a bent function of one word": (lambda left: sigmoid(6 * (0 in left) - 3) ** 2, "alone", "alone; without it"),
}


@pytest.mark.parametrize("name", NO_PAIR)
def test_no_pair_is_claimed_where_there_is_none(name):
    function, kind, words = NO_PAIR[name]
    found = claim(explained(function))
    text = without_isolates(found.text)
    assert found.kind == kind and words in text


AGAINST = {
    "one": (lambda left: 0.03 if 2 in left else 0.6, {2}, "“at” alone speaks against storm; without it 60%"),
    "only together": (lambda left: 0.03 if {0, 5} <= left else 0.6, {0, 5}, "speak against storm, only together"),
    "either": (lambda left: 0.03 if {0, 5} & left else 0.6, {0, 5}, "speaks against storm, either would do"),
    "both": (
        additive([-2.5, 0, 0, 0, 0, -2.5, 0, 0], bias=1.0),
        {0, 5},
        "both speak against storm, each by itself",
    ),
    "many": (additive([-0.7] * 8, bias=2.0), set(), "many small things speak against storm, none above"),
    "words": (additive([-1.2] * 4 + [0.0] * 4, bias=2.0), set(), "the text as a whole speaks against storm, many"),
}


@pytest.mark.parametrize("name", AGAINST)
def test_what_speaks_against_the_label_is_called_so(name):
    """Removing it makes the label likelier: nobody may read that it adds to the label."""
    function, features, words = AGAINST[name]
    found = claim(explained(function))
    text = without_isolates(found.text)
    assert words in text and set(found.features) == features
    assert "add" not in text and "count" not in text
    assert "against" not in without_isolates(claim(explained(lambda left: 1 - function(left))).text)


def test_what_speaks_for_a_label_that_is_not_predicted_is_called_so():
    """Or a reader would take it for the reason why the label is not predicted."""
    found = claim(explained(lambda left: 0.33 if 0 in left else 0.05))
    assert without_isolates(found.text) == "“brilliant” alone speaks for storm; without it 5%"


def test_none_above_is_never_below():
    """A share of 20.4% is not "none above 20%"."""
    text = without_isolates(claim(explained(additive([0.9] * 8))).text)
    most = max((explained(additive([0.9] * 8)).whatif.whole - p) for p in explained(additive([0.9] * 8)).whatif.without)
    moved = explained(additive([0.9] * 8)).whatif.whole - explained(additive([0.9] * 8)).whatif.nothing
    shown = int(re.search(r"none above (\d+)%", text)[1])
    assert shown - 1 < 100 * most / moved <= shown


def mean_of(*each: Callable[[frozenset[int]], float]) -> Explanation:
    """The mean of several models' logits, explained, with what each of them answers."""
    members = [
        Member(run=f"seed{at}", probability=one.whatif.whole, given=one.given, whatif=one.whatif)
        for at, one in enumerate(map(explained, each))
    ]
    return explained(lambda left: sigmoid(sum(logit(p(left)) for p in each) / len(each)), by_member=members)


def words(*weights: float):
    return additive([*weights, 0, 0, 0, 0])


@pytest.mark.parametrize(
    "each, said",
    [
        ([words(6, 0, 0, 0)] * 3, "“brilliant” alone; without it 5%"),
        ([words(6, 0, 0, 0), words(6, 0, 0, 0), words(1.5, 1.5, 1.5, 1.5)], "“brilliant” alone; without it 18%"),
        # Another that adds to it does not take it away: two of three name it.
        ([words(7, 0, 0, 0), words(4, 4, 0, 0), words(0, 0, 3, 3)], "“brilliant” alone; without it 58%"),
        (
            [words(9, 0, 0, 0), words(0, 4, 0, 0), words(0, 0, 4, 0)],
            "the text as a whole, several things, but most single models do not name the same ones; without it 5%",
        ),
        (
            [words(8, 0, 0, 0), words(1.5, 1.5, 1.5, 1.5)],
            "the text as a whole, several things, but most single models do not name the same ones;",
        ),
        ([words(3, 3, 0, 0)] * 2, "“brilliant” and “day” both add, each by itself;"),
        (
            [words(4, 4, 0, 0), words(2, 2, 2, 2), words(2, 2, 2, 2)],
            "the text as a whole, several things, but most single models do not name the same ones;",
        ),
    ],
)
def test_a_mean_names_only_what_most_of_its_models_name(each, said):
    found = claim(mean_of(*each))
    assert without_isolates(found.text).startswith(said)
    assert bool(found.features) == ("do not name" not in said) and (found.kind == "modality") == ("do not name" in said)


def test_a_model_of_which_a_word_speaks_the_other_way_does_not_name_it_for_this():
    """Two of three answer lower with the word than without it; the third outweighs them."""

    def strong(left: frozenset[int]) -> float:
        return sigmoid(8 if 0 in left else -8)

    def weak(left: frozenset[int]) -> float:
        return sigmoid(-1.5 if 0 in left else 1.5)

    mean = mean_of(strong, weak, weak)
    assert [claim(explained(one)).features for one in (strong, weak)] == [(0,), (0,)]
    assert claim(mean.model_copy(update={"by_member": []})).features == (0,) and not claim(mean).features
    assert claim(mean_of(strong, strong, weak)).features == (0,)


def test_of_several_modalities_it_names_none_either():
    def two(at: int, weight: float):
        return additive([weight * (cell % CELLS == at) for cell in range(2 * CELLS)])

    assert claim(mean_of(two(0, 7), two(0, 3))).kind == "both_add"
    found = claim(mean_of(two(0, 7), two(1, 3), two(2, 3)))
    said = "several things, but most single models do not name the same ones; with everything removed 5%"
    assert (found.kind, found.features, found.text) == ("many", (), said)


def test_of_a_mean_that_pulls_both_ways_a_feature_is_named_by_the_same_rule():
    one, other = words(3, -3, 0, 0), words(0, 0, 3, -3)
    assert claim(explained(one)).kind == "opposed" and claim(explained(one)).features
    both = claim(mean_of(one, one, other)), claim(mean_of(one, other))
    assert [found.kind for found in both] == ["opposed"] * 2 and both[0].features and not both[1].features
    assert both[1].text == "features pull both ways; with everything removed 5%"


def test_together_needs_both_to_cost_much_in_probability():
    """A bend far out on the logit is no claim: without either one the answer here is still 97%."""
    answers = {frozenset({0, 5}): 0.62, frozenset({0}): 0.97, frozenset({5}): 0.97, frozenset(): 0.9999}

    def p(left: frozenset[int]) -> float:
        return 0.55 if not left else answers[frozenset({0, 5}) - left]

    found = claim(explained(p))
    assert found.kind != "together" and "only together" not in found.text


@pytest.mark.parametrize(
    "whole, without_first, without_second, nothing, said",
    [
        (0.95, 0.45, 0.93, 0.1, "without the first 45%, without the second 93%"),
        # Without the second the answer rises: it does not add.
        (sigmoid(6.0), sigmoid(0.4), sigmoid(6.3), sigmoid(-1.2), "without the first 60%, without the second over 99%"),
    ],
)
def test_what_another_backs_up_is_not_called_alone(whole, without_first, without_second, nothing, said):
    """The second holds what is left without the first: neither alone, nor would either do."""
    answers = {frozenset({0, 5}): whole, frozenset({5}): without_first, frozenset({0}): without_second}
    found = claim(explained(lambda left: answers.get(left & {0, 5}, nothing)))
    assert found.kind == "many" and set(found.features) == {0, 5}
    assert f"both count; {said}" in without_isolates(found.text)


def test_two_that_were_never_taken_out_together_are_not_called_alone():
    explanation = explained(PLANTED["together"][0])
    asked = explanation.whatif.model_copy(update={"i": [], "j": [], "without_both": []})
    found = claim(explanation.model_copy(update={"whatif": asked}))
    assert found.kind == "many" and set(found.features) == {0, 5}
    assert "both count; without the first 25%, without the second 25%" in found.text


@pytest.mark.parametrize("sign, do", [(1, ""), (-1, " against storm")])
@pytest.mark.parametrize("cell", [False, True])
def test_of_three_that_each_are_needed_no_two_are_named(sign, do, cell):
    """Three for it and two against it: without any one of the three nothing is left to say, and none is first."""
    words, cells = ((1.4, -0.7), (1.4, 1.4, -2.1, 0.0)) if cell else ((1.4, 1.4, 1.4, -1.4), (-1.4, 0.0, 0.0, 0.0))
    weights = [sign * w for w in (*words, *(0.0,) * (4 - len(words)), *cells)]
    found = claim(explained(additive(weights, bias=0.0)))
    text = without_isolates(found.text)
    assert found.kind == ("many" if cell else "modality") and not found.features
    speaks = f" speak{'s' * (not cell)}{do}" if do else ""
    first = f"several things{speaks}" if cell else f"the text as a whole{speaks}, several things"
    gone = "with everything removed 50%" if cell else f"without it {'80%' if sign < 0 else '20%'}"
    assert text == f"{first}, no one or two most of all; {gone}"


@given(st.lists(st.floats(-4, 4), min_size=8, max_size=8), st.floats(-4, 4))
def test_what_adds_up_in_log_odds_is_never_called_more(weights, bias):
    """A pair is called together or either only where the second difference says so, whatever the weights."""
    assert claim(explained(additive(weights, bias))).kind not in {"together", "either"}


@given(*[st.floats(0.05, 0.95)] * 3)
def test_two_features_that_add_up_do_not_bend(whole, one, other):
    both = sigmoid(logit(one) + logit(other) - logit(whole))
    assert bend(whole, one, other, both) == pytest.approx(0, abs=1e-3)


def test_a_claim_needs_answers_without_features():
    found = claim(explained(lambda left: 0.5, whatif=None))
    assert found.kind == "not_asked" and found.share is None and not found.features


def test_modalities_without_features_and_samples_without_any():
    nothing = WhatIf(whole=0.9, nothing=0.2, without_modality={"text": 0.2}, without=[], i=[], j=[], without_both=[],
                     evaluations=2)  # fmt: skip
    found = claim(explained(lambda left: 0.5, whatif=nothing, features=[]))
    assert found.kind == "many" and "with everything removed 20%" in found.text


@pytest.mark.parametrize(
    "p, truth, said",
    [
        (0.98, ["storm"], "s1 is storm at 98%: "),
        (0.98, ["calm"], "s1 is storm at 98%, which is wrong: "),
        (0.52, None, "s1 may be storm, the model is not sure (52%): "),
        (0.12, None, "s1 is not storm (12%): "),
        (0.12, ["storm"], "s1 is not storm (12%), which is wrong: "),
        (0.999, [], "s1 is storm at over 99%, which is wrong: "),
    ],
)
def test_the_answer_comes_first_and_is_never_surer_than_the_model(p, truth, said):
    assert finding(explained(PLANTED["alone"][0], prediction=p, truth=truth)).startswith(said)


def test_one_of_several_labels():
    explanation = explained(PLANTED["alone"][0], prediction=0.2, label_kind="single")
    assert finding(explanation).startswith("s1 is not storm (20%), but calm: ")
