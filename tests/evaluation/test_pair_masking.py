"""Pairs that are removed: disjoint, matched, equal budgets; and a planted game in which ranked pairs must cost more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.evaluation.comparisons import compare
from interplay.evaluation.pair_masking import (
    MATCHED,
    OWN,
    RANDOM,
    WITHOUT,
    ask_pairs_masked,
    best_pairs,
    matched_pairs,
    pair_masks,
    random_pairs,
    second_differences,
)

MODALITY = np.array([0] * 8 + [1] * 6)
PAIRS = np.array([(i, j) for i in range(8) for j in range(8, 14)])


def test_best_pairs_are_disjoint_and_in_order():
    rng = np.random.default_rng(0)
    scores = np.full(len(PAIRS), -1.0)
    at = {tuple(pair): k for k, pair in enumerate(PAIRS.tolist())}
    scores[at[0, 8]], scores[at[0, 9]], scores[at[1, 8]], scores[at[2, 10]] = 5, 4, 3, 2
    assert best_pairs(PAIRS, scores, 2, rng).tolist() == [[0, 8], [2, 10]]
    scores[at[0, 8]] = np.nan  # missing is never taken
    assert best_pairs(PAIRS, scores, 2, rng).tolist() == [[0, 9], [1, 8]]
    assert len(best_pairs(PAIRS, scores, 50, rng)) == 6, "no player twice: at most as many as the smaller modality"
    assert best_pairs(PAIRS, np.full(len(PAIRS), np.nan), 3, rng).shape == (0, 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_controls_have_the_same_modalities_and_budget(seed, k):
    rng = np.random.default_rng(seed)
    chosen = best_pairs(PAIRS, rng.standard_normal(len(PAIRS)), k, rng)
    importance = rng.random(14)
    for drawn in (random_pairs(chosen, MODALITY, rng), matched_pairs(chosen, importance, MODALITY, rng)):
        assert drawn.shape == chosen.shape and len(set(drawn.flat)) == 2 * k
        assert np.array_equal(MODALITY[drawn], MODALITY[chosen])
    assert not set(matched_pairs(chosen, importance, MODALITY, rng).flat) & set(chosen.flat)


def test_matched_players_are_the_next_in_importance():
    importance = np.concatenate([np.arange(8.0), np.zeros(6)])
    drawn = {
        int(matched_pairs(np.array([[4, 8]]), importance, MODALITY, np.random.default_rng(s))[0, 0]) for s in range(99)
    }
    assert drawn == {1, 2, 3, 5, 6, 7}, "three on either side, never itself"


def test_where_no_other_is_left_chosen_ones_are_used():
    modality = np.array([0, 0, 1, 1])
    chosen = np.array([[0, 2], [1, 3]])
    drawn = matched_pairs(chosen, np.arange(4.0), modality, np.random.default_rng(0))
    assert sorted(drawn.flat) == [0, 1, 2, 3]


def test_a_planted_pair_costs_more_than_its_controls_and_an_additive_game_does_not():
    importance = np.ones(14)

    def planted(coalitions):  # an AND of 3 and 11 beside equal single effects
        return (2.0 * coalitions[:, [3, 11]].all(1) + coalitions.sum(1))[:, None, None]

    def additive(coalitions):
        return coalitions.sum(1).astype(float)[:, None, None]

    scores = np.array([2.0 if tuple(pair) == (3, 11) else 0.0 for pair in PAIRS])
    for game, above in ((planted, True), (additive, False)):
        over = []
        for number in range(40):
            masks = pair_masks(PAIRS, [scores], importance, MODALITY, [1, 2], 4, np.random.default_rng(number))
            gone = (~masks.keep).sum(-1)
            assert gone[..., WITHOUT].tolist() == [[[[2, 4]] * 4] * 3], "equal budgets"
            assert gone[..., 1:].tolist() == [[[[[1, 1, 12, 13, 13], [2, 2, 10, 12, 12]]] * 4] * 3]
            costs = game(np.ones((1, 14), dtype=bool))[0] - ask_pairs_masked(game, masks)[0, ..., WITHOUT, :, 0]
            assert costs.shape == (3, 4, 2, 1)
            over.append(costs[OWN].mean(0)[:, 0] - costs[MATCHED].mean(0)[:, 0])
            assert masks.used.tolist() == [[1, 2]]
        found = compare(np.array(over)[:, 0])
        assert (found.low > 0 and found.p < 1e-3) if above else found.mean == pytest.approx(0)


@pytest.mark.parametrize("kind, full, empty", [("and", 2.0, 2.0), ("or", -2.0, -2.0), ("with another", 2.0, 0.0)])
def test_second_differences_find_what_masking_cannot(kind, full, empty):
    """Of features that cost the same alone, removing an AND costs less than others: the paper's drop is against it."""
    truth = {
        "and": lambda c: 2.0 * (c[:, 3] & c[:, 11]),
        "or": lambda c: 2.0 * (c[:, 3] | c[:, 11]),
        "with another": lambda c: 2.0 * (c[:, 3] & c[:, 11] & c[:, 0]),  # no dividend of the two while it is gone
    }[kind]
    alone = np.where(np.isin(np.arange(14), (3, 11)), 1.0, 3.0)

    def game(coalitions):
        return (truth(coalitions) + coalitions @ alone)[:, None, None]

    scores = np.array([2.0 if tuple(pair) == (3, 11) else 0.0 for pair in PAIRS])
    masks = pair_masks(PAIRS, [scores], np.ones(14), MODALITY, [1, 2], 5, np.random.default_rng(0))
    values = ask_pairs_masked(game, masks)[..., 0, 0]
    ends = tuple(game(np.full((1, 14), there))[0, 0, 0] * np.ones(values.shape[:-1]) for there in (True, False))
    found = second_differences(values, ends)
    assert found.shape == (1, 3, 5, 2, 2)
    np.testing.assert_allclose(found[0, OWN], np.broadcast_to([full, empty], (5, 2, 2)), atol=1e-12)
    np.testing.assert_allclose(found[0, MATCHED], 0, atol=1e-12)
    if kind == "and":
        cost = ends[0] - values[..., WITHOUT]
        assert (cost[0, OWN, :, 0] < cost[0, RANDOM, :, 0]).any()
        assert cost[0, OWN, 0, 0] == 4.0 and cost[0, MATCHED, 0, 0] == 6.0


def test_equal_coalitions_are_asked_once():
    asked = []

    def game(coalitions):
        asked.append(len(coalitions))
        return coalitions.sum(1).astype(float)[:, None, None]

    masks = pair_masks(PAIRS, [np.arange(48.0)], np.ones(14), MODALITY, [1], 10, np.random.default_rng(0))
    ask_pairs_masked(game, masks)
    assert asked[0] <= 6 * (1 + 20) and asked[0] < masks.keep[..., 0].size
