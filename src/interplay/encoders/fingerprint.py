"""A name for what an encoder computes: equal weights, settings and preparation, wherever they lie, give it again."""

import hashlib
import json
from typing import Any

import torch
from torch import nn

from interplay.encoders.towers import unused

PREPARATION = 1
"""Raise it when a text or picture is prepared differently, so that old features are not taken for new ones."""

NOT_COMPUTED = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


def fingerprint(network: nn.Module, **settings: Any) -> str:
    """SHA-256 (hex) of the weights that reach the tokens, of the network's own configuration and of `settings`.

    Weights may lie on any device and in any precision.

    Args:
        network: the encoder.
        settings: everything else that decides the features, as JSON values.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if not unused(name):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    config = getattr(network, "config", None)
    own = {} if config is None else {k: v for k, v in config.to_diff_dict().items() if k not in NOT_COMPUTED}
    everything = {"preparation": PREPARATION, "network": own, **settings}
    digest.update(json.dumps(everything, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def tokenizer_state(tokenizer: Any) -> dict[str, Any]:
    """The settings of a fast tokenizer that decide its tokens; truncation and padding, which change by call, do not.

    Args:
        tokenizer: a fast tokenizer of transformers.
    """
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return {key: value for key, value in state.items() if key not in ("truncation", "padding")}
