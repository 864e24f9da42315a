"""Paired tests and intervals: their size and coverage where the truth is known, and corrections by hand."""

import numpy as np
import pytest

from interplay.evaluation.comparisons import bootstrap_interval, compare, holm


@pytest.mark.slow
def test_the_test_has_its_size_and_its_power():
    rng = np.random.default_rng(0)
    null = [compare(rng.standard_normal(40), seed=s).p for s in range(160)]
    assert np.mean(np.array(null) < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 160))
    assert min(null) > 0
    assert compare(rng.standard_normal(60) + 1.0).p < 0.001
    assert compare(rng.standard_normal(60) - 1.0).p > 0.99


def test_of_few_samples_every_flip_is_counted():
    assert compare(np.array([1.0, 2, 3])).p == pytest.approx(1 / 8)
    assert compare(np.array([0.0, 0, 0])).p == 1.0


def test_intervals_cover():
    rng = np.random.default_rng(1)
    found = [bootstrap_interval(rng.exponential(size=80), seed=s) for s in range(400)]
    inside = np.mean([f.low <= 1 <= f.high for f in found])
    assert 0.95 - 0.05 < inside < 0.95 + 0.035


def test_what_is_missing():
    assert compare(np.array([np.nan, np.nan])).model_dump() == {
        "mean": None,
        "low": None,
        "high": None,
        "p": None,
        "samples": 0,
    }
    one = compare(np.array([np.nan, 2.0]))
    assert (one.mean, one.low, one.p, one.samples) == (2.0, None, None, 1)
    assert bootstrap_interval(np.array([1.0, np.nan, 3.0])).mean == 2.0


def test_the_same_twice():
    x = np.random.default_rng(2).standard_normal(30)
    assert compare(x) == compare(x) and compare(x, seed=1) != compare(x)


def test_holm_by_hand():
    # Holm 1979: sorted p times (m - rank), never falling
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []
