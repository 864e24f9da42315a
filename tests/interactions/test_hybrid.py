"""SII and redundancy gaps from one budget; the estimator that is chosen; tests over backgrounds."""

from itertools import product

import numpy as np
import pytest

from interplay.errors import GameError
from interplay.interactions import (
    Game,
    Term,
    TermGame,
    block_pairs,
    choose,
    estimate_pairs,
    exact_pairs,
    gap_p_values,
    hybrid_pairs,
    interval,
    least_hybrid,
    redundant_pairs,
    student_quantile,
)
from interplay.interactions.block import arranged, block_flips
from interplay.interactions.kernel import Surrogate
from interplay.interactions.strata import draw_strata

I, J = [0, 3, 4], [1, 2, 5]  # noqa: E741 - the block, in METHOD's letters
PAIRS = list(product(I, J))


def smooth_game(n, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 4)) / np.sqrt(n), rng.normal(size=4)
    return lambda c: np.tanh(c @ a + 0.3) @ b


@pytest.mark.parametrize("places", [1, 1 << 20])
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_answers_around_backgrounds_are_those_to_their_coalitions(parity, places, monkeypatch):
    rng = np.random.default_rng(0)
    strata = draw_strata(rng, 7, 30)
    x = np.where(strata.coalitions, 1.0, -1.0)
    surrogate = Surrogate(x, rng.normal(size=(len(x), 2)), parity, rng)
    monkeypatch.setattr("interplay.interactions.kernel.PLACES", places)
    s = rng.random((3, 7)) < 0.5
    around = lambda s: surrogate.blocks(np.where(s, 1.0, -1.0), np.array(I), np.array(J))  # noqa: E731
    coalitions = s[:, None, None] ^ block_flips(7, np.array(I), np.array(J))
    expected = surrogate(np.where(coalitions.reshape(-1, 7), 1.0, -1.0)).reshape(3, 4, 4, 2)
    np.testing.assert_allclose(around(s), expected, atol=1e-9)
    np.testing.assert_allclose(around(~s), expected if parity == "even" else -expected, atol=1e-9)


def test_values_are_arranged_by_what_is_in():
    s = np.array([[True, False, False, True, False, False]])
    flips = block_flips(6, np.array([0]), np.array([1]))
    names = (s[:, None, None] ^ flips)[..., :2] @ np.array([1.0, 2.0])  # 1: player 0 is in, 2: player 1
    assert [int(v[0, 0, 0]) for v in arranged(names, s, np.array([0]), np.array([1]))] == [0, 1, 2, 3]


@pytest.mark.slow
def test_gaps_have_less_error_than_a_block_of_as_many_evaluations_and_intervals_that_hold():
    n, value = 12, smooth_game(12, seed=3)
    truth = exact_pairs(value, n, PAIRS)
    ours, unshrunk, plain, held, sii_held, z = [], [], [], [], [], []
    for seed in range(12):
        scores = hybrid_pairs(Game(value, n), I, J, budget=900, seed=seed)
        ours.append(np.mean((scores.redundancy_gap - truth.redundancy_gap) ** 2))
        unshrunk.append(np.mean((scores.redundancy_gap_unbiased - truth.redundancy_gap) ** 2))
        block = block_pairs(Game(value, n), I, J, budget=900, seed=seed)
        plain.append(np.mean((block.redundancy_gap - truth.redundancy_gap) ** 2))
        bounds = interval(scores)
        low, high = bounds.redundancy_gap_low, bounds.redundancy_gap_high
        held.append((low <= truth.redundancy_gap) & (truth.redundancy_gap <= high))
        sii_held.append((bounds.sii_low <= truth.sii) & (truth.sii <= bounds.sii_high))
        assert (low <= scores.redundancy_gap).all() and (scores.redundancy_gap <= high).all()
        z.append(np.sqrt(np.mean((scores.sii - truth.sii) ** 2)) / np.sqrt(np.mean(truth.sii**2)))
    assert np.median(plain) > 1.5 * np.median(ours) and np.median(unshrunk) > 1.5 * np.median(ours)
    assert np.mean(held) >= 0.9 and np.mean(sii_held) >= 0.9
    assert np.median(z) < 0.2


