"""What a word is and what is empty: one rule for every text, whoever reads it.

Blanks part words. Combining marks, joiners and other characters that nobody sees belong to the word they stand in, so
a text has the same words in NFC and in NFD. Scripts that put no blanks between words (Chinese, Japanese, Thai, Lao,
Khmer, Burmese, Tibetan) play character by character; punctuation stays with its neighbour.
"""

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

Span = tuple[int, int]

HIDDEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Unicode categories of characters that show nothing by themselves."""
FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category that are drawn as a blank."""

_CHUNK = re.compile(r"\S+")
_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_LENGTHENS = frozenset("\u30fc\uff70\uff9e\uff9f")  # kana marks that are letters by category
_STACKS = frozenset("\u1039\u17d2")  # the consonant after one of these is written below the one before it


def has_content(text: str) -> bool:
    r"""Whether anything in a text can be seen: a text without content is empty, however long.

    >>> [has_content(text) for text in ("a", " ", "\u200b", "\ufe0f", "\u2764\ufe0f")]
    [True, False, False, False, True]

    Args:
        text: any text.
    """
    return any(_is_visible(char) for char in text)


@cache
def visible_pattern() -> str:
    r"""A regular expression of one character that can be seen, for JSON schema: `has_content` in other programs.

    Escapes are those that Python and JavaScript share; characters beyond \uffff stand for themselves.
    """
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if not _is_visible(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    hidden = ("-".join(_escaped(code) for code in dict.fromkeys(one)) for one in ranges)
    return f"[^{''.join(hidden)}]"


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)


def strip_invisible(text: str) -> str:
    r"""The text without blanks, control and format characters at its ends.

    >>> strip_invisible(" cat\u200b\u00a0")
    'cat'

    Args:
        text: any text.
    """
    first, last = 0, len(text)
    while first < last and _is_blank(text[first]):
        first += 1
    while first < last and _is_blank(text[last - 1]):
        last -= 1
    return text[first:last]


def word_spans(text: str) -> list[Span]:
    """(start, end) of each word, in characters; what shows nothing between two blanks is no word.

    >>> word_spans("two  words"), word_spans("猫。Cat")
    ([(0, 3), (5, 10)], [(0, 2), (2, 5)])

    Args:
        text: any text.
    """
    spans: list[Span] = []
    for match in _CHUNK.finditer(text):
        chunk = match.group()
        if not has_content(chunk):
            continue
        if chunk.isascii() or not is_written_without_blanks(chunk):
            spans.append(match.span())
        else:
            spans += [(match.start() + a, match.start() + b) for a, b in _characters(chunk)]
    return spans


def is_written_without_blanks(text: str) -> bool:
    """Whether a part of the text plays by characters, as its script puts no blanks between words.

    Args:
        text: any text.
    """
    return any(unicodedata.category(match.group())[0] == "L" for match in _WITHOUT_BLANKS.finditer(text))


def words_of_tokens(words: Sequence[Span], tokens: Sequence[Span]) -> list[int]:
    """The word of each token, by its number; words that share a token count as one. -1: a token of no word.

    >>> words_of_tokens([(0, 3), (4, 6)], [(0, 2), (2, 3), (3, 4), (3, 6)])
    [0, 0, -1, 1]

    Args:
        words: (start, end) of each word, in order.
        tokens: (start, end) of each token, in the order of the text.
    """
    owner = list(range(len(words)))
    first, found = 0, []
    for start, end in tokens:
        while first < len(words) and words[first][1] <= start:
            first += 1
        touched = []
        for n in range(first, len(words)):
            if words[n][0] >= end:
                break
            touched.append(n)
        for n in touched[1:]:
            owner[n] = owner[touched[0]]
        found.append(touched[0] if touched else -1)
    return [owner[n] if n >= 0 else -1 for n in found]


def marks_after(text: str, end: int, stop: int) -> int:
    """Where a piece of text that ends at `end` ends with the marks that follow it: a tokenizer may drop them.

    Args:
        text: the text.
        end: end of the piece.
        stop: the first character that belongs to something else.
    """
    while end < stop and not text[end].isspace() and not _is_visible(text[end]):
        end += 1
    return end


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) not in HIDDEN and char not in FILLERS


@lru_cache(4096)
def _is_blank(char: str) -> bool:
    return char.isspace() or char in FILLERS or unicodedata.category(char) in ("Cc", "Cf")


def _characters(chunk: str) -> list[Span]:
    """The words of a chunk in which some script needs no blanks: its characters, and runs of all other letters."""
    starts, last = [0], ""
    for at, char in enumerate(chunk):
        category = unicodedata.category(char)
        if category[0] == "M" or category == "Cf" or char in _LENGTHENS or (at and chunk[at - 1] in _STACKS):
            continue
        if category[0] in "LN" and _WITHOUT_BLANKS.match(char) and category != "Nd":
            kind = "character"
        elif category[0] in "LN" or category == "So":
            kind = "run"
        elif category in ("Ps", "Pi"):
            kind = ""  # an opening bracket or quote stays with what follows
        else:
            continue
        if (last and kind != "run") or last == "character":
            starts.append(at)
        last = kind
    return list(zip(starts, [*starts[1:], len(chunk)], strict=True))
