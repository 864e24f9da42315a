"""Open one tower (text or vision) of a Hugging Face folder or hub id, frozen and cut at the wanted layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from torch import nn
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

from interplay.errors import EncoderError

HARMLESS = ("pooler.", "head.", "visual_projection", "text_projection", "position_ids", "mask_token")


@dataclass(frozen=True)
class Loaded:
    """A tower and what prepares its input: a tokenizer for text, an image processor for images."""

    network: nn.Module
    config: Any
    prepare: Any


def load_tower(source: str | Path, kind: str, layer: int | None) -> Loaded:
    """Load the `kind` ("text" | "image") tower of a folder or hub id.

    Raises EncoderError if nothing can be loaded there, if it is the other kind of model, if it has fewer layers
    than `layer`, or if weights are missing from its files.
    """
    config = _tower_config(source, kind)
    depth = config.num_hidden_layers if "num_hidden_layers" in config.to_dict() else None
    if layer is not None:
        if depth is None or layer > depth:
            raise EncoderError(
                f"encoder {source} has {'no countable' if depth is None else depth} layers",
                expected=f"at least {layer}, the `layer` asked for",
                fix="lower encoders.*.layer, or leave it out for the last layer",
            )
        config.num_hidden_layers = layer
    # AutoModel does not know the towers of all two-tower models; their class is named after their config.
    model_class = getattr(transformers, type(config).__name__.replace("Config", "Model"), AutoModel)
    try:
        with _quiet():
            network, info = model_class.from_pretrained(source, config=config, output_loading_info=True)
        prepare = (AutoTokenizer if kind == "text" else AutoImageProcessor).from_pretrained(
            source, **({"use_fast": True} if kind == "text" else {"backend": "pil"})
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise EncoderError(
            f"cannot load the {kind} encoder {source}: {_first_line(error)}",
            expected="a Hugging Face folder with weights and a "
            + ("tokenizer" if kind == "text" else "preprocessor_config.json"),
            fix="check the folder, or that the hub id is right and reachable",
        ) from error
    missing = [n for n in sorted(info["missing_keys"]) if not any(part in n for part in HARMLESS)]
    if missing or info["mismatched_keys"]:
        first = missing[0] if missing else next(iter(sorted(info["mismatched_keys"])))
        raise EncoderError(
            f"encoder {source} lacks {len(missing) or len(info['mismatched_keys'])} weights, the first is {first}",
            expected=f"all weights of a {type(network).__name__}",
            fix="take the folder of the whole pretrained model",
        )
    return Loaded(network, config, prepare)


def _tower_config(source: str | Path, kind: str) -> Any:
    """The config of the wanted tower: of the model itself, or of one half of a two-tower model (CLIP, SigLIP)."""
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(
            f"cannot open encoder {source}: {_first_line(error)}",
            expected="a packaged name, a Hugging Face folder with config.json, or a hub id",
            fix="`interplay encode --list` names the packaged encoders",
        ) from error
    tower = {"text": "text_config", "image": "vision_config"}[kind]
    if tower in config.to_dict():
        return config.get_text_config() if kind == "text" else config.vision_config
    reads_text = "vocab_size" in config.to_dict()
    if reads_text != (kind == "text"):
        raise EncoderError(
            f"encoder {source} is a {'text' if reads_text else 'vision'} model ({config.model_type})",
            expected=f"a model for the kind {kind!r}",
            fix="swap the encoders of the two modalities, or name another",
        )
    return config


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence transformers' list of unused weights: a tower cut at a layer leaves many, by intent."""
    log = transformers.utils.logging
    before = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(before[0])
        if before[1]:
            log.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
