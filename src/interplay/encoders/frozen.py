"""What every frozen encoder is: a text or a picture in, the sequence of its tokens or patches out (METHOD 1) [paper].

Special tokens ([CLS], <s>, ...), class and register tokens and padding are dropped: they are not features (METHOD 6).
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig


@dataclass(frozen=True)
class Encoded:
    """The features of one sample in one modality.

    Attributes:
        features: (T, W) float32; W is the encoder's width.
        valid: (T,) bool; False where a position holds no feature (the bars of a letterbox).
        truncated: tokens cut off because the encoder takes no more.
    """

    features: Tensor
    valid: Tensor
    truncated: int = 0


class Encoder(ABC):
    """A frozen network with its preparation. Made by `load_encoder`.

    Attributes:
        kind: "text", "image" or "features".
        width: W, the width of its features; of all variants side by side where it encodes neighbours.
        neighbours: with how many to each side a feature is encoded, as far as they are left (`interplay.neighbours`).
        max_features: the longest sequence it gives.
        fingerprint: a hash of its weights and settings; equal fingerprints give equal features.
        earlier: what earlier versions called it; runs of theirs are opened with it.
    """

    kind: str
    width: int
    max_features: int
    fingerprint: str
    earlier: tuple[str, ...] = ()
    neighbours: int = 0

    def __init__(self, network: nn.Module, config: EncoderConfig) -> None:
        self.network = network.eval().requires_grad_(False)
        self.config = config
        self.device = torch.device("cpu")

    def to(self, device: str | torch.device) -> "Encoder":
        """Move the network; features are returned on the CPU whatever the device.

        Args:
            device: where to compute.

        Returns:
            The encoder itself.
        """
        self.device = torch.device(device)
        self.network.to(self.device)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "network": _without_hooks(self.network)}

    @abstractmethod
    def encode(self, inputs: Sequence[Any]) -> list[Encoded]:
        """Encode a batch of texts, RGB pictures or arrays, each to its own (T, W) sequence.

        Args:
            inputs: the texts, pictures or arrays.

        Returns:
            One for each input.
        """

    @abstractmethod
    def parts(self, content: Any) -> list[Part]:
        """What each of the T positions of one input is, in the order of `encode`.

        Args:
            content: one text, picture or array.
        """


def _without_hooks(network: nn.Module) -> nn.Module:
    """The same weights in modules without hooks: those of transformers 5, which return hidden states, do not pickle.

    They are installed anew at the first call that needs them.
    """
    tensors = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    bare = copy.deepcopy(network, tensors)
    for module in bare.modules():
        module._forward_hooks.clear()
        module._forward_hooks_with_kwargs.clear()
        module.__dict__.pop("_output_capturing_hooks_installed", None)
    return bare
