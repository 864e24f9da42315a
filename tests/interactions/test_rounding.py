"""What rounding leaves is no interaction and no backup, and what is more than rounding is not taken for it."""

from itertools import product

import numpy as np
import pytest
import torch
from jaxtyping import Bool, Float

from interplay.interactions import Game, block_pairs, exact_pairs, hybrid_pairs, paired_pairs, redundant_pairs

Coalitions = Bool[np.ndarray, "m n"]
WEIGHTS = np.random.default_rng(0).normal(size=12)


def additive(c: Coalitions) -> Float[np.ndarray, " m"]:
    """A sum in single precision."""
    return np.asarray(3 * (c.astype(np.float32) @ WEIGHTS[: c.shape[1]].astype(np.float32)), dtype=np.float32)


def smooth(c: Coalitions) -> Float[np.ndarray, " m"]:
    """A small network without an interaction that is exactly 0."""
    rng = np.random.default_rng(3)
    return np.asarray(np.tanh(c @ (rng.normal(size=(c.shape[1], 4)) / 3) + 0.3) @ rng.normal(size=4))


def test_no_pair_of_a_sum_in_single_precision_backs_up():
    rows, columns = range(5), range(5, 10)
    exact = exact_pairs(additive, 10, list(product(rows, columns)))
    assert exact.redundancy_gap.max() > 0  # of rounding alone
    assert not redundant_pairs(exact).any()
    for seed in range(5):
        assert not redundant_pairs(block_pairs(Game(additive, 10), rows, columns, samples=32, seed=seed)).any()
        assert not redundant_pairs(hybrid_pairs(Game(additive, 10), rows, columns, budget=600, seed=seed)).any()


@pytest.mark.parametrize("estimate", [paired_pairs, hybrid_pairs])
def test_whole_numbers_are_not_rounded(estimate):
    """A million beside three: in single precision the three would be rounding, but whole numbers have none."""

    def counts(c: Coalitions) -> Float[np.ndarray, " m"]:
        return 1e6 * (c[:, 0] & c[:, 2]) + 3.0 * c[:, [1, 3, 4, 5]].all(axis=1)

    found = estimate(Game(counts, 12), [0, 1], [2, 3], budget=400)
    assert np.all(np.abs(found.unbiased[0] - [1e6, 0, 0, 1]) <= 4 * found.sii_se + 1e-3)


def test_rounding_is_in_the_unit_of_the_values():
    small = paired_pairs(Game(lambda c: 1e-14 * c[:, [0, 2]].all(axis=1), 8), [0, 1], [2, 3], budget=200)
    assert small.sii == pytest.approx(np.array([1e-14, 0, 0, 0]), abs=1e-22)
    large = Game(lambda c: 1e300 * c[:, [0, 2]].all(axis=1), 8)  # beyond single precision
    assert paired_pairs(large, [0, 1], [2, 3], budget=200).sii == pytest.approx(np.array([1e300, 0, 0, 0]), abs=1e292)
    assert large.rounding == pytest.approx(1e291)


@pytest.mark.parametrize(
    "value, share",
    [
        (lambda c: c[:, 0] * 0.5 + c[:, 1], 1e-9),  # halves: no precision rounds them
        (lambda c: c[:, 0] / 3 + c[:, 1], 1e-9),
        (lambda c: (c[:, 0] / 3 + c[:, 1]).astype(np.float32), 1e-5),
        (lambda c: (c[:, 0] / 3 + c[:, 1]).astype(np.float32).astype(float), 1e-5),
    ],
)
def test_single_precision_is_seen_in_the_values(value, share):
    game = Game(value, 4)
    game(np.array(list(product([False, True], repeat=4))))
    spread = 1.5 if value(np.eye(4, dtype=bool))[0] == 0.5 else 4 / 3
    assert game.rounding == pytest.approx(share * spread, rel=1e-4)


