"""Image encoders: patches against a naive use of the same model, and boxes against known pixels."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from interplay.encoders.image import ImageEncoder
from interplay.encoders.loading import load_encoder
from interplay.encoders.preparation import patch_boxes, patches_on_picture, square, view
from interplay.encoders.settings import EncoderConfig
from interplay.errors import EncoderError

Folder = Callable[[str], Path]
# Family -> its model class, how many tokens stand before the patches, and its own last norm.
FAMILIES = {
    "clip": ("CLIPVisionModel", 1, None),
    "siglip": ("SiglipVisionModel", 0, "post_layernorm"),
    "vit": ("ViTModel", 1, "layernorm"),
    "dinov2": ("Dinov2Model", 1, "layernorm"),
    "registers": ("Dinov2WithRegistersModel", 5, "layernorm"),
}
FITS = ("letterbox", "stretch", "crop")
SHAPES = {"portrait": (60, 100), "landscape": (100, 60), "square": (80, 80)}


def load(path: Path | str, **settings: object) -> ImageEncoder:
    encoder = load_encoder(EncoderConfig(model=str(path), **settings), "image")
    assert isinstance(encoder, ImageEncoder)
    return encoder


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture of random colours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def naive(path: Path, family: str, picture: Image.Image, layer: int | None) -> torch.Tensor:
    """The patches (T, W) that the model and its own image processor give for a square picture."""
    name, before, norm = FAMILIES[family]
    model = getattr(transformers, name).from_pretrained(path).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(path, backend="pil")
    pixels = processor(picture, do_resize=False, do_center_crop=False, return_tensors="pt")["pixel_values"]
    more = {} if "dinov2" in model.config.model_type else {"interpolate_pos_encoding": True}
    with torch.no_grad():
        out = model(pixels, output_hidden_states=True, **more)
        if layer is None:
            hidden = out.last_hidden_state
        else:
            hidden = out.hidden_states[layer]
            hidden = model.get_submodule(norm)(hidden) if norm else hidden
    return hidden[0, before:]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("layer", "size"), [(None, 32), (2, 32), (None, 48), (1, 16)])
def test_patches_are_those_of_the_model(folder: Folder, family: str, layer: int | None, size: int) -> None:
    """Also at sizes the model was not made for: its position codes are interpolated."""
    encoder = load(folder(family), layer=layer, size=size)
    picture = noise(size, size)
    encoded = encoder.encode([picture])[0]
    assert encoder.max_features == (size // 8) ** 2 and encoded.valid.all()
    torch.testing.assert_close(encoded.features, naive(folder(family), family, picture, layer), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", [*FAMILIES, "resnet", "swin"])
def test_frozen_and_independent_of_batch_mates(folder: Folder, family: str) -> None:
    encoder = load(folder(family), size=64)
    assert not any(module.training for module in encoder.network.modules())
    assert not any(p.requires_grad for p in encoder.network.parameters())
    pictures = [noise(70, 40), noise(30, 90, 1), noise(64, 64, 2)]
    for picture, mixed in zip(pictures, encoder.encode(pictures), strict=True):
        alone = encoder.encode([picture])[0]
        assert not mixed.features.requires_grad and torch.equal(alone.valid, mixed.valid)
        assert alone.features.shape == (encoder.max_features, encoder.width)
        assert len(encoder.parts(picture)) == len(alone.features) == len(alone.valid)
        torch.testing.assert_close(alone.features, mixed.features, atol=1e-5, rtol=1e-4)
    assert encoder.encode([]) == []


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pool", [1, 2])
def test_boxes_hold_the_pixels_that_their_patch_sees(folder: Folder, fit: str, shape: str, pool: int) -> None:
    """A square drawn into one patch's box changes the pixels of that patch alone."""
    width, height = SHAPES[shape]
    encoder = load(folder("vit"), size=64, fit=fit, pool=pool)
    blank = Image.new("RGB", (width, height), "white")
    boxes = [part.box for part in encoder.parts(blank)]
    valid = encoder.encode([blank])[0].valid
    side = 64 // encoder.grid
    before = np.asarray(square(blank, 64, fit, encoder.mean), dtype=int)
    for k in np.flatnonzero(valid.numpy()):
        x0, y0, x1, y1 = boxes[k]
        assert 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
        cx, cy = round((x0 + x1) / 2 * width), round((y0 + y1) / 2 * height)
        marked = blank.copy()
        marked.paste("black", (cx - 1, cy - 1, cx + 1, cy + 1))
        change = np.abs(np.asarray(square(marked, 64, fit, encoder.mean), dtype=int) - before).sum(-1)
        patches = change.reshape(encoder.grid, side, encoder.grid, side).sum((1, 3)).ravel()
        assert patches.argmax() == k and patches[k] > 0.5 * patches.sum()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [*SHAPES.values(), (640, 7), (3, 500), (1, 1), (101, 67)])
