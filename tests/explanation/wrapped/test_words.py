"""Words and their tokens, by tokenizers that split, merge and drop."""

import unicodedata

import pytest
from tests.explanation.wrapped.small_models import TEXT, gemma, tokenizer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from interplay.errors import BadInput
from interplay.explanation.wrapped.words import labels_encoded, tokens_of


@pytest.mark.parametrize(("known", "padded"), [(tokenizer(), False), (tokenizer("clip"), True), (gemma(), True)])
def test_labels_are_read_together_as_each_alone(known, padded, monkeypatch):
    """Short ones, and one that is cut off, by one call of the tokenizer."""
    labels = ["a cat", TEXT, "the sun is warm", "a photo of a dog " * 9]
    asked, plain = [], type(known).__call__
    alone = [tokens_of(known, label, 30, padded).inputs for label in labels]
    monkeypatch.setattr(type(known), "__call__", lambda *args, **more: asked.append(args) or plain(*args, **more))
    found = labels_encoded(known, labels, 30, padded)
    assert len(asked) == 1
    for ours, one in zip(found, alone, strict=True):
        assert set(ours) == set(one) and all(ours[name].tolist() == one[name].tolist() for name in one)


def test_labels_that_cannot_be_read_are_refused():
    for labels, known, message in (
        (["a cat", "QQ \u2603"], 60, r"no word of 'QQ \u2603' has a token"),
        (["a cat", " "], 60, r"no word of ' ' has a token"),
        (["sunshine"], 20, r"the tokenizer gives token \d+, and the model knows 20; expected the model's own"),
    ):
        with pytest.raises(BadInput, match=message):
            labels_encoded(tokenizer(), labels, 30, False, known)


@pytest.mark.parametrize("kind", ["bert", "clip"])
def test_each_word_has_its_own_tokens_and_special_ones_none(kind):
    known = tokenizer(kind)
    found = tokens_of(known, TEXT, 60, padded=False)
    assert [TEXT[slice(*span)] for span in found.spans] == TEXT.split()
    ids = found.inputs["input_ids"][0].tolist()
    pieces = [piece.removeprefix("##").replace("\u0120", "") for piece in known.convert_ids_to_tokens(ids)]
    every = [at for tokens in found.tokens for at in tokens]
    named = [at for at in range(1, len(ids) - 1) if pieces[at]]  # not the first and the last, nor a blank by itself
    assert every == named
    for span, tokens in zip(found.spans, found.tokens, strict=True):
        assert "".join(pieces[at] for at in tokens) == TEXT[slice(*span)]
    assert max(map(len, found.tokens)) > 1, "some words are split"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("kind", ["bert", "clip"])
@pytest.mark.parametrize(
    "text",
    [
        "हिन्दी में sun",
        "كَتَبَ the sun",
        "Dear all,\n\nstorms  at noon. \nBye ",
        "தமிழ் மொழி cat",
        "cafe\u0301s sun \u2764\ufe0f",
        "\u00a0a\u3000cat\u2003\n",
        "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd\r\n\tsun",
    ],
    ids=ascii,
)
def test_words_are_what_blanks_part_with_any_tokenizer(kind, text, form):
    """cases.md B and C: those whose characters it drops or splits into bytes too, in both normal forms."""
    text = unicodedata.normalize(form, text)
    found = tokens_of(tokenizer(kind), text, 80, padded=False)
    assert [text[slice(*span)] for span in found.spans] == text.split() and not found.truncated
    assert all(found.tokens) and len({at for tokens in found.tokens for at in tokens}) == sum(map(len, found.tokens))


def test_words_that_share_a_token_are_one():
    raw = Tokenizer(models.WordLevel({"[UNK]": 0, "new york": 1, "is": 2, "big": 3}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Split("new york", "isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [raw.pre_tokenizer, pre_tokenizers.Split(__import__("tokenizers").Regex(r"(?<!new) "), "removed")]
    )
    known = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]")
    text = "new york is big"
    found = tokens_of(known, text, 60, padded=False)
    assert [text[slice(*span)] for span in found.spans] == ["new york", "is", "big"]


def test_words_that_are_cut_off_or_unknown_to_it_do_not_play():
    found = tokens_of(tokenizer(), "the sun is warm " * 8, 12, padded=False)
    assert found.inputs["input_ids"].shape == (1, 12) and found.truncated > 0
    assert sum(map(len, found.tokens)) == 10
    padded = tokens_of(tokenizer(), "the sun", 30, padded=True)
    assert padded.inputs["input_ids"].shape == (1, 30) and len(padded.spans) == 2
    dropped = tokens_of(tokenizer(), "sun \u200d warm", 30, padded=False)  # a joiner alone leaves no token
    assert [dropped.text[slice(*span)] for span in dropped.spans] == ["sun", "warm"]


def test_what_cannot_be_read_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(BadInput, match=r"Slow does not say which characters a token stands for; expected a fast"):
        tokens_of(Slow(), TEXT, 60, padded=False)
    with pytest.raises(BadInput, match=r"no word of '   ' has a token"):
        tokens_of(tokenizer(), "   ", 60, padded=False)
