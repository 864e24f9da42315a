"""What a GPU computes is what the CPU computes, to the precision that is named. Skipped where there is none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from interplay import explain, open_dataset, open_run
from interplay.config import make_config
from interplay.explanation.game import model_logits, tokens_of
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel
from interplay.pipeline.encode import open_encoders

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use"),
]
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 5e-2)])
@pytest.mark.parametrize("fill", ["mean", "zero", "attention"])
def test_values_are_those_of_the_cpu(fill, precision, tolerance):
    torch.manual_seed(0)
    shape = Shape({"text": 32, "image": 32}, {"text": 9, "image": 16}, classes=3)
    model = FusionModel(make_config({}).fusion, shape).eval()
    features = tuple(torch.randn(T, 32) for T in (9, 16))
    valid = tuple(torch.ones(T, dtype=torch.bool) for T in (9, 16))
    coalitions = np.random.default_rng(0).random((300, 25)) < 0.5
    expected = model_logits(model, tokens_of(model, features, valid), fill)(coalitions)
    model.cuda()
    found = model_logits(model, tokens_of(model, features, valid), fill, precision=precision)(coalitions)
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


def test_features_and_explanations_are_those_of_the_cpu():
    run, dataset = open_run(FIXTURES / "run-v2" / "run"), open_dataset(FIXTURES / "run-v1" / "scenes")
    [sample] = dataset.split("test")[:1]
    both = []
    for device in ("cpu", "cuda"):
        config = run.config.model_copy(update={"device": device})
        run.model.to(device)
        both.append(explain(run, [sample], config=config, encoders=open_encoders(run, device))[0])
    cpu, gpu = both
    assert gpu.target == cpu.target
    assert gpu.prediction == pytest.approx(cpu.prediction, abs=1e-3)
    scores = [{(pair.i, pair.j): pair.sii for pair in one.pairs if pair.sii is not None} for one in both]
    shared = scores[0].keys() & scores[1].keys()
    assert len(shared) > len(scores[0]) / 2
    largest = max(abs(score) for score in scores[0].values())
    assert all(scores[1][pair] == pytest.approx(scores[0][pair], abs=0.05 * largest) for pair in shared)
