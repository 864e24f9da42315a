"""Paired coalitions: strata, the contrast, the kernel's closed forms, exactness, unbiasedness, intervals, refusals."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from interplay.errors import GameError
from interplay.interactions import (
    Game,
    Term,
    TermGame,
    exact_pairs,
    interval,
    least_evaluations,
    naive_pairs,
    paired_pairs,
)
from interplay.interactions.kernel import Kernel, Surrogate, _likelihood
from interplay.interactions.sparse import _cliques
from interplay.interactions.strata import contrast, draw_strata, least_pairs

I, J = [0, 3, 4], [1, 2, 5]  # noqa: E741 - the block, in METHOD's letters
PAIRS = [(i, j) for i in I for j in J]


def every(n):
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1


def table_game(n, shape=(), seed=0):
    table = np.random.default_rng(seed).normal(size=(2**n, *shape))
    return lambda c: table[c @ (1 << np.arange(n))]


def smooth_game(n, seed=0):
    """All orders, falling off: what networks are like."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 4)) / np.sqrt(n), rng.normal(size=4)
    return lambda c: np.tanh(c @ a + 0.3) @ b


def even(value):
    return lambda c: (value(c) + value(~c)) / 2


def mixed(n, orders, count, seed):
    rng = np.random.default_rng(seed)
    return TermGame(
        tuple(
            Term(("and", "or", "xor")[c % 3], tuple(rng.choice(n, orders[c % len(orders)], replace=False).tolist()), w)
            for c, w in enumerate(rng.normal(size=count).tolist())
        )
    )


@given(st.integers(2, 14), st.integers(0, 400), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_strata_hold_distinct_pairs_and_no_more_than_asked(n, extra, seed):
    pairs = least_pairs(n) + extra
    strata = draw_strata(np.random.default_rng(seed), n, pairs)
    c = strata.coalitions
    both = {row.tobytes() for row in c} | {row.tobytes() for row in ~c}
    assert len(both) == 2 * len(c)  # no coalition twice, none the complement of another
    assert len(c) <= pairs
    assert (c.sum(axis=1) == strata.size).all() and (2 * strata.size <= n).all()
    assert strata.share[0] == 1 and (n < 2 or strata.share[1] == 1)
    if pairs >= 2 ** (n - 1):
        assert (strata.share == 1).all()


@pytest.mark.parametrize("n, pairs", [(18, 350), (24, 500), (48, 2000), (81, 6000)])
def test_all_sets_of_two_are_there_as_soon_as_the_others_are_left_enough(n, pairs):
    strata = draw_strata(np.random.default_rng(0), n, pairs)
    assert strata.share[:3].tolist() == [1, 1, 1]
    assert (strata.size == 2).sum() < 0.7 * pairs
    assert draw_strata(np.random.default_rng(0), n, pairs // 2).share[2] < 1


def test_the_contrast_of_all_coalitions_is_sii():
    for n in (6, 7):
        value = table_game(n)
        strata = draw_strata(np.random.default_rng(0), n, 2**n)
        known, drawn, variance = contrast(strata, even(value)(strata.coalitions), np.array(I), np.array(J))
        np.testing.assert_allclose(known.ravel(), exact_pairs(value, n, PAIRS).sii, atol=1e-12)
        assert not drawn.any() and not variance.any()


def test_the_contrast_is_unbiased_and_knows_its_error():
    n, value = 9, smooth_game(9)
    truth = exact_pairs(value, n, PAIRS).sii.reshape(3, 3)
    z, errors = [], []
    for seed in range(300):
        strata = draw_strata(np.random.default_rng(seed), n, 60)
        known, drawn, variance = contrast(strata, even(value)(strata.coalitions), np.array(I), np.array(J))
        errors.append(known + drawn - truth)
        z.append(errors[-1] / np.sqrt(variance))
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0)
    assert (np.abs(mean) < 4 * spread / np.sqrt(300)).all()
    assert 0.9 < np.sqrt(np.mean(np.square(z))) < 1.15


@pytest.mark.slow
def test_residuals_of_fitted_coalitions_do_not_stand_for_others(monkeypatch):
    """A fit knows more of the coalitions it has seen than of others. With a third of all asked, taking both for alike
    put scores 7 standard errors of their mean off."""
    n, value = 9, smooth_game(9)
    stiff = Kernel(np.full(n, 0.15), 0.0, 0.5, 0.02, "even")
    monkeypatch.setattr("interplay.interactions.kernel.choose_kernel", lambda *_: stiff)
    truth = exact_pairs(value, n, PAIRS).sii
    errors, se = [], []
    for seed in range(200):
        scores = paired_pairs(Game(value, n), I, J, budget=180, seed=seed)
        errors.append(scores.sii_unbiased - truth)
        se.append(scores.sii_se)
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0)
    assert (np.abs(mean) < 4 * spread / np.sqrt(200)).all(), mean / (spread / np.sqrt(200))
    assert 0.85 < np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(se))) < 1.1


