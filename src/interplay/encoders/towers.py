"""Open one tower (text or vision) of a Hugging Face folder, cut at the wanted layer."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from interplay.errors import EncoderError

VOCABULARIES = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("*.model",))
T = TypeVar("T")


@dataclass(frozen=True)
class Pixels:
    """How a vision network wants its pixels: side of the square, mean and deviation per channel (of 0..1)."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Tower:
    """A frozen network, ready to be wrapped.

    Attributes:
        name: what the user called it, for messages.
        config: its Hugging Face configuration; None for a network of another make.
        prepare: a fast tokenizer for text, Pixels for images.
    """

    name: str
    network: nn.Module
    config: Any
    prepare: Any


def load_tower(name: str, folder: Path, kind: str, layer: int | None) -> Tower:
    """Load the text or image network ("tower") of a folder, in single precision.

    A tower cut at `layer` keeps the model's own last norm where its last_hidden_state passes through one (CLIP text,
    SigLIP, ViT, DINOv2, GPT-2); BERT and its kin and CLIP's vision tower have none.

    Args:
        name: the model's name, for messages.
        folder: where its files are.
        kind: "text" or "image".
        layer: keep this many layers; all if None.

    Raises:
        EncoderError: nothing can be loaded there, it is the other kind of model, it has fewer layers than `layer`, or
            weights are missing from its files.
    """
    import transformers  # takes seconds: loaded only together with an encoder
    from transformers import AutoConfig, AutoModel

    config = _tower_config(name, _open(name, "config.json", lambda: _auto(AutoConfig, folder)), kind)
    if layer is not None:
        depth = getattr(config, "num_hidden_layers", None)
        if not isinstance(depth, int) or layer > depth:
            raise cannot_cut(name, layer, depth if isinstance(depth, int) else None)
        config.num_hidden_layers = layer
    # AutoModel does not know the towers of all two-tower models; their class is named after their config.
    model_class = getattr(transformers, type(config).__name__.replace("Config", "Model"), AutoModel)
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    network, info = _open(name, "the weights", lambda: _auto(model_class, folder, **options))
    _refuse_missing(name, network, info)
    if config.is_encoder_decoder:
        network = network.get_encoder()
    if kind == "text":
        return Tower(name, network, config, _open(name, "the tokenizer", lambda: _tokenizer(folder)))
    return Tower(name, network, config, _open(name, "preprocessor_config.json", lambda: _pixels(folder)))


def unused(weight: str) -> bool:
    """Whether a weight takes no part in the tokens: heads on pooled vectors, masks of pretraining, plain counters.

    Many checkpoints leave them out, and they are then drawn at random.

    Args:
        weight: the weight's name.
    """
    first, last = weight.split(".")[0], weight.split(".")[-1]
    return first in ("pooler", "head", "visual_projection", "text_projection") or last in ("position_ids", "mask_token")


def cannot_cut(name: str, layer: int, depth: int | None) -> EncoderError:
    """The error for a layer that the model does not have.

    Args:
        name: the model's name.
        layer: the layer that was asked for.
        depth: how many layers it has; None if unknown.
    """
    return EncoderError(
        f"encoder {name} cannot be tapped after layer {layer}: "
        + ("its layers cannot be counted" if depth is None else f"it has {depth} layers"),
        expected="no `layer`" if depth is None else f"a `layer` of at most {depth}",
        fix="lower encoders.*.layer, or leave it out for the last layer",
    )


def probe(tower: Tower, layer: int | None, inputs: dict[str, Any]) -> Any:
    """One forward pass, to see that it works and was cut at `layer`.

    Some models (Swin) accept another number of layers in their configuration and ignore it.

    Args:
        tower: the network.
        layer: keep this many layers; all if None.
        inputs: keyword arguments of its forward.

    Returns:
        The model's output.

    Raises:
        EncoderError: the pass fails, or the network was not cut.
    """
    count = layer is not None and tower.config is not None
    more = {"output_hidden_states": True} if count else {}
    what = "it as a plain encoder of texts or pictures"
    with torch.no_grad():
        out = _open(tower.name, what, lambda: tower.network(**inputs, **more), verb="run")
    if layer is not None and count and len(out.hidden_states) != layer + 1:
        raise cannot_cut(tower.name, layer, None)
    return out


