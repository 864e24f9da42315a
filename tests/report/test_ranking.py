"""Which pairs stand out and in which order, and that every place names the same pair first."""

import json
import re

import pytest
from tests.run_pages import made_report

from interplay.report import render_page
from interplay.report.findings import describe, strongest_score
from interplay.report.names import describe_features, describe_pair
from interplay.report.ranking import SCORES, rank_pairs, strong_pairs, strongest_of_several
from interplay.report.run_page import render_index
from interplay.report.run_rows import Row
from interplay.results import Feature, Interval, Pair

KINDS = ("planted", "only_noise", "without_pairs", "dense", "three_modalities", "two_images", "two_texts", "hostile")


def pair(sii: float | None, gap: float | None, sii_se: float | None = 0.1, gap_se: float | None = 0.1) -> Pair:
    return Pair(i=0, j=1, sii=sii, sii_se=sii_se, redundancy_gap=gap, redundancy_gap_se=gap_se, samples=1)


def test_order_is_by_size_and_a_backup_is_no_synergy():
    pairs = [pair(0.5, -1.0), pair(-2.0, 0.3), pair(-0.9, -0.1), pair(None, None), pair(0.1, 0.9), pair(0.0, 0.0)]
    ranking = rank_pairs(pairs, Interval())
    assert ranking.order == {"sii": [2, 0, 4], "redundancy_gap": [4, 1]}
    assert ranking.clear == {"sii": [0, 1, 2], "redundancy_gap": [0, 1, 4]}
    assert ranking.best("sii") == [2, 0] and ranking.best("redundancy_gap", 1) == [4]
    assert ranking.lead == ("sii", 2)


def test_what_rounding_leaves_of_a_zero_does_not_stand_out():
    """Exact scores have intervals of 0 width: 1e-16 would be clear of 0 beside the pair that matters."""
    pairs = [pair(6.6, 0.0, 0.0, 0.0), pair(-3e-16, 2e-17, 0.0, 0.0), pair(1e-7, 0.0, 0.0, 0.0)]
    assert rank_pairs(pairs, Interval()).clear == {"sii": [0], "redundancy_gap": []}
    assert rank_pairs(pairs[1:2], Interval()).lead is None


@pytest.mark.parametrize(
    "pairs, lead",
    [
        ([pair(2.0, 0.0, sii_se=0.9), pair(0.0, 0.5, gap_se=0.1)], ("redundancy_gap", 1)),
        ([pair(0.5, 0.0), pair(0.0, 0.5)], ("sii", 0)),
        ([pair(0.5, 0.0), pair(0.0, 0.1, gap_se=0.0)], ("redundancy_gap", 1)),
        ([pair(0.5, 0.4, None, None)], None),
        ([pair(0.1, -3.0)], None),
        ([], None),
    ],
)
def test_what_is_further_from_0_in_its_own_uncertainty_leads(pairs, lead):
    assert rank_pairs(pairs, Interval()).lead == lead


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_names_the_same_pair_first(examples, kind):
    """The sentence of the command line, the page of the run, and the data of the page."""
    explanation = getattr(examples, kind)()
    report = made_report([Row(explanation.sample_id, "test", ("cat",), (1.0, 0.0, 0.0))])
    report = type(report)(**{**report.__dict__, "explanations": [(explanation, None)]})
    told = blocks(render_index(report, {}))["index"]["explained"]["0"]["explanations"][0]["pairs"]
    block = blocks(render_page([explanation], {}))["data-0"]
    lead = block["rankings"][0]["lead"]
    if lead is None:
        assert told == [] and strongest_score(explanation, "sii") is None
        return
    score, at = lead
    first = explanation.pairs[at]
    assert (told[0]["score"], told[0]["i"], told[0]["j"]) == (score, first.i, first.j)
    assert strongest_score(explanation, score).startswith(f"{describe(explanation, first)}: ")
    assert told[0]["words"] == describe(explanation, first)
    phrases = " and ".join(block["names"][end][1] for end in (first.i, first.j))
    assert phrases.replace("\u2068", "").replace("\u2069", "") == told[0]["words"]


def test_every_table_of_the_page_has_its_own_order(examples):
    explanation = examples.planted()
    rankings = blocks(render_page([explanation], {}))["data-0"]["rankings"]
    assert [r["lead"][0] for r in rankings] == ["sii", "sii", "redundancy_gap"]
    for ranking, table in zip(rankings[1:], explanation.more_pairs, strict=True):
        values = [abs(table.pairs[at].redundancy_gap) for at in ranking["order"]["redundancy_gap"]]
        assert values == sorted(values, reverse=True) and len(values) > 50


def test_the_strongest_of_several_explanations(examples):
    weaker = examples.planted()
    weaker = weaker.model_copy(update={"pairs": weaker.more_pairs[1].pairs})
    several = [strong_pairs(e) for e in (examples.only_noise(), weaker, examples.planted())]
    for score, gap in zip(SCORES, (3.0, 2.0), strict=True):
        k, m = strongest_of_several(several, score)
        found = several[k][m]
        assert found.score == score and abs(found.value) > gap - 0.5
        assert abs(found.value) == max(abs(p.value) for pairs in several for p in pairs if p.score == score)
    assert strongest_of_several([[]], "sii") is None


def test_names(examples):
    names = describe_features(examples.planted())
    assert names[2].label == "wonderful" and names[2].phrase == "“\u2068wonderful\u2069”"
    assert names[18 + 6].phrase == "the patch in row 2, column 3"
    assert describe_features(examples.planted(), veiled=True)[2].phrase == "word 3"
    assert describe_features(examples.two_texts())[-1].label == "up"
    assert describe_features(examples.two_texts())[2].phrase.endswith(" in \u2068question\u2069")


def test_a_piece_is_named_with_its_word(examples):
    full = examples.planted()
    piece = Feature(index=2, modality="caption", text="##der", span=(10, 13))
    features = [*full.features[:2], piece, *full.features[3:]]
    names = describe_features(full.model_copy(update={"features": features}))
    assert describe_pair(names, full.pairs[0].model_copy(update={"i": 2})).startswith("“der” (of “wonderful”) and ")


def blocks(page: str) -> dict:
    """Name -> what the page's block of that name holds."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, re.S)
    return {name: json.loads(text) for name, text in found}
