"""The game: one question per coalition, counted, budgeted, and its contract checked."""

import numpy as np
import pytest
import torch

from interplay.errors import GameError
from interplay.interactions import Game, block_pairs, estimate_pairs


def everything(n):
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1


def weigh(coalitions):
    return coalitions @ np.arange(1.0, coalitions.shape[1] + 1)


class Recorder:
    """A value function that remembers what it was asked."""

    def __init__(self, value=weigh):
        self.value, self.batches = value, []

    def __call__(self, coalitions):
        self.batches.append(coalitions.copy())
        return self.value(coalitions)

    def asked(self):
        return [row.tobytes() for batch in self.batches for row in batch]


def test_values_come_in_the_order_asked_and_repeats_are_asked_once():
    value = Recorder()
    game = Game(value, 5, batch_size=7, check=False)
    coalitions = everything(5)[np.random.default_rng(0).integers(0, 32, size=200)]
    np.testing.assert_array_equal(game(coalitions), weigh(coalitions))
    np.testing.assert_array_equal(game(coalitions[::-1]), weigh(coalitions[::-1]))
    distinct = len(np.unique(coalitions, axis=0))
    assert len(value.asked()) == len(set(value.asked())) == game.evaluations == distinct
    assert max(len(batch) for batch in value.batches) == 7


def test_several_values_share_one_evaluation():
    game = Game(lambda c: np.stack([weigh(c), -weigh(c), weigh(c) ** 2], axis=1).reshape(-1, 3, 1), 4)
    values = game(everything(4))
    assert values.shape == (16, 3, 1) and values.dtype == np.float64
    assert game.evaluations == 16


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, bool])
def test_every_real_type_is_taken(dtype):
    assert Game(lambda c: c.any(axis=1).astype(dtype), 3)(everything(3)).dtype == np.float64


def test_many_players_and_many_coalitions_are_cheap():
    coalitions = np.random.default_rng(0).random((100_000, 80)) < 0.5
    game = Game(lambda c: c.sum(axis=1) / 80, 80, batch_size=10_000)
    np.testing.assert_allclose(game(coalitions), coalitions.mean(axis=1))


def test_the_value_function_may_write_into_its_coalitions():
    def spoil(coalitions):
        values = weigh(coalitions)
        coalitions[:] = True
        return values

    coalitions = everything(4)
    np.testing.assert_array_equal(Game(spoil, 4, batch_size=3)(coalitions), weigh(everything(4)))
    np.testing.assert_array_equal(coalitions, everything(4))


def test_the_budget_is_never_passed_and_a_refusal_asks_nothing():
    value = Recorder()
    game = Game(value, 5, budget=10, check=False)
    game(everything(5)[:6])
    assert game.left == 4
    with pytest.raises(GameError, match=r"5 new evaluations .* 4 of 10 are left.*raise the budget to 11"):
        game(everything(5)[:11])
    assert len(value.asked()) == game.evaluations == 6
    game(everything(5)[:10])  # six of these are known
    assert game.left == 0
    game(everything(5)[:10])


def test_progress_counts_evaluations_after_every_batch():
    seen = []
    Game(weigh, 4, batch_size=6, progress=seen.append)(everything(4))
    assert seen == [6, 12, 16]


def test_an_interruption_passes_through_and_what_was_answered_is_kept():
    calls = []

    def interrupted(coalitions):
        calls.append(len(coalitions))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return weigh(coalitions)

    game = Game(interrupted, 4, batch_size=5, check=False)
    with pytest.raises(KeyboardInterrupt):
        game(everything(4))
    assert game.evaluations == 10
    np.testing.assert_array_equal(game(everything(4)), weigh(everything(4)))
    assert sum(calls) == 16 + 5  # the interrupted batch was asked again


def test_no_coalitions_ask_nothing():
    game = Game(lambda c: np.ones((len(c), 2)), 3)
    assert game(everything(3)[:0]).shape == (0,)
    game(everything(3))
    assert game(everything(3)[:0]).shape == (0, 2)


def nan_at_two(c):
    return np.where(c.sum(axis=1) == 2, np.nan, 0.0)


def infinite_when_empty(c):
    return np.where(c.any(axis=1), 0.0, -np.inf)


