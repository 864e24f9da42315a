"""Text encoders against a naive use of the same model: one text, no padding, special tokens taken off by hand."""

import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers

from interplay.encoders.loading import load_encoder
from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.encoders.text import TextEncoder
from interplay.encoders.tokens import tokenize
from interplay.errors import EncoderError
from interplay.modalities import MODALITIES
from interplay.words import has_content

Folder = Callable[[str], Path]
# Family -> its model class, how many special tokens stand before and after the text, and its own last norm.
FAMILIES = {
    "bert": ("BertModel", 1, 1, None),
    "roberta": ("RobertaModel", 1, 1, None),
    "mpnet": ("MPNetModel", 1, 1, None),
    "distilbert": ("DistilBertModel", 1, 1, None),
    "modernbert": ("ModernBertModel", 1, 1, "final_norm"),
    "gpt2": ("GPT2Model", 0, 0, "ln_f"),
    "t5": ("T5EncoderModel", 0, 1, "encoder.final_layer_norm"),
    "clip": ("CLIPTextModel", 1, 1, "final_layer_norm"),
}
TEXTS = ["the cat sat on a mat!", "a", "red  square 😀, e\u0301t\u00e9 \n", "the cat", "hello world hello"]


def load(path: Path | str, **settings: object) -> TextEncoder:
    encoder = load_encoder(EncoderConfig(model=str(path), **settings), "text")
    assert isinstance(encoder, TextEncoder)
    return encoder


