"""From a trained run to Explanation JSON and page: schema, reproducibility, new samples, bad input."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.small_runs import rewrite

from interplay.config import FusionConfig
from interplay.errors import BadInput, CheckpointError, DataError
from interplay.explanation.trained.prepared import prepare_sample
from interplay.models.fusion import FusionModel
from interplay.models.run import open_run
from interplay.pipeline.datasets import find_sample, new_sample
from interplay.pipeline.encode import encode, open_encoders
from interplay.pipeline.evaluate import evaluate
from interplay.pipeline.explain import explain, explain_config
from interplay.pipeline.explanations import write_explanations
from interplay.results import Explanation
from interplay.results.explanation import EXPLANATION_SCHEMA


@pytest.fixture(scope="module")
def explanation(small_run):
    sample = small_run.dataset.split("test")[0]
    return explain(small_run.run, [sample], encoders=small_run.encoders)[0]


def test_what_the_json_holds(explanation, small_run):
    data = json.loads(explanation.model_dump_json())
    assert data["schema"] == EXPLANATION_SCHEMA
    assert set(data["prediction"]) == set(small_run.run.card.labels)
    assert not data["routing"] and set(data["contributions"]) == set(small_run.run.model.expert_names)
    assert data["value"] == {"on": "logit", "expert": "mixture", "fill": "attention", "level": "feature"}
    words = [f for f in data["features"] if f["modality"] == "text"]
    patches = [f for f in data["features"] if f["modality"] == "image"]
    text = data["inputs"]["text"]["text"]
    assert all(text[slice(*f["span"])] == f["text"] for f in words)
    assert len(patches) == 16 and patches[5]["box"] == [0.25, 0.25, 0.5, 0.5]
    assert [f["index"] for f in data["features"]] == list(range(len(words) + 16))
    experts = {"unique_text", "unique_image", "synergy", "redundancy", "mixture"}
    for scores in data["attributions"].values():
        assert set(scores) == experts and all(len(s) == len(words) + 16 for s in scores.values())
    assert set(data["attributions"]) == {"random", "attention_rollout", "grad_rollout", "integrated_gradients"}
    assert len(data["pairs"]) == 16 and {len(t["pairs"]) for t in data["more_pairs"]} == {16}
    assert data["evaluations"] <= 400 and data["estimator"] == "hybrid"
    assert any("Pair scores: hybrid: 400 evaluations reach" in note for note in data["notes"])
    assert 1.9 < data["interval"]["sii"] < data["interval"]["redundancy_gap"]
    assert data["provenance"]["seed"] == 0 and data["provenance"]["versions"]["torch"]
    assert any("8 of" in note for note in data["notes"])
    assert Explanation.model_validate(data) == explanation


@pytest.mark.parametrize("kind, roles", [("fl-i2moe", "construction"), ("i2moe", "losses"), ("dense", "construction")])
def test_what_experts_add_and_how_they_are_weighted(small_run, kind, roles):
    """By construction contributions and a bias add up to the logit, and there are no weights. By losses there are, and
    the reader is told what such a role is worth. A model without experts is the same under both."""
    fusion = FusionConfig(kind=kind, roles=roles, width=32, heads=2)
    card = replace(small_run.run.card, fusion=fusion)
    run = replace(small_run.run, model=FusionModel(fusion, card.shape).eval(), card=card)
    config = explain_config(run, {"explain.methods": ["random"]})
    owned = run.model.by_construction
    if owned:
        torch.nn.init.normal_(run.model.bias)
    found = explain(run, small_run.dataset.split("test")[:1], encoders=small_run.encoders, config=config)[0]
    assert any("what the losses asked" in note for note in found.notes) == (kind == "i2moe")
    if not owned:
        assert list(found.routing) == run.model.expert_names and math.isclose(
            sum(found.routing.values()), 1, abs_tol=1e-5
        )
        assert found.contributions is None and found.bias is None
        return
    assert found.routing == {} and list(found.contributions) == run.model.expert_names
    p, label = found.prediction[found.target], run.card.labels.index(found.target)
    assert found.bias + sum(found.contributions.values()) == pytest.approx(math.log(p / (1 - p)), abs=1e-4)
    assert found.bias == pytest.approx(run.model.bias[label].item(), abs=1e-4)
    assert any(found.contributions.values())
    for field in ("bias", "contributions"):
        with pytest.raises(ValueError, match="come together"):
            Explanation.model_validate({**json.loads(found.model_dump_json()), field: None})


def test_what_features_give_adds_up_to_what_experts_add(explanation, small_run):
    """To every expert, and to the mixture; where the budget has no room for two orders, nothing is said."""
    assert explanation.shapley is None, "a twentieth of 400 evaluations is too little"
    sample = [s for s in small_run.dataset.split("test") if "storm" in s.labels][:1]
    config = explain_config(small_run.run, {"explain.methods": ["random"], "explain.budget": 6000})
    found = explain(small_run.run, sample, encoders=small_run.encoders, config=config)[0]
    n, given = len(found.features), found.shapley
    assert given.orders == 300 // (2 * (n + 1)) >= 2 and given.evaluations == given.orders * 2 * (n + 1)
    assert list(given.values) == [*small_run.run.model.expert_names, "mixture"] == list(given.se)
    for expert, added in found.contributions.items():
        assert len(given.values[expert]) == len(given.se[expert]) == n
        assert sum(given.values[expert]) == pytest.approx(added, abs=1e-4)
    assert sum(given.values["mixture"]) == pytest.approx(sum(found.contributions.values()), abs=1e-4)
    words = [f.modality == "text" for f in found.features]
    other = {"unique_text": [not w for w in words], "unique_image": words}
    for expert, unseen in other.items():
        assert np.abs(np.array(given.values[expert])[unseen]).max() < 1e-5, "a unique expert reads its own modality"
    again = explain(small_run.run, sample, encoders=small_run.encoders, config=config)[0]
    assert again.shapley == given


def test_no_path_of_the_machine_is_in_it(explanation, small_run):
    assert str(small_run.run.folder.parent) not in explanation.model_dump_json()
    assert str(small_run.dataset.source) not in explanation.model_dump_json()


def test_the_same_twice(explanation, small_run):
    again = explain(small_run.run, small_run.dataset.split("test")[:1], encoders=small_run.encoders)[0]
    assert again == explanation


def test_the_prediction_is_the_one_evaluated(explanation, small_run):
    """Encoding one sample afresh and reading it from the store in a batch give equal answers."""
    stores = encode(small_run.dataset, small_run.run.config, store=small_run.store, encoders=small_run.encoders)
    features, valid = zip(*(s[explanation.sample_id] for s in stores.values()), strict=True)
    with torch.no_grad():
        logits = small_run.run.model(tuple(f[None] for f in features), tuple(v[None] for v in valid)).logits[0]
    assert list(explanation.prediction.values()) == pytest.approx(logits.sigmoid().tolist(), abs=1e-5)


def test_alone_in_a_batch_of_32_and_padded_longer(small_run):
    """Raw samples encoded alone or in one batch, fused alone, in a batch of 32, or padded: equal to 1e-5."""
    run, samples = small_run.run, small_run.dataset.split("train")[:32]
    one = [prepare_sample(run, small_run.encoders, s) for s in samples]
    with torch.no_grad():
        alone = torch.cat([run.model.fuse(p.tokens).logits for p in one])
        batch, padded = [], []
        for modality, encoder in small_run.encoders.items():
            from interplay.features.store import read_input

            rows = encoder.encode([read_input(s, modality, encoder.kind) for s in samples])
            longest = max(len(r.features) for r in rows)
            for extra, out in ((0, batch), (7, padded)):
                features = torch.full((32, longest + extra, encoder.width), 9.0)
                valid = torch.zeros(32, longest + extra, dtype=torch.bool)
                for k, row in enumerate(rows):
                    features[k, : len(row.features)] = row.features.half().float()
                    valid[k, : len(row.features)] = row.valid
                out.append((features[:, : encoder.max_features], valid[:, : encoder.max_features]))
        for pieces in (batch, padded):
            features, valid = zip(*pieces, strict=True)
            together = run.model(features, valid).logits
            assert torch.allclose(together.sigmoid(), alone.sigmoid(), atol=1e-5)


def test_a_new_sample(small_run, tmp_path):
    Image.new("CMYK", (300, 200), (10, 200, 30, 0)).save(tmp_path / "wide.jpg")
    sample = new_sample(small_run.run, {"text": "wonderful <b>thunder</b>", "image": str(tmp_path / "wide.jpg")})
    (explanation,) = explain(small_run.run, [sample], target="storm", encoders=small_run.encoders)
    assert explanation.target == "storm" and explanation.truth is None
    boxes = np.array([f.box for f in explanation.features if f.box])
    assert boxes.min() == 0 and boxes.max() == 1
    page = write_explanations(small_run.run, [explanation], [sample], tmp_path / "out")
    assert page.name == "page.html" and "<b>thunder" not in page.read_text()
    (file,) = (tmp_path / "out").glob("*.json")
    assert Explanation.model_validate_json(file.read_text()) == explanation


def test_a_text_longer_than_the_encoder_is_cut_and_counted(small_run):
    image = small_run.dataset.samples[0].inputs["image"]
    sample = new_sample(small_run.run, {"text": "thunder " * 400, "image": str(image)})
    (explanation,) = explain(small_run.run, [sample], encoders=small_run.encoders)
    assert explanation.inputs["text"].truncated == 80
    assert any("last 80 tokens of text were cut off" in note for note in explanation.notes)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": "rain"}, "unknown target 'rain'.*sarcasm"),
        ({"explain.expert": "uniqe_text"}, "unknown expert.*unique_text"),
        ({"explain.rank_by": "luck"}, "unknown explain.rank_by"),
        ({"explain.methods": ["random", "saliency"]}, "unknown explain.methods 'saliency'"),
    ],
)
def test_unknown_names(small_run, change, message):
    target = change.pop("target", None)
    config = explain_config(small_run.run, change)
    with pytest.raises(BadInput, match=message):
        explain(small_run.run, small_run.dataset.samples[:1], config=config, target=target, encoders=small_run.encoders)


def test_bad_inputs_of_a_new_sample(small_run, tmp_path):
    run, encoders = small_run.run, small_run.encoders
    image = str(small_run.dataset.samples[0].inputs["image"])
    with pytest.raises(BadInput, match="unknown modality 'txt'"):
        new_sample(run, {"txt": "a"})
    for inputs, message in (
        ({"text": "no picture"}, "has no 'image'"),
        ({"text": "", "image": image}, "holds no feature"),
        ({"text": "a", "image": str(tmp_path / "none.png")}, r"none\.png"),
    ):
        with pytest.raises(BadInput, match=message):
            explain(run, [new_sample(run, inputs)], encoders=encoders)
    with pytest.raises(BadInput, match=r"no sample 'x'.*an id such as scene-000000"):
        find_sample(small_run.dataset, "x")


def test_a_dataset_of_other_labels_is_refused(small_run):
    from dataclasses import replace

    with pytest.raises(DataError, match="labels"):
        evaluate(small_run.run, replace(small_run.dataset, labels=("storm",)), store=small_run.store)


def test_another_encoder_is_refused(small_run, tmp_path):
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    rewrite(tmp_path / "run", "config.toml", lambda text: text.replace("layer = 2", "layer = 3"))
    with pytest.raises(BadInput, match=r"encoder of 'text'.*other weights or settings"):
        open_encoders(open_run(tmp_path / "run"), "cpu")


def test_a_checkpoint_of_another_shape_is_refused(small_run, tmp_path):
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    path = tmp_path / "run" / "model" / "model.safetensors"
    state = load_file(path)
    state["projections.1.weight"] = torch.zeros(3, 3)
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"projections\.1\.weight does not fit: the file has \(3, 3\)"):
        open_run(tmp_path / "run")


def test_what_if_is_stored_with_the_prediction(explanation, small_run):
    whatif = explanation.whatif
    assert whatif.whole == pytest.approx(explanation.prediction[explanation.target], abs=1e-6)
    assert set(whatif.without_modality) == {"text", "image"}
    assert len(whatif.without) == len(explanation.features) and None not in whatif.without
    assert {(p.i, p.j) for p in explanation.pairs} <= set(zip(whatif.i, whatif.j, strict=True))
    assert whatif.evaluations <= 700


def test_pages_of_hate_speech_hide_their_content(explanation, small_run, tmp_path):
    sample = small_run.dataset.split("test")[0]
    offensive = replace(small_run.run, card=replace(small_run.run.card, labels=["not_hate", "hate"]))
    for run, blur, hidden in (
        (small_run.run, None, False),
        (small_run.run, True, True),
        (offensive, None, True),
        (offensive, False, False),
    ):
        page = write_explanations(run, [explanation], [sample], tmp_path, blur=blur)
        assert f'"blur":{str(hidden).lower()}' in page.read_text()
