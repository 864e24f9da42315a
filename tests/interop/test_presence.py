"""One sample as a PyTorch model: Captum and Quantus remove what we remove, and find what we find."""

from itertools import permutations

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, IntegratedGradients, KernelShap, Lime, ShapleyValues, ShapleyValueSampling
from tests.explanation.wrapped import small_models
from tests.interop import samples

import interplay
from interplay.config import ExplainConfig
from interplay.errors import BadInput
from interplay.evaluation.masking import WITHOUT, ask_masked
from interplay.explanation.explaining import explain_opened
from interplay.explanation.predictor import to_probabilities, value_function
from interplay.interactions import Game
from interplay.interactions.interop import captum_value
from interplay.interactions.shapley import shapley_values
from interplay.interop.presence import PresenceModel, with_attribution

PREDICTOR = samples.predictor()
OPENED = PREDICTOR.open_inputs(samples.TEXT, samples.picture())
N = len(OPENED.features)
WHOLE = np.ones((1, N), dtype=bool)


def model(**settings):
    return PresenceModel(PREDICTOR, OPENED, **settings)


def without_each(ask, n):
    """What an answer (m,) falls by without each of n features."""
    whole = np.ones((1, n), dtype=bool)
    return ask(whole)[0] - ask(whole & ~np.eye(n, dtype=bool))


def explained(predictor=PREDICTOR, opened=OPENED):
    return explain_opened(predictor, opened, "one", settings=ExplainConfig(budget=1024), target="risk")


def test_captum_removes_words_and_cells_of_a_function():
    ours = without_each(lambda stays: OPENED.logits(stays)[:, -1, 0], N)
    theirs = FeatureAblation(model()).attribute(model().present, target=0, perturbations_per_eval=4)
    assert theirs.shape == (1, N) and np.abs(ours).max() > 1
    np.testing.assert_allclose(theirs[0], ours, atol=1e-6)


def test_captum_removes_words_in_the_attention_of_a_hugging_face_model():
    predictor = interplay.wrap(*small_models.bert())
    opened = predictor.open_inputs("the grey cat is warm", None)
    at, n = predictor.labels.index("storm"), len(opened.features)

    def probability(stays):
        return to_probabilities(opened.logits(stays), predictor.label_kind)[:, -1, at]

    asked = PresenceModel(predictor, opened, scale="probability")
    theirs = FeatureAblation(asked).attribute(asked.present, target=at)
    np.testing.assert_allclose(theirs[0], without_each(probability, n), atol=1e-6)
    assert theirs.abs().max() > 1e-4


def test_captum_removes_features_of_a_trained_run(small_run):
    predictor = interplay.run_predictor(small_run.run)
    opened = predictor.open(small_run.dataset.split("test")[0])
    n = len(opened.features)
    for at, output in enumerate(predictor.outputs):
        asked = PresenceModel(predictor, opened, output=output)
        theirs = FeatureAblation(asked).attribute(asked.present, target=1, perturbations_per_eval=n)
        ours = without_each(lambda stays, at=at: opened.logits(stays)[:, at, 1], n)
        np.testing.assert_allclose(theirs[0], ours, atol=1e-5)


def test_shapley_values_are_ours_and_those_of_every_order():
    few = PREDICTOR.open_inputs("storm sea", samples.picture())
    n = len(few.features)
    asked = PresenceModel(PREDICTOR, few)
    theirs = ShapleyValues(asked).attribute(asked.present.double(), target=0, perturbations_per_eval=64)[0].numpy()
    every = np.zeros(n)
    for order in permutations(range(n)):
        stays = np.zeros((n + 1, n), dtype=bool)
        for step, player in enumerate(order):
            stays[step + 1 :, player] = True
        every[list(order)] += np.diff(few.logits(stays)[:, -1, 0])
    np.testing.assert_allclose(theirs, every / 720, atol=1e-9)
    ours, _ = shapley_values(lambda stays: few.logits(stays)[:, -1, 0], n, 1, np.random.default_rng(0))
    np.testing.assert_allclose(theirs, ours, atol=1e-9)  # exact from one order: nothing acts in threes


def test_methods_that_sample_take_it():
    torch.manual_seed(0)
    asked = model()
    whole, nothing = OPENED.logits(np.concatenate([WHOLE, ~WHOLE]))[:, -1, 0]
    sampled = ShapleyValueSampling(asked).attribute(asked.present, target=0, n_samples=5)
    assert sampled.sum().item() == pytest.approx(whole - nothing, abs=1e-5)
    fitted = KernelShap(asked).attribute(asked.present, target=0, n_samples=400)
    np.testing.assert_allclose(fitted[0], shapley_values(
        lambda stays: OPENED.logits(stays)[:, -1, 0], N, 1, np.random.default_rng(0))[0], atol=0.2)  # fmt: skip
    lime = Lime(asked).attribute(asked.present, target=0, n_samples=200)
    assert int(lime[0].argmax()) in (0, 5)  # storm, sea


def test_a_mask_of_modalities_removes_modalities():
    asked = model(scale="probability")
    theirs = FeatureAblation(asked).attribute(asked.present, target=0, feature_mask=asked.modality)[0]
    found = explained().whatif
    for feature, score in zip(OPENED.features, theirs, strict=True):
        assert score == pytest.approx(found.whole - found.without_modality[feature.modality], abs=1e-6)


