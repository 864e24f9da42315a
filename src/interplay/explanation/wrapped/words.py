"""Which tokens of a model's input are which words of a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from interplay.errors import BadInput
from interplay.explanation.functions.removal import words_of

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
    if not getattr(tokenizer, "is_fast", False):
        raise BadInput(
            f"{type(tokenizer).__name__} does not say which characters a token stands for",
            expected="a fast tokenizer",
            fix="load it by AutoTokenizer.from_pretrained(..., use_fast=True)",
        )
    most = min(longest, tokenizer.model_max_length if tokenizer.model_max_length < ENDLESS else longest)
    whole = len(tokenizer(text, verbose=False)["input_ids"])
    padding = "max_length" if padded else False
    found = tokenizer(
        text,
        truncation=True,
        max_length=most,
        padding=padding,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    ids = found["input_ids"]
    if known is not None and int(ids.max()) >= known:
        raise BadInput(
            f"the tokenizer gives token {int(ids.max())}, and the model knows {known}",
            expected="the model's own tokenizer",
        )
    if "attention_mask" not in found:  # SigLIP's gives none: what pads a text counts
        found["attention_mask"] = torch.ones_like(ids)
    offsets = found.pop("offset_mapping")[0].tolist()
    return with_words(tokenizer, text, found, offsets, max(0, whole - most))


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
        raise BadInput(
            f"no word of {text[:40]!r} has a token",
            expected="a text that the tokenizer knows",
            fix="see that the tokenizer's files lie beside the model",
        )
    return WordTokens(
        text=text,
        spans=tuple(spans[n] for n in there),
        tokens=tuple(tuple(held[n]) for n in there),
        inputs=dict(inputs),
        truncated=truncated,
    )
