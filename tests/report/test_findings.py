"""One sentence about an explanation: which pairs it names, and how."""

from functools import partial

import pytest

from interplay.report.findings import strongest_score
from interplay.report.ranking import strongest


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
