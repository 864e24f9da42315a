"""Several models explained as one: every number is of the mean of their logits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from interplay import explain
from interplay.config import make_config
from interplay.errors import BadInput
from interplay.explanation.ensemble import Ensemble
from interplay.explanation.explaining import explain_sample
from interplay.explanation.functions.predictor import FunctionPredictor
from interplay.explanation.predictor import to_probabilities
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.models.checkpoint import load_model


@pytest.fixture(scope="module")
def predictors(small_run):
    """The small run three times, with other weights each."""
    out = []
    for seed in range(3):
        model = load_model(small_run.run.folder / "model")[0]
        torch.manual_seed(seed)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.1 * torch.randn_like(weight))
        config = small_run.run.config.model_copy(update={"seed": seed})
        run = replace(small_run.run, model=model, config=config)
        out.append(TrainedPredictor(run, small_run.encoders))
    return out


def test_its_answers_are_the_means_of_its_members(small_run, predictors):
    sample = small_run.dataset.split("test")[0]
    opened = Ensemble(predictors).open(sample)
    coalitions = np.random.default_rng(0).random((20, len(opened.features))) < 0.5
    each = [one.open(sample).logits(coalitions).astype(float) for one in predictors]
    assert np.ptp(each, axis=0).max() > 0.05, "they differ, else nothing is tested"
    found = opened.logits(coalitions)
    np.testing.assert_allclose(found, sum(each) / 3, atol=1e-6)
    parts = found[:, :-1].sum(axis=1)
    np.testing.assert_allclose(found[:, -1] - parts, np.broadcast_to((found[:, -1] - parts)[0], parts.shape), atol=1e-5)
    methods = ("grad_rollout", "integrated_gradients")
    scores = [one.open(sample).attributions(1, methods) for one in predictors]
    for method, by in opened.attributions(1, methods).items():
        for name, values in by.items():
            np.testing.assert_allclose(values, sum(s[method][name] for s in scores) / 3, atol=1e-6)


def test_its_explanation_is_of_the_mean_model(small_run, predictors):
    sample = small_run.dataset.split("test")[0]
    settings = make_config({"explain": {"budget": 600, "candidates": 3, "ig_steps": 2}}).explain
    mean = explain_sample(Ensemble(predictors), sample, settings=settings, target="storm")
    whole = np.ones((1, len(mean.features)), dtype=bool)
    logits = np.mean([one.open(sample).logits(whole) for one in predictors], axis=0)[0, -1]
    expected = dict(zip(small_run.run.card.labels, to_probabilities(logits, "multi").tolist(), strict=True))
    assert mean.prediction == pytest.approx(expected, abs=1e-6)
    each = [explain_sample(one, sample, settings=settings, target="storm") for one in predictors]
    answers = [one.prediction["storm"] for one in each]
    assert [one.probability for one in mean.by_member] == pytest.approx(answers) and not each[0].by_member
    assert [one.given for one in mean.by_member] == [p >= 0.5 for p in answers]
    for member, one in zip(mean.by_member, each, strict=True):
        asked = member.whatif
        assert asked.without == pytest.approx(one.whatif.without, abs=1e-6) and asked.whole == member.probability
        assert asked.without_modality == pytest.approx(one.whatif.without_modality, abs=1e-6)
        theirs = dict(zip(zip(one.whatif.i, one.whatif.j, strict=True), one.whatif.without_both, strict=True))
        both = dict(zip(zip(asked.i, asked.j, strict=True), asked.without_both, strict=True))
        shared = set(theirs) & set(both)
        assert shared and all(both[two] == pytest.approx(theirs[two], abs=1e-6) for two in shared)
        assert (asked.i, asked.j) == (mean.whatif.i, mean.whatif.j) and not asked.off_strong and mean.whatif.off_strong
    for name, value in mean.contributions.items():
        assert value == pytest.approx(np.mean([one.contributions[name] for one in each]), abs=1e-5)
    assert mean.provenance.members == ["small"] * 3 and mean.provenance.settings["training_seed"] == "0, 1, 2"
    assert mean.provenance.model == "mean of 3 fl-i2moe"
    assert any(note.startswith("All numbers are of the mean of the logits of 3 models") for note in mean.notes)
    assert len(mean.notes) == len(set(mean.notes)), "what is said of all members is said once"


def test_the_mean_of_one_model_with_itself_is_that_model(small_run, predictors):
    """Whatever is computed: claims, pairs and Shapley values are those of the model."""
    sample = small_run.dataset.split("test")[1]
    settings = make_config({"explain": {"budget": 600, "candidates": 3, "ig_steps": 2}}).explain
    alone = explain_sample(predictors[0], sample, settings=settings)
    twice = explain_sample(Ensemble([predictors[0], predictors[0]]), sample, settings=settings)
    assert twice.target == alone.target and twice.whatif == alone.whatif and twice.attributions == alone.attributions
    for ours, theirs in zip(twice.pairs, alone.pairs, strict=True):
        assert (ours.i, ours.j) == (theirs.i, theirs.j) and ours.sii == pytest.approx(theirs.sii, abs=1e-6)


def test_what_has_no_mean_is_refused(small_run, predictors):
    def chance(text):
        return 0.5

    with pytest.raises(BadInput, match=r"an ensemble of 1 models; expected two or more"):
        Ensemble(predictors[:1])
    with pytest.raises(BadInput, match=r"the labels of .* are score; expected .*sarcasm"):
        Ensemble([predictors[0], FunctionPredictor(chance, ("score",), label_kind="multi")])
    with pytest.raises(BadInput, match=r"of the labels of .*, exactly one holds; expected that any number holds"):
        Ensemble([FunctionPredictor(chance, ("a", "b"), label_kind=kind) for kind in ("multi", "single")])
    with pytest.raises(BadInput, match=r"no run is given"):
        explain([], [])
    finer = TrainedPredictor(
        predictors[1].run, small_run.encoders, make_config({"explain": {"token_groups": "none", "grid": 2}})
    )
    with pytest.raises(BadInput, match=r"split this sample into other features"):
        Ensemble([predictors[0], finer]).open(small_run.dataset.split("test")[0])
    filled = TrainedPredictor(predictors[1].run, small_run.encoders, make_config({"removal": {"fill": "mean"}}))
    with pytest.raises(BadInput, match=r"remove features by feature 'mean' and feature 'attention'"):
        Ensemble([predictors[0], filled]).open(small_run.dataset.split("test")[0])


def test_several_runs_in_python(small_run, predictors, tmp_path):
    """Their mean first, and then each; where they differ in more than the seed, only each."""
    runs = [replace(one.run, folder=tmp_path / f"seed{seed}") for seed, one in enumerate(predictors[:2])]
    samples = small_run.dataset.split("test")[:1]
    found = explain(runs, samples)
    assert [one.provenance.members for one in found] == [["seed0", "seed1"], [], []]
    assert len({one.target for one in found}) == 1
    p = [one.prediction[one.target] for one in found]
    logit = np.log(np.array(p) / (1 - np.array(p)))
    assert logit[0] == pytest.approx(logit[1:].mean(), abs=1e-5)
    other = replace(runs[1], config=runs[1].config.model_copy(update={"preset": "other"}))
    assert [one.provenance.run for one in explain([runs[0], other], samples)] == ["seed0", "seed1"]
