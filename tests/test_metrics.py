"""Predicted labels and F1 against scikit-learn and loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from interplay.metrics import confusions, f1, macro_f1, micro_f1, predicted_labels

values = st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])


@st.composite
def tables(draw, cells):
    n, c = draw(st.integers(1, 6)), draw(st.integers(2, 4))
    return np.array(draw(st.lists(st.lists(cells, min_size=c, max_size=c), min_size=n, max_size=n)))


@given(tables(values))
def test_predicted_labels_against_a_loop(p):
    multi = [{c for c, x in enumerate(row) if x >= 0.5} for row in p]
    best = [next(c for c, x in enumerate(row) if x == max(row)) for row in p]

    def sets(found):
        return [set(np.flatnonzero(row)) for row in found]

    assert sets(predicted_labels(p, "multi")) == multi
    assert sets(predicted_labels(p, "single")) == [{b} for b in best]
    some = predicted_labels(p, "multi", at_least_one=True)
    assert sets(some) == [m or {b} for m, b in zip(multi, best, strict=True)]
    assert sets(predicted_labels(p - 0.5, "multi", threshold=0.0)) == multi


@given(tables(st.tuples(st.booleans(), st.booleans())))
def test_f1_against_scikit_learn(pairs):
    said, true = pairs[..., 0], pairs[..., 1]
    counts = [cell.sum(axis=0) for cell in confusions(said, true)]
    by_label = f1_score(true, said, average=None, zero_division=np.nan)
    np.testing.assert_allclose(f1(*counts), by_label)
    occurs = true.any(axis=0)
    expected = by_label[occurs].mean() if occurs.any() else math.nan
    assert macro_f1(*counts) == pytest.approx(expected, nan_ok=True)
    assert micro_f1(*counts) == pytest.approx(f1_score(true, said, average="micro", zero_division=np.nan), nan_ok=True)
