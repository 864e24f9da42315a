"""Anytime: results that get better on nested draws, rules that stop them, Ctrl-C, refusals."""

from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interplay.errors import GameError
from interplay.interactions import (
    Game,
    Interrupted,
    estimate_pairs,
    interval,
    narrower,
    refine_until,
    refined_pairs,
    top_certain,
)
from interplay.interactions.draws import draw_backgrounds
from interplay.interactions.strata import draw_strata, least_pairs

pytestmark = pytest.mark.usefixtures("few_controls")

ROWS, COLUMNS = range(4), range(8, 12)
BUDGET = 2000  # three rounds of the estimator that needs most, and fits of a tenth of a second


def network(n=16, seed=0):
    """A smooth game in which one pair matters most."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 6)) / np.sqrt(n), rng.normal(size=6)
    return lambda c: np.tanh(c @ a + 0.3) @ b + 2.0 * (c[:, 2] & c[:, 9])


@given(st.integers(3, 18), st.integers(0, 300), st.integers(1, 300), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_more_coalitions_hold_those_that_fewer_had(n, extra, more, seed):
    few, many = (draw_strata(np.random.default_rng(seed), n, least_pairs(n) + count) for count in (extra, extra + more))
    assert {row.tobytes() for row in few.coalitions} <= {row.tobytes() for row in many.coalitions}
    few, many = (draw_backgrounds(np.random.default_rng(seed), d, n, antithetic=True) for d in (extra, extra + more))
    assert (few == many[: len(few)]).all()


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["auto", "paired", "hybrid", "block"])
def test_each_result_is_that_of_its_budget_and_the_last_costs_no_more_than_alone(estimator):
    game = Game(network(), 16, budget=BUDGET)
    results = list(refined_pairs(game, ROWS, COLUMNS, budget=BUDGET, seed=3, estimator=estimator))
    assert len(results) > 1 and game.evaluations <= BUDGET
    assert all(a.evaluations < b.evaluations for a, b in pairwise(results))
    alone = Game(network(), 16)
    last = estimate_pairs(alone, ROWS, COLUMNS, budget=BUDGET, seed=3, estimator=estimator)
    np.testing.assert_array_equal(results[-1].sii, last.sii)
    np.testing.assert_array_equal(results[-1].redundancy_gap_se, last.redundancy_gap_se)
    assert results[-1].evaluations == alone.evaluations == game.evaluations
    assert np.mean(results[-1].sii_se) < np.mean(results[0].sii_se)


@pytest.mark.slow
def test_the_estimator_is_the_one_that_the_whole_budget_calls_for():
    results = list(refined_pairs(Game(network(), 16), ROWS, COLUMNS, budget=BUDGET))
    assert {r.estimator for r in results} == {"hybrid"} and str(BUDGET) in results[0].choice
    (exact,) = refined_pairs(Game(lambda c: c.all(axis=1) * 1.0, 8), range(4), range(4, 8), budget=256)
    assert exact.estimator == "exact" and exact.evaluations == 256


@pytest.mark.slow
@pytest.mark.parametrize("score", ["sii", "redundancy_gap"])
def test_stops_at_the_width_that_is_wanted_and_not_before(score):
    seen = []
    for scores in refined_pairs(Game(network(), 16), ROWS, COLUMNS, budget=BUDGET):
        bounds = interval(scores)
        seen.append(float((getattr(bounds, f"{score}_high") - getattr(bounds, f"{score}_low")).max()))
    wanted = seen[1] * 1.001 if seen[1] < seen[0] else seen[0] * 1.001
    scores = refine_until(refined_pairs(Game(network(), 16), ROWS, COLUMNS, budget=BUDGET), narrower(wanted, score))
    bounds = interval(scores)
    assert (getattr(bounds, f"{score}_high") - getattr(bounds, f"{score}_low")).max() <= wanted
    assert scores.evaluations < BUDGET


def test_stops_when_the_largest_pair_is_certain():
    game = Game(network(), 16)
    scores = refine_until(refined_pairs(game, ROWS, COLUMNS, budget=8_000), top_certain(1))
    assert scores.evaluations < 8_000
    assert scores.pairs[scores.sii.argmax()].tolist() == [2, 9]
    everything = refine_until(refined_pairs(Game(network(), 16), ROWS, COLUMNS, budget=BUDGET), top_certain(16))
    assert everything.evaluations < BUDGET / 2  # of 16 pairs all are among the first 16: nothing to find out


@pytest.mark.slow
def test_what_never_gets_certain_spends_the_budget():
    twins = Game(lambda c: (c[:, 0] & c[:, 8]) * 1.0 + (c[:, 1] & c[:, 9]) * 1.0 + 1e-3 * network()(c), 16)
    scores = refine_until(refined_pairs(twins, ROWS, COLUMNS, budget=BUDGET), narrower(1e-9))
    assert scores.evaluations > 0.75 * BUDGET  # repeats cost nothing


@pytest.mark.slow
def test_ctrl_c_keeps_the_scores_that_were_ready():
    calls = 0

    def value(c):
        nonlocal calls
        calls += len(c)
        if calls > 0.7 * BUDGET:
            raise KeyboardInterrupt
        return network()(c)

    with pytest.raises(Interrupted) as stopped:
        refine_until(refined_pairs(Game(value, 16), ROWS, COLUMNS, budget=BUDGET, seed=1), narrower(1e-9))
    ready = stopped.value.scores
    assert 0 < ready.evaluations <= 0.7 * BUDGET and np.isfinite(ready.sii).all()
    expected = next(
        s
        for s in refined_pairs(Game(network(), 16), ROWS, COLUMNS, budget=BUDGET, seed=1)
        if s.evaluations == ready.evaluations
    )
    np.testing.assert_array_equal(ready.sii, expected.sii)


def test_ctrl_c_before_the_first_scores_is_an_ordinary_one():
    def value(c):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        refine_until(refined_pairs(Game(value, 16), ROWS, COLUMNS, budget=BUDGET), narrower(0.1))
    assert not isinstance(stopped.value, Interrupted)


@pytest.mark.slow
def test_budgets_already_spent_and_small_ones():
    game = Game(network(), 16, budget=1000)
    game(np.eye(16, dtype=bool))
    for scores in islice(refined_pairs(game, ROWS, COLUMNS, budget=10_000), 10):
        assert scores.evaluations <= 1000
    assert game.evaluations <= 1000
    with pytest.raises(GameError, match="at least"):
        refined_pairs(Game(network(), 16), ROWS, COLUMNS, budget=50)
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(GameError, match="above 0"):
            narrower(bad)
    with pytest.raises(GameError, match="at least 1"):
        top_certain(0)
