"""Measures of modalities: against a naive transcription of their definitions, and on models whose truth is known."""

from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.evaluation.multimodality import (
    additive_projection,
    cooperation,
    intershap,
    modality_interactions,
    modality_shapley,
    modality_share,
)


def of(values, *there):
    return values[sum(1 << m for m in there)]


def subsets(items):
    return [some for size in range(len(items) + 1) for some in combinations(items, size)]


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_values_and_interactions_are_those_of_their_definitions(seed, M):
    values = np.random.default_rng(seed).normal(size=(2**M, 3))
    shapley, split = modality_shapley(values), modality_interactions(values)
    np.testing.assert_allclose(shapley.sum(0), values[-1] - values[0], atol=1e-12)
    np.testing.assert_allclose(split.sum((0, 1)), values[-1] - values[0], atol=1e-12)
    for m in range(M):
        rest = [k for k in range(M) if k != m]
        mean = sum((of(values, *s, m) - of(values, *s)) / comb(M - 1, len(s)) for s in subsets(rest)) / M
        np.testing.assert_allclose(shapley[m], mean, atol=1e-12)
        np.testing.assert_allclose(split[m].sum(0), shapley[m], atol=1e-12)
    for a, b in combinations(range(M), 2):
        rest, index = [k for k in range(M) if k not in (a, b)], 0.0
        for s in subsets(rest):
            weight = factorial(len(s)) * factorial(M - len(s) - 2) / factorial(M - 1)
            both = of(values, *s, a, b) - of(values, *s, a) - of(values, *s, b) + of(values, *s)
            index = index + weight * both
        np.testing.assert_allclose(split[a, b], index / 2, atol=1e-12)
        np.testing.assert_allclose(split[b, a], index / 2, atol=1e-12)


def test_a_sum_has_no_interaction_and_an_xor_nothing_else():
    rng = np.random.default_rng(0)
    text, image = rng.normal(size=(2, 50))
    added = np.stack([np.zeros(50), text, image, text + image])
    assert intershap(added).mean == pytest.approx(0, abs=1e-12) and cooperation(added.mean(1)) == pytest.approx(0)
    xor = np.stack([np.full(50, 0.5), np.full(50, 0.5), np.full(50, 0.5), rng.integers(0, 2, 50)])
    # Shapley values are +-.25 each, all of it from the interaction: half of it in each of two cells.
    assert intershap(xor).mean == pytest.approx(1.0) and cooperation(np.array([0.5, 0.5, 0.5, 1.0])) == 0.5
    assert intershap(np.zeros((4, 5))).mean is None, "no share of nothing"


@given(st.integers(0, 2**32 - 1))
def test_the_projection_of_a_sum_is_itself_and_that_of_a_product_of_centred_parts_is_nothing(seed):
    rng = np.random.default_rng(seed)
    text, image = rng.normal(size=(2, 7, 3))
    np.testing.assert_allclose(additive_projection(text[:, None] + image[None]), text + image, atol=1e-12)
    text, image = text - text.mean(0), image - image.mean(0)
    np.testing.assert_allclose(additive_projection(text[:, None] * image[None]), 0, atol=1e-12)


def test_the_projection_is_the_best_sum():
    """Least squares over all functions of the text plus all of the picture."""
    rng, N = np.random.default_rng(0), 6
    logits = rng.normal(size=(N, N, 1))
    rows, columns = np.mgrid[:N, :N].reshape(2, -1)
    design = np.concatenate([np.eye(N)[rows], np.eye(N)[columns]], axis=1)
    best = design @ np.linalg.lstsq(design, logits.ravel(), rcond=None)[0]
    np.testing.assert_allclose(additive_projection(logits)[:, 0], np.diag(best.reshape(N, N)), atol=1e-10)


def test_shares_of_modalities_add_up_and_have_an_error():
    shares = modality_share(np.array([[3.0, 1.0], [1.0, 1.0], [2.0, 0.0]]))
    assert [s.mean for s in shares] == pytest.approx([0.75, 0.25]) and all(s.se and s.samples == 3 for s in shares)
    assert [s.mean for s in modality_share(np.zeros((2, 2)))] == [None, None], "no share of nothing"
