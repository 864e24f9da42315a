"""Texts to token ids, and back: which piece of the text each token is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interplay.neighbours import offsets, variant_count
from interplay.words import Span, marks_after, word_spans, words_of_tokens


@dataclass(frozen=True)
class TokenizedText:
    """One text as a network takes it.

    Attributes:
        ids: token ids, special tokens included.
        is_special: per id, True for the special tokens.
        is_feature: per id, True for the tokens of words: neither special tokens nor blanks.
        spans: (start, end) characters of each feature.
        words: the number of each feature's word.
        cut: how many tokens of words at the end were cut off, because the network takes no more.
    """

    ids: list[int]
    is_special: list[bool]
    is_feature: list[bool]
    spans: list[Span]
    words: list[int]
    cut: int


@dataclass(frozen=True)
class Word:
    """One word in a text of its own, by itself or with neighbours: its tokens are ids[first:last]."""

    ids: tuple[int, ...]
    first: int
    last: int


def words_with_neighbours(tokens: TokenizedText, neighbours: int) -> list[list[Word]]:
    """The words of a text, each in a text of its own.

    Args:
        tokens: the text.
        neighbours: with each set of so many to each side (`interplay.neighbours`); 0: each by itself.

    Returns:
        For each word its variants, one of them without neighbours; what a text does not have is in none of them.
    """
    features = np.flatnonzero(tokens.is_feature)
    if not len(features):
        return []
    special = np.flatnonzero(tokens.is_special)
    before = tuple(tokens.ids[k] for k in special if k < features[0])
    after = tuple(tokens.ids[k] for k in special if k > features[-1])
    words = [tuple(tokens.ids[k] for k in features[a:b]) for a, b in word_bounds(tokens.words)]

    def variant(w: int, v: int) -> Word:
        near = [w + step for b, step in enumerate(offsets(neighbours)) if v >> b & 1 and 0 <= w + step < len(words)]
        left = sum((words[n] for n in near if n < w), before)
        right = sum((words[n] for n in near if n > w), ())
        return Word((*left, *words[w], *right, *after), len(left), len(left) + len(words[w]))

    return [[variant(w, v) for v in range(variant_count(neighbours))] for w in range(len(words))]


def word_bounds(words: Sequence[int]) -> list[tuple[int, int]]:
    """The first feature of each word, and the one after its last.

    Args:
        words: the number of each feature's word.
    """
    starts = [k for k in range(len(words)) if k == 0 or words[k - 1] != words[k]]
    return list(zip(starts, [*starts[1:], len(words)], strict=True)) if starts else []


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
    return [tokenized(text, *row, limit) for text, row in zip(whole, zip(*columns, strict=True), strict=True)]


def tokenized(
    text: str, ids: Sequence[int], special: Sequence[int], spans: Sequence[Span], limit: int
) -> TokenizedText:
    """One text by its tokens: which of them are of which word.

    Args:
        text: the text.
        ids: the tokens.
        special: per token, whether it is a special one.
        spans: (start, end) characters of each token.
        limit: most tokens of a text, without special tokens.
    """
    is_special = np.array(special, dtype=bool)
    words = np.array(words_of_tokens(word_spans(text), spans), dtype=int)
    is_feature = ~is_special & (words >= 0)
    keep = np.flatnonzero(is_special | ((~is_special).cumsum() <= limit))
    features = [k for k in keep if is_feature[k]]
    return TokenizedText(
        ids=[ids[int(k)] for k in keep],
        is_special=[bool(is_special[k]) for k in keep],
        is_feature=[bool(is_feature[k]) for k in keep],
        spans=_visible_spans(text, [spans[int(k)] for k in np.flatnonzero(is_feature)])[: len(features)],
        words=[int(words[k]) for k in features],
        cut=int(is_feature.sum()) - len(features),
    )


def _visible_spans(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans without blanks at their ends, which some tokenizers count to a word, and with marks, which some drop."""
    out = []
    for at, (start, end) in enumerate(spans):
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = first + len(piece.strip())
        later = spans[at + 1][0] if at + 1 < len(spans) else len(text)
        out.append((first, marks_after(text, last, max(last, later))))
    return out