def _tower_config(name: str, config: Any, kind: str) -> Any:
    """The config of the wanted tower: of the model itself, or of one half of a two-tower model (CLIP, SigLIP)."""
    tower = {"text": "text_config", "image": "vision_config"}[kind]
    if tower in config.to_dict():
        return getattr(config, tower)
    reads_text = "vocab_size" in config.to_dict()
    if reads_text != (kind == "text"):
        raise EncoderError(
            f"encoder {name} is a {'text' if reads_text else 'vision'} model ({config.model_type})",
            expected=f"a model for the kind {kind!r}",
            fix="swap the encoders of the two modalities, or name another",
        )
    return config


def _refuse_missing(name: str, network: nn.Module, info: dict[str, Any]) -> None:
    missing = [weight for weight in sorted(info["missing_keys"]) if not unused(weight)]
    if missing:
        raise EncoderError(
            f"encoder {name} lacks {len(missing)} weights, the first is {missing[0]}",
            expected=f"all weights of a {type(network).__name__}",
            fix="take the folder of the whole pretrained model",
        )


def _tokenizer(folder: Path) -> Any:
    """A tokenizer that gives each token's position in the text, or ValueError."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if not any(all(any(folder.glob(name)) for name in names) for names in VOCABULARIES):
        raise ValueError("there is no vocabulary")  # transformers would make up an empty tokenizer
    try:
        tokenizer = _auto(AutoTokenizer, folder)
    except (ImportError, AttributeError):  # SigLIP's own class needs sentencepiece
        tokenizer = None
    if (tokenizer is None or not tokenizer.is_fast) and (folder / "tokenizer.json").is_file():
        tokenizer = _auto(PreTrainedTokenizerFast, folder)
    if tokenizer is None or not tokenizer.is_fast:
        raise ValueError("there is no tokenizer.json, and without it tokens cannot be placed in the text")
    return tokenizer


def _pixels(folder: Path) -> Pixels:
    """What a folder's image processor would do to a picture, but for its way of cropping: that is ours to choose."""
    from transformers import AutoImageProcessor

    processor = _auto(AutoImageProcessor, folder, backend="pil")
    size = processor.crop_size if processor.do_center_crop else processor.size
    side = size.get("height") or size.get("shortest_edge")
    if not side:
        raise ValueError(f"its size {size} is no square")
    if not processor.do_normalize:
        return Pixels(side, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Pixels(side, _channels(processor.image_mean), _channels(processor.image_std))


def _channels(levels: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(level) for level in levels)
    return red, green, blue


def _auto(factory: Any, folder: Path, **options: Any) -> Any:
    """`from_pretrained` that touches no network and runs no code out of the folder."""
    return factory.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **options)


def _open(name: str, what: str, load: Callable[[], T], verb: str = "read") -> T:
    """Run `load`; whatever the libraries raise becomes an EncoderError that names the encoder."""
    try:
        with quiet():
            return load()
    except (EncoderError, MemoryError):
        raise
    except Exception as error:  # transformers, tokenizers and safetensors raise anything on broken files
        lines = str(error).strip().splitlines()
        raise EncoderError(
            f"encoder {name}: cannot {verb} {what} ({lines[0] if lines else type(error).__name__})",
            expected="the whole folder of a pretrained Hugging Face text or vision model",
            fix="check the folder, or download the model again",
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' report of unused weights (a tower cut at a layer leaves many, by intent) and its bars."""
    from transformers.utils import logging as log

    before = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(before[0])
        if before[1]:
            log.enable_progress_bar()
