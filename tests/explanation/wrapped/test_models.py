"""Models are asked as Hugging Face asks them, and what is removed is removed from all that they receive."""

import re
from itertools import product
from math import factorial

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tests.explanation.wrapped.small_models import (
    ALL,
    SIDES,
    TEXT,
    WIDE,
    clip,
    llava,
    naflex,
    siglip,
    siglip2,
    tokenizer,
    vilt,
    vit,
)

from interplay import finding, wrap
from interplay.config import ExplainConfig
from interplay.errors import BadInput, BudgetError, PredictorError
from interplay.explanation.functions.explain import rgb
from interplay.explanation.wrapped.kinds import MATCH
from interplay.explanation.wrapped.patches import by_count, in_batches, only_patches
from interplay.report.agreement import agreement_lines, compared

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))


ANSWERS = ["grey cats", "sun"]
WRITERS = ("llava", "blip_vqa", "qwen", "qwen_windows")
SIGLIPS = ("siglip", "siglip2", "naflex")
TEMPLATE = (
    "{{ bos_token }}USER: {% for part in messages[0].content %}"
    "{{ '<image>' if part.type == 'image' else part.text }} {% endfor %}ASSISTANT: "
)


def opened(name: str, seed: int = 0, **options):
    model, processor = ALL[name](seed)
    predictor = wrap(model, processor, **({"labels": ANSWERS} if name in WRITERS else {}), **options)
    kind = predictor.kind
    given = (TEXT if kind.reads and not predictor.texts else None, PICTURE if kind.looks else None)
    return predictor, predictor.open_inputs(*given)


def inputs(processor, *, text=True, image=True, padding=False, types=True):
    known = getattr(processor, "tokenizer", processor)
    out = dict(known(TEXT, return_tensors="pt", padding=padding, max_length=40 if padding else None)) if text else {}
    if not types:
        out.pop("token_type_ids", None)
    if image:
        out |= dict(getattr(processor, "image_processor", processor)(images=PICTURE, return_tensors="pt"))
    return out


@torch.no_grad()
@pytest.mark.parametrize("name", ALL)
def test_with_everything_there_it_answers_as_the_model_does(name):
    model, processor = ALL[name]()
    _, one = opened(name)
    padding = "max_length" if name in SIGLIPS else False
    whole = np.ones((1, len(one.features)), dtype=bool)
    if name == "llava":
        expected = torch.tensor([written(model, processor)])
    elif name in ("qwen", "qwen_windows"):
        expected = torch.tensor([chatted(model, processor)])
    elif name == "blip":
        two = model(**inputs(processor, types=False)).itm_score
        expected = two[:, 1:] - two[:, :1]
    elif name == "blip_vqa":
        expected = torch.tensor([answered(model, processor)])
    else:
        found = model(**inputs(processor, text=name != "vit", image=name != "bert", padding=padding))
        expected = found.logits_per_image if name in ("clip", *SIGLIPS) else found.logits
    answer = one.logits(whole)[:, 0]
    if name == "clip":  # its logit counts from what it gives with nothing
        nothing = one.logits(~whole)[:, 0]
        assert nothing == pytest.approx(0.0, abs=1e-6)
        answer = answer + one._zero
    np.testing.assert_allclose(answer, expected.double().numpy(), atol=1e-4)


def written(model, processor) -> list[float]:
    """Log probabilities of the answers, as Hugging Face computes them for the prompt and each answer in one text."""
    out = []
    for answer in ANSWERS:
        prompt = processor(images=PICTURE, text=f"USER: <image>\n{TEXT} ASSISTANT:", return_tensors="pt")
        ids = processor.tokenizer(f" {answer}", add_special_tokens=False, return_tensors="pt")["input_ids"]
        prompt["input_ids"] = torch.cat([prompt["input_ids"], ids], dim=1)
        prompt["attention_mask"] = torch.ones_like(prompt["input_ids"])
        prompt.pop("token_type_ids", None)
        logs = model(**prompt).logits[0, -len(ids[0]) - 1 : -1].log_softmax(-1)
        out.append(float(logs.gather(1, ids[0][:, None]).sum()))
    return out


