"""BLIP, with some words and patches left."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interplay.explanation.wrapped.asked import Asked, as_logits, log_probability


class Blip(Asked):
    """BLIP: its text encoder attends to the patches that are left, and says whether they match the text."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray, pixels: Tensor) -> Tensor:
            two: Tensor = self.model.itm_head(self._read(words[rows], pixels)[0][:, 0])
            return two[:, 1:] - two[:, :1]

        return self._pictures(patches, self.model.vision_model.embeddings, ask)

    def _read(self, words: Bool[np.ndarray, "m L"], pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The text's states (m, L, D), which have seen the picture, and which of them may be attended to."""
        text = self._text(words)
        seen = self.model.vision_model(pixel_values=pixels).last_hidden_state
        states = self.model.text_encoder(
            input_ids=text["input_ids"],
            attention_mask=text["attention_mask"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        ).last_hidden_state
        return states, text["attention_mask"]


class BlipAnswers(Blip):
    """BLIP that answers questions: how probable it finds each of some answers."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Llava.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray, pixels: Tensor) -> Tensor:
            states, mask = self._read(words[rows], pixels)
            out = torch.empty(len(rows), len(self.given.answers), device=states.device)
            # States of removed words are left out, not masked: BLIP's decoder does not look at a mask of what it reads.
            for count in mask.sum(dim=1).unique():
                some = (mask.sum(dim=1) == count).nonzero()[:, 0]
                left = states[some][mask[some] > 0].reshape(len(some), int(count), -1)
                for at, wanted in enumerate(self.given.answers):
                    out[some, at] = self._writes(left, wanted.to(states.device))
            return out

        return as_logits(self._pictures(patches, self.model.vision_model.embeddings, ask))

    def _writes(self, states: Float[Tensor, "m L D"], wanted: Int[Tensor, " A"]) -> Float[Tensor, " m"]:
        """The log probability of an answer to a text whose states are these."""
        start = torch.full((1,), self.model.decoder_start_token_id, device=wanted.device)
        ids = torch.cat([start, wanted]).expand(len(states), -1)
        logits = self.model.text_decoder(input_ids=ids, encoder_hidden_states=states).logits
        return log_probability(logits[:, :-1], ids[:, 1:])