def naive(path: Path, family: str, text: str, layer: int | None = None) -> torch.Tensor:
    """The tokens of one text after one layer (T, W)."""
    name, before, after, norm = FAMILIES[family]
    model = getattr(transformers, name).from_pretrained(path).eval()
    found = transformers.AutoTokenizer.from_pretrained(path)(text, return_offsets_mapping=True)
    ids, visible = found["input_ids"], [bool(text[a:b].strip()) for a, b in found["offset_mapping"]]
    with torch.no_grad():
        out = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
        if layer is None:
            hidden = out.last_hidden_state
        else:
            hidden = out.hidden_states[layer]
            hidden = model.get_submodule(norm)(hidden) if norm else hidden
    return hidden[0, before : len(ids) - after][torch.tensor(visible[before : len(ids) - after])]  # blanks are none


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layer", [None, 1, 2])
def test_tokens_are_those_of_the_model_on_one_text(folder: Folder, family: str, layer: int | None) -> None:
    encoder = load(folder(family), layer=layer)
    for text, encoded in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        expected = naive(folder(family), family, text, layer)
        assert encoded.features.shape == expected.shape == (len(expected), encoder.width)
        torch.testing.assert_close(encoded.features, expected, atol=1e-5, rtol=1e-4)
        assert encoded.valid.all() and len(encoded.valid) == len(expected) and encoded.truncated == 0


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
def test_batch_mates_do_not_matter_and_parts_align(folder: Folder, family: str) -> None:
    encoder = load(folder(family))
    for text, mixed in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        alone = encoder.encode([text])[0]
        torch.testing.assert_close(alone.features, mixed.features, atol=1e-5, rtol=1e-4)
        assert len(encoder.parts(text)) == len(mixed.features)
        end = 0
        for part in encoder.parts(text):
            assert part.span is not None and part.box is None
            assert text[slice(*part.span)] == part.text == part.text.strip()
            assert part.span[0] >= 0 and part.span[1] >= end  # in the order of the text
            end = part.span[1]
        seen = {k for part in encoder.parts(text) for k in range(*part.span)}
        assert {k for k, letter in enumerate(text) if letter.isalpha()} <= seen


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen(folder: Folder, family: str) -> None:
    encoder = load(folder(family))
    assert not encoder.network.training and not any(m.training for m in encoder.network.modules())
    assert not any(p.requires_grad for p in encoder.network.parameters())
    assert not encoder.encode(["the cat"])[0].features.requires_grad


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
@pytest.mark.parametrize("text", ["", " ", "\n", "\u200b", "\ufe0f", " \u2060 \n"])
def test_empty_text_has_no_features(folder: Folder, family: str, text: str) -> None:
    encoder = load(folder(family))
    for texts in ([text], [text, "the cat"]):
        assert encoder.encode(texts)[0].features.shape == (0, encoder.width)
    assert encoder.parts(text) == [] and encoder.encode([]) == []


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
def test_truncation_is_counted_and_keeps_the_beginning(folder: Folder, family: str) -> None:
    long = "the cat sat on a mat, " * 30
    unlimited, limited = load(folder(family)), load(folder(family), max_tokens=5)
    spans = unlimited.tokenizer(long, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    visible = [bool(long[a:b].strip()) for a, b in spans]  # a blank takes a place, and is no feature
    for encoder in (unlimited, limited):
        encoded = encoder.encode([long, "a cat"])[0]
        kept = sum(visible[: encoder.max_features])
        assert len(encoded.features) == kept == len(encoder.parts(long))
        assert encoded.truncated == sum(visible) - kept > 0
        # Cut texts keep their special tokens, so a text that fits exactly is the same text.
        assert encoder.encode(["the cat"])[0].truncated == 0
    assert limited.max_features == 5
    assert limited.parts(long) == unlimited.parts(long)[:kept]


def test_longest_text_is_what_the_position_table_takes(folder: Folder) -> None:
    """RoBERTa's and MPNet's tables begin with rows for padding; their tokenizer claims to take 1e30 tokens."""
    longest = {"bert": 22, "roberta": 22, "mpnet": 22, "distilbert": 22, "clip": 18, "gpt2": 24, "siglip": 19}
    for family, expected in longest.items():
        encoder = load(folder(family))
        assert encoder.max_features == expected, family
        encoder.encode(["a " * 100])  # the last position exists
    assert load(folder("t5")).max_features == 320  # relative positions: only max_tokens limits


def test_truncated_text_keeps_its_special_tokens(folder: Folder) -> None:
    model = transformers.BertModel.from_pretrained(folder("bert")).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder("bert"))
    text = "the cat sat on a mat the cat sat"
    ids = tokenizer(text, truncation=True, max_length=6, return_tensors="pt")
    with torch.no_grad():
        expected = model(**ids).last_hidden_state[0, 1:-1]
    actual = load(folder("bert"), max_tokens=4).encode([text])[0].features
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)


def test_siglip_sees_padding_to_full_length_without_a_mask(folder: Folder) -> None:
    model = transformers.SiglipTextModel.from_pretrained(folder("siglip")).eval()
    encoder = load(folder("siglip"))
    for text in TEXTS[:2]:
        ids = encoder.tokenizer(text, padding="max_length", max_length=20, return_tensors="pt")["input_ids"]
        spans = encoder.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        places = [k for k, (a, b) in enumerate(spans) if text[a:b].strip()]
        with torch.no_grad():
            expected = model(input_ids=ids).last_hidden_state[0, places]
        torch.testing.assert_close(
            encoder.encode(TEXTS[:2])[TEXTS.index(text)].features, expected, atol=1e-5, rtol=1e-4
        )


def test_clip_text_tower_alone_equals_the_one_in_the_whole_model(folder: Folder, tmp_path: Path) -> None:
    tower = transformers.CLIPModel.from_pretrained(folder("clip")).text_model
    tower.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder("clip")).save_pretrained(tmp_path)
    alone, whole = load(tmp_path), load(folder("clip"))
    assert torch.equal(alone.encode(["the cat"])[0].features, whole.encode(["the cat"])[0].features)


