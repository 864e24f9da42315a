"""One sentence about an explanation: which pairs it names, and how."""

from functools import partial

import pytest

from interplay.report.findings import finding, strongest_score
from interplay.report.ranking import strongest
from interplay.results.explanation import Member


def only(planted, **scores):
    """`planted` with one pair that has these scores."""
    pair = planted.pairs[0].model_copy(update={"sii": 0.0, "sii_se": 1.0, **scores})
    return planted.model_copy(update={"pairs": [pair], "more_pairs": []})


@pytest.mark.parametrize(
    "scores, said",
    [
        ({"sii": 0.8, "sii_se": 0.1}, "SII +0.80"),
        ({"sii": -0.8, "sii_se": 0.1}, "SII -0.80"),
        ({"redundancy_gap": 0.8, "redundancy_gap_se": 0.1}, "redundancy gap +0.80"),
        ({"redundancy_gap": -0.8, "redundancy_gap_se": 0.1}, None),
        ({"sii": -0.1, "sii_se": 0.1}, None),
        ({"sii": -0.8, "sii_se": None}, None),
    ],
)
def test_what_is_named_is_clear_of_zero(examples, scores, said):
    none = {"redundancy_gap": 0.0, "redundancy_gap_se": 1.0}
    explanation = only(examples.planted(), **none | scores)
    found = [score for score in map(partial(strongest_score, explanation), ("sii", "redundancy_gap")) if score]
    assert [score.partition(": ")[2].partition(" ±")[0] for score in found] == ([said] if said else [])


def test_a_pair_against_it_leads_where_it_is_larger(examples):
    planted = examples.planted()
    first, second = (
        pair.model_copy(update={"sii": sii, "sii_se": 0.01, "redundancy_gap": -0.1})
        for pair, sii in zip(planted.pairs, (0.3, -0.7), strict=False)
    )
    pair, value, _ = strongest(planted.model_copy(update={"pairs": [first, second]}), "sii")
    assert (pair.i, pair.j, value) == (second.i, second.j, -0.7)


@pytest.mark.parametrize(
    "p, each, said",
    [
        (0.8, [], "is storm at 80%"),
        (0.8, [0.7, 0.9], "is storm at 80% (70 to 90% by single models)"),
        (0.7, [0.45, 0.9], "may be storm (it is), the models disagree (70%, single models 45 to 90%)"),
        (0.3, [0.2, 0.6], "may be storm (it is), the models disagree (30%, single models 20 to 60%)"),
        (0.55, [0.52, 0.58], "may be storm (it is), the models are not sure (55%, single models 52 to 58%)"),
        (0.2, [0.1, 0.3], "is not storm (20%, single models 10 to 30%)"),
        (0.999, [0.999, 0.9999], "is storm at over 99% (over 99% by single models)"),
    ],
)
def test_what_single_models_answer_is_said_of_their_mean(examples, p, each, said):
    one = examples.planted()
    runs = [f"seed{seed}" for seed in range(len(each))]
    known = one.provenance.model_copy(update={"members": runs})
    one = one.model_copy(
        update={
            "prediction": {"storm": p, "other": 0.1},
            "target": "storm",
            "label_kind": "multi",
            "by_member": [Member(run=run, probability=q, given=q >= 0.5) for run, q in zip(runs, each, strict=True)],
            "provenance": known,
            "truth": ["storm"],
        }
    )
    wrong = ", which is wrong" if "is not storm" in said else ""
    assert finding(one).startswith(f"{one.sample_id} {said}{wrong}: ")


@pytest.mark.parametrize(
    "given, said",
    [
        ([True, True], "is a at 55% (46 to 64% by single models)"),
        ([True, False], "may be a, the models disagree (55%, single models 46 to 64%)"),
        ([False, False], "may be a, the models disagree (55%, single models 46 to 64%)"),
    ],
)
def test_of_a_single_label_models_agree_where_it_is_the_most_probable_of_each(examples, given, said):
    """One half decides nothing there; and a mean may do what none of its models does."""
    each = [Member(run=run, probability=p, given=g) for run, p, g in zip("xy", (0.46, 0.64), given, strict=True)]
    one = examples.planted().model_copy(
        update={"prediction": {"a": 0.65, "b": 0.35}, "target": "a", "label_kind": "single", "by_member": each}
    )
    one = one.model_copy(update={"truth": None})
    assert finding(one).startswith(f"{one.sample_id} {said.replace('55%', '65%')}: ")
