"""Texts to token ids, and back: which piece of the text each token is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TokenizedText:
    """One text as a network takes it.

    Attributes:
        ids: token ids, special tokens included.
        is_feature: per id, False for the special tokens.
        spans: (start, end) characters of each feature.
        cut: how many tokens at the end were cut off, because the network takes no more.
    """

    ids: list[int]
    is_feature: list[bool]
    spans: list[tuple[int, int]]
    cut: int


@dataclass(frozen=True)
class Word:
    """One word as a text of its own: its tokens are ids[first:last], what surrounds them are special tokens."""

    ids: tuple[int, ...]
    first: int
    last: int


def words_alone(tokens: TokenizedText) -> list[Word]:
    """The words of a text (tokens with no blank between them), each as a text of its own.

    Args:
        tokens: the text.
    """
    features = np.flatnonzero(tokens.is_feature)
    if not len(features):
        return []
    before, after = tuple(tokens.ids[: features[0]]), tuple(tokens.ids[features[-1] + 1 :])
    starts = [k for k in range(len(features)) if k == 0 or tokens.spans[k - 1][1] < tokens.spans[k][0]]
    ids = [tokens.ids[k] for k in features]
    return [
        Word((*before, *ids[a:b], *after), len(before), len(before) + b - a)
        for a, b in zip(starts, [*starts[1:], len(ids)], strict=True)
    ]


def tokenize(tokenizer: Any, texts: Sequence[str], limit: int) -> list[TokenizedText]:
    """Tokens of each text, at most `limit` of them besides the special tokens; the last are cut.

    Args:
        tokenizer: a fast tokenizer of transformers.
        texts: the texts.
        limit: most tokens of a text, without special tokens.
    """
    if not texts:
        return []
    # A tokenizer takes no half of a surrogate pair, which broken JSON may hold. The length stays, and so do spans.
    whole = [re.sub("[\ud800-\udfff]", "\ufffd", text) for text in texts]
    batch = tokenizer(
        whole,
        truncation=False,
        padding=False,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        verbose=False,
    )
    columns = (batch["input_ids"], batch["special_tokens_mask"], batch["offset_mapping"])
    out = []
    for text, ids, special, spans in zip(whole, *columns, strict=True):
        is_feature = ~np.array(special, dtype=bool)
        keep = np.flatnonzero(~is_feature | (is_feature.cumsum() <= limit))
        out.append(
            TokenizedText(
                ids=[ids[k] for k in keep],
                is_feature=[bool(is_feature[k]) for k in keep],
                spans=[_visible(text, *spans[k]) for k in keep if is_feature[k]],
                cut=len(ids) - len(keep),
            )
        )
    return out


def _visible(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the blanks at its ends: some tokenizers count the space before a word as part of it."""
    piece = text[start:end]
    first = start + len(piece) - len(piece.lstrip())
    return first, first + len(piece.strip())
