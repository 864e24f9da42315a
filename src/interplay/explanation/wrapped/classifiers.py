"""Classifiers of a text, of a picture, and ViLT, with some words and patches left."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.explanation.wrapped.asked import Asked, Given
from interplay.explanation.wrapped.patches import in_batches


class TextClassifier(Asked):
    """Any model of a text that ends in `ForSequenceClassification`."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        return in_batches(len(words), self.batch, lambda rows: self.model(**self._text(words[rows])).logits)


class ImageClassifier(Asked):
    """A vision transformer that ends in `ForImageClassification`."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        embeddings = self.model.base_model.embeddings
        return self._pictures(patches, embeddings, lambda _, pixels: self.model(pixel_values=pixels).logits)


class Vilt(Asked):
    """ViLT, which reads words and patches in one transformer: what is removed is masked in its attention.

    Args:
        model: a ViLT.
        given: the sample.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        pixels = self._pixels(1)
        self._embedded = self._embed(pixels)
        always = given.instead if given.around is None else None
        self._instead = None if always is None else self._embed(always.to(pixels))

    @torch.no_grad()
    def _embed(self, pixels: Tensor) -> Float[Tensor, "B P1 D"]:
        """The pictures' tokens, in the picture's order: ViLT draws one at random, and says which."""
        shown = torch.ones(len(pixels), *pixels.shape[2:], dtype=torch.long, device=pixels.device)
        embed = self.model.vilt.embeddings.visual_embed
        embedded, _, (places, (_, columns)) = embed(pixels, shown, max_image_length=self.given.patches)
        order = (places[:, :, 0] * columns + places[:, :, 1]).argsort(dim=1)
        ordered = embedded[:, 1:].gather(1, order[:, :, None].expand(-1, -1, embedded.shape[2]))
        return torch.cat([embedded[:, :1], ordered], dim=1)

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray) -> Tensor:
            left = torch.from_numpy(np.concatenate([np.ones((len(rows), 1), dtype=bool), patches[rows]], axis=1))
            pictures = self._embedded.expand(len(rows), -1, -1)
            mask = left.long().to(pictures.device)
            instead = self._instead
            if self.given.around is not None and (shown := self._shown(patches[rows])) is not None:
                instead = self._embed(shown.to(pictures))
            if instead is not None:
                pictures, mask = torch.where(mask[:, :, None] > 0, pictures, instead), torch.ones_like(mask)
            logits: Tensor = self.model(**self._text(words[rows]), image_embeds=pictures, pixel_mask=mask).logits
            return logits

        return in_batches(len(words), self.batch, ask)
