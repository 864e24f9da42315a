"""A sample as shapiq's game, an explanation as its values: the same numbers, and every plot draws them."""

import sys

import matplotlib
import numpy as np
import pytest
import shapiq
from matplotlib import pyplot as plt
from tests.explanation.wrapped import small_models
from tests.interop import samples

import interplay
from interplay.config import ExplainConfig
from interplay.errors import BadInput, GameError
from interplay.explanation.explaining import explain_opened
from interplay.explanation.predictor import value_function
from interplay.interactions import Game, exact_pairs
from interplay.interactions.interop import shapiq_pairs, value_of
from interplay.interop.games import SampleGame, shapiq_values

matplotlib.use("Agg")
PREDICTOR = samples.predictor()
OPENED = samples.opened()
N = len(OPENED.features)
PAIRS = [(i, j) for i in range(N) for j in range(i + 1, N)]
NAMES = [
    *("storm", "on", "the", "calm", "calm (2)", "sea"),
    *("row 1, column 1", "row 1, column 2", "row 2, column 1", "row 2, column 2"),
]


def explained(**settings):
    return explain_opened(
        PREDICTOR, OPENED, "one", settings=ExplainConfig(**{"budget": 1024} | settings), target="risk"
    )


def exact(game):
    return shapiq.ExactComputer(game, n_players=game.n_players)("SII", order=2)


@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_exact_scores_of_shapiq_are_those_of_an_explanation(scale):
    game = SampleGame(PREDICTOR, OPENED, target="risk", scale=scale)
    theirs = exact(game)
    ours = explained(scale=scale)
    assert "exact" in ours.estimator and len(ours.pairs) == 24  # words with cells
    for pair in ours.pairs:
        assert pair.sii == pytest.approx(theirs[(pair.i, pair.j)], abs=1e-9)
    assert max(abs(pair.sii) for pair in ours.pairs) > 0.1
    every = exact_pairs(value_of(game), N, PAIRS)
    np.testing.assert_allclose(every.sii, [theirs[pair] for pair in PAIRS], atol=1e-9)


def test_exact_scores_of_shapiq_are_those_of_a_hugging_face_model():
    predictor = interplay.wrap(*small_models.bert())
    opened = predictor.open_inputs("the grey cat is warm", None)
    for target in predictor.labels:
        theirs = exact(SampleGame(predictor, opened, target=target, scale="probability"))
        value = value_function(opened, "single", [list(predictor.labels).index(target)])
        ours = exact_pairs(lambda stays, value=value: value(stays)[:, 0, 1, 0], 5, [(0, 1), (1, 4)])
        np.testing.assert_allclose(ours.sii, [theirs[(0, 1)], theirs[(1, 4)]], atol=1e-9)


def test_it_is_normalized_and_knows_its_players():
    game = SampleGame(PREDICTOR, OPENED)
    assert game.names == NAMES and game.n_players == N
    assert game.target == "risk"  # 3 against 0.6
    assert game(game.empty_coalition).tolist() == [0.0] and game.is_normalized
    assert game([("storm", "sea")])[0] == pytest.approx(2.0)
    assert game([("calm", "calm (2)")])[0] == pytest.approx(0.0)
    rest = SampleGame(PREDICTOR, OPENED, target="rest", scale="probability")
    assert rest.normalization_value == pytest.approx(0.5)
    assert rest([("calm", "calm (2)")])[0] == pytest.approx(1 / (1 + np.exp(-0.6)) - 0.5)


def test_an_approximator_runs_on_it_there_and_here():
    game = SampleGame(PREDICTOR, OPENED, target="risk")
    theirs = shapiq.KernelSHAPIQ(n=N, max_order=2, index="SII", random_state=0).approximate(2**N, game)
    assert theirs[(0, 5)] == pytest.approx(2.0, abs=1e-3)
    approximator = shapiq.SVARMIQ(n=N, max_order=2, index="SII", random_state=0)
    scores = shapiq_pairs(approximator, Game(value_of(game), N), [(0, 5), (5, 6)], 800)
    np.testing.assert_allclose(scores.sii, [2.0, 1.5], atol=0.3)


