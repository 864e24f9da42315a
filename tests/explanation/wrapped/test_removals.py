"""Second ways of removing: patches inpainted from what is left, words deleted and the rest read again."""

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tests.explanation.wrapped.small_models import ALL, SIDES, TEXT, bert, clip, llava, naflex, tokenizer, vit

from interplay import wrap
from interplay.errors import BadInput, PredictorError
from interplay.explanation.wrapped.inpaint import inpainted
from interplay.explanation.wrapped.words import tokens_of
from interplay.report.agreement import agreement_lines, compared

RANDOM = np.random.default_rng(0)
PICTURE = Image.fromarray(RANDOM.integers(0, 255, (60, 90, 3), dtype=np.uint8))
READERS = ["clip", "siglip", "siglip2", "naflex", "vilt", "blip", "blip_vqa", "bert"]


def opened(name: str, text: str = TEXT, picture=PICTURE, **options):
    model, processor = ALL[name]()
    labels = {"labels": ["grey cats", "sun"]} if wrap(model, processor).kind.writes else {}
    predictor = wrap(model, processor, **labels, **options)
    kind = predictor.kind
    return predictor, predictor.open_inputs(text if kind.reads else None, picture if kind.looks else None)


def painted(pixels: torch.Tensor, left: np.ndarray, side: int, by: torch.Tensor) -> torch.Tensor:
    """A picture with the patches that are not left painted by another."""
    stays = torch.from_numpy(np.kron(left, np.ones((side, side)))).bool()
    return torch.where(stays, pixels, by)


def test_a_flat_picture_stays_flat_and_a_ramp_is_nearly_restored():
    flat = torch.full((1, 3, 32, 48), 0.7)
    left = torch.from_numpy(RANDOM.random((20, 4, 6)) < 0.5)
    left[:, 0, 0] = True
    torch.testing.assert_close(inpainted(flat, left, flat * 0), flat.expand(20, -1, -1, -1))
    ramp = torch.linspace(0, 1, 48).expand(1, 3, 32, 48)
    one = torch.ones(1, 4, 6, dtype=torch.bool)
    one[0, 1, 2] = False  # within the picture, so that each side of it is left
    off = (inpainted(ramp, one, ramp * 0) - ramp).abs()
    hole = off[0, 0, 8:16, 16:24]
    assert hole.max() < 0.08 and off.sum() == pytest.approx(3 * float(hole.sum()), rel=1e-4)
    assert hole.mean() < 0.3 * float((ramp[0, 0, 8:16, 16:24] - ramp.mean()).abs().mean()), "the mean is farther off"


def test_what_is_removed_is_not_read_and_what_is_left_is_as_it_was():
    pixels = torch.from_numpy(RANDOM.random((1, 3, 30, 42)).astype(np.float32))
    left = torch.from_numpy(RANDOM.random((16, 5, 7)) < 0.4)
    left[0] = False
    empty = torch.full_like(pixels, 0.25)
    found = inpainted(pixels, left, empty)
    known = torch.nn.functional.interpolate(left[:, None].float(), size=(30, 42), mode="nearest").bool()
    for row in range(len(left)):
        others = torch.where(known[row], pixels, torch.from_numpy(RANDOM.random((1, 3, 30, 42))).float())
        torch.testing.assert_close(inpainted(others, left[row : row + 1], empty)[0], found[row])
    torch.testing.assert_close(found[0], empty[0])
    torch.testing.assert_close(torch.where(known, found, 0.0), torch.where(known, pixels, 0.0))
    within = torch.where(known, found, torch.nan)[1:].flatten(2)
    low, high = (torch.nan_to_num(within, nan=fill) for fill in (9.0, -9.0))
    lower, higher = low.amin(2)[:, :, None, None], high.amax(2)[:, :, None, None]
    assert ((found[1:] >= lower - 1e-5) & (found[1:] <= higher + 1e-5)).all(), "no colour that is not left"


@torch.no_grad()
@pytest.mark.parametrize("name", ["clip", "siglip", "naflex", "vilt", "blip", "vit", "llava", "qwen"])
def test_an_inpainted_patch_is_as_if_its_pixels_were(name):
    """Rows of one batch with other patches left have their own picture."""
    predictor, one = opened(name, removal="inpaint", grid=3)
    cells, words = one._cells, len(one._words.spans) if one._words else 0
    shown, side = cells.shown(), one._pixels.shape[2] // cells.rows
    mean = one._pixels.mean(dim=(2, 3), keepdim=True).expand_as(one._pixels)
    rows = RANDOM.random((5, len(one.features))) < 0.5
    rows[0, words:] = False
    found = one.logits(rows)[:, 0]
    for row, stays in enumerate(rows):
        tokens, patches = one._stays(stays[None])
        left = patches.reshape(cells.rows, cells.columns)
        fill = inpainted(one._pixels, torch.from_numpy(left & shown)[None], mean)
        whole = predictor.removing("drop").asked(one._words, cells, painted(one._pixels, left, side, fill), None)
        expected = whole.answer(tokens, np.ones_like(patches)) - one._zero
        np.testing.assert_allclose(found[row : row + 1], expected, atol=1e-4)


