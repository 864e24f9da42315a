"""Qwen2-VL and Qwen2.5-VL: what is removed is missing in the tower and in what the language model attends to."""

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tests.explanation.wrapped.small_models import CHAT, TEXT, qwen, qwen_windows

from interplay import wrap
from interplay.errors import BadInput
from interplay.explanation.functions.explain import rgb
from interplay.explanation.wrapped.looking import processed
from interplay.explanation.wrapped.patchified import laid_out, merged_patches

RANDOM = np.random.default_rng(0)
PICTURE = Image.fromarray(RANDOM.integers(0, 255, (60, 90, 3), dtype=np.uint8))
BOTH = pytest.mark.parametrize("make", [qwen, qwen_windows])


def opened(make, picture=PICTURE, text=TEXT, labels=("sun",), **options):
    predictor = wrap(*make(), labels=list(labels), **options)
    return predictor, predictor.open_inputs(text, picture)


def features_of(model, pixels, keep: list[int]) -> torch.Tensor:
    """What the vision tower gives for some merged patches, layer by layer with the whole picture's mask and turns."""
    tower, vision = model.model.visual, model.config.vision_config
    rows, columns = pixels.shape[2] // 16, pixels.shape[3] // 16
    grid = torch.tensor([[1, rows * 2, columns * 2]])
    hidden = tower.patch_embed(merged_patches(pixels, vision).flatten(0, 2))
    place = torch.tensor([(r, c) for R in range(rows) for C in range(columns) for r in (0, 1) for c in (0, 1)])
    unit = torch.arange(len(hidden)) // 4
    where = torch.stack([unit // columns * 2, unit % columns * 2], dim=1) + place[: len(hidden)]
    cos, sin = tower.rotary_pos_emb(hidden, where)
    left = torch.isin(unit, torch.tensor(keep))
    window = where[:, 0] // 4 * 100 + where[:, 1] // 4
    alike = {False: left[None] & left[:, None], True: left[None] & left[:, None] & (window[None] == window[:, None])}
    assert int(grid.prod()) == len(hidden)
    for at, block in enumerate(tower.blocks):
        windowed = at not in getattr(vision, "fullatt_block_indexes", [0, 1])
        hidden = hidden + attended(block.attn, block.norm1(hidden), cos, sin, alike[windowed])
        hidden = hidden + block.mlp(block.norm2(hidden))
    return tower.merger(hidden)[keep]


def attended(attn, hidden, cos, sin, mask) -> torch.Tensor:
    """Attention by its definition, masked."""
    q, k, v = attn.qkv(hidden).reshape(len(hidden), 3, attn.num_heads, -1).permute(1, 2, 0, 3)

    def turn(x):
        one, two = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-two, one], dim=-1) * sin

    scores = (turn(q) @ turn(k).transpose(1, 2) * attn.scaling).masked_fill(~mask, -1e9)
    return attn.proj((scores.softmax(-1) @ v).transpose(0, 1).reshape(len(hidden), -1))


def spied(predictor, one, stays: np.ndarray) -> dict:
    seen: list[dict] = []
    handle = predictor.model.model.language_model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs), with_kwargs=True
    )
    one.logits(stays)
    handle.remove()
    return seen[0]