def test_boxes_lie_where_the_picture_was_pasted(fit: str, shape: tuple[int, int]) -> None:
    """Patch boxes tile what is seen of the picture, to the pixel."""
    seen = view(*shape, 64, fit)
    boxes = patch_boxes(seen, 8)
    for k, (x0, y0, x1, y1) in enumerate(boxes):
        row, column = divmod(k, 8)
        for fraction, edge, first, last in (
            (x0, column * 8, seen.left, seen.right),
            (x1, column * 8 + 8, seen.left, seen.right),
            (y0, row * 8, seen.top, seen.bottom),
            (y1, row * 8 + 8, seen.top, seen.bottom),
        ):
            assert first + fraction * (last - first) == pytest.approx(min(max(edge, first), last))
    area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    inside = (min(seen.right, 64) - max(seen.left, 0)) * (min(seen.bottom, 64) - max(seen.top, 0))
    assert area == pytest.approx(inside / ((seen.right - seen.left) * (seen.bottom - seen.top)))
    assert patches_on_picture(seen, 8).any()  # however thin


def test_bars_of_a_letterbox_are_not_valid(folder: Folder) -> None:
    encoder = load(folder("vit"), size=64)
    valid = encoder.encode([noise(100, 50), noise(50, 100)])
    rows = np.zeros((8, 8), dtype=bool)
    rows[2:6] = True
    assert (valid[0].valid.numpy().reshape(8, 8) == rows).all()
    assert (valid[1].valid.numpy().reshape(8, 8) == rows.T).all()
    assert not valid[0].features[~valid[0].valid].any()
    for fit in ("stretch", "crop"):
        assert load(folder("vit"), size=64, fit=fit).encode([noise(100, 50)])[0].valid.all()


def test_pool_averages_the_patches_on_the_picture(folder: Folder) -> None:
    whole, pooled = load(folder("vit"), size=64), load(folder("vit"), size=64, pool=4)
    picture = noise(100, 60)
    fine, coarse = whole.encode([picture])[0], pooled.encode([picture])[0]
    maps, valid = fine.features.view(8, 8, -1), fine.valid.view(8, 8)
    for k in range(4):
        block = (slice(4 * (k // 2), 4 * (k // 2) + 4), slice(4 * (k % 2), 4 * (k % 2) + 4))
        torch.testing.assert_close(coarse.features[k], maps[block][valid[block]].mean(0), atol=1e-5, rtol=1e-4)


def test_crop_is_what_the_models_own_processor_does(folder: Folder) -> None:
    processor = transformers.AutoImageProcessor.from_pretrained(folder("dinov2"), backend="pil")
    picture = noise(320, 200).resize((32, 20)).resize((320, 200))  # smooth
    theirs = processor(picture, size={"shortest_edge": 32}, return_tensors="pt")["pixel_values"][0].numpy()
    encoder = load(folder("dinov2"), fit="crop")
    channels = (np.array(encoder.mean)[:, None, None], np.array(encoder.std)[:, None, None])
    ours = square(picture, 32, "crop", encoder.mean)
    assert encoder.size == 32
    assert np.abs(np.asarray(ours).transpose(2, 0, 1) / 255 - (theirs * channels[1] + channels[0])).mean() < 0.01


def test_size_must_be_whole_patches(folder: Folder) -> None:
    with pytest.raises(EncoderError, match=r"size 50 is no whole number .* set encoders\.\*\.size = 48 or 56"):
        load(folder("vit"), size=50)
    with pytest.raises(EncoderError, match="pool 3 does not divide the 4 x 4 patches"):
        load(folder("vit"), pool=3)


def test_the_models_own_size_need_not_be_whole_patches(tmp_path: Path) -> None:
    """SigLIP so400m takes 384 pixels in patches of 14; the last 6 fill none."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(image_size=30, patch_size=8, **sizes))
    model.save_pretrained(tmp_path)
    transformers.SiglipImageProcessorPil(size={"height": 30, "width": 30}).save_pretrained(tmp_path)
    encoder = load(tmp_path)
    assert (encoder.size, encoder.grid) == (24, 3)


def test_vision_tower_alone_equals_the_one_in_the_whole_model(folder: Folder, tmp_path: Path) -> None:
    for family in ("clip", "siglip"):
        own = tmp_path / family
        whole = getattr(transformers, {"clip": "CLIPModel", "siglip": "SiglipModel"}[family])
        whole.from_pretrained(folder(family)).vision_model.save_pretrained(own)
        transformers.AutoImageProcessor.from_pretrained(folder(family), backend="pil").save_pretrained(own)
        features = [load(path).encode([noise(40, 40)])[0].features for path in (own, folder(family))]
        assert torch.equal(*features)


def test_older_preprocessor_files(folder: Folder, tmp_path: Path) -> None:
    """OpenAI's CLIP folder gives its sizes as plain numbers."""
    transformers.CLIPModel.from_pretrained(folder("clip")).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"crop_size": 32, "do_center_crop": true, "do_normalize": true, "do_resize": true, "resample": 3, "size": 40,'
        '"feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.1]}'
    )
    encoder = load(tmp_path)
    assert (encoder.size, encoder.mean, encoder.std) == (32, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))


def test_folder_of_a_whole_processor(folder: Folder, tmp_path: Path) -> None:
    """A processor for both towers keeps its image half in a file of its own making."""
    shutil.copytree(folder("clip"), tmp_path, dirs_exist_ok=True)
    image = transformers.AutoImageProcessor.from_pretrained(folder("clip"), backend="pil")
    for file in tmp_path.glob("*processor*"):
        file.unlink()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder("clip"))
    transformers.CLIPProcessor(image, tokenizer).save_pretrained(tmp_path)
    assert not (tmp_path / "preprocessor_config.json").exists()
    assert load(tmp_path).fingerprint == load(folder("clip")).fingerprint