def test_bars_around_a_picture_are_not_inpainted_into_it():
    """They stay, and are none of what is left: with nothing left the picture shows its mean colour."""
    model, _ = vit()

    class Barred:
        """Lays a picture of 60 x 90 into a square with black bars."""

        image_mean = (0.5, 0.5, 0.5)

        def __call__(self, images, return_tensors):
            out = np.full((3, 32, 32), -9.0, dtype=np.float32)
            out[:, 8:24] = np.asarray(images.resize((32, 16)), np.float32).transpose(2, 0, 1) / 127.5 - 1
            return {"pixel_values": out[None]}

    predictor = wrap(model, Barred(), removal="inpaint")
    one = predictor.open_inputs(None, PICTURE)
    assert one._cells.shown().tolist() == [[False] * 4, [True] * 4, [True] * 4, [False] * 4]
    patches = one._cells.shown().reshape(1, 16) ^ True
    torch.testing.assert_close(one._asked._shown(patches)[0], one._instead[0])
    patches[0, 4] = True
    assert one._asked._shown(patches)[0, :, 8:24].min() > -1.5


@torch.no_grad()
@pytest.mark.parametrize("name", READERS)
def test_a_text_with_words_deleted_is_read_as_that_text(name):
    """Alone or in a batch with longer ones; the whole text as ever."""
    predictor, one = opened(name, words="delete")
    n, words = len(one.features), len(one._words.spans)
    whole = np.ones((1, n), dtype=bool)
    np.testing.assert_allclose(one.logits(whole) + one._zero, masked(name, whole), atol=1e-4)
    rows = np.ones((4, n), dtype=bool)
    rows[0, [1, 4]], rows[1, 1:words], rows[2, 0] = False, False, False
    found = one.logits(rows) + one._zero
    for row, stays in enumerate(rows):
        rest = " ".join(word for word, stay in zip(TEXT.split(), stays[:words], strict=True) if stay)
        _, other = opened(name, rest)
        alone = other.logits(np.ones((1, len(other.features)), dtype=bool)) + other._zero
        np.testing.assert_allclose(found[row], alone[0], atol=1e-4)
    assert np.ptp(found[:, 0], axis=0).max() > 1e-3
    assert any("is deleted from the text" in note for note in one.notes)
    assert predictor.provenance.run.endswith(", words deleted")


def masked(name: str, rows: np.ndarray) -> np.ndarray:
    _, one = opened(name)
    return one.logits(rows) + one._zero


def test_what_was_cut_off_does_not_move_up_when_words_are_deleted():
    text = "the sun is warm " * 8
    found = tokens_of(tokenizer(), text, 12, padded=False)
    read = text[: found.spans[-1][1]]
    stays = np.ones(12, dtype=bool)
    assert found.left(stays) == text
    stays[list(found.tokens[1])] = False
    words = read.split()
    assert found.left(stays) == " ".join(words[:1] + words[2:])


def test_a_word_that_is_cut_off_is_shown_as_far_as_it_is_read():
    known = tokenizer()
    ids = known("sunshine unbelievably")["input_ids"]
    pieces = known.convert_ids_to_tokens(ids)
    for longest in range(4, len(ids)):
        found = tokens_of(known, "sunshine unbelievably", longest, padded=False)
        (start, end), read = found.spans[-1], "".join(piece.removeprefix("##") for piece in pieces[1 : longest - 1])
        assert "sunshineunbelievably".startswith(read) and found.truncated == len(ids) - longest
        assert "".join(found.text[slice(*span)] for span in found.spans) == read
    assert (start, end) != (9, 21), "the last of these is cut within the second word"