def chatted(model, processor, picture=PICTURE, answers=ANSWERS) -> list[float]:
    """The same of a Qwen2-VL, whose chat template stands here as it is read."""
    seen, known = processor.image_processor(images=picture, return_tensors="pt"), processor.tokenizer
    count = int(seen["image_grid_thw"].prod()) // 4
    prompt = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
        f"{'<|image_pad|>' * count}<|vision_end|>{TEXT}<|im_end|>\n<|im_start|>assistant\n"
    )
    out = []
    for answer in answers:
        ids = known(prompt + answer, return_tensors="pt")["input_ids"]
        more = len(known(answer)["input_ids"])
        kinds = (ids == model.config.image_token_id).int()
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=kinds, **seen).logits
        logs = logits[0, -more - 1 : -1].log_softmax(-1)
        out.append(float(logs.gather(1, ids[0, -more:, None]).sum()))
    return out


def answered(model, processor) -> list[float]:
    """The same of a BLIP, whose answers start with a token of their own; its loss is the mean over tokens."""
    out = []
    for answer in ANSWERS:
        ids = processor.tokenizer(answer, add_special_tokens=False, return_tensors="pt")["input_ids"]
        whole = torch.cat([torch.tensor([[model.decoder_start_token_id]]), ids], dim=1)
        model.text_decoder.label_smoothing = 0.0
        given = inputs(processor, types=False)
        found = model(**given, decoder_input_ids=whole, labels=whole)
        out.append(-float(found.loss) * ids.shape[1])
    return out


def spy(module: torch.nn.Module, seen: list):
    def look(_, args, kwargs):
        hidden = kwargs.get("inputs_embeds", args[0] if args else None)
        seen.append((hidden, kwargs.get("attention_mask")))

    return module.register_forward_pre_hook(look, with_kwargs=True)


@torch.no_grad()
@pytest.mark.parametrize("name", ["clip", "siglip", "vit"])
def test_a_vision_tower_receives_the_tokens_that_are_left_and_nothing_else(name):
    predictor, one = opened(name)
    tower = predictor.model.vit if name == "vit" else predictor.model.vision_model
    encoder = tower.layers[0] if name == "vit" else tower.encoder
    n_words = sum(feature.modality == "text" for feature in one.features)
    whole = tower.embeddings(one._pixels)
    special = whole.shape[1] - 16
    stays = np.zeros((1, len(one.features)), dtype=bool)
    stays[0, [n_words + 2, n_words + 7, n_words + 15]] = True
    seen: list = []
    handle = spy(encoder, seen)
    one.logits(stays)
    handle.remove()
    hidden, mask = seen[0]
    expected = whole[:, [*range(special), special + 2, special + 7, special + 15]]
    if name == "clip":
        expected = tower.pre_layrnorm(expected)
    torch.testing.assert_close(hidden, expected)
    assert mask is None


@torch.no_grad()
def test_a_text_tower_masks_the_words_that_are_removed():
    predictor, one = opened("bert")
    seen: list = []
    handle = predictor.model.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs), with_kwargs=True)
    stays = np.ones((1, len(one.features)), dtype=bool)
    stays[0, 3] = False
    one.logits(stays)
    handle.remove()
    gone = list(one._words.tokens[3])
    mask = seen[0]["attention_mask"][0]
    assert (mask[gone] == 0).all() and mask.sum() == len(mask) - len(gone) and len(gone) > 0
    torch.testing.assert_close(seen[0]["input_ids"], one._words.inputs["input_ids"])


@torch.no_grad()
def test_vilt_masks_patches_in_the_order_of_the_picture():
    """It shuffles them itself: each box must go with its own patch."""
    predictor, one = opened("vilt")
    model = predictor.model
    n_words = len(one._words.spans)
    pixels = one._pixels.clone()
    pixels[:, :, 8:16, 16:24] += 1.0  # the patch in row 2, column 3 of 4 x 6
    other = type(one)(predictor, one._words, one._cells, pixels, None)
    for cell in range(24):
        stays = np.ones((1, len(one.features)), dtype=bool)
        stays[0, n_words + cell] = False
        same = np.allclose(one.logits(stays), other.logits(stays), atol=1e-5)
        assert same == (cell == 1 * 6 + 2)
    assert not model.training


@pytest.mark.parametrize("name", ALL)
def test_answers_do_not_depend_on_the_batch(name):
    rows = np.random.default_rng(1).random((40, len(opened(name)[1].features))) < 0.5
    rows[0], rows[1] = False, True
    few, many = (opened(name, batch=batch)[1].logits(rows) for batch in (3, 64))
    np.testing.assert_allclose(few, many, atol=1e-4)
    assert np.ptp(many[:, 0], axis=0).max() > 1e-3, "they differ, else nothing is tested"


