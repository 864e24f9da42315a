"""Which tokens of a model's input are which words of a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from interplay.errors import BadInput
from interplay.explanation.functions.removal import Words, words_of

ENDLESS = 100_000  # a tokenizer without a limit of its own names a larger number than this


@dataclass(frozen=True)
class WordTokens:
    """A text as a model reads it.

    Attributes:
        text: the text.
        spans: (start, end) of each word, in characters; words that share a token are one.
        tokens: of each word, its places among the tokens; no special token is in any.
        inputs: what the tokenizer gives: `input_ids`, `attention_mask`, ... each (1, L).
        truncated: tokens that were cut off.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    tokens: tuple[tuple[int, ...], ...]
    inputs: dict[str, Tensor]
    truncated: int

    def left(self, stays: Bool[np.ndarray, " L"]) -> str:
        """The text with only some words left; as it is if all stay.

        Args:
            stays: (L,) True for each token that stays; a word stays with its first token.
        """
        if stays.all():
            return self.text
        end = self.spans[-1][1] if self.truncated else len(self.text)  # what was cut off does not move up
        return Words(self.text[:end], self.spans).keep(stays[[tokens[0] for tokens in self.tokens]])


def tokens_of(tokenizer: Any, text: str, longest: int, padded: bool, known: int | None = None) -> WordTokens:
    """Tokenize a text, and find the tokens of each word.

    Args:
        tokenizer: a fast Hugging Face tokenizer.
        text: the text.
        longest: most tokens that the model takes.
        padded: whether it is to be padded to `longest`, for models that were trained so.
        known: how many tokens the model knows; not looked at if None.

    Raises:
        BadInput: the tokenizer is not a fast one or not the model's, or no word of the text has a token that it knows.
    """
    _require_fast(tokenizer)
    whole = len(tokenizer(text, verbose=False)["input_ids"])
    found = encoded(tokenizer, [text], longest, padded, return_offsets_mapping=True)
    ids = found["input_ids"]
    _require_own(int(ids.max()), known)
    offsets = found.pop("offset_mapping")[0].tolist()
    return with_words(tokenizer, text, found, offsets, max(0, whole - _most(tokenizer, longest)))


def labels_encoded(
    tokenizer: Any, labels: Sequence[str], longest: int, padded: bool, known: int | None = None
) -> list[dict[str, Tensor]]:
    """What a model gets for each of many texts, none of whose words play.

    Args:
        tokenizer: of the model.
        labels: the texts.
        longest: as in `tokens_of`.
        padded: as in `tokens_of`.
        known: as in `tokens_of`.

    Returns:
        For each `input_ids`, `attention_mask`, ... each (1, L).

    Raises:
        BadInput: as `tokens_of`.
    """
    _require_fast(tokenizer)
    padding = "max_length" if padded else False
    found = dict(tokenizer(list(labels), truncation=True, max_length=_most(tokenizer, longest), padding=padding))
    found.setdefault("attention_mask", [[1] * len(ids) for ids in found["input_ids"]])
    special = set(tokenizer.all_special_ids)
    for label, ids in zip(labels, found["input_ids"], strict=True):
        _require_own(max(ids, default=0), known)
        if special.issuperset(ids):
            raise _unknown(label)
    return [{name: torch.tensor([rows[at]]) for name, rows in found.items()} for at in range(len(labels))]


def encoded(tokenizer: Any, texts: Sequence[str], longest: int, padded: bool, **options: Any) -> dict[str, Tensor]:
    """What a model gets for some texts, shorter ones padded and masked.

    Args:
        tokenizer: of the model.
        texts: the texts.
        longest: as in `tokens_of`.
        padded: as in `tokens_of`.
        options: of the tokenizer.

    Returns:
        `input_ids`, `attention_mask`, ... each (texts, L).

    Raises:
        BadInput: there are several texts, and no token to pad them with.
    """
    if padded:
        options["padding"] = "max_length"
    elif len(texts) > 1:  # on the right, so that positions are those of the text alone
        options |= {"padding": True, "padding_side": "right", "return_attention_mask": True}
        if tokenizer.pad_token is None:
            raise BadInput(
                "the tokenizer has no token for padding",
                expected="one, where words are deleted and texts have several lengths",
                fix="tokenizer.pad_token = tokenizer.eos_token, with the model's config.pad_token_id to match",
            )
    most = _most(tokenizer, longest)
    found = dict(tokenizer(list(texts), truncation=True, max_length=most, return_tensors="pt", **options))
    if "attention_mask" not in found:  # SigLIP's gives none: what pads a text counts
        found["attention_mask"] = torch.ones_like(found["input_ids"])
    return found


def _require_fast(tokenizer: Any) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise BadInput(
            f"{type(tokenizer).__name__} does not say which characters a token stands for",
            expected="a fast tokenizer",
            fix="load it by AutoTokenizer.from_pretrained(..., use_fast=True)",
        )


def _require_own(highest: int, known: int | None) -> None:
    if known is not None and highest >= known:
        raise BadInput(
            f"the tokenizer gives token {highest}, and the model knows {known}", expected="the model's own tokenizer"
        )


def _unknown(text: str) -> BadInput:
    return BadInput(
        f"no word of {text[:40]!r} has a token",
        expected="a text that the tokenizer knows",
        fix="see that the tokenizer's files lie beside the model",
    )


def _most(tokenizer: Any, longest: int) -> int:
    return min(longest, tokenizer.model_max_length) if tokenizer.model_max_length < ENDLESS else longest


def with_words(
    tokenizer: Any, text: str, inputs: Mapping[str, Tensor], offsets: Sequence[Sequence[int]], truncated: int = 0
) -> WordTokens:
    """Find the tokens of each word.

    Args:
        tokenizer: which made them.
        text: the text.
        inputs: `input_ids`, `attention_mask`, ... each (1, L).
        offsets: of each token, start and end in characters of the text; beside it for tokens of something else.
        truncated: tokens that were cut off.

    Raises:
        BadInput: no word of the text has a token that the tokenizer knows.
    """
    ids = inputs["input_ids"]
    spans = list(words_of(text).spans)
    if truncated:  # of a word in the middle of which the text is cut off, what is read
        read = max(end for _, end in offsets)
        spans = [(start, min(end, read)) for start, end in spans if start < read]
    owner = list(range(len(spans)))  # the first of the words that share tokens with it
    held: list[list[int]] = [[] for _ in spans]
    for at, (start, end) in enumerate(offsets):
        words = [n for n, (first, last) in enumerate(spans) if start < last and first < end]
        if not words:
            continue
        one = owner[words[0]]
        for n in words[1:]:
            held[one] += held[n]
            held[n], owner[n] = [], one
            spans[one] = (spans[one][0], max(spans[one][1], spans[n][1]))
        held[one].append(at)
    there = [n for n, tokens in enumerate(held) if tokens]
    if all(int(ids[0, at]) == tokenizer.unk_token_id for n in there for at in held[n]):
        raise _unknown(text)
    return WordTokens(
        text=text,
        spans=tuple(spans[n] for n in there),
        tokens=tuple(tuple(held[n]) for n in there),
        inputs=dict(inputs),
        truncated=truncated,
    )
