"""Claims held against planted evidence: which are right, and how they are counted."""

import pytest

from interplay.data.known import STORIES
from interplay.data.sample import Evidence
from interplay.evaluation.claims import claims_sentences, is_right, summarise_claims, true_kind
from interplay.report.claims import Claim
from interplay.results import Explanation, Feature

WORD, CELL = (10, 17), (0.25, 0.25, 0.5, 0.5)
BOTH, WORDS, CELLS = Evidence((WORD,), (CELL,)), Evidence((WORD,), ()), Evidence((), (CELL,))


def places(*given):
    """An explanation of which claims need no more than where its features are."""
    features = [Feature.model_construct(span=p if len(p) == 2 else None, box=p if len(p) == 4 else None) for p in given]
    return Explanation.model_construct(features=features)


def said(kind, *features):
    return Claim(kind, features, None, 0.9, "")


@pytest.mark.parametrize(
    "story, evidence, kind",
    [
        ("sarcasm", BOTH, "together"),
        ("mismatch", BOTH, "together"),
        ("storm", BOTH, "either"),
        ("storm", WORDS, "alone"),
        ("storm", CELLS, "alone"),
        ("urgent", WORDS, "alone"),
        ("animal", CELLS, "alone"),
        ("outing", BOTH, "both_add"),
        ("reachable", WORDS, "alone"),
        ("lively", Evidence((WORD,) * 4, ()), "many"),
    ],
)
def test_what_is_true(story, evidence, kind):
    assert true_kind(STORIES[story], evidence) == kind


def test_a_claim_is_right_by_kind_and_by_features():
    on = places(WORD, CELL, (0, 9), (0.5, 0.25, 0.75, 0.5), (16, 20), (0.4, 0.4, 0.6, 0.6))
    sarcasm, urgent = STORIES["sarcasm"], STORIES["urgent"]
    assert is_right(said("together", 0, 1), on, sarcasm, BOTH)
    assert is_right(said("together", 4, 5), on, sarcasm, BOTH), "tokens and patches that overlap"
    assert not is_right(said("either", 0, 1), on, sarcasm, BOTH), "another kind"
    assert not is_right(said("together", 0, 3), on, sarcasm, BOTH), "a cell beside it"
    assert not is_right(said("together", 2, 1), on, sarcasm, BOTH), "a word before it"
    assert not is_right(said("alone", 0), on, sarcasm, BOTH), "half of it"
    assert is_right(said("alone", 0), on, urgent, WORDS)
    assert not is_right(said("alone", 1), on, urgent, WORDS), "the other modality"
    assert not is_right(said("many"), on, urgent, WORDS)


def test_a_claim_of_spread_evidence_names_its_modality_or_nothing_else():
    on = Explanation.model_construct(
        features=[
            Feature.model_construct(modality="text", span=WORD, box=None),
            Feature.model_construct(modality="image", span=None, box=CELL),
        ]
    )
    spread = Evidence((WORD, (20, 25), (30, 33)), ())
    right = lambda kind, *features, modality=None: is_right(  # noqa: E731
        Claim(kind, features, modality, 0.9, ""), on, STORIES["lively"], spread
    )
    assert right("many") and right("modality", modality="text") and right("many", 0)
    assert not right("modality", modality="image") and not right("many", 0, 1)
    assert not right("alone", 0) and not right("both_add", 0, 0)


def test_said_against_true():
    checked = [("either", "either", True), ("either", "many", False), ("alone", "either", False)]
    either, alone = summarise_claims("storm", checked)
    assert (either.true, either.said, either.right.mean, either.right.samples) == (
        "either",
        {"either": 1, "many": 1},
        0.5,
        2,
    )
    assert either.right.se == pytest.approx(0.125**0.5)
    (all_right,) = summarise_claims("urgent", [("alone", "alone", True)] * 4)
    assert all_right.right.mean == 1 and all_right.right.se == pytest.approx(0.125), "few and all right is not certain"
    said, missing = claims_sentences([either, alone], ["storm", "urgent"])
    assert "right of 1 of 3 samples" in said and "claimed in 1 of 1 that have none" in said
    assert missing.startswith("Claims of urgent were not checked")
    (only,) = claims_sentences([either], ["storm"])
    assert "that have none" not in only
    assert claims_sentences([], ["storm"]) == [missing.replace("urgent", "storm")], "nothing is said to be right"