def test_an_explanation_gives_pairs_and_single_features():
    explanation = explained(budget=4096)
    values, names = shapiq_values(explanation)
    assert names == NAMES
    assert (values.index, values.min_order, values.max_order, values.n_players) == ("SII", 1, 2, N)
    assert (
        values[(5, 6)]
        == pytest.approx(1.5, abs=1e-9)
        == next(pair.sii for pair in explanation.pairs if (pair.i, pair.j) == (5, 6))
    )
    singles = [values[(i,)] for i in range(N)]
    assert singles == explanation.shapley.values["model"]
    np.testing.assert_allclose(singles, [exact(SampleGame(PREDICTOR, OPENED))[(i,)] for i in range(N)], atol=1e-6)
    assert (0, 5) not in values.interactions  # of two words, which the explanation does not score


def test_scores_of_another_unit_are_left_behind():
    values, _ = shapiq_values(explained(scale="probability", budget=4096))
    assert (values.min_order, values.estimated) == (2, False)
    single = samples.FunctionPredictor(samples.risk, samples.LABELS, label_kind="single", returns="logits", grid=2)
    opened = single.open_inputs(samples.TEXT, samples.picture())
    explanation = explain_opened(single, opened, "one", settings=ExplainConfig(budget=4096))
    assert explanation.shapley is not None and shapiq_values(explanation)[0].min_order == 2  # log-odds, not the logit


def test_outputs_of_a_trained_run_have_scores_of_their_own(small_run):
    (explanation,) = interplay.explain(small_run.run, small_run.dataset.split("test")[:1], encoders=small_run.encoders)
    for output in ("mixture", "synergy"):
        values, names = shapiq_values(explanation, output=output)
        pair = explanation.table(output)[0]
        assert values[(pair.i, pair.j)] == pair.sii and len(set(names)) == len(explanation.features)
    predictor = interplay.run_predictor(small_run.run)
    opened = predictor.open(small_run.dataset.split("test")[0])
    game = SampleGame(predictor, opened, target=explanation.target, output="synergy")
    n, at = len(opened.features), list(predictor.outputs).index("synergy")
    label = list(predictor.labels).index(explanation.target)
    ends = opened.logits(np.stack([np.zeros(n, dtype=bool), np.ones(n, dtype=bool)]))[:, at, label]
    assert game(game.grand_coalition)[0] == pytest.approx(ends[1] - ends[0], abs=1e-5)


PLOTS = {
    "network": lambda values, names: shapiq.network_plot(values, feature_names=names)[0],
    "graph": lambda values, names: shapiq.si_graph_plot(values, feature_names=names)[0],
    "force": lambda values, names: shapiq.force_plot(values, feature_names=names, contribution_threshold=0),
    "waterfall": lambda values, names: shapiq.waterfall_plot(values, feature_names=names).figure,
    "upset": lambda values, names: shapiq.upset_plot(values, feature_names=names),
    "bar": lambda values, names: shapiq.bar_plot([values], feature_names=names).figure,
    "sentence": lambda values, names: shapiq.sentence_plot(values, names[:6])[0],
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_of_shapiq_draw_it(name):
    values, names = shapiq_values(explained(budget=4096))
    figure = PLOTS[name](values, names)
    figure.canvas.draw()
    texts = " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))
    assert "sea" in texts or (name == "sentence" and len(figure.axes[0].patches) >= 6)  # words are drawn as shapes
    plt.close(figure)


def words_alone():
    return interplay.explain_callable(samples.additive, text="a b c", returns="logits")


def many():
    return SampleGame(PREDICTOR, samples.opened("a b c d e f g h i j k l m n o p q"))


BAD = {
    "a label": (lambda: SampleGame(PREDICTOR, OPENED, target="storm"), "unknown target 'storm'; expected one of risk"),
    "a scale": (lambda: SampleGame(PREDICTOR, OPENED, scale="odds"), "unknown scale 'odds'"),
    "an output": (lambda: SampleGame(PREDICTOR, OPENED, output="synergy"), "unknown expert 'synergy'"),
    "too many for exact": (lambda: many().exact_values("SII", 2), r"21 features need 2\^21.*at most 20.*approximators"),
    "no such pairs": (lambda: shapiq_values(explained(), output="synergy"), "no pair scores of 'synergy'.*model"),
    "one modality": (lambda: shapiq_values(words_alone()), "two or more modalities"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    call, message = BAD[name]
    with pytest.raises((BadInput, GameError), match=message):
        call()


def test_without_shapiq_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "shapiq", None)
    monkeypatch.delitem(sys.modules, "interplay.interop.games")
    with pytest.raises(ModuleNotFoundError, match=r"needs shapiq.*pip install 'interplay\[shapiq\]'"):
        _ = interplay.SampleGame
