"""Full enumeration against a naive sum over subsets, and against closed forms."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from interplay.errors import GameError
from interplay.interactions import Game, Term, TermGame, exact_pairs, interval, redundancy_gap


def table_game(n, shape=(), seed=0):
    table = np.random.default_rng(seed).normal(size=(2**n, *shape))
    return lambda c: table[c @ (1 << np.arange(n))]


def subset_sum(value, n, i, j):
    """METHOD 9 as it is written: a sum over subsets of the other players."""

    def v(members):
        return float(value(np.isin(np.arange(n), list(members))[None])[0])

    sii = gap = 0.0
    for size in range(n - 1):
        for s in combinations(sorted(set(range(n)) - {i, j}), size):
            weight = factorial(size) * factorial(n - size - 2) / factorial(n - 1)
            four = v(s), v((*s, i)), v((*s, j)), v((*s, i, j))
            sii += weight * (four[3] - four[1] - four[2] + four[0])
            gap += weight * float(redundancy_gap(*np.array(four)[:, None])[0])
    return sii, gap


@pytest.mark.parametrize("n", [2, 3, 6])
def test_exact_is_the_sum_over_subsets(n):
    value = table_game(n)
    pairs = list(combinations(range(n), 2))
    scores = exact_pairs(value, n, pairs)
    expected = np.array([subset_sum(value, n, i, j) for i, j in pairs])
    np.testing.assert_allclose(scores.sii, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(scores.redundancy_gap, expected[:, 1], atol=1e-12)
    assert (scores.sii_se == 0).all() and (scores.redundancy_gap_se == 0).all()
    assert (scores.samples == 2 ** (n - 2)).all()
    assert (scores.evaluations, scores.estimator, scores.seed) == (2**n, "exact", None)


@pytest.mark.parametrize("kind", ["and", "or", "xor"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_closed_forms(kind, order):
    members = tuple(range(1, 1 + order))
    value = TermGame((Term(kind, members, -1.5),))
    pairs = list(combinations(range(8), 2))
    scores = exact_pairs(value, 8, pairs)
    np.testing.assert_allclose(scores.sii, value.sii(pairs), atol=1e-12)
    if order > 1:
        unit = {"and": 1, "or": -1, "xor": 0 if order % 2 else -2}[kind] / (order - 1)
        np.testing.assert_allclose(scores.sii[pairs.index((1, 2))], -1.5 * unit, atol=1e-12)
    if kind != "xor":  # a single AND or OR term: the gap is the same with the other sign, whatever the weight's
        gap = np.abs(value.sii(pairs)) * (1 if kind == "or" else -1)
        np.testing.assert_allclose(scores.redundancy_gap, gap, atol=1e-12)


def test_several_values_are_as_good_as_one_at_a_time():
    value = table_game(5, (3, 2))
    pairs = [(0, 1), (4, 2)]
    scores = exact_pairs(value, 5, pairs)
    assert scores.sii.shape == (2, 3, 2)
    for at in np.ndindex(3, 2):
        alone = exact_pairs(lambda c, at=at: value(c)[:, *at], 5, pairs)
        np.testing.assert_allclose(scores.output(at).sii, alone.sii, atol=1e-12)
        np.testing.assert_allclose(scores.output(at).redundancy_gap, alone.redundancy_gap, atol=1e-12)


def test_a_game_that_was_asked_before_counts_only_what_is_new():
    game = Game(table_game(4), 4)
    game(np.eye(4, dtype=bool))
    assert exact_pairs(game, 4, [(0, 1)]).evaluations == 12
    assert exact_pairs(game, 4, [(1, 0)]).evaluations == 0


def test_exact_intervals_have_no_width():
    scores = exact_pairs(table_game(4), 4, [(0, 1)])
    bounds = interval(scores)
    assert bounds.sii_low == bounds.sii_high == scores.sii


BAD = {
    "too many players": (21, [(0, 1)], r"2\^21 evaluations.*at most 20"),
    "none": (4, [], "no pairs"),
    "itself": (4, [(0, 1), (2, 2)], "player 2 is paired with itself"),
    "outside": (4, [(0, 4)], r"pair \(0, 4\) is not in the game; expected players 0 to 3"),
    "negative": (4, [(-1, 2)], r"pair \(-1, 2\)"),
    "twice": (4, [(0, 1), (2, 3), (1, 0)], r"pair \(0, 1\) is given twice"),
    "triple": (4, [(0, 1, 2)], r"integers \(P, 2\)"),
    "one player": (1, [(0, 1)], r"pair \(0, 1\) is not in the game"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pairs_are_named(name):
    players, pairs, message = BAD[name]
    with pytest.raises(GameError, match=message):
        exact_pairs(lambda c: c.sum(axis=1), players, pairs)


def test_fractional_players_are_refused():
    with pytest.raises(GameError, match="float64"):
        exact_pairs(lambda c: c.sum(axis=1), 4, np.array([[0.0, 1.0]]))


def test_another_number_of_players_than_the_game_has_is_refused():
    with pytest.raises(GameError, match="the game has 4 players; expected 5"):
        exact_pairs(Game(table_game(4), 4), 5, [(0, 1)])


def test_a_budget_below_all_coalitions_is_refused():
    with pytest.raises(GameError, match="16 new evaluations"):
        exact_pairs(Game(table_game(4), 4, budget=15), 4, [(0, 1)])


@pytest.mark.parametrize("kind, players", [("and", ()), ("or", (1, 1)), ("xor", (-1, 0)), ("nor", (0, 1))])
def test_bad_terms_are_named(kind, players):
    with pytest.raises((GameError, TypeError), match=r"term of|nor"):
        Term(kind, players)
