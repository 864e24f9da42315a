"""What is no encoder is refused: in one sentence, quickly, by its name, with what to do."""

import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from interplay.encoders import sources
from interplay.encoders.loading import load_encoder
from interplay.encoders.settings import EncoderConfig
from interplay.errors import EncoderError

Folder = Callable[[str], Path]


def refused(model: Path | str, kind: str = "text", **settings: Any) -> str:
    """The message with which a model is refused; always one line that names it and says what to do."""
    with pytest.raises(EncoderError) as caught:
        load_encoder(EncoderConfig(model=str(model), **settings), kind)
    message = str(caught.value)
    assert caught.value.exit_code == 2 and str(model) in message and "\n" not in message
    assert caught.value.expected and caught.value.fix
    return message


@pytest.fixture
def copy(folder: Folder, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a family's folder, free to be broken."""

    def make(family: str) -> Path:
        return Path(shutil.copytree(folder(family), tmp_path / family))

    return make


def test_empty_folder(tmp_path: Path) -> None:
    assert "has no config.json" in refused(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("x")
    assert "has no config.json" in refused(tmp_path / "model")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model_type": "no-such"}', "\udcff"])
def test_broken_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "cannot read config.json" in refused(tmp_path)


def test_config_only(copy: Callable[[str], Path]) -> None:
    path = copy("bert")
    for file in path.iterdir():
        if file.name != "config.json":
            file.unlink()
    assert "cannot read the weights" in refused(path)


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_truncated_weights(copy: Callable[[str], Path], keep: float) -> None:
    path = copy("bert") / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else int(keep)])
    assert "cannot read the weights" in refused(path.parent)


def test_missing_and_misshapen_weights(copy: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file, save_file

    path = copy("bert") / "model.safetensors"
    weights = load_file(path)
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    assert "lacks 1 weights, the first is encoder.layer.1.output.dense.weight" in refused(path.parent)
    load_encoder(EncoderConfig(model=str(path.parent), layer=1), "text")  # a tower cut below does not need it
    config = json.loads((path.parent / "config.json").read_text())
    (path.parent / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    assert "cannot read the weights" in refused(path.parent)


@pytest.mark.parametrize("family", ["bert", "roberta", "clip", "siglip", "gpt2"])
def test_no_tokenizer(copy: Callable[[str], Path], family: str) -> None:
    path = copy(family)
    for file in [*path.glob("token*"), *path.glob("vocab*"), *path.glob("merges*")]:
        file.unlink()
    assert "cannot read the tokenizer" in refused(path)


@pytest.mark.parametrize("content", ["", "{}", "[1"])
def test_broken_tokenizer(copy: Callable[[str], Path], content: str) -> None:
    path = copy("roberta")
    (path / "tokenizer.json").write_text(content)
    assert "cannot read the tokenizer" in refused(path)


def test_no_image_processor(copy: Callable[[str], Path]) -> None:
    path = copy("vit")
    (path / "preprocessor_config.json").unlink()
    assert "cannot read preprocessor_config.json" in refused(path, "image")


def test_the_other_kind(folder: Folder) -> None:
    assert "is a text model (roberta); expected a model for the kind 'image'" in refused(folder("roberta"), "image")
    assert "is a vision model (vit); expected a model for the kind 'text'" in refused(folder("vit"), "text")


def test_layer_too_deep(folder: Folder) -> None:
    for family, kind in (("bert", "text"), ("distilbert", "text"), ("clip", "text"), ("clip", "image")):
        message = refused(folder(family), kind, layer=4)
        assert "cannot be tapped after layer 4: it has 3 layers; expected a `layer` of at most 3" in message


def test_code_in_a_folder_is_not_run_nor_asked_about(copy: Callable[[str], Path]) -> None:
    path = copy("bert")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(
        json.dumps(config | {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}})
    )
    (path / "own.py").write_text("raise SystemExit('was run')")
    assert "cannot read config.json" in refused(path)


@pytest.mark.parametrize(
    "model", ["no-such/model", "roberta-base", "no/such/folder", "../nowhere", "a b", "x" * 300, "a\0b"]
)
def test_hub_id_without_a_network(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waited {seconds} s to try once more"))
    assert "is no folder, and the hub does not give it" in refused(model)


def test_an_unreachable_hub_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fails(self: object, model: str, timeout: float) -> None:
        calls.append((model, timeout))
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fails)
    assert "the hub does not give it: Name or service not known" in refused("roberta-base")
    assert calls == [("roberta-base", sources.SECONDS)]


def test_a_hub_model_is_downloaded_once_and_then_read_from_the_cache(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached, asked = [], []
    names = ["config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin", "onnx/model.safetensors"]

    def info(self: object, model: str, timeout: float) -> Any:
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in [*names, "tf_model.h5"]])

    def download(model: str, local_files_only: bool = False, allow_patterns: list[str] | None = None) -> str:
        if local_files_only and not cached:
            raise FileNotFoundError(model)
        asked.append(allow_patterns)
        cached.append(model)
        return str(folder("bert"))

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    monkeypatch.setattr(sources, "snapshot_download", download)
    config = EncoderConfig(model="some/bert")
    first, second = load_encoder(config, "text"), load_encoder(config, "text")
    assert asked == [["config.json", "tokenizer.json", "model.safetensors"], None]
    assert first.fingerprint == second.fingerprint


def test_loading_is_silent(folder: Folder, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """No bars, no reports of unused weights, and transformers' own settings as they were."""
    import transformers

    log = transformers.utils.logging
    log.enable_progress_bar()
    before = log.get_verbosity()
    with caplog.at_level(logging.INFO):
        for family, kind in (("clip", "text"), ("clip", "image"), ("gpt2", "text"), ("roberta", "text")):
            encoder = load_encoder(EncoderConfig(model=str(folder(family)), layer=2), kind)
            if kind == "text":
                encoder.encode(["a " * 500])
    assert log.get_verbosity() == before and log.is_progress_bar_enabled()
    log.disable_progress_bar()
    out, err = capfd.readouterr()
    assert not out and not err and not [r for r in caplog.records if r.name.startswith("transformers")]


def test_patches_have_no_neighbours() -> None:
    with pytest.raises(EncoderError, match="an encoder of kind 'image' was given neighbours = 1") as caught:
        load_encoder(EncoderConfig(model="vit-s14", isolate=True, neighbours=1), "image")
    assert caught.value.fix == "set it for the text alone, encoders.text.neighbours"
