"""Frozen encoders: a text or a picture in, the sequence of its tokens or patches out (METHOD 1) [paper].

Special tokens ([CLS], <s>, ...), class and register tokens and padding are dropped: they are not features (METHOD 6).
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from interplay.encoders.fingerprint import fingerprint, tokenizer_state
from interplay.encoders.packaged import PACKAGED, PACKAGED_TOWERS, minilm_folder
from interplay.encoders.parts import Part
from interplay.encoders.preparation import View, normalised, patch_boxes, patches_on_picture, square, view
from interplay.encoders.settings import EncoderConfig
from interplay.encoders.sources import local_folder
from interplay.encoders.tokens import TokenizedText, Word, tokenize, words_alone
from interplay.encoders.towers import Tower, load_tower, probe
from interplay.errors import EncoderError

WORDS_AT_ONCE = 256
FEATURE_MAP_STRIDE = 32
"""Pixels per patch of a network whose configuration names none (ResNet, EfficientNet): it halves five times."""


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


class Encoder(ABC):
    """A frozen network with its preparation. Made by `load_encoder`.

    Attributes:
        kind: "text", "image" or "features".
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
        """Move the network; features are returned on the CPU whatever the device.

        Args:
            device: where to compute.

        Returns:
            The encoder itself.
        """
        self.device = torch.device(device)
        self.network.to(self.device)
        return self

    @abstractmethod
    def encode(self, inputs: Sequence[Any]) -> list[Encoded]:
        """Encode a batch of texts, RGB pictures or arrays, each to its own (T, W) sequence.

        Args:
            inputs: the texts, pictures or arrays.

        Returns:
            One for each input.
        """

    @abstractmethod
    def parts(self, content: Any) -> list[Part]:
        """What each of the T positions of one input is, in the order of `encode`.

        Args:
            content: one text, picture or array.
        """