@pytest.mark.slow
@pytest.mark.usefixtures("few_controls")
def test_sii_learns_from_the_coalitions_of_the_gaps(monkeypatch):
    n, value = 12, smooth_game(12, seed=3)
    truth = exact_pairs(value, n, PAIRS).sii

    def errors():
        runs = (hybrid_pairs(Game(value, n), I, J, budget=900, seed=seed) for seed in range(8))
        return np.array([np.mean((scores.sii - truth) ** 2) for scores in runs])

    with_blocks = errors()
    alone = lambda values, coalitions, even, kernel, rng: values.fit("even", rng)  # noqa: E731
    monkeypatch.setattr("interplay.interactions.paired.PairedValues.fit_even", alone)
    assert np.median(errors() / with_blocks) > 1.3


@pytest.mark.slow
def test_a_control_that_predicts_nothing_does_no_harm(monkeypatch):
    """A value that looks random to the surrogate: gaps stay unbiased, as those of the block are.

    However few backgrounds the surrogate's own mean is taken over, it must not bias the gaps.
    """
    monkeypatch.setattr("interplay.interactions.hybrid.CONTROLS", (64, 64))
    n, table = 10, np.random.default_rng(0).normal(size=2**10)

    def value(c):
        return table[c @ (1 << np.arange(10))]

    truth = exact_pairs(value, n, PAIRS).redundancy_gap
    runs = np.array([hybrid_pairs(Game(value, n), I, J, budget=500, seed=s).redundancy_gap_unbiased for s in range(16)])
    assert (np.abs(runs.mean(axis=0) - truth) < 4.5 * runs.std(axis=0, ddof=1) / 4).all()


def test_several_values_and_a_budget_that_holds():
    def value(c):
        return np.stack([smooth_game(9)(c), smooth_game(9, 1)(c)], axis=1)[:, None]

    game = Game(value, 9, budget=600)
    scores = hybrid_pairs(game, I, J, budget=10_000)
    assert scores.redundancy_gap.shape == scores.sii.shape == (9, 1, 2)
    assert scores.evaluations == game.evaluations <= 600
    with pytest.raises(GameError, match=f"at least {least_hybrid(9, 3, 3)}"):
        hybrid_pairs(Game(value, 9), I, J, budget=100)


@pytest.mark.slow
@pytest.mark.parametrize(
    "players, budget, gaps, expected",
    [
        (10, 1024, True, "exact"),
        (30, 600, True, "hybrid"),
        (30, 600, False, "paired"),
        (30, 90, True, "block"),
        (30, 90, False, "block"),
    ],
)
@pytest.mark.usefixtures("few_controls")
def test_what_is_chosen_and_why(players, budget, gaps, expected):
    scores = estimate_pairs(Game(smooth_game(players), players), I, J, budget=budget, gaps=gaps)
    assert scores.choice.startswith(f"{expected}: ") and str(budget) in scores.choice
    assert choose(players, 3, 3, budget, gaps=gaps)[0] == expected
    assert scores.evaluations <= budget
    assert np.isfinite(scores.sii).all() and (np.isfinite(scores.redundancy_gap).all() or not gaps)


def test_a_budget_that_is_too_small_says_the_least_that_works():
    with pytest.raises(GameError, match="too small for 3 x 3 pairs of 30 players; expected at least 64"):
        estimate_pairs(Game(smooth_game(30), 30), I, J, budget=63)
    assert estimate_pairs(Game(smooth_game(30), 30), I, J, budget=64).estimator == "block-antithetic"
    with pytest.raises(GameError, match="no estimator 'best'"):
        estimate_pairs(Game(smooth_game(30), 30), I, J, budget=1000, estimator="best")


def test_named_estimators_are_taken():
    for name in ("exact", "paired", "hybrid", "block", "naive"):
        scores = estimate_pairs(Game(smooth_game(9), 9), I, J, budget=600, estimator=name)
        assert scores.estimator.startswith(name) and not scores.choice