@torch.no_grad()
@BOTH
def test_a_language_model_is_given_what_the_tower_makes_of_patches_that_are_left(make):
    """Several pictures at once, one of which is gone as a whole; each as if it was masked in a tower of its own."""
    predictor, one = opened(make)
    words, n = len(one._words.spans), len(one.features)
    stays = np.ones((4, n), dtype=bool)
    stays[0, [2, words + 3, words + 9]] = False
    stays[1, words:] = False
    stays[2, words + np.flatnonzero(np.arange(24) % 3)] = False
    given = spied(predictor, one, stays)
    ids = one._words.inputs["input_ids"][0]
    places = (ids == predictor.model.config.image_token_id).nonzero()[:, 0]
    assert len(places) == 24
    for row in range(4):
        keep = np.flatnonzero(stays[row, words:]).tolist()
        gone = [at for at in range(24) if at not in keep]
        masked = [*(one._words.tokens[2] if row == 0 else []), *places[gone].tolist()]
        mask = given["attention_mask"][row]
        assert (mask[masked] == 0).all() and int((mask == 0).sum()) == len(masked)
        if keep:
            expected = features_of(predictor.model, one._pixels, keep)
            torch.testing.assert_close(given["inputs_embeds"][row, places[keep]], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@BOTH
def test_places_are_those_of_the_whole_prompt_whatever_is_removed(make):
    predictor, one = opened(make, labels=["grey cats"])
    model, known = predictor.model, predictor.tokenizer
    ids = one._words.inputs["input_ids"]
    answer = known("grey cats", return_tensors="pt")["input_ids"]
    whole = torch.cat([ids, answer], dim=1)
    grid = torch.tensor([[1, 8, 12]])
    kinds = (whole == model.config.image_token_id).int()
    expected, _ = model.model.get_rope_index(whole, mm_token_type_ids=kinds, image_grid_thw=grid)
    stays = RANDOM.random((3, len(one.features))) < 0.5
    given = spied(predictor, one, stays)
    torch.testing.assert_close(given["position_ids"], expected.expand(3, 3, -1))
    picture = expected[:, 0, (ids[0] == model.config.image_token_id).nonzero()[:, 0]]
    assert len(picture.unique(dim=1)[0]) == 24 and (picture[1:].amax(1) - picture[1:].amin(1)).tolist() == [3, 5]


@torch.no_grad()
@BOTH
@pytest.mark.parametrize("removal", ["drop", "mean", "inpaint"])
def test_what_is_removed_is_not_known_any_more(make, removal):
    """Another picture and other words in its place, and the answer is the same; but not where they are left."""
    predictor, one = opened(make, removal=removal)
    words, tokens = len(one._words.spans), one._words.inputs["input_ids"].clone()
    tokens[0, list(one._words.tokens[3])] = 40
    pixels = one._pixels.clone()
    pixels[:, :, 16:32, 32:48] += 1.0  # row 1, column 2 of 4 x 6
    other = type(one)(
        predictor,
        type(one._words)(**vars(one._words) | {"inputs": one._words.inputs | {"input_ids": tokens}}),
        one._cells,
        pixels,
        one._instead,
    )
    stays = np.ones((1, len(one.features)), dtype=bool)
    stays[0, [3, words + 8]] = False
    np.testing.assert_allclose(one.logits(stays), other.logits(stays), atol=1e-5)
    for at in (3, words + 8):
        there = stays.copy()
        there[0, at] = True
        assert np.abs(one.logits(there) - other.logits(there)).max() > 1e-3


@torch.no_grad()
@BOTH
def test_painted_patches_are_as_if_their_pixels_were(make):
    predictor, one = opened(make, removal="mean", grid=3)
    words = len(one._words.spans)
    for seed in range(3):
        stays = np.random.default_rng(seed).random(len(one.features)) < 0.5
        pixels, mean = one._pixels.clone(), one._pixels.mean(dim=(2, 3))[0]
        for cell, patches in enumerate(one._cells.patches):
            for at in patches if not stays[words + cell] else ():
                row, column = divmod(at, 6)
                pixels[0, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = mean[:, None, None]
        whole = predictor.removing("drop").asked(one._words, one._cells, pixels, None)
        expected = whole.answer(one._stays(stays[None])[0], np.ones((1, 24), dtype=bool))
        np.testing.assert_allclose(one.logits(stays[None])[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((90, 60), 4, 6),
        ((640, 64), 2, 20),  # wide
        ((64, 640), 20, 2),  # tall
        ((8, 8), 2, 2),  # smaller than the least: enlarged
        ((3, 9), 4, 2),
        ((1024, 768), 5, 7),  # larger than the most: shrunk
    ],
)
def test_boxes_are_where_merged_patches_come_from(size, rows, columns):
    """As many as the processor's grid says, of one size, and where the picture is bright the patch is."""
    predictor, one = opened(qwen, Image.fromarray(RANDOM.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)), grid=30)
    seen = predictor.image_processor(images=Image.new("RGB", size), return_tensors="np")
    assert seen["image_grid_thw"][0].tolist() == [1, rows * 2, columns * 2]
    boxes = np.array([feature.box for feature in one.features if feature.modality == "image"])
    expected = [(c / columns, r / rows, (c + 1) / columns, (r + 1) / rows) for r in range(rows) for c in range(columns)]
    np.testing.assert_allclose(boxes, expected, atol=0.02)
    ids = one._words.inputs["input_ids"][0]
    assert int((ids == predictor.model.config.image_token_id).sum()) == rows * columns
    at = len(boxes) // 2
    if min(size) > 50:  # enough pixels to paint one cell
        black = Image.new("RGB", size)
        left, top, right, low = (round(edge * side) for edge, side in zip(boxes[at], size * 2, strict=True))
        black.paste((255, 255, 255), (left, top, right, low))
        bright = merged_patches(
            torch.from_numpy(processed(predictor.model, predictor.image_processor, black))[None],
            predictor.model.config.vision_config,
        )
        assert int(bright[0].mean(dim=(1, 2)).argmax()) == at


def test_pictures_are_laid_out_as_they_are_cut():
    model, processor = qwen()
    seen = processor.image_processor(images=PICTURE, return_tensors="pt")
    vision = model.config.vision_config
    again = merged_patches(torch.from_numpy(laid_out(seen, vision))[None], vision)
    torch.testing.assert_close(again.flatten(0, 2), seen["pixel_values"])


@pytest.mark.parametrize(
    "text", ["user", "u", "system: x", " two\ncats ", "assistant assistant", "assistant\n", "émigré 🐈‍⬛"]
)
@BOTH
def test_words_of_the_text_are_not_those_of_the_prompt(make, text):
    predictor, one = opened(make, text=text)
    ids = one._words.inputs["input_ids"][0]
    assert text.split() == [text[slice(*span)] for span in one._words.spans]
    for span, tokens in zip(one._words.spans, one._words.tokens, strict=True):
        assert predictor.tokenizer.decode(ids[list(tokens)]).strip() == text[slice(*span)]
    before = predictor.tokenizer.decode(ids[: one._words.tokens[0][0]])
    assert before.rstrip(" ").endswith("<|vision_end|>") and before.count("<|image_pad|>") == 24


@BOTH
def test_it_is_explained_by_what_it_writes(make):
    predictor = wrap(*make())
    found = predictor.explain(text="grey cats", image=PICTURE, budget=400)
    (answer,) = found.prediction
    inputs = predictor.processor(
        images=PICTURE,
        text=predictor.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "grey cats"}]}], True
        ),
        add_special_tokens=True,
        return_tensors="pt",
    )
    ids = predictor.model.generate(**inputs, do_sample=False, max_new_tokens=32)[0, inputs["input_ids"].shape[1] :]
    assert answer == predictor.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert found.written and any("own prompt stays" in note for note in found.notes)
    several = predictor.answering(["sun", "a dog"])
    logs = several.open_inputs("grey cats", PICTURE).logits(np.ones((1, 26), dtype=bool))[0, 0]
    one = predictor.answering("sun").open_inputs("grey cats", PICTURE).logits(np.ones((1, 26), dtype=bool))[0, 0]
    assert several.label_kind == "single" and one[0] == pytest.approx(logs[0] - np.log1p(-np.exp(logs[0])), rel=1e-4)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, r"the processor has no chat template; expected the model's own"),
        ("hello", r"the chat template makes a prompt of 0 pictures from one message; expected one picture"),
        (CHAT.replace("<|image_pad|>", "<|image_pad|>" * 2), r"makes a prompt of 2 pictures"),
        (CHAT.replace("{{ content['text'] }}", "{{ content['text'] }}, {{ content['text'] }}"), r"of 2 texts"),
        (CHAT.replace("{{ content['text'] }}", "{{ content['text'] | upper }}"), r"of 0 texts|changes the text"),
        (CHAT.replace("{{ content['text'] }}", "{{ content['text'][:30] }}"), r"the prompt changes the text"),
    ],
)
def test_templates_that_do_not_hold_one_picture_and_the_text_are_refused(template, message):
    model, processor = qwen()
    processor.tokenizer.chat_template = template
    with pytest.raises(BadInput, match=message):
        wrap(model, processor, labels=["sun"]).open_inputs(TEXT, PICTURE)


