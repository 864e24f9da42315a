"""Equal weights and settings have one fingerprint wherever they lie; any change that moves the features has another."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from interplay.encoders.fingerprint import fingerprint
from interplay.encoders.loading import load_encoder
from interplay.encoders.settings import EncoderConfig

Folder = Callable[[str], Path]


def of(path: Path, kind: str, **settings: Any) -> str:
    return load_encoder(EncoderConfig(model=str(path), **settings), kind).fingerprint


@pytest.mark.parametrize(("family", "kind"), [("bert", "text"), ("vit", "image"), ("clip", "text"), ("clip", "image")])
def test_equal_at_another_path_and_after_use(folder: Folder, tmp_path: Path, family: str, kind: str) -> None:
    shutil.copytree(folder(family), tmp_path / "copy")
    encoder = load_encoder(EncoderConfig(model=str(folder(family))), kind)
    if kind == "text":
        encoder.encode(["the cat " * 50, "a"])
    assert encoder.fingerprint == of(tmp_path / "copy", kind) == of(folder(family), kind)
    assert len(encoder.fingerprint) == 64


def test_settings_of_a_text_encoder_count(folder: Folder) -> None:
    prints = [of(folder("bert"), "text", **s) for s in ({}, {"layer": 1}, {"layer": 2}, {"max_tokens": 3})]
    assert len(set(prints)) == len(prints)
    # What only pictures know, and a limit that the model itself undercuts, do not.
    assert of(folder("bert"), "text", size=64, pool=2, max_tokens=100) == prints[0]


def test_settings_of_an_image_encoder_count(folder: Folder) -> None:
    settings: list[dict[str, Any]] = [{}, {"layer": 1}, {"size": 64}, {"pool": 2}, {"fit": "crop"}, {"fit": "stretch"}]
    prints = [of(folder("vit"), "image", **s) for s in settings]
    assert len(set(prints)) == len(prints)
    assert of(folder("vit"), "image", size=32, max_tokens=7) == prints[0]


def test_weights_heads_and_tokenizer_count(folder: Folder, tmp_path: Path) -> None:
    before = of(folder("bert"), "text")
    path = Path(shutil.copytree(folder("bert"), tmp_path / "bert"))
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"num_attention_heads": 2}))
    assert of(path, "text") != before  # the same weights read in another way
    (path / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    assert of(path, "text") == before
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    vocab["cat"], vocab["mat"] = vocab["mat"], vocab["cat"]
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert of(path, "text") != before
    shutil.copy(folder("bert") / "tokenizer.json", path)
    model = transformers.BertModel.from_pretrained(path)
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias[0] += 1e-6
    model.save_pretrained(path)
    assert of(path, "text") != before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_any_precision(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).to(dtype)  # its step counter has no dimension
    first = fingerprint(network, layer=1)
    assert first == fingerprint(network, layer=1) != fingerprint(network, layer=2)
    network[0].weight.data[0, 0] += 1
    assert fingerprint(network, layer=1) != first


def test_layout_in_memory_does_not_count() -> None:
    network = nn.Linear(3, 4)
    first = fingerprint(network)
    network.weight.data = network.weight.data.T.contiguous().T
    assert not network.weight.is_contiguous() and fingerprint(network) == first