def test_a_decoder_is_explained_with_words_deleted_where_it_cannot_be_with_words_masked():
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 300, "n_positions": 40}
    config = transformers.GPT2Config(**sizes, num_labels=3, pad_token_id=0)
    raw = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer("clip").backend_tokenizer, pad_token="<pad>", model_input_names=["input_ids"]
    )
    model = transformers.GPT2ForSequenceClassification(config).eval()
    found = wrap(model, raw, words="delete").explain(text="two grey cats", budget=200)
    assert len(found.features) == 3
    raw.pad_token = None
    with pytest.raises(
        BadInput, match=r"the tokenizer has no token for padding; expected one, where words are deleted"
    ):
        wrap(model, raw, words="delete").open_inputs("two grey cats", None)


def test_a_tokenizer_without_special_tokens_cannot_read_a_text_without_words():
    model, known = bert()
    raw = transformers.PreTrainedTokenizerFast(
        tokenizer_object=transformers.PreTrainedTokenizerFast(
            tokenizer_object=known.backend_tokenizer
        ).backend_tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
    )
    raw.backend_tokenizer.post_processor = __import__("tokenizers").processors.ByteLevel()
    with pytest.raises(BadInput, match=r"no token for a text without words; .*; mask words in place of deleting them"):
        wrap(model, raw, words="delete").open_inputs(TEXT, None)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (clip, {"words": "drop"}, r"words are to be removed by 'drop'; expected one of mask, delete"),
        (vit, {"words": "delete"}, r"words are to be removed by 'delete'; expected mask: there is no text"),
        (
            clip,
            {"words": "delete", "labels": ["a", "b"]},
            r"words are to be removed by 'delete'; expected mask: there is no text",
        ),
        (
            llava,
            {"words": "delete"},
            r"words are to be removed by 'delete'; expected mask: tokens of a prompt, the picture's too",
        ),
        (bert, {"removal": "inpaint"}, r"patches are to be removed by 'inpaint'; expected drop: words are masked"),
    ],
)
def test_ways_that_a_model_does_not_have_are_refused(make, options, message):
    with pytest.raises(BadInput, match=message):
        wrap(*make(), **options)


def test_several_ways_are_held_together():
    predictor = wrap(*bert(), name="a bert")
    asked = {"text": TEXT, "target": "fog", "budget": 400}
    found = [one.explain(**asked) for one in (predictor, predictor.removing(words="delete"))]
    assert compared(found) == "ways of removing" and len(agreement_lines(found)) == 1
    both = predictor.removing(words="delete")
    assert both.removing().words == "delete" and both.removing(words="mask").provenance == predictor.provenance
    assert len({one.provenance.run for one in found}) == 2


@torch.no_grad()
def test_a_naflex_receives_the_patches_that_are_left_and_no_padding():
    predictor, one = opened("naflex")
    tower, words = predictor.model.vision_model, len(one._words.spans)
    seen: list = []
    handle = tower.encoder.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs), with_kwargs=True)
    stays = np.zeros((1, len(one.features)), dtype=bool)
    stays[0, [words + 2, words + 7, words + 23]] = True
    one.logits(stays)
    handle.remove()
    own = predictor.image_processor(images=PICTURE, return_tensors="pt")
    assert own["pixel_attention_mask"].sum() == 24 and own["pixel_values"].shape[1] == 30
    embedded = tower.embeddings(own["pixel_values"], own["spatial_shapes"])
    torch.testing.assert_close(seen[0]["inputs_embeds"], embedded[:, [2, 7, 23]])
    assert seen[0]["attention_mask"] is None


@pytest.mark.parametrize("size", [(90, 60), (400, 30), (30, 400), (9, 9), (3, 7), (1, 1), (1024, 700)])
def test_boxes_of_a_naflex_are_where_its_patches_come_from(size):
    picture = Image.fromarray(RANDOM.integers(0, 255, (*size[::-1], 3), dtype=np.uint8))
    predictor, one = opened("naflex", picture=picture, grid=40)
    rows, columns = predictor.image_processor(images=picture, return_tensors="np")["spatial_shapes"][0].tolist()
    boxes = np.array([feature.box for feature in one.features if feature.modality == "image"])
    expected = [(c / columns, r / rows, (c + 1) / columns, (r + 1) / rows) for r in range(rows) for c in range(columns)]
    np.testing.assert_allclose(boxes, expected, atol=0.02)


def test_a_naflex_classifier_is_refused():
    """It needs to know which patches are padding."""
    torch.manual_seed(0)
    _, processor = naflex()
    vision = transformers.Siglip2VisionConfig(**SIDES, num_patches=16, patch_size=8)
    config = transformers.Siglip2Config(vision_config=vision, num_labels=3)
    model = transformers.Siglip2ForImageClassification(config).eval()
    with pytest.raises(PredictorError, match=r"cannot be asked with parts left out"):
        wrap(model, processor.image_processor).open_inputs(None, PICTURE)
