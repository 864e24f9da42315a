"""The two formulas: METHOD 9's table, and a naive transcription."""

from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interplay.errors import GameError
from interplay.interactions import delta, redundancy_gap, sii_weights

# n = 2: v(), v(i), v(j), v(ij) -> SII, RG
TABLE = {
    "additive": ((0.0, 2.0, 3.0, 5.0), 0.0, 0.0),
    "additive of opposite signs": ((0.0, 1.0, -0.7, 0.3), 0.0, 0.0),
    "and": ((0.0, 0.0, 0.0, 1.0), 1.0, -1.0),
    "or": ((0.0, 1.0, 1.0, 1.0), -1.0, 1.0),
    "xor": ((0.0, 1.0, 1.0, 0.0), -2.0, 0.0),
    "minus and": ((0.0, 0.0, 0.0, -1.0), -1.0, -1.0),
    "minus or": ((0.0, -1.0, -1.0, -1.0), 1.0, 1.0),
    "veto": ((0.0, 1.0, 0.0, 0.0), -1.0, 0.0),
    "duplicate times 2.5": ((0.0, 2.5, 2.5, 2.5), -2.5, 2.5),
    "duplicate times -2.5": ((0.0, -2.5, -2.5, -2.5), 2.5, 2.5),
    "or on a base": ((4.0, 5.0, 5.0, 5.0), -1.0, 1.0),
    "partial backup": ((0.0, 1.0, 1.0, 1.5), -0.5, 0.5),
    "nothing": ((1.0, 1.0, 1.0, 1.0), 0.0, 0.0),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_method_9(name):
    values, sii, gap = TABLE[name]
    four = np.array(values)[:, None]
    np.testing.assert_allclose(delta(*four), [sii], atol=1e-12)
    np.testing.assert_allclose(redundancy_gap(*four), [gap], atol=1e-12)


def plus(x):
    return max(0.0, x)


def naive_gap(v, vi, vj, vij):
    """METHOD 9, letter by letter."""
    a_i, a_j, t = vi - v, vj - v, vij - v
    d = t - a_i - a_j
    total = 0.0
    for s in (+1, -1):
        total += plus(min(-s * d, plus(s * t), plus(s * a_i), plus(s * a_j)))
        total -= plus(min(s * d, plus(s * t), plus(s * (t - a_i)), plus(s * (t - a_j))))
    return total


numbers = st.floats(-100, 100, width=32)


@given(hnp.arrays(np.float64, (4, 3, 2), elements=numbers))
def test_the_gap_is_the_naive_one_in_any_shape(four):
    expected = np.array([naive_gap(*column) for column in four.reshape(4, -1).T]).reshape(3, 2)
    np.testing.assert_allclose(redundancy_gap(*four), expected, atol=1e-9)


@given(hnp.arrays(np.float64, (4, 5), elements=numbers))
def test_the_players_of_a_pair_are_exchangeable_and_the_gap_knows_no_sign(four):
    v, vi, vj, vij = four
    np.testing.assert_allclose(redundancy_gap(v, vi, vj, vij), redundancy_gap(v, vj, vi, vij), atol=1e-9)
    np.testing.assert_allclose(redundancy_gap(*-four), redundancy_gap(*four), atol=1e-9)
    assert (np.abs(redundancy_gap(*four)) <= np.abs(delta(*four)) + 1e-9).all()


def test_shapes_broadcast():
    v, vi, vj, vij = np.zeros((1, 1)), np.ones((2, 1)), np.ones((1, 3)), np.ones((2, 3))
    assert delta(v, vi, vj, vij).shape == redundancy_gap(v, vi, vj, vij).shape == (2, 3)


@pytest.mark.parametrize("n", [2, 3, 7, 20, 80])
def test_weights_are_those_of_method_9_and_every_size_weighs_the_same(n):
    weights = sii_weights(n)
    expected = [factorial(s) * factorial(n - s - 2) / factorial(n - 1) for s in range(n - 1)]
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    np.testing.assert_allclose(weights * [float(comb(n - 2, s)) for s in range(n - 1)], 1 / (n - 1), rtol=1e-12)


def test_one_player_has_no_pair():
    with pytest.raises(GameError, match="at least 2"):
        sii_weights(1)
