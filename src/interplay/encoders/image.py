"""A frozen image network: a picture in, the sequence of its patches out; or each patch encoded by itself."""

import inspect
import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from interplay.encoders.fingerprint import fingerprint
from interplay.encoders.frozen import Encoded, Encoder
from interplay.encoders.parts import Part
from interplay.encoders.preparation import View, normalised, patch_boxes, patches_on_picture, square, view
from interplay.encoders.settings import EncoderConfig
from interplay.encoders.towers import Tower, probe
from interplay.errors import EncoderError

FEATURE_MAP_STRIDE = 32
"""Pixels per patch of a network whose configuration names none (ResNet, EfficientNet): it halves five times."""
TILES_AT_ONCE = 128
"""Tiles encoded in one pass. With many more, a layer's values outgrow the cache, and the system clears the memory of
each anew."""


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
        """The same with each of the grid x grid tiles seen as a picture of its own; equal tiles are encoded once."""
        g, side = self.grid, self.size // self.grid
        tiles = pixels.unflatten(3, (g, side)).unflatten(2, (g, side)).permute(0, 2, 4, 1, 3, 5)  # B g g 3 s s
        numbers = dict[bytes, int]()
        number_of = [numbers.setdefault(tile.tobytes(), len(numbers)) for tile in tiles.flatten(0, 2).numpy()]
        different = tiles.flatten(0, 2)[np.unique(number_of, return_index=True)[1]]
        answers = torch.cat([self._answer(some) for some in different.split(TILES_AT_ONCE)])
        maps = answers[number_of].unflatten(0, (-1, g, g))  # B g g W k k
        return maps.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)

    def parts(self, content: Image.Image) -> list[Part]:
        """The box of each patch as fractions of the picture, clipped to its edges.

        Args:
            content: the picture.
        """
        return [Part(box=b) for b in patch_boxes(self._view(content), self.grid)]

    def _view(self, picture: Image.Image) -> View:
        return view(*picture.size, self.size, self.config.fit)
