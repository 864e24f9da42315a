"""`interplay evaluate --modalities` on a run: each number against the model asked by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from interplay.errors import BadInput
from interplay.evaluation.masking import scores_of
from interplay.models.contributions import only
from interplay.models.tokens import Tokens
from interplay.pipeline.modalities import coalition_logits, measure_modalities, pairing_logits


@pytest.fixture(scope="module")
def measured(small_run):
    return measure_modalities(small_run.run, small_run.dataset, samples=12, store=small_run.store, device="cpu")


def stacked(small_run, count: int) -> Tokens:
    each = [small_run.tokens(number) for number in range(count)]  # captions have different lengths
    pad = torch.nn.utils.rnn.pad_sequence
    values = tuple(pad([one.values[m][0] for one in each], batch_first=True) for m in range(2))
    return Tokens(values, tuple(pad([one.valid[m][0] for one in each], batch_first=True) for m in range(2)))


@torch.inference_mode()
def test_modalities_are_removed_and_put_together_as_by_hand(small_run, monkeypatch):
    monkeypatch.setattr("interplay.pipeline.modalities.TOGETHER", 5)  # some parts are smaller than others
    tokens, model = stacked(small_run, 4), small_run.run.model
    found, pairings = coalition_logits(small_run.run, tokens), pairing_logits(small_run.run, tokens)
    for place, there in enumerate(([], [0], [1], [0, 1])):
        expected = model.fuse(only(tokens, there, cut=False)).logits.numpy()
        np.testing.assert_allclose(found[place], expected, atol=1e-5)
    for i in range(4):
        for j in range(4):
            sides = (tokens.index(slice(i, i + 1)), tokens.index(slice(j, j + 1)))
            both = Tokens(
                (sides[0].values[0], sides[1].values[1]), (sides[0].valid[0], sides[1].valid[1])
            )  # text of i, picture of j
            np.testing.assert_allclose(pairings[i, j], model.fuse(both).logits[0].numpy(), atol=1e-5)


def test_each_measure_is_there_with_its_error(small_run, measured):
    at = {(m.name, m.of): m.value for m in measured}
    expected = [("micro_f1", of) for of in ("nothing", "text", "image", "text + image")]
    expected += [("SHAPE, contribution", "text"), ("SHAPE, contribution", "image"), ("SHAPE, cooperation", "all")]
    expected += [("EMAP, micro_f1", "the sum of both"), ("EMAP, what more than the sum adds", "micro_f1")]
    assert list(at) == [*expected, ("InterSHAP", "interactions"), ("MM-SHAP", "text"), ("MM-SHAP", "image")]
    assert all(value.samples == 12 for value in at.values())
    known = {key: value.mean for key, value in at.items()}
    gained = known["micro_f1", "text + image"] - known["micro_f1", "nothing"]
    assert known["SHAPE, contribution", "text"] + known["SHAPE, contribution", "image"] == pytest.approx(gained)
    assert known["MM-SHAP", "text"] + known["MM-SHAP", "image"] == pytest.approx(1)
    assert 0 < known["InterSHAP", "interactions"] < 1
    lost = known["micro_f1", "text + image"] - known["EMAP, micro_f1", "the sum of both"]
    assert known["EMAP, what more than the sum adds", "micro_f1"] == pytest.approx(lost)


def test_the_metric_with_everything_is_that_of_the_model(small_run, measured):
    samples = small_run.dataset.split("test")[:12]
    truth = np.stack([small_run.run.card.task.target(s.labels).numpy() > 0 for s in samples])
    with torch.inference_mode():
        logits = np.concatenate([small_run.run.model.fuse(small_run.tokens(k)).logits.numpy() for k in range(12)])
    score = scores_of(single=False)["micro_f1"]
    (whole,) = (m.value.mean for m in measured if m.of == "text + image")
    assert whole == pytest.approx(score.of(score.counts(logits, truth).sum(0)))


def test_orders_of_features_are_of_the_seed(small_run, measured):
    def shares(seed):
        again = measure_modalities(
            small_run.run, small_run.dataset, samples=3, store=small_run.store, device="cpu", seed=seed
        )
        return [m.value.mean for m in again if m.name == "MM-SHAP"]

    assert shares(0) == shares(0) != shares(1)


def test_one_modality_is_refused(small_run):
    one = replace(small_run.run, card=replace(small_run.run.card, modalities={"text": "text"}))
    with pytest.raises(BadInput, match="one modality"):
        measure_modalities(one, small_run.dataset)