def test_older_checkpoints_with_prefixed_names(folder: Folder, tmp_path: Path) -> None:
    """A masked-language checkpoint prefixes its encoder and lacks the pooler, which is then drawn at random."""
    model = transformers.RobertaModel.from_pretrained(folder("roberta"))
    whole = transformers.RobertaForMaskedLM(model.config)
    whole.roberta.load_state_dict(model.state_dict(), strict=False)
    whole.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder("roberta")).save_pretrained(tmp_path)
    first, second = load(tmp_path), load(tmp_path)
    assert first.fingerprint == second.fingerprint
    expected = load(folder("roberta")).encode(["the cat"])[0].features
    torch.testing.assert_close(first.encode(["the cat"])[0].features, expected)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_older_two_tower_folders(folder: Folder, tmp_path: Path, family: str) -> None:
    """A tower alone was once saved under the name it has in the whole model."""
    load_file, save_file = safetensors.torch.load_file, safetensors.torch.save_file
    name = {"clip": "CLIPTextModel", "siglip": "SiglipTextModel"}[family]
    getattr(transformers, name).from_pretrained(folder(family)).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights = {f"text_model.{key.removeprefix('text_model.')}": weight for key, weight in weights.items()}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    transformers.AutoTokenizer.from_pretrained(folder(family)).save_pretrained(tmp_path)
    old, new = (load(path, layer=2).encode(["the cat"])[0].features for path in (tmp_path, folder(family)))
    assert torch.equal(old, new)


def test_siglip_folder_that_names_its_sentencepiece_class(folder: Folder, tmp_path: Path) -> None:
    """As on the hub. That class needs another package and places no token; tokenizer.json beside it does."""
    shutil.copytree(folder("siglip"), tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "SiglipTokenizer"}))
    assert load(tmp_path).parts("the cat") == load(folder("siglip")).parts("the cat")


def test_half_precision_weights_are_run_in_single_precision(folder: Folder, tmp_path: Path) -> None:
    transformers.BertModel.from_pretrained(folder("bert")).to(torch.bfloat16).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder("bert")).save_pretrained(tmp_path)
    encoder = load(tmp_path)
    assert {p.dtype for p in encoder.network.parameters()} == {torch.float32}
    assert encoder.encode(["the cat"])[0].features.dtype == torch.float32


def test_spans_of_odd_text(folder: Folder) -> None:
    text = "the\u00a0cat  \U0001f600\U0001f600 e\u0301 \ud83d x [SEP] <pad>"  # with half a surrogate pair
    for family in (*FAMILIES, "siglip"):
        encoder = load(folder(family), max_tokens=20)
        assert len(encoder.parts(text)) == len(encoder.encode([text])[0].features)
        assert all(text[slice(*part.span)] == part.text for part in encoder.parts(text))
    pieces = [part.text for part in load(folder("bert")).parts("a [SEP] b")]
    assert pieces == ["a", "[SEP]", "b"]  # what the text itself says is no special token


def test_packaged_minilm() -> None:
    encoder = load("minilm", layer=2)
    text = "Two naïve cats 😀 met."
    assert encoder.width == 384 and encoder.max_features == 320 and load("minilm", max_tokens=600).max_features == 510
    assert [part.text for part in encoder.parts(text)] == ["Two", "naïve", "cats", "😀", "met", "."]
    assert encoder.encode([text])[0].features.shape == (6, 384)


