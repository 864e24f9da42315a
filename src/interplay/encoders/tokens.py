"""Texts to token ids, and back: which piece of the text each token is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.neighbours import offsets, variant_count


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
    """One word in a text of its own, by itself or with neighbours: its tokens are ids[first:last]."""

    ids: tuple[int, ...]
    first: int
    last: int


def words_with_neighbours(tokens: TokenizedText, neighbours: int) -> list[list[Word]]:
    """The words of a text (tokens with no blank between them), each in a text of its own.

    Args:
        tokens: the text.
        neighbours: with each set of so many to each side (`interplay.neighbours`); 0: each by itself.

    Returns:
        For each word its variants, one of them without neighbours; what a text does not have is in none of them.
    """
    features = np.flatnonzero(tokens.is_feature)
    if not len(features):
        return []
    before, after = tuple(tokens.ids[: features[0]]), tuple(tokens.ids[features[-1] + 1 :])
    words = [tuple(tokens.ids[k] for k in features[a:b]) for a, b in word_bounds(tokens.spans)]

    def variant(w: int, v: int) -> Word:
        near = [w + step for b, step in enumerate(offsets(neighbours)) if v >> b & 1 and 0 <= w + step < len(words)]
        left = sum((words[n] for n in near if n < w), before)
        right = sum((words[n] for n in near if n > w), ())
        return Word((*left, *words[w], *right, *after), len(left), len(left) + len(words[w]))

    return [[variant(w, v) for v in range(variant_count(neighbours))] for w in range(len(words))]


def word_bounds(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first token of each word, and the one after its last: tokens with no blank between them are one word.

    Args:
        spans: (start, end) characters of each token.
    """
    starts = [k for k in range(len(spans)) if k == 0 or spans[k - 1][1] < spans[k][0]]
    return list(zip(starts, [*starts[1:], len(spans)], strict=True)) if starts else []


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