@pytest.mark.slow
@pytest.mark.parametrize("estimator, seeds, budget", [("block", 60, 512), ("hybrid", 20, 600)])
@pytest.mark.usefixtures("few_controls")
def test_false_discoveries_stay_below_their_level(estimator, seeds, budget):
    """Two backups among pairs whose gaps change sign from background to background, with means around 0."""
    terms = TermGame((Term("or", (0, 1), 4.0), Term("or", (3, 5), 3.0)))
    table = np.random.default_rng(0).normal(size=2**10)

    def value(c):
        return terms(c) + table[c @ (1 << np.arange(10))]

    gaps = exact_pairs(value, 10, PAIRS).redundancy_gap
    null, planted = gaps <= 0, np.array([p in ((0, 1), (3, 5)) for p in PAIRS])
    assert null.sum() >= 2
    shares, power, uncorrected = [], [], 0
    for seed in range(seeds):
        scores = estimate_pairs(Game(value, 10), I, J, budget=budget, seed=seed, estimator=estimator)
        found = redundant_pairs(scores, level=0.1)
        shares.append((found & null).sum() / max(1, found.sum()))
        power.append(found[planted].mean())
        uncorrected += (scores.redundancy_gap > 0)[null].sum()
    assert uncorrected > seeds / 3  # nulls do come out above 0
    assert np.mean(shares) <= 0.1
    assert np.mean(power) > 0.9


def test_intervals_of_sii_do_not_hang_on_the_few_draws_of_the_gap():
    scores = hybrid_pairs(Game(smooth_game(12), 12), I, J, budget=300, shrink=False)
    bounds = interval(scores)
    wide = (bounds.sii_high - bounds.sii_low) / (2 * scores.sii_se)
    assert scores.samples.max() <= 14  # 7 draws, whose quantile is 2.45
    np.testing.assert_allclose(wide, student_quantile(np.array([89]), 0.95)[0])


@pytest.mark.usefixtures("few_controls")
def test_an_interrupted_estimate_goes_on_where_it_was():
    calls = []

    def interrupted(c):
        calls.append(len(c))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return smooth_game(12)(c)

    game = Game(interrupted, 12, batch_size=50)
    with pytest.raises(KeyboardInterrupt):
        hybrid_pairs(game, I, J, budget=300, seed=1)
    kept = game.evaluations
    scores = hybrid_pairs(game, I, J, budget=300, seed=1)
    assert kept > 0 and scores.evaluations == game.evaluations - kept
    whole = hybrid_pairs(Game(smooth_game(12), 12), I, J, budget=300, seed=1)
    np.testing.assert_allclose(scores.sii, whole.sii, atol=1e-9)
    np.testing.assert_allclose(scores.redundancy_gap, whole.redundancy_gap, atol=1e-9)


@pytest.mark.usefixtures("few_controls")
def test_rounding_is_no_backup():
    """Sums of tenths are off by 1e-17 or so, with errors as small; none of it backs anything up."""
    weights = np.random.default_rng(0).normal(size=8)

    def additive(c):
        return np.array([sum(weights[row]) for row in c])

    for seed in range(5):
        for scores in (
            exact_pairs(additive, 8, [(i, j) for i in I for j in J]),
            block_pairs(Game(additive, 8), I, J, samples=8, seed=seed),
            hybrid_pairs(Game(additive, 8), I, J, budget=200, seed=seed),
        ):
            assert 0 < np.abs(scores.unbiased[1]).max() < 1e-12, "rounding is what is tested"
            assert not redundant_pairs(scores).any()


def test_p_values_of_what_is_missing_or_certain():
    certain = block_pairs(Game(TermGame((Term("or", (0, 1)),)), 6), I, J, samples=8)
    p = gap_p_values(certain)
    assert p[0] < 0.001 and (p[1:] == 1).all()  # its error counts a draw that was not seen
    one = block_pairs(Game(smooth_game(6), 6), I, J, samples=2)
    assert np.isnan(gap_p_values(one)).all() and not redundant_pairs(one).any()
    assert redundant_pairs(certain, dependence="any").sum() == 1
    exact = exact_pairs(TermGame((Term("or", (0, 1)),)), 6, PAIRS)
    assert redundant_pairs(exact).tolist() == [p == (0, 1) for p in PAIRS]
    with pytest.raises(GameError, match="at least 36, or 72"):
        estimate_pairs(Game(smooth_game(6), 6), I, J, budget=20, estimator="naive")
    with pytest.raises(GameError, match="the level is 2"):
        redundant_pairs(certain, level=2.0)