@pytest.mark.parametrize("n", [5, 6])
def test_sii_of_the_surrogate_is_that_of_the_game_it_is(n):
    rng = np.random.default_rng(0)
    strata = draw_strata(rng, n, 14)
    x = np.where(strata.coalitions, 1.0, -1.0)
    values = np.stack([even(table_game(n, seed=s))(strata.coalitions) for s in (1, 2)], axis=1)
    surrogate = Surrogate(x, values, "even", rng)
    answers = surrogate.sii(np.array(I[:2]), np.array(J[:2]))
    pairs = [(i, j) for i in I[:2] for j in J[:2]]
    exact = exact_pairs(lambda c: surrogate(np.where(c, 1.0, -1.0)), n, pairs).sii
    np.testing.assert_allclose(answers.reshape(4, 2), exact, atol=1e-9)


@pytest.mark.parametrize("parity", ["even", "odd"])
def test_the_kernel_is_the_sum_over_parities(parity):
    b = np.array([0.3, 0.9, 0.1, 0.5])
    kernel = Kernel(b, 0.0, 1.7, 0.0, parity)
    x = np.where(every(4), 1.0, -1.0)
    expected = np.zeros((16, 16))
    for order in range(parity == "odd", 5, 2):
        for subset in combinations(range(4), order):
            parities = x[:, list(subset)].prod(axis=1)
            expected += 1.7 * np.tanh(b[list(subset)]).prod() * np.outer(parities, parities)
    level = 10.0 if parity == "even" else 0.0
    np.testing.assert_allclose(kernel(x, x) - level, expected, atol=1e-12)


@pytest.mark.parametrize("parity", ["even", "odd"])
def test_the_gradient_of_the_likelihood(parity):
    rng = np.random.default_rng(0)
    x, y = np.where(rng.random((20, 5)) < 0.5, 1.0, -1.0), rng.normal(size=(20, 2))
    theta = rng.normal(size=8) * 0.5 - 1
    off = check_grad(lambda t: _likelihood(x, y, parity, t)[0], lambda t: _likelihood(x, y, parity, t)[1], theta)
    assert off < 1e-4


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("players, size", [(5, 0.5), (150, 0.1), (400, 2.5)])
def test_covariances_are_those_of_the_formula(parity, players, size):
    rng = np.random.default_rng(0)
    kernel = Kernel(size * rng.random(players), 0.3, 0.7, 1e-3, parity)
    x, y = (np.where(rng.random((m, players)) < 0.5, 1.0, -1.0) for m in (70, 9))
    z, norm = (x * kernel.b) @ y.T, kernel.b @ kernel.b
    up, down = np.exp(z + kernel.log_norm), np.exp(kernel.log_norm - z)
    even = 10 + 0.3 / norm * z**2 + 0.35 * (up + down)
    np.testing.assert_allclose(kernel(x, y), even if parity == "even" else 0.3 / norm**0.5 * z + 0.35 * (up - down))
    np.testing.assert_allclose(np.triu(kernel.gram(x)), np.triu(kernel(x, x)))


def test_residuals_are_values_less_predictions():
    rng = np.random.default_rng(0)
    strata = draw_strata(rng, 7, 25)
    x, y = np.where(strata.coalitions, 1.0, -1.0), even(table_game(7))(strata.coalitions)[:, None]
    surrogate = Surrogate(x, y, "even", rng, np.arange(3, 20))
    np.testing.assert_allclose(surrogate.residuals(), y[3:20] - surrogate(x[3:20]), atol=1e-9)