def test_there_and_back_is_the_value_function():
    asked = model(scale="probability")
    value = captum_value(asked, asked.present.double(), 0.0, target=1)
    stays = np.random.default_rng(0).random((20, N)) < 0.5
    ours = value_function(OPENED, "multi", [1])(stays)[:, 0, 1, 0]
    np.testing.assert_allclose(Game(value, value.players)(stays), ours, atol=1e-12)


def test_axes_of_one_may_lie_between_and_types_are_kept():
    asked = model()
    assert asked(torch.ones(3, 1, N, dtype=torch.float64)).dtype == torch.float64
    assert asked(torch.ones(3, N, dtype=torch.bool)).shape == (3, 2)
    torch.testing.assert_close(asked(torch.ones(1, 1, N)), asked(asked.present))


BAD = {
    "a gradient": (lambda: IntegratedGradients(model()).attribute(model().present, target=0), "gradient.*FeatureAbl"),
    "half there": (lambda: model()(model().present / 2), "presence holds 0.5; expected 1 where"),
    "other features": (lambda: model()(torch.ones(2, 3)), rf"shape \(2, 3\); expected \(B, {N}\)"),
    "no batch": (lambda: model()(torch.ones(N)), "shape"),
    "a scale": (lambda: model(scale="odds"), "unknown scale 'odds'; expected one of logit, probability"),
    "an output": (lambda: model(output="synergy"), "unknown expert 'synergy'; expected one of model"),
    "scores of others": (lambda: with_attribution(explained(), "x", torch.ones(1, 3)), rf"shape \(1, 3\).*{N}"),
    "scores of an output": (
        lambda: with_attribution(explained(), "x", torch.ones(N), output="nonsense"),
        "unknown expert 'nonsense'; expected one of model",
    ),
    "scores not finite": (lambda: with_attribution(explained(), "x", np.full(N, np.nan)), f"{N} of {N} scores"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    call, message = BAD[name]
    with pytest.raises(BadInput, match=message):
        call()


def test_scores_of_captum_go_into_an_explanation_its_page_and_masking(tmp_path):
    explanation, asked = explained(), model()
    found = FeatureAblation(asked).attribute(asked.present, target=0)
    more = with_attribution(with_attribution(explanation, "captum_ablation", torch.zeros(N)), "captum_ablation", found)
    assert explanation.attributions == {} and more.attributions["captum_ablation"]["model"] == found[0].tolist()
    assert type(more).model_validate_json(more.model_dump_json()) == more
    page = interplay.write_page([more], {"one": {"image": samples.picture()}}, tmp_path / "page.html")
    assert "captum_ablation" in page.read_text("utf-8")
    maps = np.array([[more.attributions["captum_ablation"]["model"]]])
    masked = ask_masked(OPENED.logits, maps, asked.modality[0].numpy(), [10.0], 0, np.random.default_rng(0))
    # The most important word, sea, and the green cell are gone: of the first label, what on takes off is left.
    np.testing.assert_allclose(masked[0, 0, 0, WITHOUT], [-0.5, 0.6], atol=1e-6)


def test_pixel_flipping_of_quantus_is_our_masking():
    quantus = pytest.importorskip("quantus")
    predictor = interplay.wrap(*small_models.bert())
    opened = predictor.open_inputs("the grey cat is warm and the sun is asleep", None)
    n = len(opened.features)
    scores = np.random.default_rng(0).normal(size=n)
    metric = quantus.PixelFlipping(
        features_in_step=1, perturb_baseline=0.0, abs=False, normalise=False, disable_warnings=True
    )
    asked = PresenceModel(predictor, opened, scale="probability")
    present = asked.present[None].numpy()  # (1, 1, n): Quantus' batch, channel and sequence
    curve = metric(asked, present, np.array([2]), scores[None, None], softmax=False)
    shares = [100 * k / n for k in range(1, n + 1)]
    masked = ask_masked(opened.logits, scores[None, None], np.zeros(n, int), shares, 0, np.random.default_rng(0))
    ours = to_probabilities(masked[0, 0, :, WITHOUT], "single")[:, 2]
    np.testing.assert_allclose(curve[0], ours, atol=1e-6)
    assert np.ptp(ours) > 1e-3


def test_faithfulness_correlation_of_quantus_is_whole_where_words_add_up():
    quantus = pytest.importorskip("quantus")
    predictor = interplay.FunctionPredictor(samples.additive, ["length"], returns="logits")
    opened = predictor.open_inputs("a few words which differ in how long they are", None)
    asked = PresenceModel(predictor, opened)
    found = FeatureAblation(asked).attribute(asked.present, target=0)[None].numpy()
    metric = quantus.FaithfulnessCorrelation(
        nr_runs=20, subset_size=4, perturb_baseline=0.0, abs=False, normalise=False, disable_warnings=True
    )
    present, label = asked.present[None].numpy(), np.array([0])
    assert metric(asked, present, label, found, softmax=False) == pytest.approx([1.0])
    assert metric(asked, present, label, found.max() - found, softmax=False) == pytest.approx([-1.0])