@pytest.mark.parametrize("estimate", [paired_pairs, hybrid_pairs])
def test_outputs_that_only_add_up_take_nothing_from_another(estimate):
    """All outputs share a kernel: what rounding leaves of a sum must not count as noise of the others."""
    rows, columns = range(3), range(6, 9)
    right = exact_pairs(smooth, 12, list(product(rows, columns))).sii

    def beside(c: Coalitions) -> Float[np.ndarray, "m 4"]:
        return np.stack([smooth(c), *(k * additive(c) for k in (np.float32(1), np.float32(1.7), np.float32(2.3)))], 1)

    def off(value) -> float:
        found = [estimate(Game(value, 12), rows, columns, budget=600, seed=s).sii.reshape(9, -1) for s in range(3)]
        return float(np.sqrt(np.mean([(one[:, 0] - right) ** 2 for one in found])))

    assert off(beside) <= 2 * off(smooth)


def test_a_pair_that_is_surely_there_is_kept_where_none_is_expected():
    """It does not interact around the empty and the full set, as hardly any pair of this game does."""

    def value(c: Coalitions) -> Float[np.ndarray, " m"]:
        out = 0.5 * (c[:, 0] & c[:, 12] & c[:, 1] & ~c[:, 2])
        for p, q, r, s in [(3, 4, 13, 14), (5, 6, 15, 16), (7, 8, 17, 18), (9, 10, 19, 20), (11, 21, 22, 23)]:
            out = out + 0.3 * np.tanh(1.5 * (c[:, p] + 1.0 * c[:, q] * c[:, r] + 0.5 * c[:, s]) * (1 + c[:, r]))
        return np.asarray(out)

    found = paired_pairs(Game(value, 24), range(12), range(12, 24), budget=1600, seed=0)
    assert found.unbiased[0][0] > 6 * found.sii_se[0]
    assert abs(found.sii[0] - 0.5 / 6) < 4 * found.sii_se[0] and found.sii[0] > 0.05


def test_gaps_of_two_draws_keep_what_the_surrogate_knows():
    """Draws that happen to show nothing say nothing against it."""

    def value(c: Coalitions) -> Float[np.ndarray, " m"]:
        return c[:, :7].any(axis=1) + 0.05 * np.tanh(c @ np.linspace(-1, 1, 12))

    rows, columns = range(6), range(6, 12)
    right = exact_pairs(value, 12, list(product(rows, columns))).redundancy_gap
    found = [hybrid_pairs(Game(value, 12), rows, columns, budget=500, seed=s) for s in range(10)]
    assert {int(one.samples[0]) for one in found} == {4}  # two draws of a background and its complement
    assert np.sqrt(np.mean([(one.redundancy_gap_unbiased - right) ** 2 for one in found])) < 0.01


def test_more_players_than_a_float_can_count_sets_of():
    game = Game(lambda c: c[:, [0, 1]].all(axis=1) * 1.0, 1100, batch_size=10_000)
    assert paired_pairs(game, [0], [1], budget=7000).sii == pytest.approx([1.0], abs=0.2)


@pytest.mark.parametrize(
    "precision, level, size",
    [("float16", 20.0, 1.0), ("bfloat16", 20.0, 1.0), ("float32", 20.0, 1.0), ("float32", 2e5, 5e3)],
)
def test_no_pair_of_a_sum_that_was_rounded_backs_up(precision, level, size):
    """Numbers of half precision from 1 on, and of single precision from 8,192 on, are all whole 1/1024."""

    def value(c: Coalitions) -> torch.Tensor:
        return torch.from_numpy(level + size * (c @ WEIGHTS[:8])).to(getattr(torch, precision))

    scores = exact_pairs(value, 8, [(a, b) for a in range(8) for b in range(a)])
    assert scores.redundancy_gap.max() > 0  # of rounding alone
    assert not redundant_pairs(scores).any()


def test_counts_of_single_precision_are_not_rounded():
    game = Game(lambda c: c.sum(axis=1).astype(np.float32), 4)
    game(np.array(list(product([False, True], repeat=4))))
    assert game.rounding == pytest.approx(4e-9)
