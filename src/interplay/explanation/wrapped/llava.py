"""LLaVA, with some words and patches left."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.explanation.wrapped.asked import Given
from interplay.explanation.wrapped.patches import by_count, only_patches
from interplay.explanation.wrapped.writers import Writer


class Llava(Writer):
    """LLaVA: one feature for each patch of its vision tower.

    Args:
        model: `LlavaForConditionalGeneration`.
        given: as in `Writer`.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        self._first = len(self._places) - given.patches  # a class token that is kept as a feature comes before patches

    def _look(
        self, patches: Bool[np.ndarray, "m P"]
    ) -> Iterator[tuple[int, Float[Tensor, "K D"], Bool[np.ndarray, " n"]]]:
        for rows, kept in by_count(patches, self.batch):
            shown = self._shown(patches[rows])
            with only_patches(self.model.model.vision_tower.embeddings, kept, patches.shape[1], shown):
                found = self.model.get_image_features(
                    pixel_values=self._pixels(len(rows)),
                    vision_feature_layer=self.model.config.vision_feature_layer,
                    vision_feature_select_strategy=self.model.config.vision_feature_select_strategy,
                )
            for row, features in zip(rows, getattr(found, "pooler_output", found), strict=True):
                stays = patches[row] if shown is None else np.ones_like(patches[row])
                left = np.concatenate([np.ones(self._first, dtype=bool), stays])
                yield int(row), features[: int(left.sum())], left  # where no patch is left, there is one of a blank one
