"""Dual encoders of two transformers: transformers' own, and the one whose words and patches are averaged."""

import copy

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tests.explanation.wrapped.small_models import SIDES, TEXT, Both, tokenizer

from interplay import wrap
from interplay.config import ExplainConfig
from interplay.errors import BadInput, BudgetError
from interplay.explanation.wrapped.kinds import MATCH
from interplay.models.dual_encoder import MeanPooledDualEncoder, normalised

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))


def dual(cls, vision=transformers.Dinov2Config, seed: int = 0):
    """A BERT and a vision transformer that looks at 32 x 32 pixels in 4 x 4 patches."""
    torch.manual_seed(seed)
    sides = {name: value for name, value in SIDES.items() if name != "intermediate_size" or "ViT" in vision.__name__}
    config = transformers.VisionTextDualEncoderConfig.from_vision_text_configs(
        vision(**sides, image_size=32, patch_size=8, initializer_range=0.3),
        transformers.BertConfig(**SIDES, vocab_size=60, max_position_embeddings=40, initializer_range=0.3),
        projection_dim=16,
    )
    images = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    return cls(config).eval(), Both(tokenizer(), images)


MODELS = [
    (transformers.VisionTextDualEncoderModel, transformers.Dinov2Config),
    (transformers.VisionTextDualEncoderModel, transformers.ViTConfig),
    (MeanPooledDualEncoder, transformers.Dinov2Config),
]


@torch.no_grad()
@pytest.mark.parametrize(("cls", "vision"), MODELS)
def test_with_everything_there_it_answers_as_the_model_does(cls, vision):
    model, processor = dual(cls, vision)
    one = wrap(model, processor).open_inputs(TEXT, PICTURE)
    whole = np.ones((1, len(one.features)), dtype=bool)
    words = processor.tokenizer(TEXT, return_tensors="pt")
    pixels = processor.image_processor(images=PICTURE, return_tensors="pt")
    expected = float(model(**words, **pixels).logits_per_image) - one._zero
    np.testing.assert_allclose(one.logits(whole)[0, 0], expected, atol=1e-4)
    assert one.logits(~whole)[0, 0] == pytest.approx(0.0, abs=1e-6)


@torch.no_grad()
def test_words_and_patches_that_are_masked_are_not_in_the_average():
    model, processor = dual(MeanPooledDualEncoder)
    words = dict(processor.tokenizer([TEXT, "grey cats"], padding=True, return_tensors="pt"))
    alone = dict(processor.tokenizer("grey cats", return_tensors="pt"))
    np.testing.assert_allclose(model.get_text_features(**words)[1:], model.get_text_features(**alone), atol=1e-5)
    pixels = processor.image_processor(images=PICTURE, return_tensors="pt")["pixel_values"]
    tokens = normalised(model.vision_model(pixel_values=pixels).last_hidden_state)[:, 1:]
    one_by_one = torch.stack([model.project_image(tokens[:, at]) for at in range(16)]).mean(dim=0)
    np.testing.assert_allclose(model.get_image_features(pixels), one_by_one, atol=1e-5)


@pytest.mark.parametrize("cls", [transformers.VisionTextDualEncoderModel, MeanPooledDualEncoder])
def test_a_saved_one_is_the_same(cls, tmp_path):
    model, processor = dual(cls)
    for part in (model, processor.tokenizer, processor.image_processor):
        part.save_pretrained(tmp_path / "dual")
    asked = {"text": "grey cats", "image": PICTURE, "budget": 200}
    ours, again = wrap(model, processor, name="dual").explain(**asked), wrap(tmp_path / "dual").explain(**asked)
    assert [pair.sii for pair in ours.pairs] == pytest.approx([pair.sii for pair in again.pairs], abs=1e-5)
    assert ours.prediction[MATCH] == pytest.approx(again.prediction[MATCH], abs=1e-6)
    assert list(ours.prediction) == [MATCH]


def test_a_class_that_derives_from_a_known_one_is_asked_as_that_one():
    class Mine(transformers.CLIPModel):
        pass

    class Unknown(torch.nn.Linear):
        pass

    from tests.explanation.wrapped.small_models import clip

    model, processor = clip()
    mine = Mine(model.config).eval()
    mine.load_state_dict(model.state_dict())
    asked = {"text": "grey cats", "image": PICTURE, "settings": ExplainConfig(estimator="exact"), "budget": 2**18}
    ours, theirs = (wrap(one, processor, grid=2).explain(**asked) for one in (mine, model))
    assert [pair.sii for pair in ours.pairs] == [pair.sii for pair in theirs.pairs]
    with pytest.raises(BadInput, match="nothing is known of the class Unknown"):
        wrap(Unknown(2, 2).eval(), processor)


def test_half_precision_is_explained_and_said():
    model, processor = dual(MeanPooledDualEncoder)
    asked = {"text": "grey cats", "image": PICTURE, "budget": 200}
    full = wrap(model, processor).explain(**asked)
    found = wrap(model.to(torch.bfloat16), processor).explain(**asked)
    assert not any("float16" in note for note in full.notes)
    (note,) = (note for note in found.notes if "bfloat16" in note)
    rounded = float(note.partition("some ")[2].split(":")[0])
    rows = np.random.default_rng(3).random((60, len(full.features))) < 0.5
    half, whole = (
        wrap(one, processor).open_inputs("grey cats", PICTURE)
        for one in (copy.deepcopy(model), copy.deepcopy(model).float())
    )
    errors = half.logits(rows) - whole.logits(rows)  # of the same weights, which bf16 has rounded
    assert 0.02 * rounded < np.abs(errors).max() < 2 * rounded
    assert found.prediction[MATCH] == pytest.approx(full.prediction[MATCH], abs=0.05)


def test_a_budget_that_is_too_small_names_the_least_and_offers_a_coarser_grid():
    from tests.explanation.wrapped.small_models import vilt

    for make, options, least in ((lambda: dual(MeanPooledDualEncoder), {}, "40"), (vilt, {"labels": None}, "[0-9]+")):
        with pytest.raises(BudgetError, match=rf"at least {least}; raise the budget, or take a coarser grid"):
            wrap(*make(), **options).explain(text="grey cats", image=PICTURE, budget=10)
    found = wrap(*dual(MeanPooledDualEncoder), grid=2).explain(text="grey cats", image=PICTURE, budget=16)
    assert len(found.pairs) == 8


def test_all_ways_of_removing_count_from_one_answer():
    """Else the same text and picture would be a match in one way and none in another."""
    predictor = wrap(*dual(MeanPooledDualEncoder), grid=2)
    ways = [("drop", "mask"), ("mean", "mask"), ("drop", "delete"), ("grey", "delete")]
    found = [predictor.removing(*way).explain(text="grey cats", image=PICTURE, budget=200) for way in ways]
    assert [one.prediction[MATCH] for one in found[1:]] == pytest.approx([found[0].prediction[MATCH]] * 3, abs=1e-5)
    assert found[0].whatif.nothing == pytest.approx(0.5) and found[1].whatif.nothing != pytest.approx(0.5, abs=1e-3)


def test_a_vision_transformer_whose_first_token_is_a_patch_is_refused():
    config = transformers.VisionTextDualEncoderConfig.from_vision_text_configs(
        transformers.SiglipVisionConfig(**SIDES, image_size=32, patch_size=8), transformers.BertConfig(**SIDES)
    )
    with pytest.raises(BadInput, match="siglip_vision_model; expected one of clip_vision_model, dinov2, vit"):
        MeanPooledDualEncoder(config)
