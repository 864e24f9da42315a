"""Summaries of known truth: what scores that are ideal, reversed or noise must come out as."""

import numpy as np
import pytest

from interplay.data.scenes_story import STORIES
from interplay.evaluation.discovery import discoveries, tail
from interplay.evaluation.estimates import estimate, jackknife
from interplay.evaluation.summaries import calibrations, recovered
from interplay.evaluation.validity import WHOLE, SampleAnswers, SamplePairs
from interplay.interactions import step_up

NAMED = {name: STORIES[name] for name in ("sarcasm", "storm")}
NAMES = ["synergy", "mixture"]
P = 40


def sample(rng, make_scores):
    """One sample whose pair 7 is planted: ideal SII of .25 for sarcasm, gap of .6 for storm."""
    ideal = {score: np.zeros((P, 2, 2)) for score in ("sii", "redundancy_gap")}
    ideal["sii"][7, 0], ideal["redundancy_gap"][7, 1] = 0.25, 0.6
    planted = np.zeros((P, 2), dtype=bool)
    planted[7] = True
    scores = {name: np.repeat(make_scores(rng, values)[..., None], 2, axis=-1) for name, values in ideal.items()}
    outside = {name: np.abs(values) > 0.1 for name, values in scores.items()}
    return SamplePairs(scores, outside, ideal, planted, np.array([True, True]), 100)


def many(make_scores, count=60, seed=0):
    rng = np.random.default_rng(seed)
    return [sample(rng, make_scores) for _ in range(count)]


def test_ideal_scores_are_perfect():
    for row in recovered(many(lambda rng, ideal: ideal + 1e-6 * rng.standard_normal(ideal.shape)), NAMES, NAMED):
        assert (row.auroc.mean, row.first.mean, row.top.mean, row.sign.mean) == (1, 1, 1, 1)
        assert row.slope.mean == pytest.approx(1, abs=1e-3) and row.correlation.mean == pytest.approx(1, abs=1e-3)
        assert row.auroc.samples == 60 and row.auroc.se == 0


def test_reversed_scores_are_the_worst():
    for row in recovered(many(lambda rng, ideal: -ideal + 1e-6 * rng.standard_normal(ideal.shape)), NAMES, NAMED):
        assert (row.auroc.mean, row.top.mean, row.sign.mean) == (0, 0, 0)
        assert row.slope.mean == pytest.approx(-1, abs=1e-3)


def test_noise_is_chance():
    for row in recovered(many(lambda rng, ideal: rng.standard_normal(ideal.shape), 300), NAMES, NAMED):
        assert row.auroc.mean == pytest.approx(0.5, abs=4 * row.auroc.se)
        assert row.top.mean == pytest.approx(5 / P, abs=4 * row.top.se)


def test_scores_that_are_0_but_for_rounding_are_not_ranked():
    """Those of a unique expert by construction: an AUROC of .5 would say that it was asked and found nothing."""

    def rounded(p, rng):
        for values in p.scores.values():
            values[..., 0] = 1e-7 * rng.standard_normal(values.shape[:-1])
        return p

    rng = np.random.default_rng(1)
    pairs = [rounded(p, rng) for p in many(lambda rng, ideal: ideal + 1e-6 * rng.standard_normal(ideal.shape))]
    for row in recovered(pairs, NAMES, NAMED):
        if row.expert == "mixture":
            assert (row.auroc.mean, row.auroc.samples) == (1, 60)
        else:
            assert (row.auroc.mean, row.first.mean, row.sign.mean, row.slope.mean) == (None,) * 4
            assert row.auroc.samples == 0


def test_stories_that_do_not_hold_are_not_ranked():
    from dataclasses import replace

    pairs = [replace(p, holds=np.array([True, False])) for p in many(lambda rng, ideal: ideal)]
    rows = {(r.story, r.on, r.expert): r for r in recovered(pairs, NAMES, NAMED)}
    assert rows["storm", "logit", "mixture"].auroc.mean is None and rows["storm", "logit", "mixture"].auroc.samples == 0
    assert rows["sarcasm", "logit", "mixture"].auroc.samples == 60


def noisy(spread):
    """Samples whose null pairs are noise of one size (spread 0), or of a size of the sample's own."""

    def scores(rng, ideal):
        return ideal + 0.04 * np.exp(spread * rng.standard_normal()) * rng.standard_normal(ideal.shape)

    return scores


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_false_discoveries_stay_below_their_nominal_rate_on_average(spread):
    """Also where a few odd samples hold most of the large null scores."""
    rates = []
    for seed in range(16):
        found = discoveries(many(noisy(spread), 50, 2 * seed), many(noisy(spread), 100, 2 * seed + 1), NAMES, NAMED)
        for row in found:
            assert row.planted == 100 and row.found - row.false == round(row.power.mean * 100)
            assert 0 < row.uncalibrated.mean < 0.2
            if not spread:
                assert row.power.mean > 0.6 and row.rate.mean == row.false / row.found
        rates.append([row.false / max(1, row.found) for row in found])
    each = np.mean(rates, axis=1)
    assert each.mean() <= 0.1 + 3 * each.std(ddof=1) / np.sqrt(len(each))
    assert each.mean() > 0.01  # and something is called


