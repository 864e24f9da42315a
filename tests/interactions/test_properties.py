"""What SII and the gap must satisfy in any game, asked of the exact scores and of every estimator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.interactions import Game, Term, TermGame, block_pairs, exact_pairs, naive_pairs

N, I, J = 6, [0, 1], [3, 4]  # players 2 and 5 are background only  # noqa: E741
PAIRS = [(i, j) for i in I for j in J]
FIELDS = ("sii", "sii_se", "redundancy_gap", "redundancy_gap_se")

ESTIMATORS = {
    "exact": lambda value, pairs, seed: exact_pairs(value, N, pairs),
    "naive": lambda value, pairs, seed: naive_pairs(Game(value, N), pairs, samples=5, seed=seed),
    "block-antithetic": lambda value, pairs, seed: block_pairs(Game(value, N), I, J, samples=6, seed=seed),
    "block": lambda value, pairs, seed: block_pairs(Game(value, N), I, J, samples=5, seed=seed, antithetic=False),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
tables = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(size=2**N))
seeds = st.integers(0, 1000)


def game_of(table):
    return lambda c: table[c @ (1 << np.arange(N))]


def terms_of(players):
    """What up to six terms are made of: kind, players, weight."""
    kinds, weights = st.sampled_from(["and", "or", "xor"]), st.floats(-4, 4)
    members = st.lists(st.sampled_from(players), min_size=1, max_size=4, unique=True).map(tuple)
    return st.lists(st.tuples(kinds, members, weights), min_size=1, max_size=6)


def sum_of(terms):
    return TermGame(tuple(Term(*term) for term in terms))


@every_estimator
@settings(max_examples=20, deadline=None)
@given(first=tables, second=tables, factor=st.floats(-3, 3), seed=seeds)
def test_sii_is_linear_in_the_game(name, first, second, factor, seed):
    parts = [ESTIMATORS[name](game_of(table), PAIRS, seed).sii for table in (first, second)]
    whole = ESTIMATORS[name](game_of(first + factor * second), PAIRS, seed).sii
    np.testing.assert_allclose(whole, parts[0] + factor * parts[1], atol=1e-9)


@every_estimator
@settings(max_examples=20, deadline=None)
@given(table=tables, seed=seeds, weights=st.lists(st.floats(-5, 5), min_size=N, max_size=N))
def test_additive_parts_do_not_count_for_sii(name, table, seed, weights):
    plain = ESTIMATORS[name](game_of(table), PAIRS, seed)
    shifted = ESTIMATORS[name](lambda c: game_of(table)(c) + c @ np.array(weights) + 7.0, PAIRS, seed)
    np.testing.assert_allclose(plain.sii, shifted.sii, atol=1e-9)


@every_estimator
@settings(max_examples=20, deadline=None)
@given(terms=terms_of([0, 1, 2, 4, 5]), seed=seeds)
def test_a_dummy_player_interacts_with_nobody(name, terms, seed):
    scores = ESTIMATORS[name](sum_of(terms), PAIRS, seed)
    dummy = (scores.pairs == 3).any(axis=1)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(scores, field)[dummy], 0, atol=1e-12)


@every_estimator
@given(constant=st.floats(-1e6, 1e6), seed=seeds)
@settings(max_examples=10, deadline=None)
def test_a_constant_game_is_zero_with_no_error(name, constant, seed):
    scores = ESTIMATORS[name](lambda c: np.full(len(c), constant), PAIRS, seed)
    for field in FIELDS:
        assert (getattr(scores, field) == 0).all()


@settings(max_examples=20, deadline=None)
@given(table=tables)
def test_a_pair_has_no_direction(table):
    there, back = (exact_pairs(game_of(table), N, pairs) for pairs in (PAIRS, [(j, i) for i, j in PAIRS]))
    np.testing.assert_allclose(there.sii, back.sii, atol=1e-12)
    np.testing.assert_allclose(there.redundancy_gap, back.redundancy_gap, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(table=tables, seed=seeds)
def test_rows_and_columns_may_be_exchanged(table, seed):
    there = block_pairs(Game(game_of(table), N), I, J, samples=6, seed=seed)
    back = block_pairs(Game(game_of(table), N), J, I, samples=6, seed=seed)
    for field in FIELDS:
        turned = getattr(back, field).reshape(len(J), len(I)).T.ravel()
        np.testing.assert_allclose(getattr(there, field), turned, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(table=tables, order=st.permutations(range(N)))
def test_names_of_players_do_not_matter(table, order):
    """Player p of the renamed game is player order[p] of the game."""
    value = game_of(table)

    def renamed(coalitions):
        original = np.empty_like(coalitions)
        original[:, order] = coalitions
        return value(original)

    scores = exact_pairs(value, N, [(order[i], order[j]) for i, j in PAIRS])
    moved = exact_pairs(renamed, N, PAIRS)
    np.testing.assert_allclose(scores.sii, moved.sii, atol=1e-12)
    np.testing.assert_allclose(scores.redundancy_gap, moved.redundancy_gap, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(terms=terms_of(range(N)))
def test_closed_forms_of_sums_of_terms(terms):
    value = sum_of(terms)
    np.testing.assert_allclose(exact_pairs(value, N, PAIRS).sii, value.sii(PAIRS), atol=1e-9)


@pytest.mark.parametrize("order", [1, 3, 5])
def test_complements_leave_nothing_of_odd_order(order):
    """A parity of odd order, or a term of order 3, is exact from a single draw (METHOD 11)."""
    value = TermGame((Term("xor", tuple(range(order))), Term("and", (0, 2, 3), 2.0)))
    scores = block_pairs(Game(value, N), I, J, samples=4, seed=0)
    np.testing.assert_allclose(scores.sii, value.sii(PAIRS), atol=1e-12)
    np.testing.assert_allclose(scores.sii_se, 0, atol=1e-12)