def test_leave_one_out_residuals_are_those_of_a_refit():
    rng = np.random.default_rng(0)
    strata = draw_strata(rng, 7, 25)
    x, y = np.where(strata.coalitions, 1.0, -1.0), even(table_game(7))(strata.coalitions)[:, None]
    surrogate = Surrogate(x, y, "even", rng)
    off = surrogate.leave_one_out_residuals()[:, 0]
    for row in (0, 11):
        others = np.delete(np.arange(25), row)
        k = surrogate.kernel(x[others], x[others]) + (surrogate.kernel.noise + 1e-9) * np.eye(24)
        answer = surrogate.kernel(x[[row]], x[others]) @ np.linalg.solve(k, y[others] - surrogate.level)
        np.testing.assert_allclose(off[row], (y[row] - surrogate.level - answer[0])[0], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("n", [10, 24, 48])
def test_orders_up_to_three_are_exact_as_soon_as_there_are_as_many_coalitions_as_unknowns(n):
    game = mixed(n, (1, 2, 3), 3 * n, seed=n)
    least = 2 * (1 + comb(n, 2) + 8)
    scores = paired_pairs(Game(game, n, budget=least), range(n // 2), range(n // 2, n), budget=least)
    np.testing.assert_allclose(scores.sii, game.sii(scores.pairs), atol=1e-9)
    assert scores.estimator == "paired-exact" and not scores.sii_se.any()


@pytest.mark.parametrize("orders", [(4,), (2, 3, 4), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_sparse_games_of_48_players_are_exact(orders):
    game = mixed(48, orders, 24, seed=1)
    scores = paired_pairs(Game(game, 48, batch_size=20_000), range(24), range(24, 48), budget=16_000)
    np.testing.assert_allclose(scores.sii, game.sii(scores.pairs), atol=1e-6)
    assert scores.estimator == "paired-exact"


def test_what_another_sum_of_parities_would_fit_as_well_is_not_called_exact():
    """500 coalitions of 12 players with terms of order 8: the fit leaves nothing, and is not the only one."""
    game = mixed(12, (1, 2, 3, 4, 5, 6, 7, 8), 10, seed=4)
    for seed in range(3):
        scores = paired_pairs(Game(game, 12), range(6), range(6, 12), budget=1000, seed=seed)
        off = np.abs(scores.sii - game.sii(scores.pairs)).max()
        assert scores.estimator == "paired" or off < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("shrink", [True, False])
def test_intervals_hold_the_truth_and_unbiased_scores_are(shrink):
    n, value = 12, smooth_game(12, seed=2)
    rows, columns = range(6), range(6, 12)
    truth = exact_pairs(value, n, list(product(rows, columns))).sii
    held, z = [], []
    for seed in range(20):
        game = Game(lambda c: value(c) + 0.05 * value(c[:, ::-1]) * c[:, 0], n)  # not quite smooth
        truth = exact_pairs(game, n, list(product(rows, columns))).sii if seed == 0 else truth
        scores = paired_pairs(game, rows, columns, budget=300, seed=seed, shrink=shrink)
        bounds = interval(scores)
        held.append((bounds.sii_low <= truth) & (truth <= bounds.sii_high))
        z.append((scores.sii_unbiased - truth) / scores.sii_se)
        assert (bounds.sii_low <= scores.sii).all() and (scores.sii <= bounds.sii_high).all()
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.sqrt(np.mean(np.square(z))) <= 1.3
    assert (np.abs(np.mean(z, axis=0)) < 4.5 / np.sqrt(20)).all()


@pytest.mark.slow
def test_far_fewer_evaluations_than_pair_by_pair_for_the_same_error():
    n, value = 12, smooth_game(12, seed=3)
    rows, columns = range(6), range(6, 12)
    truth = exact_pairs(value, n, list(product(rows, columns))).sii
    ours, naive = [], []
    for seed in range(5):
        ours.append(np.mean((paired_pairs(Game(value, n), rows, columns, budget=1000, seed=seed).sii - truth) ** 2))
        plain = naive_pairs(Game(value, n), list(product(rows, columns)), samples=7, seed=seed)
        naive.append(np.mean((plain.sii - truth) ** 2))  # 1008 evaluations
    assert np.median(naive) > 15 * np.median(ours)


def test_several_values_share_the_evaluations():
    value = table_game(9, (2, 2))
    scores = paired_pairs(Game(value, 9), I, J, budget=200)
    assert scores.sii.shape == scores.sii_se.shape == (9, 2, 2)
    assert scores.output((0, 1)).sii_unbiased.shape == (9,)
    assert np.isnan(scores.redundancy_gap).all()


def test_constants_have_no_interactions_and_no_error():
    for value in (lambda c: np.full(len(c), 3.0), lambda c: 1e6 + c @ np.arange(10.0)):
        scores = paired_pairs(Game(value, 10), I, J, budget=150)
        assert np.abs(scores.sii).max() < 1e-6 and not scores.sii_se.any()


def test_a_seed_decides_everything_and_a_budget_is_never_passed():
    value = smooth_game(11)
    for budget in (least_evaluations(11), 333, 900):
        game = Game(value, 11, budget=budget)
        scores = paired_pairs(game, I, J, budget=10_000, seed=3)
        assert scores.evaluations == game.evaluations <= budget
        again = paired_pairs(Game(value, 11), I, J, budget=budget, seed=3)
        np.testing.assert_array_equal(scores.sii, again.sii)
        # batches of another size are rounded otherwise, which moves where the search for the kernel ends
        again = paired_pairs(Game(value, 11, batch_size=7), I, J, budget=budget, seed=3)
        np.testing.assert_allclose(scores.sii, again.sii, atol=1e-5)


def test_cliques():
    edges = np.zeros((5, 5), dtype=bool)
    for i, j in ((0, 1), (0, 2), (1, 2), (2, 3)):
        edges[i, j] = edges[j, i] = True
    assert {frozenset(c) for c in _cliques(edges)} == {frozenset({0, 1, 2}), frozenset({2, 3}), frozenset({4})}
    assert _cliques(~np.eye(20, dtype=bool)) is None


BAD = {
    "small": ({"budget": 20}, "too small for paired coalitions of 6 players; expected at least"),
    "twice": ({"columns": [0, 1]}, "player 0 is twice in the block"),
    "outside": ({"columns": [6]}, "player 6 of the columns is not in the game"),
    "nan": ({"value": lambda c: np.full(len(c), np.nan)}, "is nan; expected finite"),
    "shape": ({"value": lambda c: np.zeros(3)}, "answered with an array of shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_are_named(name):
    change, message = BAD[name]
    asked = {"value": table_game(6), "columns": J, "budget": 40} | change
    with pytest.raises(GameError, match=message):
        paired_pairs(Game(asked["value"], 6), I, asked["columns"], budget=asked["budget"])


@pytest.mark.slow
@pytest.mark.slow
def test_a_game_that_is_flat_near_both_ends_is_not_all_zero():
    """A vote: no pair interacts around the empty and the full set, and all of them do in between."""
    weights = np.tile([1.0, -1.0, 1.0], 4)
    value = lambda c: np.clip(c @ weights, 0, 2)  # noqa: E731
    rows, columns = range(6), range(6, 12)
    truth = exact_pairs(value, 12, list(product(rows, columns))).sii
    for seed in range(3):
        scores = paired_pairs(Game(value, 12), rows, columns, budget=1500, seed=seed)
        assert np.sum((scores.sii - truth) ** 2) < 0.1 * np.sum(truth**2)


@pytest.mark.parametrize("orders", [(1, 2, 3), (4,)])
def test_values_of_single_precision_are_exact_to_it(orders):
    game = mixed(24, orders, 12, seed=1)
    single = lambda c: game(c).astype(np.float32)  # noqa: E731
    for value, off in ((single, 1e-5), (lambda c: single(c).astype(float), 1e-5), (game, 1e-9)):
        scores = paired_pairs(Game(value, 24), range(12), range(12, 24), budget=3000)
        truth = game.sii(scores.pairs)
        assert scores.estimator == "paired-exact"
        np.testing.assert_allclose(scores.sii, truth, atol=off * np.abs(truth).max())


def test_what_double_precision_tells_apart_is_no_rounding():
    """Interactions of 1e-6 of the values: found in double precision, and not called exact without them."""
    game = mixed(12, (4, 6, 8), 10, seed=4)
    small = lambda c: c @ np.arange(12.0) + 1e-6 * game(c)  # noqa: E731
    scores = paired_pairs(Game(small, 12), range(6), range(6, 12), budget=600)
    assert scores.estimator == "paired" and np.abs(scores.sii).max() > 1e-7


def test_pairs_that_share_no_term_score_zero_long_before_the_game_is_solved():
    game = mixed(24, (2, 4, 8), 12, seed=7)
    scores = paired_pairs(Game(game, 24), range(12), range(12, 24), budget=3000)
    null = game.sii(scores.pairs) == 0
    assert scores.estimator == "paired" and 20 < null.sum() < len(null)
    assert (scores.sii[null] == 0).all() and scores.sii[~null].all()
    bounds = interval(scores)
    assert (bounds.sii_low <= scores.sii).all() and (scores.sii <= bounds.sii_high).all()
    unshrunk = paired_pairs(Game(game, 24), range(12), range(12, 24), budget=3000, shrink=False)
    np.testing.assert_allclose(unshrunk.sii, scores.sii_unbiased, atol=1e-12)
