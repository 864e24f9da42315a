"""The two sampling estimators: the law of their backgrounds, their means, counts and refusals."""

import numpy as np
import pytest

from interplay.errors import GameError
from interplay.interactions import Game, block_evaluations, block_pairs, delta, exact_pairs, naive_pairs, redundancy_gap
from interplay.interactions.draws import Moments, draw_backgrounds
from interplay.interactions.naive import _backgrounds

I, J = [0, 4], [1, 2, 5]  # noqa: E741 - the block, in METHOD's letters
PAIRS = [(i, j) for i in I for j in J]


def table_game(n, shape=(), seed=0):
    table = np.random.default_rng(seed).normal(size=(2**n, *shape))
    return lambda c: table[c @ (1 << np.arange(n))]


def estimate(name, game, samples, seed):
    if name == "naive":
        return naive_pairs(game, PAIRS, samples=samples, seed=seed)
    return block_pairs(game, I, J, samples=samples, seed=seed, antithetic=name == "block-antithetic")


def frequencies(backgrounds, pair):
    """How often each subset of the other players came, as shares."""
    others = np.delete(backgrounds, pair, axis=1)
    index = others @ (1 << np.arange(others.shape[1]))
    return np.bincount(index, minlength=2 ** others.shape[1]) / len(index)


def sii_law(n):
    size = np.bitwise_count(np.arange(2 ** (n - 2)))
    weights = [1 / (n - 1) / np.sum(size == s) for s in range(n - 1)]
    return np.array(weights)[size]


