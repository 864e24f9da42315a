"""The logits of a Hugging Face model for one text and one picture with only some words and patches left."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from interplay.explanation.wrapped.inpaint import inpainted
from interplay.explanation.wrapped.patches import by_count, in_batches, only_patches

TINY = 1e-12  # how far from 0 a log probability is kept, whose logit would be infinite


@dataclass(frozen=True)
class Given:
    """One sample as a model gets it.

    Attributes:
        text: what the tokenizer gives, each (1, L); None without a text.
        pixels: (1, 3, H, W); None without a picture.
        patches: how many patches the picture has.
        instead: (1, 3, H, W), what a removed patch shows; None where its token is dropped.
        around: (rows, columns) bool, which patches show the picture, not padding. Where it is given, a removed patch
            is filled in from those of them that are kept, and shows `instead` where none is.
        answers: (A,) tokens of each answer whose probability a generative model gives.
        rest: which tokens stay, (m, L) -> what the tokenizer gives for the text without the others' words, each
            (m, L'); None where removed words are masked.
    """

    text: dict[str, Tensor] | None
    pixels: Tensor | None
    patches: int
    instead: Tensor | None = None
    around: Bool[np.ndarray, "rows columns"] | None = None
    answers: tuple[Tensor, ...] = ()
    rest: Callable[[Bool[np.ndarray, "m L"]], dict[str, Tensor]] | None = None


class Asked(ABC):
    """A model evaluated on subsets of one sample's words and patches.

    Args:
        model: a Hugging Face model in evaluation mode.
        given: the sample.
        batch: questions at a time, at most.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        self.model, self.given, self.batch = model, given, batch

    @abstractmethod
    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """The logits with some tokens and patches left.

        Args:
            words: (m, L), True for each token that stays; L is 0 without a text.
            patches: (m, P), True for each patch that stays; P is 0 without a picture.
        """

    def _text(self, words: Bool[np.ndarray, "m L"]) -> dict[str, Tensor]:
        """The text's tensors, with tokens that do not stay masked in attention, or of the text without their words."""
        assert self.given.text is not None, "a model that reads was given a text"
        device = next(self.model.parameters()).device
        if self.given.rest is not None and not words.all():
            return {name: value.to(device) for name, value in self.given.rest(words).items()}
        text = {name: value.to(device).expand(len(words), -1) for name, value in self.given.text.items()}
        return text | {"attention_mask": text["attention_mask"] * torch.from_numpy(words).to(device)}

    def _pixels(self, count: int) -> Tensor:
        assert self.given.pixels is not None, "a model that looks was given a picture"
        first = next(self.model.parameters())
        return self.given.pixels.to(first.device, first.dtype).expand(count, -1, -1, -1)

    def _shown(self, patches: Bool[np.ndarray, "m P"]) -> Tensor | None:
        """What removed patches show, (1, 3, H, W) or one for each row; None where their tokens are dropped."""
        if self.given.instead is None or self.given.around is None:
            return self.given.instead
        left = torch.from_numpy(patches.reshape(len(patches), *self.given.around.shape) & self.given.around)
        assert self.given.pixels is not None, "a model that looks was given a picture"
        pixels = self.given.pixels.to(next(self.model.parameters()).device)
        return inpainted(pixels, left.to(pixels.device), self.given.instead.to(pixels))

    def _pictures(self, patches: Bool[np.ndarray, "m P"], embeddings: nn.Module, ask: Any) -> Float[np.ndarray, "m D"]:
        """What `ask(rows, pixels)` gives for pictures with some patches left."""
        out: list[np.ndarray] = [np.empty(0)] * len(patches)
        for rows, kept in by_count(patches, self.batch):

            def some(at: np.ndarray, rows: np.ndarray = rows, kept: Tensor = kept) -> Tensor:
                with only_patches(embeddings, kept[at], patches.shape[1], self._shown(patches[rows[at]])):
                    found: Tensor = ask(rows[at], self._pixels(len(at)))
                return found

            for row, found in zip(rows, in_batches(len(rows), self.batch, some), strict=True):
                out[row] = found
        return np.stack(out)


def log_probability(logits: Float[Tensor, "m A V"], wanted: Int[Tensor, "m A"]) -> Float[Tensor, " m"]:
    """How probable a model that writes finds texts.

    Args:
        logits: (m, A, V) before each of their tokens.
        wanted: (m, A) the tokens.

    Returns:
        (m,) log probabilities.
    """
    return logits.float().log_softmax(-1).gather(2, wanted[:, :, None]).sum(dim=(1, 2))


def as_logits(logs: Float[np.ndarray, "m C"]) -> Float[np.ndarray, "m C"]:
    """Log probabilities as they are, for a softmax over several; of one the logit.

    Args:
        logs: (m, C) log probabilities.
    """
    return logs if logs.shape[1] > 1 else logs - np.log1p(-np.exp(np.minimum(logs, -TINY)))
