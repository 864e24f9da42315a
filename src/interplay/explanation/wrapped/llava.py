"""LLaVA, with some words and patches left."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interplay.explanation.wrapped.asked import Asked, Given, as_logits, log_probability
from interplay.explanation.wrapped.patches import by_count, in_batches, only_patches


class Llava(Asked):
    """LLaVA, which writes: how probable it finds each of some answers to a prompt with a picture.

    The vision tower is given the patches that are left, and the language model attends to their features alone.

    Args:
        model: `LlavaForConditionalGeneration`.
        given: the sample; its text is the whole prompt, with one token for each patch.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        assert given.text is not None, "a model that reads was given a text"
        self._places = (given.text["input_ids"][0] == model.config.image_token_id).nonzero()[:, 0]
        self._first = len(self._places) - given.patches  # a class token that is kept as a feature comes before patches

    @torch.no_grad()
    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`: log probabilities of several answers, or the logit of that of one.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray) -> Tensor:
            embedded, mask = self._read(words[rows], patches[rows])
            return torch.stack([self._writes(embedded, mask, one) for one in self.given.answers], dim=1)

        return as_logits(in_batches(len(words), self.batch, ask))

    def _read(
        self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]
    ) -> tuple[Float[Tensor, "m L D"], Int[Tensor, "m L"]]:
        """The prompt's embeddings, with features of patches that are left in their places, and what is attended to."""
        text = self._text(words)
        embedded, mask = self.model.get_input_embeddings()(text["input_ids"]).clone(), text["attention_mask"].clone()
        for rows, kept in by_count(patches, self.batch):
            with only_patches(self.model.model.vision_tower.embeddings, kept, patches.shape[1], self.given.instead):
                found = self.model.get_image_features(
                    pixel_values=self._pixels(len(rows)),
                    vision_feature_layer=self.model.config.vision_feature_layer,
                    vision_feature_select_strategy=self.model.config.vision_feature_select_strategy,
                )
            for row, features in zip(rows, getattr(found, "pooler_output", found), strict=True):
                stays = patches[row] if self.given.instead is None else np.ones_like(patches[row])
                left = np.concatenate([np.ones(self._first, dtype=bool), stays])
                mask[row, self._places[~left]] = 0  # where no patch is left, there is one of a blank patch
                embedded[row, self._places[left]] = features[: int(left.sum())].to(embedded.dtype)
        return embedded, mask

    def _writes(
        self, embedded: Float[Tensor, "m L D"], mask: Int[Tensor, "m L"], wanted: Int[Tensor, " A"]
    ) -> Float[Tensor, " m"]:
        """The log probability of one answer."""
        m, ids = len(embedded), wanted.to(embedded.device)
        whole = torch.cat([embedded, self.model.get_input_embeddings()(ids).expand(m, -1, -1)], dim=1)
        seen = torch.cat([mask, mask.new_ones(m, len(ids))], dim=1)
        logits = self.model(inputs_embeds=whole, attention_mask=seen, logits_to_keep=len(ids) + 1).logits[:, :-1]
        return log_probability(logits, ids.expand(m, -1))
