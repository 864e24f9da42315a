"""To and from shapiq, and models called as Captum calls them: nothing made up, nothing lost, the same numbers."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import shapiq
import torch
from captum.attr import FeatureAblation, ImageMaskInput, TextTemplateInput
from PIL import Image

from interplay.errors import GameError
from interplay.interactions import Game, Term, TermGame, block_pairs, exact_pairs, interval
from interplay.interactions.interop import (
    captum_value,
    from_interaction_values,
    interpretable_value,
    shapiq_pairs,
    to_interaction_values,
    value_of,
)

TERMS = TermGame(
    (Term("and", (0, 3, 5)), Term("or", (1, 4, 2, 6), 2.0), Term("xor", (0, 1, 3, 6), -1.5), Term("and", (2,), 4.0))
)
PLAYERS = 7
ALL_PAIRS = [(i, j) for i in range(PLAYERS) for j in range(i + 1, PLAYERS)]


class Shapiq(shapiq.Game):
    """The terms as a shapiq game, with an empty value to subtract where it is normalized."""

    def __init__(self, **arguments):
        super().__init__(PLAYERS, **arguments)

    def value_function(self, coalitions):
        return TERMS(coalitions.astype(bool)) + 3.0


def exact_values(index="SII", order=2, game=None):
    computer = shapiq.ExactComputer(game or Shapiq(normalize=False), n_players=PLAYERS)
    return computer(index, order=order)


def approximator(cls=shapiq.KernelSHAPIQ, n=PLAYERS, index="SII"):
    return cls(n=n, max_order=2, index=index, random_state=0)


def few(samples=16):
    return block_pairs(Game(TERMS, PLAYERS), [5, 3], [0, 1, 4], samples=samples)


def test_shapiq_means_the_same_by_sii():
    exact = exact_pairs(TERMS, PLAYERS, ALL_PAIRS)
    theirs = exact_values()
    np.testing.assert_allclose(exact.sii, [theirs[pair] for pair in ALL_PAIRS], atol=1e-12)
    np.testing.assert_allclose(exact.sii, TERMS.sii(ALL_PAIRS), atol=1e-12)
    assert np.abs(exact.sii).max() > 0.5


def test_there_and_back_keeps_pairs_and_scores():
    scores = few()
    values = to_interaction_values(scores, PLAYERS)
    assert (values.index, values.min_order, values.max_order, values.n_players) == ("SII", 2, 2, PLAYERS)
    assert values.estimated and values.estimation_budget == scores.evaluations
    back = from_interaction_values(values)
    assert back.pairs.tolist() == np.sort(scores.pairs).tolist()
    np.testing.assert_array_equal(back.sii, scores.sii)
    assert np.isnan(back.sii_se).all() and np.isnan(back.redundancy_gap).all()
    assert (back.estimator, back.evaluations) == ("shapiq", scores.evaluations) and (back.samples > 0).all()


def test_shapiq_can_use_what_it_is_given():
    values = to_interaction_values(few(), PLAYERS)
    assert len(values.get_top_k(2).interactions) == 2
    assert len(values) == 6 and values[(0, 3)] == values[(3, 0)]


def test_exact_scores_are_not_called_estimated():
    exact = exact_pairs(TERMS, PLAYERS, ALL_PAIRS)
    values = to_interaction_values(exact, PLAYERS)
    assert not values.estimated
    assert from_interaction_values(values).sii_se.tolist() == [0.0] * len(ALL_PAIRS)


def test_missing_stays_missing():
    scores = few()
    sii, samples = scores.sii.copy(), scores.samples.copy()
    sii[1], samples[2] = np.nan, 0
    values = to_interaction_values(replace(scores, sii=sii, samples=samples), PLAYERS)
    gone = {tuple(sorted(pair)) for pair in scores.pairs[[1, 2]].tolist()}
    assert len(values.interactions) == len(scores) - 2 and not gone & set(values.interactions)
    assert len(from_interaction_values(values)) == len(scores) - 2


def test_only_pairs_are_taken_from_shapiq():
    values = exact_values(order=3)
    assert {len(players) for players in values.interactions} >= {1, 2, 3}
    scores = from_interaction_values(values)
    assert sorted(scores.pairs.tolist()) == [list(pair) for pair in ALL_PAIRS]
    np.testing.assert_allclose(scores.sii, TERMS.sii(scores.pairs), atol=1e-12)


@pytest.mark.parametrize("normalize", [{"normalize": False}, {"normalization_value": 3.0}])
def test_a_shapiq_game_is_estimated_in_place(normalize):
    theirs = Shapiq(**normalize)
    game = Game(value_of(theirs), theirs.n_players)
    assert game(np.zeros((1, PLAYERS), dtype=bool)).tolist() == [0.0 if "normalization_value" in normalize else 3.0]
    ours = block_pairs(game, [0, 1], [3, 4], samples=4)
    np.testing.assert_allclose(ours.sii, block_pairs(Game(TERMS, PLAYERS), [0, 1], [3, 4], samples=4).sii, atol=1e-12)
    exact = exact_pairs(value_of(theirs), PLAYERS, ALL_PAIRS)
    np.testing.assert_allclose(exact.sii, TERMS.sii(ALL_PAIRS), atol=1e-12)


@pytest.mark.parametrize("cls", [shapiq.KernelSHAPIQ, shapiq.SVARMIQ, shapiq.SHAPIQ, shapiq.PermutationSamplingSII])
def test_a_shapiq_approximator_runs_on_our_game(cls):
    pairs = [(3, 0), (1, 6), (2, 5)]
    game = Game(TERMS, PLAYERS, budget=100)
    scores = shapiq_pairs(approximator(cls), game, pairs, 100)
    assert 0 < scores.evaluations == game.evaluations <= 100
    assert scores.estimator == f"shapiq-{cls.__name__}" and scores.pairs.tolist() == [list(p) for p in pairs]
    direct = approximator(cls).approximate(100, lambda c: TERMS(np.atleast_2d(c).astype(bool)))
    np.testing.assert_allclose(scores.sii, [direct[pair] for pair in pairs], atol=1e-12)
    with pytest.raises(GameError, match="no known draws"):  # it has no standard errors to make intervals of
        interval(scores)


def test_an_approximator_with_every_coalition_is_exact():
    scores = shapiq_pairs(approximator(), Game(TERMS, PLAYERS), ALL_PAIRS, 2**PLAYERS)
    np.testing.assert_allclose(scores.sii, TERMS.sii(ALL_PAIRS), atol=1e-6)


def test_the_budget_of_the_game_holds_for_an_approximator():
    game = Game(TERMS, PLAYERS, budget=60)
    game(np.eye(PLAYERS, dtype=bool))
    scores = shapiq_pairs(approximator(), game, ALL_PAIRS, 1000)
    assert game.evaluations <= 60 and scores.evaluations == game.evaluations - PLAYERS


def test_a_pair_an_approximator_does_not_return_is_missing():
    class Sparse:
        n, index = PLAYERS, "SII"

        def approximate(self, budget, game):
            game(np.ones(self.n))
            return shapiq.InteractionValues({(0, 3): 2.0}, index="SII", min_order=2, max_order=2, n_players=self.n)

    scores = shapiq_pairs(Sparse(), Game(TERMS, PLAYERS), [(3, 0), (1, 2)], 10)
    assert scores.sii[0] == 2.0 and np.isnan(scores.sii[1]) and scores.samples.tolist() == [1, 0]


def model(words, picture):
    """Two inputs, two outputs, products across them."""
    text = words.sum(dim=1)
    return torch.stack([text * picture.flatten(1).prod(dim=1), text - picture[:, 0, 0]], dim=1)


WORDS, PICTURE = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[[2.0, 3.0], [5.0, 7.0]]])
MASKS = torch.tensor([[0, 1, 1]]), torch.tensor([[[2, 2], [3, 3]]])


def test_a_captum_model_by_hand():
    value = captum_value(model, (WORDS, PICTURE), (0.0, 1.0), MASKS)
    assert value.players == 4
    game = Game(value, value.players)
    coalitions = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]]) > 0
    expected = [[6.0 * 210, 6.0 - 2], [0.0, -1.0], [1.0 * 6, 1.0 - 2], [5.0 * 35, 5.0 - 1]]
    np.testing.assert_allclose(game(coalitions), expected)
    first = Game(captum_value(model, (WORDS, PICTURE), (0.0, torch.ones(1, 2, 2)), MASKS, target=0), 4)
    np.testing.assert_allclose(first(coalitions), np.array(expected)[:, 0])


def test_captum_ablates_what_we_ablate():
    value = captum_value(model, (WORDS, PICTURE), 0.5, MASKS, target=1)
    theirs = FeatureAblation(model).attribute((WORDS, PICTURE), (0.5, 0.5), target=1, feature_mask=MASKS)
    whole = np.ones((1, 4), dtype=bool)
    ours = [value(whole)[0] - value(whole & (np.arange(4) != p))[0] for p in range(4)]
    flat = torch.cat([t.flatten() for t in theirs]).numpy()
    numbers = torch.cat([mask.flatten() for mask in MASKS]).numpy()
    np.testing.assert_allclose(np.array(ours)[numbers], flat, atol=1e-6)


def test_without_a_mask_each_element_is_a_player():
    value = captum_value(model, (WORDS, PICTURE), target=(1,))
    assert value.players == 7
    np.testing.assert_allclose(value(np.arange(7)[None] == 1), [2.0])
    np.testing.assert_allclose(value(np.arange(7)[None] == 3), [-2.0])


def test_whole_numbers_stay_whole():
    table = torch.nn.Embedding(10, 4)
    value = captum_value(lambda ids: table(ids).sum(dim=(1, 2)), torch.tensor([[4, 5, 6]]))
    scores = exact_pairs(value, value.players, [(0, 1)])  # a sum has no interactions
    np.testing.assert_allclose(scores.sii, 0, atol=1e-5)
    assert all(parameter.grad is None for parameter in table.parameters())


SCORES = few(4)
BAD = {
    "several outputs": (
        lambda: to_interaction_values(block_pairs(Game(lambda c: c[:, :2] * 1.0, 4), [0], [1], samples=2), 4),
        r"several outputs, \(2,\).*scores.output",
    ),
    "fewer players": (lambda: to_interaction_values(SCORES, 3), "not in the game; expected players 0 to 2"),
    "another index": (lambda: from_interaction_values(exact_values("k-SII")), r"index 'k-SII'; expected 'SII'"),
    "no pairs": (
        lambda: from_interaction_values(
            shapiq.InteractionValues({(0,): 1.0}, index="SII", min_order=1, max_order=2, n_players=3)
        ),
        "no pairs",
    ),
    "approximates another index": (
        lambda: shapiq_pairs(approximator(index="k-SII"), Game(TERMS, PLAYERS), ALL_PAIRS, 50),
        "index 'k-SII' and 7 players; expected index 'SII' and 7",
    ),
    "approximates another game": (
        lambda: shapiq_pairs(approximator(n=9), Game(TERMS, PLAYERS), ALL_PAIRS, 50),
        "9 players; expected index 'SII' and 7",
    ),
    "game of several outputs": (
        lambda: shapiq_pairs(approximator(), Game(lambda c: c[:, :2] * 1.0, PLAYERS), ALL_PAIRS, 50),
        r"several outputs, \(2,\)",
    ),
    "two samples": (lambda: captum_value(model, (WORDS.repeat(2, 1), PICTURE)), r"shape \(2, 3\).*one sample"),
    "a baseline too many": (lambda: captum_value(model, (WORDS, PICTURE), (0, 0, 0)), "2 inputs and 3 baselines"),
    "one baseline of two": (lambda: captum_value(model, (WORDS, PICTURE), WORDS), "2 inputs and 1 baselines"),
    "a baseline that does not fit": (lambda: captum_value(model, (WORDS, PICTURE), (PICTURE, 0)), "does not fit"),
    "a mask too few": (lambda: captum_value(model, (WORDS, PICTURE), 0, MASKS[0]), "2 inputs and 1 feature masks"),
    "masks swapped": (lambda: captum_value(model, (WORDS, PICTURE), 0, MASKS[::-1]), "feature mask does not fit"),
    "a mask of fractions": (lambda: captum_value(lambda x: x, WORDS, 0, WORDS / 2), "float32; expected whole numbers"),
    "a mask with a gap": (lambda: captum_value(lambda x: x, WORDS, 0, WORDS.long()), r"\[1, 2, 3\].*without gaps"),
    "coalitions of others": (lambda: captum_value(lambda x: x, WORDS)(np.ones((1, 2), dtype=bool)), "of 2 players"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    call, message = BAD[name]
    with pytest.raises(GameError, match=message):
        call()


def test_without_shapiq_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "shapiq", None)
    with pytest.raises(GameError, match=r'pip install "interplay\[shapiq\]"'):
        to_interaction_values(SCORES, PLAYERS)


def test_neither_shapiq_nor_torch_is_imported_before_it_is_used():
    code = "import sys, interplay.interactions.interop; sys.exit(bool({'shapiq', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Template:
    """An input as Captum's `InterpretableInput`, with numbers in place of words."""

    n_itp_features, values = 3, ["a", "b", 7]

    def to_tensor(self):
        return torch.tensor([[2.0, 3.0, 5.0]])

    def to_model_input(self, perturbed_tensor=None):
        return self.to_tensor() if perturbed_tensor is None else perturbed_tensor


