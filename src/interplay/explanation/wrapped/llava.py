"""LLaVA, with some words and patches left."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
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
        self._known: dict[bytes, Tensor] = {}

    @torch.no_grad()
    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`: log probabilities of several answers, or the logit of that of one.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        self._look(patches)
        each = [in_batches(len(words), self.batch, self._writes(words, patches, one)) for one in self.given.answers]
        return as_logits(np.stack(each, axis=1))

    def _look(self, patches: Bool[np.ndarray, "m P"]) -> None:
        """Features (N, D) of the picture for each row, encoded where they are not known yet."""
        new = [row for row in np.unique(patches, axis=0) if row.tobytes() not in self._known]
        for rows, kept in by_count(np.array(new), self.batch) if new else ():
            with only_patches(self.model.model.vision_tower.embeddings, kept, patches.shape[1], self.given.instead):
                found = self.model.get_image_features(
                    pixel_values=self._pixels(len(rows)),
                    vision_feature_layer=self.model.config.vision_feature_layer,
                    vision_feature_select_strategy=self.model.config.vision_feature_select_strategy,
                )
            for row, features in zip(rows, getattr(found, "pooler_output", found), strict=True):
                self._known[new[row].tobytes()] = features

    def _writes(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"], wanted: Tensor) -> Any:
        """Rows -> (rows,) the log probability of one answer."""
        device, A = next(self.model.parameters()).device, len(wanted)
        embed, wanted = self.model.get_input_embeddings(), wanted.to(device)

        def ask(rows: np.ndarray) -> Tensor:
            text = self._text(words[rows])
            embedded = torch.cat([embed(text["input_ids"]), embed(wanted).expand(len(rows), -1, -1)], dim=1)
            mask = torch.cat([text["attention_mask"], torch.ones(len(rows), A, dtype=torch.long, device=device)], dim=1)
            for at, row in enumerate(rows):
                stays = patches[row] if self.given.instead is None else np.ones_like(patches[row])
                left = np.concatenate([np.ones(self._first, dtype=bool), stays])
                mask[at, self._places[~left]] = 0
                features = self._known[patches[row].tobytes()]  # of a blank patch where none is left, which is masked
                embedded[at, self._places[left]] = features[: int(left.sum())].to(embedded.dtype)
            logits = self.model(inputs_embeds=embedded, attention_mask=mask, logits_to_keep=A + 1).logits[:, :-1]
            return log_probability(logits, wanted.expand(len(rows), -1))

        return ask
