"""Words encoded with their neighbours as far as those are left: nothing that is removed is told of by what stays."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from interplay.config import FusionConfig, make_config
from interplay.data.sample import Sample
from interplay.errors import BadInput, ConfigError, GameError
from interplay.explanation.explaining import explain_sample
from interplay.explanation.game import model_logits
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.explanation.trained.prepared import prepare_sample
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel
from interplay.models.run import open_run
from interplay.models.tokens import concatenate, draw_keep
from interplay.neighbours import intact, offsets, variant_count, variant_of
from interplay.pipeline.encode import encode, open_encoders
from interplay.pipeline.train import splits_of, train
from interplay.training.baselines import mean_features
from tests.small_runs import SMALL

NEAR = {"text": {"model": "minilm", "layer": 1, "isolate": True, "neighbours": 1, "max_tokens": 24}}


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.integers(0, 2))
def test_a_variant_is_of_the_neighbours_that_are_kept(kept, k):
    found = variant_of(torch.tensor(kept), k).tolist()
    for place, variant in enumerate(found):
        left = {step for b, step in enumerate(offsets(k)) if variant >> b & 1}
        assert left == {s for s in offsets(k) if 0 <= place + s < len(kept) and kept[place + s]}


def test_the_intact_sample_has_all_neighbours_that_are_there():
    features = torch.arange(2 * 3 * 8.0).reshape(2, 3, 8)
    valid = torch.tensor([[True, True, True], [True, True, False]])
    whole = intact(features, valid, 1)
    each = features.unflatten(-1, (4, 2))
    assert torch.equal(whole[0], torch.stack([each[0, 0, 2], each[0, 1, 3], each[0, 2, 1]]))
    assert torch.equal(whole[1, :2], torch.stack([each[1, 0, 2], each[1, 1, 1]]))
    assert intact(features, valid, 0) is features


@pytest.mark.parametrize("kind", ["fl-i2moe", "i2moe", "dense"])
@pytest.mark.parametrize("neighbours", [1, 2])
def test_a_model_reads_what_is_left_with_the_neighbours_that_are_left(kind, neighbours):
    """Removing, from projected tokens or by the prepared tables, is to read other features: naively, one by one."""
    torch.manual_seed(0)
    V, T = variant_count(neighbours), 6
    shape = Shape({"text": 5 * V, "image": 7}, {"text": 9, "image": 4}, 3, {"text": neighbours})
    config = FusionConfig(kind=kind, width=16, heads=2, routing_hidden=8)
    model = FusionModel(config, shape).eval()
    model.set_moments([(torch.randn(5), 0.5 + torch.rand(5)), (torch.randn(7), 0.5 + torch.rand(7))])
    features = (torch.randn(1, T, V, 5), torch.randn(1, 4, 7))
    valid = (torch.ones(1, T, dtype=torch.bool), torch.tensor([[True, True, False, True]]))
    tokens = model.project((features[0].flatten(2), features[1]), valid)
    plain = FusionModel(
        FusionConfig(kind=kind, width=16, heads=2, routing_hidden=8), Shape({"text": 5, "image": 7}, shape.lengths, 3)
    )
    plain.load_state_dict(model.state_dict())
    plain.eval()

    present = np.random.default_rng(0).random((200, T + 3)) < 0.6
    present[0], present[1] = True, False
    ask = model_logits(model, tokens, "attention")
    tables = ask(present)
    for row, answer in zip(present[:40], tables[:40], strict=True):
        kept = torch.from_numpy(row[:T])
        shown = torch.zeros(4, dtype=torch.bool)
        shown[[0, 1, 3]] = torch.from_numpy(row[T:])
        naive = torch.zeros(1, T, 5)
        for place in range(T):
            steps = [(b, place + step) for b, step in enumerate(offsets(neighbours))]
            v = sum(1 << b for b, other in steps if 0 <= other < T and kept[other])
            naive[0, place] = features[0][0, place, v]
        with torch.inference_mode():
            wanted = plain((naive, features[1]), (kept[None], shown[None]))
            removed = model.fuse(model.remove(tokens, (kept[None], shown[None]), "attention"))
        torch.testing.assert_close(removed.logits, wanted.logits)
        torch.testing.assert_close(torch.from_numpy(answer[-1]), wanted.logits[0], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(torch.from_numpy(answer[:-1]), wanted.expert_logits[0], atol=2e-5, rtol=1e-4)


def test_features_are_not_removed_from_tokens_that_have_lost_their_variants():
    shape = Shape({"text": 20, "image": 7}, {"text": 9, "image": 4}, 3, {"text": 1})
    model = FusionModel(FusionConfig(width=16, heads=2, routing_hidden=8), shape).eval()
    tokens = model.project(
        (torch.randn(2, 6, 20), torch.randn(2, 4, 7)), tuple(torch.ones(2, T, dtype=torch.bool) for T in (6, 4))
    )
    keep = draw_keep(tokens.valid, 0.3)
    model.remove(tokens.index(torch.tensor([1, 0, 0])), tuple(k[[1, 0, 0]] for k in keep), "attention")
    with pytest.raises(ValueError, match="with variants"):
        model.remove(concatenate([tokens]), keep, "attention")
    with pytest.raises(GameError, match="fill 'mean' of features that were encoded with their neighbours"):
        model_logits(model, tokens.index(slice(1)), "mean")


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="needs isolate = true"):
        make_config({"encoders": {"text": {"model": "minilm", "neighbours": 1}}})
    with pytest.raises(ConfigError) as caught:
        make_config({"encoders": NEAR, "removal": {"fill": "mean"}})
    needs = "encoders.text.neighbours needs removal.fill \"attention\", got 'mean'"
    assert needs in str(caught.value) and len(str(caught.value)) < 250, "not the whole configuration"


@pytest.fixture(scope="module")
def near_run(scenes, tmp_path_factory):
    """A small run whose words are encoded with their neighbours, and its store."""
    folder = tmp_path_factory.mktemp("near")
    config = make_config({**SMALL, "encoders": {**SMALL["encoders"], "text": NEAR["text"]}})
    return train(scenes, config, folder / "run", store=folder / "store"), folder / "store"


def test_nothing_that_is_left_tells_of_what_is_removed(scenes, near_run):
    """Two texts that differ in words that are removed get the same answers; encoded in context they would not."""
    run, _ = near_run
    picture = scenes.split("test")[0].inputs["image"]
    texts = ["this is a quite brilliant idea of theirs", "this is a never brilliant plan of theirs"]
    encoders, answers = open_encoders(run, "cpu"), []
    for text in texts:
        prepared = prepare_sample(run, encoders, Sample("x", "test", {"text": text, "image": picture}, ()))
        assert [part.text for part in prepared.parts["text"]] == text.split()
        ask = model_logits(run.model, prepared.tokens, "attention")
        rng = np.random.default_rng(0)
        present = rng.random((100, len(prepared.parts["text"]) + 16)) < rng.random((100, 1))
        there = np.ones_like(present[:1])
        present[:, [3, 5]] = False
        answers.append((ask(present), ask(there)))
    (removed, whole), (other_removed, other_whole) = answers
    np.testing.assert_allclose(removed, other_removed, atol=1e-4)
    assert np.abs(whole - other_whole).max() > 1e-2


def test_a_run_with_neighbours_is_opened_and_explained_as_it_was_trained(scenes, near_run):
    run, store = near_run
    again = open_run(run.folder)
    assert again.model.neighbours == [1, 0] and again.card.neighbours == {"text": 1, "image": 0}
    stores = encode(scenes, run.config, store=store)
    assert [features.neighbours for features in stores.values()] == [1, 0]
    assert stores["text"].width == 4 * 384
    _, splits = splits_of(scenes, stores)
    assert mean_features(splits["val"])[0].shape[1] == 2 * 384  # the linear probe reads whole samples, as they are
    with pytest.raises(BadInput, match="fill 'mean' would leave something there"):
        TrainedPredictor(again, {}, make_config({"removal": {"fill": "mean"}}))
    predictor = TrainedPredictor(again, open_encoders(again, "cpu"), stores=stores)
    explanation = explain_sample(predictor, scenes.split("test")[0])
    assert any(
        "as far as they are left (1 to each side in text), the rest by itself" in note for note in explanation.notes
    )
    assert any("through a neighbour's encoding is credited" in note for note in explanation.notes)
    words = [f.text for f in explanation.features if f.modality == "text"]
    assert words == scenes.split("test")[0].inputs["text"].split()