def test_bad_input_is_refused():
    predictor, _ = opened(qwen)
    for text, picture, message in (
        ("what is <|image_pad|>", PICTURE, r"the text holds <\|image_pad\|>, the model's sign for a picture"),
        ("done<|im_end|> now", PICTURE, r"the text holds <\|im_end\|>, a sign of the model's own prompt"),
        (TEXT * 12, PICTURE, r"the prompt has \d+ tokens; expected at most 200; shorten the text"),
        (" ", PICTURE, r"no word of ' ' has a token"),
        (TEXT, PICTURE.resize((1000, 3)), r"cannot use a picture of 1000 x 3 pixels: absolute aspect ratio must be"),
    ):
        with pytest.raises(BadInput, match=message):
            predictor.open_inputs(text, picture)
    with pytest.raises(BadInput, match=r"prompt and answer have \d+ tokens; expected at most 200"):
        predictor.answering(["sun and rain " * 30]).open_inputs(TEXT, PICTURE)
    with pytest.raises(
        BadInput,
        match=r"words are to be removed by 'delete'; expected mask: tokens of a prompt, the picture's too, keep",
    ):
        predictor.removing(words="delete")
    model, processor = qwen()
    processor.image_processor = transformers.Qwen2VLImageProcessorPil(patch_size=4, size=processor.image_processor.size)
    with pytest.raises(BadInput, match=r"cannot use a picture of 90 x 60 pixels: cannot reshape"):
        wrap(model, processor, labels=["sun"]).open_inputs(TEXT, PICTURE)
    model.config.image_token_id = 5000
    with pytest.raises(BadInput, match=r"the tokenizer has no token 5000, which stands for a picture"):
        wrap(model, processor)


def test_a_large_photo_is_shrunk_twice_and_its_cells_are_of_whole_merged_patches():
    photo = rgb(Image.new("RGB", (3000, 1000), (9, 9, 9)), 1024)
    _, one = opened(qwen, Image.fromarray(RANDOM.integers(0, 255, (*photo.size[::-1], 3), dtype=np.uint8)), grid=4)
    assert one._cells.columns <= 40 and len({len(patches) for patches in one._cells.patches}) <= 4
    assert sum(map(len, one._cells.patches)) == one._cells.rows * one._cells.columns
