from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest

from interplay.errors import BadInput

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from interplay.report.figures import feature_names, plot_attribution, plot_pairs


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("score", ["sii", "redundancy_gap"])
def test_pairs_are_drawn_where_they_belong(examples, score):
    explanation = examples.planted()
    ax = plot_pairs(explanation, score=score)
    drawn = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert drawn.shape == (18, 16)
    for pair in explanation.pairs:
        wanted = getattr(pair, score)
        cell = drawn[pair.i, pair.j - 18]
        assert np.isnan(cell) if wanted is None else cell == wanted
    dots = set(zip(*(map(int, a) for a in ax.lines[0].get_data()), strict=True))
    assert (6, 2) in dots  # the bolt and "wonderful"
    assert len(dots) < 40


def test_the_given_ax_comes_back(examples):
    _, (one, other) = plt.subplots(1, 2)
    assert plot_pairs(examples.three_modalities(), one) is one
    assert plot_attribution(examples.planted(), "integrated_gradients", "synergy", examples.picture(), other) is other


@pytest.mark.parametrize("method", ["random", "integrated_gradients"])
@pytest.mark.parametrize("modality", [None, "caption", "image"])
def test_attributions_keep_their_raw_scale(examples, method, modality):
    explanation = examples.planted()
    ax = plot_attribution(explanation, method, "mixture", modality=modality)
    scores = explanation.attributions[method]["mixture"]
    if modality == "caption":
        assert [bar.get_width() for bar in ax.patches] == scores[:18]
    else:
        assert len(ax.patches) == 16
    ax.figure.draw_without_rendering()


def test_another_expert(examples):
    explanation = examples.planted()
    drawn = plot_pairs(explanation, expert="synergy").images[0].get_array()
    assert drawn.max() == max(p.sii for p in explanation.more_pairs[0].pairs)


def test_names(examples):
    names = feature_names(examples.planted())
    assert (names[2], names[18 + 6]) == ("wonderful", "row 2, column 3")
    assert feature_names(examples.two_texts())[-1] == "up"


def test_text_of_the_data_is_no_formula_to_matplotlib(examples):
    explanation = examples.two_texts()
    text = [f.model_copy(update={"text": "$\\frac{", "span": None}) for f in explanation.features]
    plot_pairs(explanation.model_copy(update={"features": text})).figure.draw_without_rendering()


def test_what_is_not_there_is_said(examples):
    explanation = examples.planted()
    with pytest.raises(BadInput, match=r"no pairs of 'unique_image'.*mixture, synergy, redundancy"):
        plot_pairs(explanation, expert="unique_image")
    with pytest.raises(BadInput, match="no pairs"):
        plot_pairs(examples.without_pairs())
    with pytest.raises(BadInput, match="no score"):
        plot_pairs(explanation, score="sum")
    with pytest.raises(BadInput, match=r"'lime'.*random of mixture"):
        plot_attribution(explanation, "lime", "mixture")
    with pytest.raises(BadInput, match="no modality 'sound'"):
        plot_attribution(explanation, "random", modality="sound")
