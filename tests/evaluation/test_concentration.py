"""Concentration and alignment: known values, naive transcriptions, and what is undefined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interplay.evaluation.alignment import by_bins, by_top, pair_importance, rank_correlation, relative
from interplay.evaluation.concentration import entropy, gini, overlap, top_mass

MAPS = hnp.arrays(float, st.integers(2, 20), elements=st.floats(0.01, 10))


@given(MAPS)
def test_gini_is_half_the_relative_mean_difference(x):
    naive = np.abs(x[:, None] - x[None]).mean() / (2 * x.mean())
    assert gini(x) == pytest.approx(naive, abs=1e-9)
    assert gini(-3 * x) == pytest.approx(gini(x), abs=1e-9)


@given(MAPS)
def test_entropy_is_that_of_the_shares(x):
    p = x / x.sum()
    assert entropy(x) == pytest.approx(-(p * np.log(p)).sum() / np.log(len(x)), abs=1e-9)
    assert 0 <= top_mass(x) <= 1 + 1e-12 and overlap(x, x) == pytest.approx(1)


def test_known_values():
    assert gini(np.ones(4)) == 0 and gini(np.array([0.0, 0, 0, -2])) == 0.75
    assert entropy(np.ones(4)) == pytest.approx(1) and entropy(np.array([0.0, 0, 3, 0])) == 0
    assert top_mass(np.array([1.0, 2, 1, 4])) == 0.5
    assert top_mass(np.arange(1.0, 41)) == pytest.approx((39 + 40) / 820)  # 5% of 40 are 2
    assert overlap(np.array([1.0, 1, 0]), np.array([0.0, 2, 2])) == 0.5


def test_maps_of_zeros_have_no_concentration():
    zeros = np.zeros(5)
    assert np.isnan([gini(zeros), entropy(zeros), top_mass(zeros), overlap(zeros, np.ones(5))]).all()


def test_importance_of_a_pair_is_the_product_of_shares():
    modality = np.array([0, 0, 1, 1, 1])
    scores = np.array([3.0, -1, 0, 0, 0])
    assert relative(scores, modality).tolist() == pytest.approx([0.75, 0.25, 1 / 3, 1 / 3, 1 / 3])
    pairs = np.array([[0, 2], [1, 4]])
    assert pair_importance(scores, modality, pairs).tolist() == pytest.approx([0.25, 0.25 / 3])


def test_bins_and_top_sets():
    rng = np.random.default_rng(0)
    importance = rng.permutation(100).astype(float)
    scores = importance * 2  # follows importance exactly
    assert by_bins(importance, scores, 4, rng).tolist() == pytest.approx([24, 74, 124, 174])
    assert by_top(importance, scores, [1.0, 10.0, 100.0], rng).tolist() == pytest.approx([198, 189, 99])
    assert rank_correlation(importance, scores) == pytest.approx(1)
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0)))
    few = by_bins(np.array([1.0, 2]), np.array([5.0, 7]), 3, rng)
    assert few[:2].tolist() == [5, 7] and np.isnan(few[2])
    tied = [by_top(np.zeros(50), np.arange(50.0), [10.0], np.random.default_rng(s))[0] for s in range(100)]
    assert np.mean(tied) == pytest.approx(24.5, abs=4 * 14.4 / np.sqrt(500))
