"""Frozen encoders: a text or a picture in, the sequence of its tokens or patches out (METHOD 1) [paper].

Special tokens ([CLS], <s>, ...), class and register tokens and padding are dropped: they are not features (METHOD 6).
"""

import hashlib
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from interplay.config import EncoderConfig
from interplay.encoders.packaged import PACKAGED, EfficientNetTokens, minilm_folder, vit_s14
from interplay.encoders.preparation import normalised, patch_boxes, patches_on_picture, square, view
from interplay.encoders.towers import Loaded, load_tower
from interplay.errors import EncoderError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Encoded:
    """The features of one sample in one modality.

    Attributes:
        features: (T, W) float32; W is the encoder's own width.
        valid: (T,) bool; False where a position holds no feature (the bars of a letterbox).
        truncated: tokens cut off because the encoder takes no more.
    """

    features: Tensor
    valid: Tensor
    truncated: int = 0


@dataclass(frozen=True)
class Part:
    """What one feature is to a person: a piece of the text with its span, or a box of the picture."""

    text: str | None = None
    span: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None


class Encoder(ABC):
    """A frozen network with its preparation. Made by `load_encoder`.

    Attributes:
        kind: "text" or "image".
        width: W, the width of its features.
        max_features: the longest sequence it gives.
        fingerprint: a hash of its weights and settings; equal fingerprints give equal features.
    """

    kind: str
    width: int
    max_features: int
    fingerprint: str

    def __init__(self, network: nn.Module, config: EncoderConfig) -> None:
        self.network = network.eval().requires_grad_(False)
        self.config = config
        self.device = torch.device("cpu")

    def to(self, device: str | torch.device) -> "Encoder":
        """Move the network; features are returned on the CPU whatever the device."""
        self.device = torch.device(device)
        self.network.to(self.device)
        return self

    @abstractmethod
    def encode(self, inputs: Sequence[Any]) -> list[Encoded]:
        """Encode a batch of texts, or of RGB pictures, each to its own (T, W) sequence."""

    @abstractmethod
    def parts(self, content: Any) -> list[Part]:
        """What each of the T positions of one input is, in the order of `encode`."""


@final
class TextEncoder(Encoder):
    """Any Hugging Face text model: tokens without special tokens and padding."""

    kind = "text"

    def __init__(self, tower: Loaded, config: EncoderConfig) -> None:
        super().__init__(tower.network, config)
        self.tokenizer = tower.prepare
        special = self.tokenizer.num_special_tokens_to_add()
        # Padding-aware position tables (RoBERTa) hold pad_token_id + 1 rows that no token can use.
        offset = (tower.config.pad_token_id or 0) + 1 if "roberta" in tower.config.model_type else 0
        longest = min(tower.config.max_position_embeddings - offset, self.tokenizer.model_max_length)
        self.max_features = min(config.max_tokens, longest - special)
        self.max_length = self.max_features + special
        self.width = tower.config.hidden_size
        self.fingerprint = _fingerprint(self.network, config, tokenizer=self.tokenizer.get_vocab())

    def _tokens(self, texts: Sequence[str], **kwargs: Any) -> Any:
        return self.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.max_length,
            return_special_tokens_mask=True,
            **kwargs,
        )

    @torch.no_grad()
    def encode(self, inputs: Sequence[str]) -> list[Encoded]:
        """Texts -> token features. The special tokens take part in the encoder's attention, then are dropped."""
        batch = self._tokens(inputs, padding=True, return_tensors="pt", return_attention_mask=True)
        special = batch.pop("special_tokens_mask").bool()
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        hidden = self.network(**batch).last_hidden_state.float().cpu()
        keep = batch["attention_mask"].cpu().bool() & ~special
        lengths = [
            len(ids) for ids in self.tokenizer(list(inputs), add_special_tokens=False, verbose=False)["input_ids"]
        ]
        out = []
        for row, length in enumerate(lengths):
            features = hidden[row, keep[row]]
            out.append(Encoded(features, torch.ones(len(features), dtype=torch.bool), length - len(features)))
        return out

    def parts(self, content: str) -> list[Part]:
        """The word pieces of a text with their character spans."""
        batch = self._tokens([content], return_offsets_mapping=True)
        rows = zip(batch["offset_mapping"][0], batch["special_tokens_mask"][0], strict=True)
        return [Part(text=content[s:e], span=(s, e)) for (s, e), special in rows if not special]