@pytest.mark.slow
@pytest.mark.parametrize("draws", [1, 7, 20_000])
@pytest.mark.parametrize("pair", [(0, 1), (4, 2)])
def test_a_shared_background_has_the_law_of_sii_whichever_pair_is_taken_out(draws, pair):
    rng = np.random.default_rng(1)
    drawn = [draw_backgrounds(rng, draws, 5, antithetic=True) for _ in range(20_000 // draws)]
    backgrounds = np.concatenate(drawn).reshape(-1, 5)  # S and its complements: together they have the law
    assert np.abs(frequencies(backgrounds, pair) - sii_law(5)).max() < 4 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize("draws", [1, 7, 20_000])
def test_single_backgrounds_have_the_law_too(draws):
    rng = np.random.default_rng(2)
    drawn = [draw_backgrounds(rng, draws, 5, antithetic=False)[:, 0] for _ in range(20_000 // draws)]
    assert np.abs(frequencies(np.concatenate(drawn), (0, 3)) - sii_law(5)).max() < 4 * np.sqrt(0.25 / 20_000)


def test_a_background_comes_with_its_complement():
    pair = draw_backgrounds(np.random.default_rng(0), 10, 6, antithetic=True)
    assert pair.shape == (10, 2, 6)
    np.testing.assert_array_equal(pair[:, 0], ~pair[:, 1])


def test_naive_backgrounds_have_the_law_and_neither_player():
    drawn = _backgrounds(np.random.default_rng(0), 20_000, 5, 1, 3)
    assert not drawn[:, [1, 3]].any()
    assert np.abs(frequencies(drawn, (1, 3)) - sii_law(5)).max() < 4 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize("antithetic", [True, False])
def test_the_block_is_the_mean_over_its_backgrounds_pair_by_pair(antithetic):
    value = table_game(6)
    scores = block_pairs(Game(value, 6), I, J, samples=12, seed=3, antithetic=antithetic)
    copies = 2 if antithetic else 1
    drawn = draw_backgrounds(np.random.default_rng(3), 12 // copies, 6, antithetic=antithetic)
    assert scores.pairs.tolist() == [list(pair) for pair in PAIRS]
    for row, (i, j) in enumerate(PAIRS):
        four = np.repeat(drawn[None], 4, axis=0)
        four[:, :, :, [i, j]] = False
        four[[1, 3], :, :, i] = True
        four[[2, 3], :, :, j] = True
        v = value(four.reshape(-1, 6)).reshape(4, -1, copies)
        n, unseen = 12 // copies, 0.02 * np.square(delta(*v)).mean()
        for formula, mean, se, more in (
            (delta, scores.sii, scores.sii_se, 0.0),
            (redundancy_gap, scores.redundancy_gap, scores.redundancy_gap_se, unseen),
        ):
            draws = formula(*v).mean(axis=1)
            np.testing.assert_allclose(mean[row], draws.mean())
            squares = np.square(draws - draws.mean()).sum()
            np.testing.assert_allclose(se[row], np.sqrt((squares + more) / (n * (n - 1))))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["block-antithetic", "block", "naive"])
def test_estimates_are_unbiased_and_their_standard_errors_not_too_small(name):
    game = Game(table_game(6, (2,)), 6)
    truth = exact_pairs(game, 6, PAIRS)
    runs = [estimate(name, game, 16, seed) for seed in range(1000)]
    for score, error in (("sii", "sii_se"), ("redundancy_gap", "redundancy_gap_se")):
        values = np.array([getattr(run, score) for run in runs])
        spread = values.std(axis=0, ddof=1)
        z = (values.mean(axis=0) - getattr(truth, score)) / (spread / np.sqrt(len(runs)))
        assert np.abs(z).max() < 4
        claimed = np.sqrt(np.mean([getattr(run, error) ** 2 for run in runs], axis=0))
        assert (claimed / spread > 0.93).all()
        assert claimed.mean() / spread.mean() < 1.3


@pytest.mark.parametrize("name", ["block-antithetic", "block", "naive"])
def test_a_seed_decides_everything_and_the_batch_size_nothing(name):
    value = table_game(6, (2,))
    first, again = (estimate(name, Game(value, 6, batch_size=b), 6, 5) for b in (3, 1000))
    np.testing.assert_array_equal(first.sii, again.sii)
    np.testing.assert_array_equal(first.redundancy_gap_se, again.redundancy_gap_se)
    assert (first.estimator, first.seed, first.samples.tolist()) == (name, 5, [6] * 6)
    assert not np.array_equal(first.sii, estimate(name, Game(value, 6), 6, 6).sii)


@pytest.mark.parametrize("name", ["block-antithetic", "block", "naive"])
def test_several_values_are_as_good_as_one_at_a_time(name):
    value = table_game(6, (3, 2))
    together = estimate(name, Game(value, 6), 4, 0)
    assert together.sii.shape == (6, 3, 2)
    for at in np.ndindex(3, 2):
        alone = estimate(name, Game(lambda c, at=at: value(c)[:, *at], 6), 4, 0)
        for field in ("sii", "sii_se", "redundancy_gap", "redundancy_gap_se"):
            np.testing.assert_allclose(getattr(together.output(at), field), getattr(alone, field), atol=1e-12)


def test_chunks_do_not_change_the_scores(monkeypatch):
    value = table_game(6)
    whole = block_pairs(Game(value, 6), I, J, samples=20)
    monkeypatch.setattr("interplay.interactions.block.CHUNK", 1)
    parts = block_pairs(Game(value, 6, batch_size=1), I, J, samples=20)
    np.testing.assert_allclose(whole.sii, parts.sii, atol=1e-12)
    np.testing.assert_allclose(whole.sii_se, parts.sii_se, atol=1e-12)


def test_large_blocks_cost_what_the_design_says():
    n, rows, columns = 60, list(range(7)), list(range(30, 35))
    block = Game(lambda c: c.mean(axis=1) ** 3, n)
    scores = block_pairs(block, rows, columns, samples=10)
    assert scores.evaluations == block.evaluations <= block_evaluations(7, 5, 10) == 10 * (1 + 7 + 5 + 35)
    assert scores.evaluations > 400  # and no draw was silently shared
    naive = Game(lambda c: c.mean(axis=1) ** 3, n)
    assert naive_pairs(naive, scores.pairs, samples=10).evaluations <= 4 * 35 * 10


def test_repeats_cost_nothing():
    game = Game(table_game(6), 6)
    assert block_pairs(game, I, J, samples=200).evaluations <= 64
    assert block_pairs(game, I, J, samples=200).evaluations == 0


@pytest.mark.parametrize("name, least", [("block-antithetic", 24), ("block", 12)])
def test_a_budget_buys_whole_draws_and_is_never_passed(name, least):
    antithetic = name == "block-antithetic"
    for budget in (least, least + 5, 3 * least, 100):
        game = Game(lambda c: c.mean(axis=1) ** 2, 40)
        scores = block_pairs(game, I, J, budget=budget, antithetic=antithetic)
        assert game.evaluations <= budget
        assert (scores.samples == budget // least * least // 12).all()
    with pytest.raises(GameError, match=f"budget of {least - 1} .* at least {least}, or {2 * least}"):
        block_pairs(Game(lambda c: c.mean(axis=1), 40), I, J, budget=least - 1, antithetic=antithetic)


def test_the_games_own_budget_holds_as_well():
    game = Game(lambda c: c.mean(axis=1), 40, budget=50)
    assert (block_pairs(game, I, J, budget=1000).samples == 4).all()
    assert game.evaluations <= 50
    with pytest.raises(GameError, match="are left"):
        block_pairs(game, I, J, samples=1000)
    assert game.evaluations <= 50
    with pytest.raises(GameError, match="are left"):
        naive_pairs(Game(lambda c: c.mean(axis=1), 40, budget=50), PAIRS, samples=100)


@pytest.mark.parametrize("name, samples", [("block-antithetic", 2), ("block", 1), ("naive", 1)])
def test_one_draw_has_a_score_and_no_standard_error(name, samples):
    scores = estimate(name, Game(table_game(6), 6), samples, 0)
    assert np.isfinite(scores.sii).all() and np.isfinite(scores.redundancy_gap).all()
    assert np.isnan(scores.sii_se).all() and np.isnan(scores.redundancy_gap_se).all()


def test_an_interruption_passes_through_and_the_game_keeps_what_it_has():
    calls = []

    def interrupted(coalitions):
        calls.append(len(coalitions))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return coalitions.mean(axis=1)

    game = Game(interrupted, 30, batch_size=10)
    with pytest.raises(KeyboardInterrupt):
        block_pairs(game, I, J, samples=10)
    assert game.evaluations == 20  # two batches; one call was the check


BLOCKS = {
    "i = j": ([0, 1], [1, 2], {}, "player 1 is twice in the block"),
    "twice": ([0, 3, 0], [1], {}, "player 0 is twice"),
    "outside": ([0], [6], {}, "player 6 of the columns is not in the game; expected players 0 to 5"),
    "negative": ([-1], [1], {}, "player -1 of the rows"),
    "empty": ([], [1], {}, "rows came as"),
    "nested": (np.array([[0]]), [1], {}, r"rows came as int64 \(1, 1\)"),
    "odd samples": ([0], [1], {"samples": 3}, "samples is 3; expected an even number"),
    "no samples": ([0], [1], {"samples": 0}, "samples is 0"),
    "no samples, single": ([0], [1], {"samples": 0, "antithetic": False}, "expected 1 or more"),
    "both": ([0], [1], {"samples": 4, "budget": 100}, "both samples and budget"),
    "no budget": ([0], [1], {"budget": 0}, "at least 8, or 16"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_bad_blocks_are_named_and_ask_nothing(name):
    rows, columns, options, message = BLOCKS[name]
    game = Game(table_game(6), 6)
    with pytest.raises(GameError, match=message):
        block_pairs(game, rows, columns, **options)
    assert game.evaluations == 0


def test_bad_naive_requests_are_named():
    game = Game(table_game(6), 6)
    for pairs, samples, message in (([(0, 0)], 4, "itself"), ([(0, 1), (1, 0)], 4, "twice"), ([(0, 1)], 0, "samples")):
        with pytest.raises(GameError, match=message):
            naive_pairs(game, pairs, samples=samples)
    assert game.evaluations == 0


def test_running_moments_are_those_of_the_whole():
    draws = 1e6 + np.random.default_rng(0).normal(size=(50, 3))  # far from 0: sums of squares would cancel
    moments = Moments()
    for part in (draws[:1], draws[1:20], draws[20:]):
        moments.add(part)
    np.testing.assert_allclose(moments.mean, draws.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(moments.standard_error(), draws.std(axis=0, ddof=1) / np.sqrt(50), rtol=1e-8)
