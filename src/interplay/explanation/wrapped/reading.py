"""What a Hugging Face model gets of a text, whole or with words deleted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from interplay.errors import BadInput
from interplay.explanation.wrapped.words import WordTokens, encoded, labels_encoded, tokens_of

LONGEST = 512  # tokens, of a model that says no number


def read(model: Any, tokenizer: Any, text: str) -> WordTokens:
    """A text as a model reads it.

    Args:
        model: one that reads.
        tokenizer: its own.
        text: the text.

    Raises:
        BadInput: the tokenizer is not a fast one or not the model's, or no word of the text has a token that it knows.
    """
    return tokens_of(tokenizer, text, longest(model), _padded(model), _known(model))


def read_labels(model: Any, tokenizer: Any, labels: Sequence[str]) -> list[dict[str, Tensor]]:
    """Texts that a picture is compared with, as a model reads them; there may be thousands.

    Args:
        model: one that reads.
        tokenizer: its own.
        labels: the texts.

    Raises:
        BadInput: as `read`.
    """
    return labels_encoded(tokenizer, labels, longest(model), _padded(model), _known(model))


def rest_of(model: Any, tokenizer: Any, words: WordTokens) -> Callable[[Bool[np.ndarray, "m L"]], dict[str, Tensor]]:
    """What a model gets of a text whose other words are deleted.

    Args:
        model: one that reads.
        tokenizer: its own.
        words: the whole text.

    Returns:
        Which tokens of the whole text stay -> the tokenizer's tensors. It raises BadInput where those of a text without
        words hold no token.
    """

    def rest(stays: Bool[np.ndarray, "m L"]) -> dict[str, Tensor]:
        found = encoded(tokenizer, [words.left(row) for row in stays], longest(model), _padded(model))
        if not bool(found["attention_mask"].any(dim=1).all()):
            raise BadInput(
                "the tokenizer gives no token for a text without words",
                expected="one that adds special tokens",
                fix="mask words in place of deleting them",
            )
        return {name: found[name] for name in words.inputs}

    return rest


def ordinary(tokenizer: Any) -> tuple[int, int]:
    """Two tokens of the vocabulary that are not special.

    Args:
        tokenizer: any.
    """
    special = set(tokenizer.all_special_ids)
    first, second, *_ = (at for at in range(len(tokenizer)) if at not in special)
    return first, second


def longest(model: Any) -> int:
    """Most tokens that a model takes: as many as it has positions, where it has them and none is for padding.

    Args:
        model: one that reads.
    """
    config = getattr(model.config, "text_config", model.config)
    positions = int(getattr(config, "max_position_embeddings", 0) or 0)
    embeddings = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    first = next((one.padding_idx + 1 for one in embeddings if getattr(one, "padding_idx", None) is not None), 0)
    return positions - first if positions > first else LONGEST


def _known(model: Any) -> int | None:
    return getattr(getattr(model.config, "text_config", model.config), "vocab_size", None)


def _padded(model: Any) -> bool:
    known = {one.__name__ for one in type(model).__mro__}
    return bool(known & {"SiglipModel", "Siglip2Model"})  # trained so, they pool the last token
