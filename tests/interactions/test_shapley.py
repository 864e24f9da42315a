"""Shapley values of single players: exact where they can be, unbiased otherwise, with errors that hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.interactions.shapley import shapley_values


def three(coalitions):
    """All of the first three players, or nothing: 2 each."""
    return 6.0 * coalitions[:, :3].all(axis=1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_one_order_is_exact_for_pairs(seed, n):
    rng = np.random.default_rng(seed)
    alone, pairs = rng.normal(size=n), np.triu(rng.normal(size=(n, n)), 1)
    found, error = shapley_values(lambda c: c @ alone + np.einsum("mi,ij,mj->m", c, pairs, c), n, 1, rng)
    np.testing.assert_allclose(found, alone + (pairs.sum(0) + pairs.sum(1)) / 2, atol=1e-12)
    assert np.isnan(error).all(), "one order says nothing about its error"


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 3))
def test_values_add_up_whatever_the_game(seed, n, orders):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(2**n, 2))
    found, _ = shapley_values(lambda c: table[c @ (1 << np.arange(n))], n, orders, rng)
    assert found.shape == (n, 2)
    np.testing.assert_allclose(found.sum(0), table[-1] - table[0], atol=1e-12)


def test_values_are_unbiased_and_their_errors_hold():
    draws = [shapley_values(three, 6, 8, np.random.default_rng(seed)) for seed in range(300)]
    values, errors = (np.stack(part) for part in zip(*draws, strict=True))
    spread = values.std(0, ddof=1)
    assert (np.abs(values.mean(0) - [2, 2, 2, 0, 0, 0]) <= 4 * spread / np.sqrt(300) + 1e-12).all()
    np.testing.assert_allclose(np.sqrt((errors**2).mean(0)), spread, rtol=0.15, atol=1e-12)
    assert (spread[:3] > 0.1).all() and values[:, 3:] == pytest.approx(0)


def test_a_seed_decides_the_orders():
    first, again, other = (shapley_values(three, 6, 7, np.random.default_rng(s))[0] for s in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
