"""What a word is and what is empty, by properties of any text and by cases of many scripts."""

import re
import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interplay.words import (
    has_content,
    is_written_without_blanks,
    marks_after,
    strip_invisible,
    visible_pattern,
    word_spans,
    words_of_tokens,
)

texts = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("a é \n\t\u00a0\u200b\u200d\ufe0f\u0301हिन्दीكَتَبَ私は猫がคำกា្ក་😀。「」"),
    ),
    max_size=30,
)
WORDS = {
    # cases.md B and C, and more of each kind
    "हिन्दी में": ["हिन्दी", "में"],
    "كَتَبَ": ["كَتَبَ"],
    "Dear all,\n\nstorms  at noon. \nBye ": ["Dear", "all,", "storms", "at", "noon.", "Bye"],
    "தமிழ் மொழி": ["தமிழ்", "மொழி"],
    "שָׁלוֹם עוֹלָם": ["שָׁלוֹם", "עוֹלָם"],
    "cafe\u0301 au lait": ["cafe\u0301", "au", "lait"],
    "a\u00a0b\u2003c\u3000d": ["a", "b", "c", "d"],
    "x \u200b y": ["x", "y"],
    "x \ufe0f y": ["x", "y"],
    "👩‍👩‍👧 ❤️": ["👩‍👩‍👧", "❤️"],
    "한국어 말": ["한국어", "말"],
    "我爱你。": ["我", "爱", "你。"],
    "私は「Python」が好き": ["私", "は", "「Python」", "が", "好", "き"],
    "コーヒー": ["コー", "ヒー"],
    "か\u3099く": ["か\u3099", "く"],
    "สวัสดี": ["ส", "วั", "ส", "ดี"],
    "ខ្មែរ": ["ខ្មែ", "រ"],
    "买iPhone15吧": ["买", "iPhone15", "吧"],
    "好😀！": ["好", "😀！"],
    "": [],
    " \n": [],
    "\u200b": [],
    "\ufe0f": [],
}


@pytest.mark.parametrize("text", WORDS, ids=ascii)
def test_words_of_many_scripts(text: str) -> None:
    assert [text[a:b] for a, b in word_spans(text)] == WORDS[text]
    assert has_content(text) == bool(WORDS[text])


@given(texts)
@example("\u0300a")
def test_words_are_in_order_visible_and_parted_by_blanks(text: str) -> None:
    spans = word_spans(text)
    assert all(a < b for a, b in spans) and all(b <= c for (_, b), (c, _) in pairwise(spans))
    for a, b in spans:
        assert has_content(text[a:b]) and not any(char.isspace() for char in text[a:b])
    outside = "".join(
        text[b:c] for b, c in zip([0, *(b for _, b in spans)], [*(a for a, _ in spans), len(text)], strict=True)
    )
    assert not has_content(outside)
    assert has_content(text) == bool(spans)
    if not is_written_without_blanks(text):
        assert [text[a:b] for a, b in spans] == [chunk for chunk in text.split() if has_content(chunk)]


@given(texts)
def test_both_normal_forms_have_the_same_words(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert [unicodedata.normalize("NFD", composed[a:b]) for a, b in word_spans(composed)] == [
        decomposed[a:b] for a, b in word_spans(decomposed)
    ]


@given(texts)
def test_what_is_stripped_shows_nothing(text: str) -> None:
    left = strip_invisible(text)
    assert left in text and strip_invisible(left) == left and has_content(left) == has_content(text)
    assert strip_invisible(f" \u200b{text}\u00a0\u2060") == left


@given(texts, st.data())
def test_every_token_is_of_the_word_it_touches(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=10)) | {0, len(text)})
    tokens = list(pairwise(cuts))
    words = word_spans(text)
    found = words_of_tokens(words, tokens)
    assert found == sorted(found) or -1 in found
    for (start, end), word in zip(tokens, found, strict=True):
        touched = [n for n, (a, b) in enumerate(words) if a < end and start < b]
        assert (word == -1) == (not touched)
        if touched:  # the first of all words that tokens chain to it
            assert word <= touched[0]


def test_words_that_share_a_token_are_one() -> None:
    assert words_of_tokens([(0, 1), (1, 2), (2, 3)], [(0, 2), (2, 3)]) == [0, 2]
    assert words_of_tokens([(0, 1), (1, 2), (2, 3)], [(0, 2), (1, 3)]) == [0, 0]
    assert words_of_tokens([], [(0, 0), (0, 1)]) == [-1, -1]


def test_dropped_marks_follow_their_piece() -> None:
    assert marks_after("e\u0301\u0302 x", 1, 5) == 3
    assert marks_after("ab", 1, 2) == 1 and marks_after("a", 1, 1) == 1


def test_the_pattern_for_other_programs_is_the_same_rule_for_every_character() -> None:
    pattern = re.compile(visible_pattern())
    other = [c for c in map(chr, range(sys.maxunicode + 1)) if bool(pattern.search(c)) != has_content(c)]
    assert not other