def test_a_tokenizer_of_another_model_is_refused(folder: Folder, tmp_path: Path) -> None:
    transformers.BertModel.from_pretrained(folder("bert")).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder("roberta")).save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match=r"its tokenizer has .* tokens"):
        load(tmp_path)


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
def test_words_by_themselves_know_nothing_of_each_other(folder: Folder, family: str) -> None:
    """With `isolate`, a word's features are the same in every text, as many as in context, and in their places."""
    encoder, whole = load(folder(family), isolate=True), load(folder(family))
    texts = ["the cat, sat", "a dog  sat\non the cat, there"]
    first, second = encoder.encode(texts)
    assert [len(e.features) for e in (first, second)] == [len(e.features) for e in whole.encode(texts)]
    assert encoder.parts(texts[0]) == whole.parts(texts[0]) and encoder.fingerprint != whole.fingerprint

    def of(encoded: torch.Tensor, text: str, word: str) -> torch.Tensor:
        start = text.index(word)
        rows = [k for k, p in enumerate(encoder.parts(text)) if p.span and start <= p.span[0] < start + len(word)]
        return encoded[rows]

    for word in (" cat,", " sat") if family in ("bert", "distilbert") else (" cat,",):
        word = word.strip()
        torch.testing.assert_close(
            of(first.features, texts[0], word), of(second.features, texts[1], word), atol=1e-5, rtol=1e-4
        )
    alone = load(folder(family)).encode(["the"])[0].features
    torch.testing.assert_close(first.features[: len(alone)], alone, atol=1e-5, rtol=1e-4)
    context = whole.encode(texts)
    assert not torch.allclose(of(context[0].features, texts[0], "cat"), of(context[1].features, texts[1], "cat"))
    assert len(encoder.encode([""])[0].features) == 0


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
def test_words_with_neighbours_are_encoded_with_each_set_of_them(folder: Folder, family: str) -> None:
    """Each variant of a word is the mean of its own pieces in a text of it and those of its neighbours alone."""
    encoder, alone, whole = (
        load(folder(family), isolate=True, neighbours=1),
        load(folder(family), isolate=True),
        load(folder(family)),
    )
    text = "the cat, sat there"
    found = encoder.encode([text])[0]
    words = [part.text for part in encoder.parts(text)]
    assert encoder.fingerprint != alone.fingerprint and encoder.width == 4 * whole.width
    assert encoder.max_features == whole.max_features and len(found.features) == len(found.valid) == len(words)
    if family in (
        "bert",
        "distilbert",
    ):  # others write a blank into the piece behind it: by itself a word reads otherwise
        assert words == text.split()
        for place in range(len(words)):
            variants = found.features[place].unflatten(0, (4, -1))
            for v, variant in enumerate(variants):
                left = words[place - 1 : place] if v & 1 else []
                right = words[place + 1 : place + 2] if v & 2 else []
                read = whole.encode([" ".join([*left, words[place], *right])])[0].features
                before = len(whole.encode([" ".join(left)])[0].features)
                own = len(whole.encode([words[place]])[0].features)
                torch.testing.assert_close(variant, read[before : before + own].mean(0), atol=1e-5, rtol=1e-4)
    assert encoder.encode([""])[0].features.shape == (0, encoder.width)
    assert load(folder(family), isolate=True, neighbours=0).fingerprint == alone.fingerprint


@pytest.mark.parametrize("isolate", [False, True])
def test_a_text_that_is_encoded_and_then_asked_for_its_parts_is_tokenized_once(folder, monkeypatch, isolate):
    encoder = load(folder("bert"), isolate=isolate)
    calls: list[list[str]] = []

    def counted(tokenizer, texts, limit):
        calls.append(list(texts))
        return tokenize(tokenizer, texts, limit)

    monkeypatch.setattr("interplay.encoders.text.tokenize", counted)
    alone = [load(folder("bert"), isolate=isolate).parts(text) for text in TEXTS]
    calls.clear()
    encoder.encode(TEXTS)
    assert [encoder.parts(text) for text in TEXTS] == alone
    assert calls == [TEXTS]
    encoder.encode(["another"])  # only the last batch is kept
    encoder.parts(TEXTS[0])
    assert calls == [TEXTS, ["another"], [TEXTS[0]]]