@final
class ImageEncoder(Encoder):
    """Any Hugging Face vision model, or a network that gives a feature map: patches without class tokens."""

    kind = "image"

    def __init__(self, network: nn.Module, config: EncoderConfig, size: int, norm: Any) -> None:
        super().__init__(network, config)
        self.size, (self.mean, self.std) = size, norm
        takes = inspect.signature(network.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}
        probe = self._maps(torch.zeros(1, 3, size, size))
        self.full_grid, self.width = probe.shape[-1], probe.shape[1]
        if self.full_grid % config.pool:
            raise EncoderError(
                f"pool {config.pool} does not divide the {self.full_grid} x {self.full_grid} patches",
                expected="a divisor",
                fix="change encoders.*.pool or encoders.*.size",
            )
        self.grid = self.full_grid // config.pool
        self.max_features = self.grid**2
        self.fingerprint = _fingerprint(network, config, size=size, mean=self.mean, std=self.std)

    def _maps(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, S, S) -> feature maps (B, W, g, g)."""
        out = self.network(pixels, **self.options)
        hidden = out if isinstance(out, Tensor) else out.last_hidden_state
        if hidden.ndim == 3:  # class and register tokens come first
            g = int((hidden.shape[1]) ** 0.5)
            hidden = hidden[:, -g * g :].transpose(1, 2).unflatten(2, (g, g))
        return hidden.float()

    @torch.no_grad()
    def encode(self, inputs: Sequence[Image.Image]) -> list[Encoded]:
        """RGB pictures -> patch features, row by row. Patches off the picture are marked not valid."""
        colour = tuple(round(255 * m) for m in self.mean)
        fitted = [square(p, self.size, self.config.fit, colour) for p in inputs]
        pixels = torch.from_numpy(np.stack([normalised(p, self.mean, self.std) for p in fitted]))
        maps = self._maps(pixels.to(self.device)).cpu()
        seen = [
            torch.from_numpy(patches_on_picture(view(*p.size, self.config.fit), self.full_grid)).float() for p in inputs
        ]
        on = torch.stack(seen).view(-1, 1, self.full_grid, self.full_grid)
        k = self.config.pool
        share = F.avg_pool2d(on, k)
        pooled = F.avg_pool2d(maps * on, k) / share.clamp(min=1e-9)  # bars take no part in the average
        rows, valid = pooled.flatten(2).transpose(1, 2), share.flatten(1) > 0
        return [Encoded(r, v) for r, v in zip(rows, valid, strict=True)]

    def parts(self, content: Image.Image) -> list[Part]:
        """The box of each patch as fractions of the picture, cut at its edges."""
        return [Part(box=b) for b in patch_boxes(view(*content.size, self.config.fit), self.grid)]


def load_encoder(config: EncoderConfig, kind: str) -> Encoder:
    """Load a frozen encoder for a modality of `kind` ("text" | "image").

    Raises EncoderError if the model cannot be opened, is of the other kind, or lacks weights or layers.
    """
    name = config.model
    if name in PACKAGED and PACKAGED[name] != kind:
        raise EncoderError(
            f"{name} is a packaged {PACKAGED[name]} encoder",
            expected=f"one for the kind {kind!r}",
            fix=f"choose from {', '.join(n for n, k in PACKAGED.items() if k == kind)}",
        )
    if name == "vit-s14":
        _check_depth(name, config.layer, 12)
        return ImageEncoder(vit_s14(config.layer), config, config.size or 112, IMAGENET)
    if name == "efficientnet-lite0":
        _check_depth(name, config.layer, 16)
        half = ((0.498,) * 3, (0.502,) * 3)  # its own preprocessing: (x - 127) / 128
        return ImageEncoder(EfficientNetTokens(config.layer), config, config.size or 224, half)
    source: str | Path = minilm_folder() if name == "minilm" else name
    tower = load_tower(source, kind, config.layer)
    if kind == "text":
        return TextEncoder(tower, config)
    prepare = tower.prepare
    size = prepare.crop_size or prepare.size
    side = config.size or size.get("height") or size.get("shortest_edge")
    norm = (tuple(prepare.image_mean), tuple(prepare.image_std)) if prepare.do_normalize else ((0,) * 3, (1,) * 3)
    return ImageEncoder(tower.network, config, side, norm)


def _check_depth(name: str, layer: int | None, depth: int) -> None:
    if layer is not None and layer > depth:
        raise EncoderError(f"{name} has {depth} layers", expected=f"encoders.*.layer of at most {depth}, got {layer}")


def _fingerprint(network: nn.Module, config: EncoderConfig, **more: Any) -> str:
    """A hash of the weights themselves (not of where they lie), the settings and the preparation."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().view(-1).numpy().tobytes())
    settings = config.model_dump(exclude={"model"}) | more
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return digest.hexdigest()
