"""Intervals: Student's quantiles, what is missing, and how often they hold the truth."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from interplay.errors import GameError
from interplay.interactions import Game, block_pairs, independent_draws, interval, naive_pairs
from interplay.interactions.intervals import student_quantile

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


def value(coalitions):
    return coalitions.sum(axis=1) ** 4 / 100


@pytest.mark.parametrize(
    "level, freedom, expected",
    [
        (0.95, 1, 12.7062),
        (0.95, 2, 4.3027),
        (0.95, 3, 3.1824),
        (0.95, 7, 2.3646),
        (0.95, 15, 2.1314),
        (0.95, 30, 2.0423),
        (0.95, 120, 1.9799),
        (0.95, 100_000, 1.9600),
        (0.99, 1, 63.6567),
        (0.99, 10, 3.1693),
        (0.5, 4, 0.7407),
    ],
)
def test_printed_tables_of_students_t(level, freedom, expected):
    assert student_quantile(np.array([freedom]), level)[0] == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.98, 0.999])
def test_quantiles_are_those_of_scipy(level):
    freedom = np.arange(400)
    expected = stats.t.ppf((1 + level) / 2, np.maximum(freedom, 1))
    np.testing.assert_array_equal(student_quantile(freedom, level), np.where(freedom, expected, np.nan))


def test_draws_are_counted_not_backgrounds():
    game = Game(value, 8)
    assert independent_draws(block_pairs(game, [0, 1], [2], samples=8)).tolist() == [4, 4]
    assert independent_draws(block_pairs(game, [0, 1], [2], samples=8, antithetic=False)).tolist() == [8, 8]
    assert independent_draws(naive_pairs(game, [(0, 1)], samples=8)).tolist() == [8]


def test_the_interval_is_the_score_and_t_standard_errors():
    scores = block_pairs(Game(lambda c: np.stack([value(c), c[:, :5].all(axis=1)], axis=1), 8), [0, 1], [2], samples=8)
    bounds = interval(scores, 0.95)
    assert bounds.level == 0.95
    for score, se, low, high in (
        (scores.sii, scores.sii_se, bounds.sii_low, bounds.sii_high),
        (
            scores.redundancy_gap,
            scores.redundancy_gap_se,
            bounds.redundancy_gap_low,
            bounds.redundancy_gap_high,
        ),
    ):
        np.testing.assert_allclose(high - score, 3.182446 * se, rtol=1e-6)
        np.testing.assert_allclose(score - low, 3.182446 * se, rtol=1e-6)


def test_a_missing_score_has_a_missing_interval():
    scores = naive_pairs(Game(value, 8), [(0, 1), (0, 2)], samples=4)
    missing = replace(scores, samples=np.array([4, 0]), sii=scores.sii * [1, np.nan])
    bounds = interval(missing)
    assert np.isfinite(bounds.sii_low).tolist() == [True, False]
    assert np.isnan(interval(naive_pairs(Game(value, 8), [(0, 1)], samples=1)).sii_high).all()


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(GameError, match="between 0 and 1"):
        interval(naive_pairs(Game(value, 8), [(0, 1)], samples=4), level)


def test_scores_of_an_unknown_estimator_are_refused():
    scores = replace(naive_pairs(Game(value, 8), [(0, 1)], samples=4), estimator="guess")
    with pytest.raises(GameError, match=r"'guess'.*naive, block, block-antithetic"):
        interval(scores)


@pytest.mark.slow
def test_95_percent_intervals_hold_the_truth_about_95_times_in_100():
    """AND, OR, XOR and mixed games; the evenly spread levels make the block's intervals a little wide.

    With the fewer draws, where intervals are harder to get right; the benchmark has more of them.
    """
    rows = runpy.run_path(str(BENCHMARK))["coverage_table"](samples=(32,), seeds=300)
    assert len({row.game for row in rows}) == 5
    for row in rows:
        high = 0.985 if row.estimator == "block" else 0.98
        assert 0.92 <= row.sii <= high, row
        assert 0.92 <= row.gap <= high, row
        if row.estimator != "naive":
            assert row.sii_ratio > 1 and row.gap_ratio > 1, row