# cases.md B and C. The texts are made up.
LETTER = "Dear all,\n\nstorms  at noon. \nBye "
MARKED = ["हिन्दी में", "كَتَبَ الوَلَد", "cafe\u0301s d\u2019e\u0301te\u0301 \u2764\ufe0f", "a\u0328\u0301 b"]


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
@pytest.mark.parametrize("settings", [{}, {"isolate": True}, {"isolate": True, "neighbours": 1}])
def test_blanks_are_no_features_with_any_tokenizer(folder: Folder, family: str, settings: dict[str, object]) -> None:
    encoder = load(folder(family), **settings, max_tokens=60)
    for text in (LETTER, "\t\tone \u3000 two\r\n", "\u00a0x\u00a0\u00a0y\u00a0", " \u200b cat \u2028\u2003 mat "):
        parts = encoder.parts(text)
        assert len(parts) == len(encoder.encode([text])[0].features)
        assert all(has_content(part.text or "") and part.text == (part.text or "").strip() for part in parts)


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
@pytest.mark.parametrize("token_groups", [True, False])
@pytest.mark.parametrize(
    "text", [LETTER, "\u2764\ufe0f \u200bcat", " mat\ufeff\u2060 \ufe0f a", "a\u0301\u0328\u200d\tcat\n"], ids=ascii
)
def test_nothing_plays_without_visible_text_with_any_tokenizer(
    folder: Folder, family: str, token_groups: bool, text: str
) -> None:
    """Bytes and marks that a tokenizer makes tokens of play with what they belong to."""
    encoder, modality = load(folder(family), max_tokens=60), MODALITIES["text"]
    parts = encoder.parts(text)
    groups = modality.groups(parts, token_groups=token_groups, grid=None)
    players = [
        str(modality.whole([p for p, g in zip(parts, groups, strict=True) if g == n], text).text)
        for n in range(max(groups) + 1)
    ]
    assert players and all(has_content(player) and player == player.strip() for player in players)


@pytest.mark.parametrize("family", [*FAMILIES, "siglip"])
@pytest.mark.parametrize("text", [LETTER, *MARKED])
def test_words_are_what_blanks_part_in_both_normal_forms(folder: Folder, family: str, text: str) -> None:
    """Dropped marks belong to their word: no word is torn, and both forms of a text have the same words.

    Most of these encoders take about 20 tokens, which byte by byte are few words: the last one may be cut.
    """
    encoder = load(folder(family), max_tokens=60)
    expected = unicodedata.normalize("NFD", text).split()
    for form in ("NFC", "NFD"):
        same = unicodedata.normalize(form, text)
        parts = encoder.parts(same)
        groups = MODALITIES["text"].groups(parts, token_groups=True, grid=None)
        whole = [
            MODALITIES["text"].whole([p for p, g in zip(parts, groups, strict=True) if g == n], same).text
            for n in range(max(groups) + 1)
        ]
        words = [unicodedata.normalize("NFD", str(word)) for word in whole]
        if encoder.encode([same])[0].truncated:
            last = len(words) - 1
            assert words[:last] == expected[:last] and expected[last].startswith(words[last])
        else:
            assert words == expected


def test_pieces_that_show_nothing_do_not_play_by_themselves() -> None:
    text = "\u2764\ufe0f \u200bhi"
    spans = [
        (0, 1),
        (0, 1),
        (1, 2),
        (3, 4),
        (4, 6),
    ]  # two bytes of a heart; what draws it in colour; a space without width
    parts = [Part(text[a:b], (a, b), word=w) for (a, b), w in zip(spans, [0, 0, 0, 1, 1], strict=True)]
    groups = MODALITIES["text"].groups(parts, token_groups=False, grid=None)
    assert groups == [0, 0, 0, 1, 1]
    alone = [Part("a", (0, 1), word=0), Part("b", (1, 2), word=0), Part("c", (3, 4), word=1)]
    assert MODALITIES["text"].groups(alone, token_groups=False, grid=None) == [0, 1, 2]


def test_a_run_of_earlier_features_is_opened(folder: Folder) -> None:
    encoder = load(folder("bert"))
    assert len(encoder.earlier) == 1 and encoder.fingerprint not in encoder.earlier