@final
class TextEncoder(Encoder):
    """Any Hugging Face text model: tokens without special tokens and padding."""

    kind = "text"

    def __init__(self, tower: Tower, config: EncoderConfig) -> None:
        super().__init__(tower.network, config)
        self.tokenizer = tower.prepare
        self._refuse_foreign_tokenizer(tower)
        positions = _positions(tower)
        special = self.tokenizer.num_special_tokens_to_add()
        longest = min(self.tokenizer.model_max_length, positions or math.inf)
        self.max_features = int(min(config.max_tokens, longest - special))
        if self.max_features < 1:
            raise EncoderError(f"encoder {tower.name} takes {longest} tokens, of which {special} are special")
        # Of the last batch: whoever encodes a text asks what its tokens are next.
        self._tokenized: dict[str, TokenizedText] = {}
        # SigLIP was trained on texts padded to full length, the padding seen as any token: it gets no mask.
        self.padded = positions if tower.config.model_type.startswith("siglip") else None
        ids = torch.full((1, self.padded or 1), self._pad)
        out = probe(tower, config.layer, {"input_ids": ids})
        self.width = out.last_hidden_state.shape[-1]
        prepared = {"longest": self.max_features, "tokenizer": tokenizer_state(self.tokenizer)}
        self.fingerprint = fingerprint(self.network, layer=config.layer, isolate=config.isolate, **prepared)

    def _refuse_foreign_tokenizer(self, tower: Tower) -> None:
        network: Any = tower.network
        known = network.get_input_embeddings().num_embeddings
        highest = max(self.tokenizer.get_vocab().values(), default=-1)
        if not 0 <= highest < known:
            raise EncoderError(
                f"encoder {tower.name}: its tokenizer has {highest + 1} tokens",
                expected=f"at most the {known} that the weights know, and at least one",
                fix="put the model's own tokenizer into the folder",
            )

    @property
    def _pad(self) -> int:
        return self.tokenizer.pad_token_id or 0

    def encode(self, inputs: Sequence[str]) -> list[Encoded]:
        """Texts -> token features. The special tokens take part in the encoder's attention, then are dropped.

        Args:
            inputs: the texts.
        """
        batch = tokenize(self.tokenizer, inputs, self.max_features)
        self._tokenized = dict(zip(inputs, batch, strict=True))
        if self.config.isolate:
            return self._encode_words(batch)
        out = []
        for tokens, hidden in zip(batch, self._hidden([tokens.ids for tokens in batch]), strict=True):
            out.append(self._encoded(hidden[torch.tensor(tokens.is_feature, dtype=torch.bool)], tokens))
        return out

    def _encode_words(self, batch: Sequence[TokenizedText]) -> list[Encoded]:
        """Each word between the special tokens of its text, by itself; equal words are encoded once.

        A word is what blanks part: in a script without blanks, that is a whole clause.
        """
        words = [words_alone(tokens) for tokens in batch]
        different = sorted({word for row in words for word in row}, key=lambda word: (len(word.ids), word.ids))
        pieces: dict[Word, Tensor] = {}
        for start in range(0, len(different), WORDS_AT_ONCE):
            chunk = different[start : start + WORDS_AT_ONCE]
            for word, rows in zip(chunk, self._hidden([word.ids for word in chunk]), strict=True):
                pieces[word] = rows[word.first : word.last]
        nothing = torch.zeros(0, self.width)
        return [
            self._encoded(torch.cat([nothing, *(pieces[word] for word in row)]), tokens)
            for tokens, row in zip(batch, words, strict=True)
        ]

    @torch.no_grad()
    def _hidden(self, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        """The network's answer (T, W) to each sequence of ids, special tokens included."""
        longest = self.padded or max((len(ids) for ids in sequences), default=0)
        if not sequences or not longest:  # a tokenizer without special tokens makes nothing of an empty text
            return [torch.zeros(0, self.width) for _ in sequences]
        ids = torch.full((len(sequences), longest), self._pad)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
            mask[row, : len(sequence)] = 1
        masked = {} if self.padded else {"attention_mask": mask.to(self.device)}
        hidden = self.network(input_ids=ids.to(self.device), **masked).last_hidden_state.float().cpu()
        return [rows[: len(sequence)] for rows, sequence in zip(hidden, sequences, strict=True)]

    def _encoded(self, features: Tensor, tokens: TokenizedText) -> Encoded:
        return Encoded(features, torch.ones(len(features), dtype=torch.bool), tokens.cut)

    def parts(self, content: str) -> list[Part]:
        """The word pieces of a text with their character spans, without blanks at their ends.

        A piece that is only a blank has an empty span; the bytes of one character share its span.

        Args:
            content: the text.
        """
        known = self._tokenized.get(content)
        spans = (known or tokenize(self.tokenizer, [content], self.max_features)[0]).spans
        return [Part(text=content[start:end], span=(start, end)) for start, end in spans]


@final
class ImageEncoder(Encoder):
    """Any Hugging Face vision model, or a network that gives a feature map: patches without class tokens."""

    kind = "image"

    def __init__(self, tower: Tower, config: EncoderConfig) -> None:
        super().__init__(tower.network, config)
        self.mean, self.std = tower.prepare.mean, tower.prepare.std
        takes = inspect.signature(tower.network.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}
        self.patch = getattr(tower.config, "patch_size", None)
        self.size = self._whole_patches(tower)
        pixels = torch.zeros(1, 3, self.size, self.size)
        maps = self._maps(probe(tower, config.layer, {"pixel_values": pixels, **self.options}), self.size)
        self.full_grid, self.width = maps.shape[-1], maps.shape[1]
        if self.full_grid % config.pool:
            raise EncoderError(
                f"pool {config.pool} does not divide the {self.full_grid} x {self.full_grid} patches of {tower.name}",
                expected="a divisor",
                fix="change encoders.*.pool or encoders.*.size",
            )
        self.grid = self.full_grid // config.pool
        self.max_features = self.grid**2
        prepared = {"size": self.size, "mean": self.mean, "std": self.std, "fit": config.fit, "pool": config.pool}
        self.fingerprint = fingerprint(self.network, layer=config.layer, isolate=config.isolate, **prepared)

    def _whole_patches(self, tower: Tower) -> int:
        """The side in pixels: as asked for, or the model's own less the pixels that fill no patch (384 at 14: 378)."""
        unit = self.patch if isinstance(self.patch, int) else FEATURE_MAP_STRIDE
        wanted = self.config.size
        if wanted is None:
            return max(unit, tower.prepare.size // unit * unit)
        if wanted % unit:
            near = max(1, wanted // unit) * unit
            raise EncoderError(
                f"size {wanted} is no whole number of {tower.name}'s patches of {unit} pixels",
                expected=f"a multiple of {unit}",
                fix=f"set encoders.*.size = {near} or {near + unit}",
            )
        return wanted

    def _maps(self, out: Any, side: int) -> Tensor:
        """The output for `side` pixels, tokens (B, T, W) or feature maps (B, W, g, g) -> feature maps (B, W, g, g)."""
        hidden = out if isinstance(out, Tensor) else out.last_hidden_state
        if hidden.ndim == 3:
            g = side // self.patch if isinstance(self.patch, int) else 0
            if not 0 < g * g <= hidden.shape[1]:  # patches merged on the way (Swin): no class tokens either
                g = math.isqrt(hidden.shape[1])
            # Class and register tokens come first.
            hidden = hidden[:, -g * g :].transpose(1, 2).unflatten(2, (g, g))
        return hidden.float()

    @torch.no_grad()
    def encode(self, inputs: Sequence[Image.Image]) -> list[Encoded]:
        """RGB pictures -> patch features, row by row. Patches outside the picture are not valid, and zero.

        Args:
            inputs: the pictures.
        """
        if not inputs:
            return []
        fitted = [square(p, self.size, self.config.fit, self.mean) for p in inputs]
        pixels = torch.from_numpy(np.stack([normalised(p, self.mean, self.std) for p in fitted]))
        maps = self._tile_maps(pixels) if self.config.isolate else self._answer(pixels)
        shown = [patches_on_picture(self._view(picture), self.full_grid) for picture in inputs]
        on = torch.from_numpy(np.stack(shown)).float().unsqueeze(1)
        share = F.avg_pool2d(on, self.config.pool)
        pooled = F.avg_pool2d(maps * on, self.config.pool) / share.clamp(min=1e-9)  # bars do not count in the average
        rows, valid = pooled.flatten(2).transpose(1, 2), share.flatten(1) > 0
        return [Encoded(r, v) for r, v in zip(rows, valid, strict=True)]

    def _answer(self, pixels: Tensor) -> Tensor:
        """Pixels (B, 3, s, s) -> feature maps (B, W, g, g)."""
        out = self.network(pixel_values=pixels.to(self.device), **self.options)
        return self._maps(out, pixels.shape[-1]).cpu()

    def _tile_maps(self, pixels: Tensor) -> Tensor:
        """The same with each of the grid x grid tiles seen as a picture of its own."""
        g, side = self.grid, self.size // self.grid
        tiles = pixels.unflatten(3, (g, side)).unflatten(2, (g, side)).permute(0, 2, 4, 1, 3, 5)  # B g g 3 s s
        maps = self._answer(tiles.flatten(0, 2)).unflatten(0, (-1, g, g))  # B g g W k k
        return maps.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)

    def parts(self, content: Image.Image) -> list[Part]:
        """The box of each patch as fractions of the picture, clipped to its edges.

        Args:
            content: the picture.
        """
        return [Part(box=b) for b in patch_boxes(self._view(content), self.grid)]

    def _view(self, picture: Image.Image) -> View:
        return view(*picture.size, self.size, self.config.fit)


def load_encoder(config: EncoderConfig, kind: str) -> Encoder:
    """Load a frozen encoder for a modality of text or images.

    Args:
        config: which encoder, and how its features are taken.
        kind: "text" or "image".

    Raises:
        EncoderError: the model cannot be opened, is of the other kind, lacks weights or layers, or does not fit the
            settings.
    """
    name = config.model
    if PACKAGED.get(name, kind) != kind:
        raise EncoderError(
            f"{name} is a packaged {PACKAGED[name]} encoder",
            expected=f"one for the kind {kind!r}",
            fix=f"choose from {', '.join(n for n, k in PACKAGED.items() if k == kind)}",
        )
    if name in PACKAGED_TOWERS:
        return ImageEncoder(PACKAGED_TOWERS[name](config.layer), config)
    folder = minilm_folder() if name == "minilm" else local_folder(name)
    tower = load_tower(name, folder, kind, config.layer)
    return TextEncoder(tower, config) if kind == "text" else ImageEncoder(tower, config)


def _positions(tower: Tower) -> int | None:
    """How many tokens, special ones included, the position table takes; None if there is no such limit.

    Tables that know about padding (RoBERTa, MPNet) begin with rows that no token can use.
    """
    positions: int | None = getattr(tower.config, "max_position_embeddings", None)
    for name, module in tower.network.named_modules():
        table = name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
        if positions and table and module.padding_idx is not None:
            return positions - module.padding_idx - 1
    return positions
