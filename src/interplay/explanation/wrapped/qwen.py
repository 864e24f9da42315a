"""Qwen2-VL and Qwen2.5-VL, with some words and patches left."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.explanation.wrapped.asked import Given
from interplay.explanation.wrapped.patchified import merged_patches, shape_of
from interplay.explanation.wrapped.writers import Writer


class Qwen(Writer):
    """Qwen2-VL: the picture is as many patches as its shape asks for, squares of which are merged into one feature.

    Its vision tower attends within stretches of one long row of patches, so that pictures with different parts left go
    through it together. Rotations of patches and of the prompt's tokens are those of the whole picture and prompt.

    Args:
        model: `Qwen2VLForConditionalGeneration`.
        given: as in `Writer`; `patches` counts features.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        from transformers.vision_utils import get_vision_position_ids

        assert given.text is not None and given.pixels is not None, "it reads and looks"
        self._vision = model.config.vision_config
        ids = given.text["input_ids"]
        self._grid = torch.cat([torch.ones(1, 1, dtype=torch.long), shape_of(given.pixels, self._vision.patch_size)], 1)
        merge = self._vision.spatial_merge_size
        self._turns = get_vision_position_ids(self._grid, merge).reshape(given.patches, merge**2, 2)
        pictures = (ids == model.config.image_token_id).int()
        self._turned, _ = model.model.get_rope_index(ids, mm_token_type_ids=pictures, image_grid_thw=self._grid)

    def _positions(self, m: int, more: int) -> dict[str, Tensor]:
        after = self._turned.max() + 1 + torch.arange(more).expand(3, 1, more)
        places = torch.cat([self._turned, after], dim=2).expand(3, m, -1)
        return {"position_ids": places.to(next(self.model.parameters()).device)}

    def _look(
        self, patches: Bool[np.ndarray, "m P"]
    ) -> Iterator[tuple[int, Float[Tensor, "K D"], Bool[np.ndarray, " n"]]]:
        shown, own = self._shown(patches), self._pixels(1)
        units = merged_patches(own, self._vision).expand(len(patches), -1, -1, -1)
        left = torch.from_numpy(patches).to(own.device)
        if shown is not None:
            other = merged_patches(shown.to(own), self._vision)
            units, left = torch.where(left[:, :, None, None], units, other), torch.ones_like(left)
        counts = left.sum(dim=1).tolist()
        nothing = self.model.get_input_embeddings().weight[:0]
        features = self._tower(units[left], left) if any(counts) else nothing
        stays = left.cpu().numpy()
        for row, found in enumerate(features.split(counts)):
            yield row, found, stays[row]

    def _tower(self, units: Float[Tensor, "K k D"], left: Bool[Tensor, "m P"]) -> Float[Tensor, "K d"]:
        """The features of the patches that each picture keeps, one picture after the other."""
        turns = self._turns.to(left.device).expand(len(left), -1, -1, -1)[left]
        found: Tensor = self.model.model.visual(
            units.flatten(0, 1),
            grid_thw=self._grid.to(left.device),
            position_ids=turns.flatten(0, 1),
            cu_seqlens=_ends(left.sum(dim=1) * units.shape[1]),
            **self._windows(left),
        ).pooler_output
        return found

    def _windows(self, left: Bool[Tensor, "m P"]) -> dict[str, Tensor]:
        """What else decides which patches attend to each other: nothing."""
        return {}


class QwenWindows(Qwen):
    """Qwen2.5-VL, most layers of whose vision tower attend within windows of the picture.

    What is removed is missing in its window, and the window's other patches stay where they are.
    """

    def _windows(self, left: Bool[Tensor, "m P"]) -> dict[str, Tensor]:
        """The order of kept patches by attention window, picture by picture, and where each window ends."""
        from transformers.vision_utils import get_vision_window_index

        vision, k = self._vision, self._vision.spatial_merge_size**2
        order, ends = get_vision_window_index(
            self._grid, vision.spatial_merge_size, window_size=vision.window_size, patch_size=vision.patch_size
        )
        order, sizes = order.to(left.device), (ends.diff() // k).to(left.device)
        window = torch.arange(len(sizes), device=left.device).repeat_interleave(sizes)
        stays, place = left[:, order], (left.flatten().cumsum(0) - 1).reshape(left.shape)
        one_of = window + len(sizes) * torch.arange(len(left), device=left.device)[:, None]
        counts = torch.bincount(one_of[stays], minlength=len(sizes) * len(left))
        return {"window_index": place[:, order][stays], "cu_window_seqlens": _ends(counts * k)}


def _ends(counts: Tensor) -> Tensor:
    """Where each stretch that holds something ends, from 0."""
    return torch.nn.functional.pad(counts[counts > 0].cumsum(0), (1, 0)).int()