def test_feature_map_networks(folder: Folder) -> None:
    resnet = transformers.ResNetModel.from_pretrained(folder("resnet")).eval()
    encoder = load(folder("resnet"), size=64)
    picture = noise(64, 64)
    pixels = (np.asarray(picture).transpose(2, 0, 1) / 255 - 0.5) / 0.5
    with torch.no_grad():
        expected = resnet(torch.from_numpy(pixels[None]).float()).last_hidden_state[0].flatten(1).T
    torch.testing.assert_close(encoder.encode([picture])[0].features, expected, atol=1e-5, rtol=1e-4)
    for family in ("resnet", "swin"):  # Swin takes another number of layers, and pays no heed to it
        with pytest.raises(EncoderError, match="cannot be tapped after layer 2"):
            load(folder(family), layer=2)


@pytest.mark.parametrize("family", [*FAMILIES, "resnet"])
def test_blocks_by_themselves_know_nothing_of_each_other(folder: Folder, family: str) -> None:
    """With `isolate`, a block's feature moves with its own pixels alone, and is that of the block as a picture."""
    pool, settings = 2, {"size": 128 if family == "resnet" else 64, "fit": "stretch"}
    encoder = load(folder(family), pool=pool, isolate=True, **settings)
    side = settings["size"]
    picture = noise(side, side)
    changed = picture.copy()
    block = side // encoder.grid
    changed.paste(noise(block, block, seed=7), (block, 0))  # the second block of the first row
    before, after = (encoder.encode([p])[0] for p in (picture, changed))
    moved = ~torch.isclose(before.features, after.features, atol=1e-5).all(dim=1)
    assert moved.nonzero().flatten().tolist() == [1] and len(moved) == encoder.grid**2
    tile = picture.crop((0, 0, block, block))
    alone = load(folder(family), pool=pool, size=block, fit="stretch").encode([tile])[0].features
    torch.testing.assert_close(before.features[:1], alone, atol=1e-4, rtol=1e-3)
    assert encoder.parts(picture) == load(folder(family), pool=pool, **settings).parts(picture)


def test_equal_blocks_are_encoded_once_and_few_at_a_time(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interplay.encoders.image.TILES_AT_ONCE", 5)
    encoder = load(folder("vit"), pool=2, isolate=True, size=64, fit="stretch")
    passes: list[int] = []
    encoder.network.register_forward_pre_hook(
        lambda _network, _args, kwargs: passes.append(len(kwargs["pixel_values"])), with_kwargs=True
    )
    first, second = noise(64, 64, seed=1), noise(64, 64, seed=2)
    block = 64 // encoder.grid
    repeated = first.crop((0, 0, block, block))
    for picture, places in ((first, [(block, 0), (block, block)]), (second, [(0, block)])):
        for place in places:
            picture.paste(repeated, place)
    together = encoder.encode([first, second])
    different = 2 * encoder.grid**2 - 3
    assert passes == [5] * (different // 5) + [different % 5] * bool(different % 5)
    rows = torch.cat([one.features for one in together])
    same = (rows[:, None] == rows).all(dim=-1)
    assert int(same.sum()) - len(rows) == 4 * 3  # the block and its three copies; no others
    for picture, one in zip((first, second), together, strict=True):
        torch.testing.assert_close(encoder.encode([picture])[0].features, one.features, atol=1e-5, rtol=1e-4)
