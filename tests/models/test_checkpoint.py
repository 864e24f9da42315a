"""Checkpoints: exact round trip, and every misfit refused by the name of the first difference."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from interplay.config import FusionConfig
from interplay.errors import CheckpointError
from interplay.models.checkpoint import Card, load_model, save_model


@pytest.fixture
def saved(make_model, kind, tmp_path):
    roles = "losses" if kind == "i2moe" else "construction"
    model = make_model(kind, roles=roles)
    card = Card(
        fusion=FusionConfig(kind=kind, roles=roles, width=16, heads=2, routing_hidden=8),
        labels=["a", "b", "c"],
        label_kind="multi",
        modalities={"text": "text", "image": "image"},
        widths={"text": 12, "image": 10},
        lengths={"text": 40, "image": 41},
        encoders={"text": "f1", "image": "f2"},
        epoch=3,
    )
    save_model(model, card, tmp_path / "model")
    return model, card, tmp_path / "model"


def test_round_trip(saved):
    model, card, folder = saved
    loaded, read = load_model(folder)
    assert read == card and not loaded.training
    for (name, a), (other, b) in zip(model.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert name == other and torch.equal(a, b)
    assert not list(folder.glob("*.new"))


def test_other_shape_is_refused_by_name(saved):
    _, _, folder = saved
    card = json.loads((folder / "card.json").read_text())
    card["fusion"]["width"] = 32
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=r"weight projections\.0\.weight does not fit: the file has \(16, 12\)"):
        load_model(folder)


@pytest.mark.parametrize("change", ["missing", "left over"])
def test_missing_and_extra_weights_are_named(saved, change):
    _, _, folder = saved
    state = load_file(folder / "model.safetensors")
    if change == "missing":
        del state["experts.0.head.bias"]
        expected = r"experts\.0\.head\.bias does not fit: the file has nothing"
    else:
        state["experts.0.surprise"] = torch.zeros(2)
        expected = r"experts\.0\.surprise does not fit: the file has \(2,\).*no such weight"
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=expected):
        load_model(folder)


@pytest.mark.parametrize("damage", ["truncated", "no weights", "no card", "broken card", "unknown key"])
def test_damage_is_refused(saved, damage):
    _, _, folder = saved
    weights, card = folder / "model.safetensors", folder / "card.json"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "no weights":
        weights.unlink()
    elif damage == "no card":
        card.unlink()
    elif damage == "broken card":
        card.write_text("{")
    else:
        card.write_text(json.dumps({**json.loads(card.read_text()), "surprise": 1}))
    with pytest.raises(CheckpointError, match="cannot open"):
        load_model(folder)


@pytest.mark.parametrize("kind", ["fl-i2moe"])
def test_in_a_model_of_version_4_synergy_reads_no_products(make_model, make_tokens, saved):
    """It answers as it did; a model of today with such weights is damaged."""
    _, card, folder = saved
    model, tokens = make_model(seed=1, products=False), make_tokens()
    save_model(model, card, folder)
    with pytest.raises(CheckpointError, match=r"weight experts\.2\.head\.weight does not fit"):
        load_model(folder)
    described = json.loads((folder / "card.json").read_text())
    del described["fusion"]["products"]
    (folder / "card.json").write_text(json.dumps(described | {"format": "interplay/model/4"}))
    opened, read = load_model(folder)
    assert not read.fusion.products
    assert torch.equal(opened.fuse(tokens).expert_logits, model.fuse(tokens).expert_logits)


@pytest.mark.parametrize("kind", ["fl-i2moe"])
def test_in_a_model_of_version_3_all_that_both_say_counts_once(make_model, make_tokens, saved):
    """It answers as it did; a model of today without the weights of its share is damaged."""
    _, card, folder = saved
    model, tokens = make_model(seed=1, roles="construction", counted_once="all", products=False), make_tokens()
    save_model(model, card, folder)
    with pytest.raises(CheckpointError, match="does not fit"):
        load_model(folder)
    described = json.loads((folder / "card.json").read_text())
    del described["fusion"]["counted_once"], described["fusion"]["products"]
    (folder / "card.json").write_text(json.dumps(described | {"format": "interplay/model/3"}))
    opened, read = load_model(folder)
    assert read.fusion.counted_once == "all"
    found, wanted = opened.fuse(tokens), model.fuse(tokens)
    assert torch.equal(found.expert_logits, wanted.expert_logits) and torch.equal(found.logits, wanted.logits)
    said = found.shared.amax(1).clamp(min=0) + found.shared.amin(1).clamp(max=0)
    torch.testing.assert_close(found.expert_logits[:, -1], said)