@torch.no_grad()
@pytest.mark.parametrize("make", [clip, siglip, siglip2, naflex])
def test_labels_are_texts_that_a_picture_is_compared_with(make):
    model, processor = make()
    texts = ["a photo of a cat", "a photo of a dog", "the sun"]
    predictor = wrap(model, processor, labels=texts)
    found = predictor.explain(image=PICTURE, budget=400)
    padding = True if make is clip else "max_length"
    words = processor.tokenizer(texts, padding=padding, truncation=True, max_length=40, return_tensors="pt")
    logits = model(**words, **processor.image_processor(images=PICTURE, return_tensors="pt")).logits_per_image[0]
    p = logits.softmax(0) if make is clip else logits.sigmoid()
    assert list(found.prediction) == texts and found.label_kind == ("single" if make is clip else "multi")
    np.testing.assert_allclose(list(found.prediction.values()), p.numpy(), atol=1e-5)
    assert {feature.modality for feature in found.features} == {"image"}


def test_each_side_of_a_dual_encoder_is_encoded_once():
    predictor, one = opened("clip")
    n = len(one.features)
    encoded: list[int] = []
    handles = [
        part.register_forward_hook(lambda _, __, out: encoded.append(len(out[0])))
        for part in (predictor.model.text_model, predictor.model.vision_model)
    ]
    words = n - 16
    rows = np.ones((words * 16, n), dtype=bool)
    for at in range(len(rows)):  # every word with every patch
        rows[at, [at % words, words + at // words]] = False
    one.logits(rows)
    [handle.remove() for handle in handles]
    assert sum(encoded) == words + 16


@pytest.mark.parametrize("make", [clip, siglip, naflex])
def test_pairs_of_a_dual_encoder_are_those_of_enumeration(make):
    """Two words and four cells: the block design within its error bars, and exact enumeration itself."""
    model, processor = make()
    predictor = wrap(model.double(), processor, grid=2)  # in single precision two batches differ by some 1e-8
    asked = {"text": "grey cats", "image": PICTURE}
    exact = predictor.explain(**asked, settings=ExplainConfig(estimator="exact"), budget=64)
    block = predictor.explain(**asked, budget=800)
    assert (
        exact.estimator == "exact"
        and block.estimator == "block-antithetic"
        and len(block.pairs) == len(exact.pairs) == 8
    )
    for ours, true in zip(block.pairs, exact.pairs, strict=True):
        assert (ours.i, ours.j) == (true.i, true.j)
        assert abs(ours.sii - true.sii) <= 4 * ours.sii_se + 1e-9
    one = predictor.open_inputs("grey cats", PICTURE)
    rows = np.array(list(product([False, True], repeat=6)))
    v = dict(zip(map(tuple, rows.tolist()), one.logits(rows)[:, 0, 0].tolist(), strict=True))
    for pair in exact.pairs:
        assert pair.sii == pytest.approx(enumerated(v, pair.i, pair.j), abs=1e-9)


def enumerated(v: dict[tuple[bool, ...], float], i: int, j: int) -> float:
    """The Shapley interaction index, term by term (Grabisch and Roubens 1999)."""
    n = len(next(iter(v)))
    others = [at for at in range(n) if at not in (i, j)]
    total = 0.0
    for stays in product([False, True], repeat=n - 2):
        row = dict(zip(others, stays, strict=True))

        def answer(has_i: bool, has_j: bool, row: dict[int, bool] = row) -> float:
            return v[tuple((row | {i: has_i, j: has_j})[at] for at in range(n))]

        s = sum(stays)
        weight = factorial(s) * factorial(n - s - 2) / factorial(n - 1)
        total += weight * (answer(True, True) - answer(True, False) - answer(False, True) + answer(False, False))
    return total


def test_pairs_of_a_dual_encoder_cost_what_single_features_do():
    model, processor = clip()
    predictor = wrap(model, processor)
    encoded: list[int] = []
    for part in (model.text_model, model.vision_model):
        part.register_forward_hook(lambda _, __, out: encoded.append(len(out[0])))
    found = predictor.explain(text=TEXT, image=PICTURE, budget=1000)
    words = sum(feature.modality == "text" for feature in found.features)
    assert len(found.pairs) == words * 16 and found.evaluations > 4000
    assert sum(encoded) < 1000 + 800 + 2 * len(found.features), "the what-if and the tests ask for the rest"
    with pytest.raises(BudgetError, match=r"a budget of 50 encodes is too small for 9 words and 16 cells; .* least 54"):
        predictor.explain(text=TEXT, image=PICTURE, budget=50)


def test_a_model_that_keeps_what_was_removed_is_refused():
    """A decoder pools its last token, which is a word: masking it changes nothing of what it holds itself."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=300, n_positions=40, num_labels=3, pad_token_id=0
    )
    known = tokenizer("clip")
    plain = transformers.PreTrainedTokenizerFast(tokenizer_object=known.backend_tokenizer, pad_token="<pad>")
    plain.backend_tokenizer.post_processor = __import__("tokenizers").processors.ByteLevel()
    model = transformers.GPT2ForSequenceClassification(config).eval()
    with pytest.raises(PredictorError, match=r"still knows something of words or patches that were removed"):
        wrap(model, plain).open_inputs(TEXT, None)


def test_answers_that_are_not_finite_are_refused():
    model, processor = vit()
    with torch.no_grad():
        model.classifier.bias[0] = float("nan")
    with pytest.raises(PredictorError, match=r"ViTForImageClassification answered \[nan, .*; expected finite numbers"):
        wrap(model, processor).open_inputs(None, PICTURE)


def test_dropout_that_is_left_on_is_found():
    model, processor = ALL["bert"]()
    model.bert.embeddings.dropout.train()
    with pytest.raises(PredictorError, match=r"answers one question in two ways"):
        wrap(model, processor).open_inputs(TEXT, None)


@pytest.mark.parametrize(
    ("make", "options", "given", "message"),
    [
        (clip, {}, {"text": TEXT}, r"the picture is missing; expected a text and a picture"),
        (clip, {}, {"image": PICTURE}, r"the text is missing; expected a text and a picture"),
        (
            vit,
            {},
            {"image": PICTURE, "text": TEXT},
            r"a text was given, which this model does not take; expected a pict",
        ),
        (clip, {"labels": ["a", "b"]}, {"image": PICTURE, "text": "x"}, r"a text was given, which this model does not"),
        (vilt, {}, {"image": PICTURE, "text": " "}, r"no word of ' ' has a token"),
        (vilt, {}, {"image": PICTURE, "text": "QQ \u2603"}, r"no word of .* has a token.*tokenizer's files lie beside"),
        (vilt, {}, {"image": PICTURE.resize((2000, 20)), "text": TEXT}, r"cannot use a picture of 1024 x 10 pixels"),
        (vilt, {}, {"image": PICTURE, "text": TEXT, "target": "x"}, r"unknown target 'x'; expected one of LABEL_0"),
        (vilt, {}, {"image": PICTURE, "text": TEXT, "budget": 10}, r"a budget of 10 evaluations is too small"),
    ],
)
def test_bad_input_is_refused(make, options, given, message):
    with pytest.raises(BadInput, match=message):
        wrap(*make(), **options).explain(**given)


def test_what_cannot_be_wrapped_is_refused():
    model, processor = clip()
    with pytest.raises(BadInput, match=r"nothing is known of the class Linear; expected CLIPModel, .*explain_callable"):
        wrap(torch.nn.Linear(1, 1).eval())
    with pytest.raises(BadInput, match=r"the processor of CLIPModel is NoneType, which has no tokenizer"):
        wrap(model)
    with pytest.raises(BadInput, match=r"which has no image processor"):
        wrap(model, processor.tokenizer)
    with pytest.raises(BadInput, match=r"in training mode, where dropout changes answers; expected model.eval\(\)"):
        wrap(clip()[0].train(), processor)
    with pytest.raises(BadInput, match=r"the labels are \['a'\]; expected two or more"):
        wrap(model, processor, labels=["a"])
    with pytest.raises(BadInput, match=r"ViltForQuestionAnswering has labels of its own"):
        wrap(*vilt(), labels=["a", "b"])
    with pytest.raises(BadInput, match=r"grid is 0, batch is 32"):
        wrap(model, processor, grid=0)


def test_a_model_that_writes_is_explained_by_what_it_writes():
    predictor = wrap(*llava())
    found = predictor.explain(text=TEXT, image=PICTURE, budget=800)
    (answer,) = found.prediction
    inputs = predictor.processor(images=PICTURE, text=f"USER: <image>\n{TEXT} ASSISTANT:", return_tensors="pt")
    inputs.pop("token_type_ids", None)
    ids = predictor.model.generate(**inputs, do_sample=False, max_new_tokens=32)[0, inputs["input_ids"].shape[1] :]
    assert answer == predictor.tokenizer.decode(ids, skip_special_tokens=True).strip() and found.label_kind == "multi"
    one = predictor.answering(["sun"]).explain(text=TEXT, image=PICTURE, budget=800)
    several = predictor.answering(["sun", "a dog"])
    opened = several.open_inputs(TEXT, PICTURE)
    logs = opened.logits(np.ones((1, len(opened.features)), dtype=bool))[0, 0]
    assert one.prediction["sun"] == pytest.approx(np.exp(logs[0]), rel=1e-4) and several.label_kind == "single"
    assert found.written and found.given and not one.written
    assert finding(found).startswith(f"sample writes {answer} (") and "not sure" not in finding(found)
    with pytest.raises(BadInput, match=r"unknown target 'bogus'"):
        predictor.explain(text=TEXT, image=PICTURE, target="bogus")
    with pytest.raises(BadInput, match=r"the answer 'sun' begins 'sun and rain', and would never be less probable"):
        predictor.answering(["sun", "sun and rain"]).open_inputs(TEXT, PICTURE)
    with pytest.raises(BadInput, match=r"the labels are \['sun', 'sun'\]; expected one answer, or several, each once"):
        predictor.answering(["sun", "sun "])
    assert predictor.answering("sun").labels == ["sun"]
    with pytest.raises(BadInput, match=r"prompt and answer have \d+ tokens; expected at most 120"):
        predictor.answering(["sun and rain " * 8]).open_inputs(TEXT * 2, PICTURE)
    with pytest.raises(BadInput, match=r"no answer is given"):
        predictor.open_inputs(TEXT, PICTURE)
    with pytest.raises(BadInput, match=r"the labels are \[\]; expected one answer, or several, each once"):
        wrap(*llava(), labels=[])
    with pytest.raises(BadInput, match=r"the tokenizer cannot spell the answer"):
        predictor.answering([" "]).open_inputs(TEXT, PICTURE)
    with pytest.raises(BadInput, match=r"the prompt has \d+ tokens; expected at most 120; shorten the text"):
        predictor.answering(["sun"]).open_inputs(TEXT * 5, PICTURE)
    with pytest.raises(BadInput, match=r"the text holds <image>, the model's sign for a picture"):
        predictor.answering(["sun"]).open_inputs("what of <image> is it", PICTURE)


@pytest.mark.parametrize("text", ["ASSISTANT", "A", "USER: x", " two\ncats ", "ASSISTANT: ASSISTANT"])
@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_words_of_the_text_are_not_those_of_the_prompt(text, template):
    """Which may hold the same; and a template that begins with the first token gets no second one."""
    model, processor = llava()
    processor.chat_template = template
    one = wrap(model, processor, labels=["sun"]).open_inputs(text, PICTURE)
    ids = one._words.inputs["input_ids"][0].tolist()
    assert ids.count(1) == 1, "one token begins a text"
    for span, tokens in zip(one._words.spans, one._words.tokens, strict=True):
        said = processor.tokenizer.decode([ids[at] for at in tokens]).replace("\u0120", "").replace(" ", "")
        assert said == text[slice(*span)]
    before = "".join(processor.tokenizer.convert_ids_to_tokens(ids[: one._words.tokens[0][0]]))
    assert before.count("<image>") == 16 and "USER" in before.replace("\u0120", "").replace("\u010a", "")


def test_memory_of_a_language_model_that_runs_out_halves_the_batch(monkeypatch):
    predictor, one = opened("llava", batch=16)
    rows = np.random.default_rng(0).random((12, len(one.features))) < 0.5
    whole, plain = one.logits(rows), predictor.model.get_image_features
    asked = []

    def small(pixel_values, **kwargs):
        asked.append(len(pixel_values))
        if len(asked) == 1:
            raise torch.OutOfMemoryError
        return plain(pixel_values=pixel_values, **kwargs)

    monkeypatch.setattr(predictor.model, "get_image_features", small)
    np.testing.assert_allclose(one.logits(rows), whole, atol=1e-4)
    assert len(asked) > 2


@torch.no_grad()
@pytest.mark.parametrize("removal", ["drop", "mean"])
def test_a_language_model_is_given_the_features_of_patches_that_are_left(removal):
    predictor, one = opened("llava", removal=removal)
    words, seen = len(one._words.spans), []
    stays = np.ones((1, len(one.features)), dtype=bool)
    stays[0, [2, words + 3, words + 9]] = False
    handle = predictor.model.model.language_model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs), with_kwargs=True
    )
    one.logits(stays)
    handle.remove()
    ids = one._words.inputs["input_ids"][0]
    places = (ids == predictor.model.config.image_token_id).nonzero()[:, 0]
    mask, embedded = seen[0]["attention_mask"][0], seen[0]["inputs_embeds"][0]
    gone = [*one._words.tokens[2], *(places[[3, 9]].tolist() if removal == "drop" else [])]
    assert (mask[gone] == 0).all() and int((mask == 0).sum()) == len(gone)
    left = [at for at in range(16) if at not in (3, 9)]
    with only_patches(predictor.model.model.vision_tower.embeddings, torch.tensor([left]), 16, one._instead):
        features = predictor.model.get_image_features(
            pixel_values=one._pixels, vision_feature_layer=-2, vision_feature_select_strategy="default"
        ).pooler_output[0]
    torch.testing.assert_close(embedded[places[left] if removal == "drop" else places], features)


def test_labels_and_tokenizers_that_do_not_fit_are_refused():
    model, known = ALL["bert"]()
    model.config.id2label = {0: "crane", 1: "fish", 2: "crane"}
    assert wrap(model, known).labels == ["crane (0)", "fish", "crane (2)"]
    model.config.id2label = {0: "crane", 1: "fish"}
    with pytest.raises(PredictorError, match=r"answers with 3 numbers; expected one for each of its 2 labels"):
        wrap(model, known).open_inputs(TEXT, None)
    model.config.problem_type = "regression"
    with pytest.raises(BadInput, match=r"answers with numbers, no probabilities; .*explain_callable"):
        wrap(model, known)
    model.config.problem_type, model.config.id2label = None, {0: "LABEL_0"}
    with pytest.raises(BadInput, match=r"answers with one number, no probabilities"):
        wrap(model, known)
    with pytest.raises(
        BadInput, match=r"the tokenizer gives token \d+, and the model knows 60; expected the model's own"
    ):
        wrap(ALL["bert"]()[0], tokenizer("clip")).open_inputs("zyx!", None)


def test_models_that_average_over_patches_and_those_that_need_all_of_them():
    torch.manual_seed(0)
    config = transformers.Dinov2Config(**SIDES, **WIDE, image_size=32, patch_size=8, num_labels=3)
    images = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    one = wrap(transformers.Dinov2ForImageClassification(config).eval(), images).open_inputs(None, PICTURE)
    assert np.isfinite(one.logits(np.zeros((1, 16), dtype=bool))).all()
    parts = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
    swin = transformers.SwinConfig(image_size=32, patch_size=4, num_labels=3, **parts)
    with pytest.raises(PredictorError, match=r"SwinForImageClassification cannot be asked with parts left out"):
        wrap(transformers.SwinForImageClassification(swin).eval(), images).open_inputs(None, PICTURE)


def test_positions_that_are_for_padding_hold_no_token():
    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "max_position_embeddings": 22, "pad_token_id": 0, "num_labels": 3}
    model = transformers.RobertaForSequenceClassification(transformers.RobertaConfig(**SIDES, **WIDE, **sizes)).eval()
    one = wrap(model, tokenizer()).open_inputs(TEXT * 4, None)
    assert one._words.inputs["input_ids"].shape == (1, 21) and one.inputs["text"].truncated > 20


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "L", "P"])
def test_a_picture_in_memory_is_read_as_its_file(mode, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 4), dtype=np.uint8)
    picture = {
        "RGBA": Image.fromarray(pixels),
        "I;16": Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 200),
        "L": Image.fromarray(pixels[:, :, 0]),
        "P": Image.fromarray(pixels[:, :, :3]).quantize(8),
    }[mode]
    picture.save(tmp_path / "x.png")
    np.testing.assert_array_equal(np.asarray(rgb(picture, 1024)), np.asarray(rgb(tmp_path / "x.png")))


def test_memory_that_runs_out_halves_the_batch(monkeypatch):
    asked = []

    def ask(rows):
        asked.append(len(rows))
        if len(rows) > 4:
            raise torch.OutOfMemoryError
        return torch.from_numpy(rows[:, None])

    np.testing.assert_array_equal(in_batches(10, 16, ask)[:, 0], np.arange(10))
    assert asked == [10, 8, 4, 4, 2]
    with pytest.raises(torch.OutOfMemoryError):
        in_batches(3, 1, lambda rows: (_ for _ in ()).throw(torch.OutOfMemoryError()))


def test_pictures_with_equally_many_patches_go_together():
    stays = np.random.default_rng(0).random((30, 9)) < 0.5
    seen = {}
    for rows, kept in by_count(stays, 4):
        assert len(rows) <= 4
        for row, places in zip(rows.tolist(), kept.tolist(), strict=True):
            seen[row] = places
    assert seen == {row: np.flatnonzero(each).tolist() for row, each in enumerate(stays)}


def test_a_siglip_with_no_patch_left_sees_a_blank_one():
    """It has no class token: without this, attention over nothing would give no number."""
    _, one = opened("siglip")
    rows = np.zeros((2, len(one.features)), dtype=bool)
    rows[1, 0] = True
    assert np.isfinite(one.logits(rows)).all()
    model, processor = siglip()
    other = wrap(model, processor).open_inputs(TEXT, PICTURE.transpose(Image.Transpose.ROTATE_180))
    np.testing.assert_allclose(one.logits(rows), other.logits(rows), atol=1e-5)


def by_pixels(predictor, one, stays: np.ndarray) -> np.ndarray:
    """The answer to a picture whose removed cells are painted before the model gets it, and nothing dropped."""
    pixels, n_words = one._pixels.clone(), len(one._words.spans) if one._words else 0
    instead = {
        "mean": pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels),
        "grey": one._instead,
        "blur": one._instead,
    }[predictor.removal]
    for cell, patches in enumerate(one._cells.patches):
        for at in patches if not stays[n_words + cell] else ():
            row, column = divmod(at, one._cells.columns)
            square = (slice(None), slice(None), slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8))
            pixels[square] = instead[square]
    whole = predictor.removing("drop").asked(one._words, one._cells, pixels, None)
    tokens, _ = one._stays(stays[None])
    return whole.answer(tokens, np.ones((1, one._cells.rows * one._cells.columns), dtype=bool)) - one._zero


@torch.no_grad()
@pytest.mark.parametrize("name", ["clip", "siglip", "vilt", "vit"])
@pytest.mark.parametrize("removal", ["mean", "grey", "blur"])
def test_painted_patches_are_as_if_their_pixels_were(name, removal):
    predictor, one = opened(name, removal=removal, grid=3)
    for seed in range(3):
        stays = np.random.default_rng(seed).random(len(one.features)) < 0.5
        np.testing.assert_allclose(one.logits(stays[None])[0], by_pixels(predictor, one, stays), atol=1e-4)
    assert removal in predictor.provenance.run and any("shows" in note for note in one.notes)


def test_what_two_ways_of_removing_agree_on_is_said():
    predictor = wrap(*vit(), name="a vit")
    found = [one.explain(image=PICTURE, target="fish", budget=400) for one in (predictor, predictor.removing("mean"))]
    (line,) = agreement_lines(found)
    assert re.search(r"^sample, fish: what .*(holds in both ways of removing|one of 2 ways of removing says)", line)
    assert compared(found) == "ways of removing"
    again = predictor.explain(image=PICTURE, target="fish", budget=400, seed=1)
    other = wrap(*vit(3), name="a vit").removing("mean").explain(image=PICTURE, target="fish", budget=400)
    coarse = wrap(*vit(), name="a vit", grid=2, removal="mean").explain(image=PICTURE, target="fish", budget=400)
    assert {compared([found[0], one]) for one in (again, other, coarse)} == {"models"}
    with pytest.raises(BadInput, match=r"patches are to be removed by 'ink'; expected one of drop, mean, grey, blur"):
        predictor.removing("ink")
    with pytest.raises(
        BadInput, match=r"patches are to be removed by 'mean'; expected drop: words are masked, and there is no picture"
    ):
        wrap(*ALL["bert"](), removal="mean")


def test_the_one_label_of_a_match_reads_as_a_sentence():
    assert MATCH == "a match" and SIDES