BAD = {
    "nan": (nan_at_two, r"the coalition of 2 of 3 players \[0, 1\] is nan"),
    "inf": (infinite_when_empty, r"the coalition of 0 of 3 players is -inf"),
    "nan of several": (lambda c: np.stack([c.sum(1), nan_at_two(c)], 1), r"of 2 of 3 players \[0, 1\] is nan"),
    "one too few": (lambda c: np.zeros(len(c) - 1), r"8 coalitions .* shape \(7,\)"),
    "a scalar": (lambda c: 0.0, r"shape \(\)"),
    "no values each": (lambda c: np.zeros((len(c), 0)), r"shape \(8, 0\)"),
    "turned": (lambda c: np.zeros((2, len(c))), r"shape \(2, 8\)"),
    "nothing": (lambda c: None, "type object"),
    "words": (lambda c: np.array(["a"] * len(c)), "real numbers"),
    "complex": (lambda c: np.zeros(len(c), dtype=complex), "type complex128"),
    "ragged": (lambda c: [[0.0], [0.0, 1.0]], "no array"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_contract_is_named(name):
    value, message = BAD[name]
    with pytest.raises(GameError, match=message):
        Game(value, 3)(everything(3))


def test_a_shape_that_changes_between_calls_is_named():
    game = Game(lambda c: np.zeros((len(c), 1 + int(c[0, 0]))), 3, check=False)
    game(everything(3)[:1])
    with pytest.raises(GameError, match=r"from \(1,\) to \(2,\)"):
        game(everything(3)[1:])


def test_a_shape_that_changes_with_the_batch_is_named():
    with pytest.raises(GameError, match=r"from \(8,\) to \(1,\)"):
        Game(lambda c: np.zeros((len(c), len(c))), 3)(everything(3))


@pytest.mark.parametrize("first", [1, 8])
def test_values_that_change_between_calls_are_found(first):
    rng = np.random.default_rng(0)
    with pytest.raises(GameError, match=r"changed by .* when asked again"):
        Game(lambda c: rng.normal(size=len(c)), 3)(everything(3)[:first])


def test_values_that_depend_on_the_batch_are_found():
    with pytest.raises(GameError, match="in a batch of 1 instead of 8"):
        Game(lambda c: weigh(c) - weigh(c).mean(), 3)(everything(3))


def test_rounding_passes_the_check_and_the_check_is_not_counted():
    value = Recorder(lambda c: weigh(c) + 1e-6 * len(c))
    game = Game(value, 3, budget=8)
    game(everything(3))
    game(everything(3)[:, ::-1])
    assert game.evaluations == 8 and len(value.asked()) == 9


@pytest.mark.parametrize(
    "arguments", [{"players": 0}, {"players": -1}, {"players": 3, "batch_size": 0}, {"players": 3, "budget": -1}]
)
def test_a_game_that_cannot_be_is_refused(arguments):
    with pytest.raises(GameError, match="expected"):
        Game(weigh, **arguments)


def test_coalitions_of_other_players_are_refused():
    with pytest.raises(GameError, match=r"bool \(8, 3\).*bool \(m, 4\)"):
        Game(weigh, 4)(everything(3))
    with pytest.raises((GameError, TypeError)):
        Game(weigh, 3)(everything(3).astype(float))


def test_a_game_of_one_player_has_values_but_no_pairs():
    game = Game(weigh, 1)
    assert game(everything(1)).tolist() == [0, 1]
    with pytest.raises(GameError, match="player 1 of the columns is not in the game"):
        block_pairs(game, [0], [1])


@pytest.mark.parametrize(
    "number", [64, 64.0, np.int64(64), np.float32(64), torch.tensor(64), torch.tensor(64.0)], ids=repr
)
def test_whole_numbers_of_any_kind_are_taken(number):
    """cases.md M: `budget=5e3`, and scalars of numpy and PyTorch."""
    game = Game(lambda c: c.sum(axis=1) * 1.0, players=6, budget=number, batch_size=number)
    scores = estimate_pairs(game, [0, 1], [2, 3], budget=number)
    assert game.budget == 64 and type(game.budget) is int and scores.estimator == "exact"


@pytest.mark.parametrize("number", [5000.5, "5000", float("nan"), float("inf"), -1, [1], None, torch.ones(2)], ids=repr)
def test_what_is_no_whole_number_is_refused_with_what_to_give(number):
    game = Game(lambda c: c.sum(axis=1) * 1.0, players=6)
    with pytest.raises(GameError, match="a whole number of at least 0; give an int"):
        game.reach(number)
    with pytest.raises(GameError, match="a whole number of at least 1"):
        Game(lambda c: c.sum(axis=1) * 1.0, players=number)


@pytest.mark.parametrize("kind", ["grad", "half", "bfloat16", "list", "scalars"])
def test_values_of_pytorch_are_taken_off_their_graph(kind):
    weight = torch.arange(6.0, requires_grad=True)

    def value(coalitions):
        out = torch.from_numpy(coalitions).float() @ weight
        if kind == "list":
            return out.tolist()
        if kind == "scalars":
            return list(out)
        return out.to({"grad": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16}[kind])

    coalitions = np.eye(6, dtype=bool)
    assert Game(value, players=6)(coalitions).tolist() == [0, 1, 2, 3, 4, 5]
