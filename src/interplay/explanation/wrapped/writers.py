"""Models that write an answer to a prompt with a picture, with some words and patches left."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import DynamicCache

from interplay.explanation.wrapped.asked import Asked, Given, as_logits, log_probability
from interplay.explanation.wrapped.patches import in_batches


class Writer(Asked):
    """A model that writes: how probable it finds each of some answers to a prompt with a picture.

    The vision tower is given the patches that are left, and the language model attends to their features alone.

    Args:
        model: one that generates.
        given: the sample; its text is the whole prompt, with one token for each feature of the picture.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        assert given.text is not None, "a model that reads was given a text"
        self._places = (given.text["input_ids"][0] == model.config.image_token_id).nonzero()[:, 0]

    @torch.no_grad()
    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`: log probabilities of several answers, or the logit of that of one.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray) -> Tensor:
            embedded, mask = self._read(words[rows], patches[rows])
            if len(self.given.answers) == 1:
                return self._writes(embedded, mask, self.given.answers[0])[:, None]
            return self._write_each(embedded, mask)

        return as_logits(in_batches(len(words), self.batch, ask))

    @abstractmethod
    def _look(
        self, patches: Bool[np.ndarray, "m P"]
    ) -> Iterator[tuple[int, Float[Tensor, "K D"], Bool[np.ndarray, " n"]]]:
        """Of each row the features of the picture with some patches left, and which of all of its places they have."""

    def _positions(self, m: int, more: int) -> dict[str, Tensor]:
        """The places of a prompt and of `more` tokens after it, where the model does not count tokens alone."""
        return {}

    def _read(
        self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]
    ) -> tuple[Float[Tensor, "m L D"], Int[Tensor, "m L"]]:
        """The prompt's embeddings, with features of patches that are left in their places, and what is attended to."""
        text = self._text(words)
        embedded, mask = self.model.get_input_embeddings()(text["input_ids"]).clone(), text["attention_mask"].clone()
        for row, features, left in self._look(patches):
            mask[row, self._places[~left]] = 0
            embedded[row, self._places[left]] = features.to(embedded.dtype)
        return embedded, mask

    def _writes(
        self, embedded: Float[Tensor, "m L D"], mask: Int[Tensor, "m L"], wanted: Int[Tensor, " A"]
    ) -> Float[Tensor, " m"]:
        """The log probability of one answer."""
        m, ids = len(embedded), wanted.to(embedded.device)
        whole = torch.cat([embedded, self.model.get_input_embeddings()(ids).expand(m, -1, -1)], dim=1)
        seen, places = torch.cat([mask, mask.new_ones(m, len(ids))], dim=1), self._positions(m, len(ids))
        found = self.model(inputs_embeds=whole, attention_mask=seen, logits_to_keep=len(ids) + 1, **places)
        return log_probability(found.logits[:, :-1], ids.expand(m, -1))

    def _write_each(self, embedded: Float[Tensor, "m L D"], mask: Int[Tensor, "m L"]) -> Float[Tensor, "m A"]:
        """The log probabilities of several answers to a prompt that is read once: keys and values of it are kept."""
        m, cache = len(mask), DynamicCache(config=self.model.config.get_text_config())
        known = {"past_key_values": cache, "use_cache": True}
        first = self.model(
            inputs_embeds=embedded, attention_mask=mask, logits_to_keep=1, **self._positions(m, 0), **known
        ).logits
        out = []
        for wanted in self.given.answers:
            ids, logits = wanted.to(embedded.device), first
            if len(ids) > 1:
                more = len(ids) - 1
                places = {name: place[..., -more:] for name, place in self._positions(m, more).items()}
                rest = self.model(
                    inputs_embeds=self.model.get_input_embeddings()(ids[:-1]).expand(m, -1, -1),
                    attention_mask=torch.cat([mask, mask.new_ones(m, more)], dim=1),
                    **places,
                    **known,
                ).logits
                logits = torch.cat([first, rest], dim=1)
                cache.crop(-more)
            out.append(log_probability(logits, ids.expand(m, -1)))
        return torch.stack(out, dim=1)