def test_an_interpretable_input_is_a_game():
    value = interpretable_value(lambda x: torch.stack([x.sum(1), x[:, 0] * x[:, 2]], dim=1), Template(), target=1)
    assert (value.players, value.names) == (3, ("a", "b", "7"))
    scores = exact_pairs(value, 3, [(0, 2), (0, 1)])
    np.testing.assert_allclose(scores.sii, [10.0, 0.0])
    both = interpretable_value(lambda x: torch.stack([x.sum(1), x.prod(1)], dim=1), Template())
    np.testing.assert_allclose(both(np.array([[True, False, True], [True, True, True]])), [[7, 0], [10, 30]])


def test_words_and_pictures_of_captum_are_removed_by_captum():
    words = TextTemplateInput("{} and {} or {}", ["storm", "calm", "sea"], baselines=["x", "y", "z"])
    seen = []
    value = interpretable_value(lambda text: float(seen.append(text) or len(text)), words)
    assert value(np.array([[True, False, True]])).tolist() == [len("storm and y or sea")]
    assert seen == ["storm and y or sea"]
    mask = torch.tensor([[0, 1], [0, 2]])
    picture = ImageMaskInput(Image.new("RGB", (2, 2), (0, 0, 10)), mask, baseline=(0, 0, 0))
    bright = interpretable_value(lambda image: float(np.asarray(image).sum()), picture)
    assert bright(np.array([[True, True, True], [False, True, False]])).tolist() == [40.0, 10.0]
    assert bright.names == ("image_feature_0", "image_feature_1", "image_feature_2")


def test_bad_interpretable_inputs_are_named():
    with pytest.raises(GameError, match=r"of 2 players; expected 3"):
        interpretable_value(lambda x: x.sum(1), Template())(np.ones((1, 2), dtype=bool))
    with pytest.raises(GameError, match=r"one input was answered by \(3,\)"):
        interpretable_value(lambda x: x[0], Template())(np.ones((1, 3), dtype=bool))

    class Wide(Template):
        def to_tensor(self):
            return torch.ones(1, 4)

    with pytest.raises(GameError, match=r"shape \(1, 4\); expected \(1, 3\)"):
        interpretable_value(lambda x: x.sum(1), Wide())