def test_noise_is_hardly_called():
    noise = many(lambda rng, ideal: 0.04 * rng.standard_normal(ideal.shape), 300, 3)
    for row in discoveries(many(noisy(0.0), 60, 1), noise, NAMES, NAMED):
        assert row.power.mean < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_the_tail_against_a_naive_transcription(seed):
    rng = np.random.default_rng(seed)
    nulls, sizes = [rng.exponential(size=rng.integers(5, 30)) for _ in range(12)], 1 + 4 * rng.random(40)
    n = sum(len(values) for values in nulls)
    expected = []
    for size in sizes:
        share = (1 + sum((values >= size).sum() for values in nulls)) / (1 + n)
        off = [(values >= size).sum() - share * len(values) for values in nulls]
        bound = share + 1.645 * np.sqrt(12 / 11 * sum(x * x for x in off)) / n
        expected.append(min(1, bound) if share <= 0.3 else share)
    np.testing.assert_allclose(tail(nulls, sizes, 0.3), expected)
    assert tail(nulls[:1], sizes, 0.3).tolist() == [1] * 40


def test_a_rate_of_nothing_called_is_missing():
    flat = many(lambda rng, ideal: np.zeros_like(ideal), 20)
    for row in discoveries(flat, flat, NAMES, NAMED):
        assert row.found == 0 and row.rate.mean is None and row.power.mean == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_jackknife_of_a_mean_is_its_standard_error(seed):
    values = np.random.default_rng(seed).exponential(size=(30, 1))
    by_hand = estimate(values[:, 0])
    found = jackknife(lambda sums: float(sums[0] / sums[1]), np.hstack([values, np.ones_like(values)]))
    assert found.mean == pytest.approx(by_hand.mean) and found.se == pytest.approx(by_hand.se)


@pytest.mark.slow
def test_a_slope_spreads_as_its_jackknife_says():
    found = [
        recovered(many(lambda rng, ideal: ideal * (1 + 0.3 * rng.standard_normal()), 40, seed), NAMES, NAMED)[0].slope
        for seed in range(60)
    ]
    spread = np.std([f.mean for f in found], ddof=1)
    assert np.mean([f.se for f in found]) == pytest.approx(spread, rel=0.35)  # 60 draws tell it to 9%


def test_the_sign_is_told_apart_by_whether_the_label_holds():
    from dataclasses import replace

    wrong = [replace(p, holds=np.array([False, False])) for p in many(lambda rng, ideal: -ideal, 20)]
    rows = {r.story: r for r in recovered([*many(lambda rng, ideal: ideal, 30), *wrong], NAMES, NAMED)}
    assert (rows["sarcasm"].sign.mean, rows["sarcasm"].sign.samples) == (1, 30)
    assert (rows["sarcasm"].sign_without.mean, rows["sarcasm"].sign_without.samples) == (0, 20)
    assert rows["storm"].sign_without.mean is None


@pytest.mark.parametrize("seed", range(20))
def test_step_up_against_a_naive_transcription(seed):
    rng = np.random.default_rng(seed)
    p = rng.random(15) ** 3
    order, keep = np.argsort(p), 0
    for k in range(1, 16):
        if p[order[k - 1]] <= 0.2 * k / 15:
            keep = k
    expected = np.zeros(15, dtype=bool)
    expected[order[:keep]] = True
    assert step_up(p, 0.2).tolist() == expected.tolist()


def test_calibration_counts_every_size_and_whole_modality():
    rng = np.random.default_rng(0)
    pairs, answers = many(lambda r, i: i, 12), []
    for _ in pairs:
        ideal, whole = rng.random((20, 2)), rng.random((4, 2))
        off = np.array([0.1, -0.2])
        answers.append(
            SampleAnswers(np.linspace(0, 1, 20), ideal[..., None] + off, ideal, whole[..., None] + off, whole)
        )
    for row in calibrations(answers, pairs, NAMES, list(NAMED)):
        size = {"synergy": 0.1, "mixture": 0.2}[row.expert]
        assert row.error.mean == pytest.approx(size) and row.error.se == pytest.approx(0, abs=1e-12)
        assert len(row.by_share) == 10 and row.by_share == pytest.approx([size] * 10)
        assert list(row.whole) == list(WHOLE)
        for answer, ideal in row.whole.values():
            assert abs(answer - ideal) == pytest.approx(size)


def test_an_estimate_without_samples_is_missing():
    assert estimate([]).mean is None and estimate([3.0]).se is None
    assert estimate([1.0, 3.0]).mean == 2 and estimate([1.0, 3.0]).se == pytest.approx(1)
