"""Which device a model runs on."""

import torch

from interplay.errors import BadInput


def pick_device(name: str) -> str:
    """The device to compute on.

    Args:
        name: "auto" (the accelerator if there is one, else cpu), "cpu", "cuda", "cuda:1" or "mps".

    Returns:
        The name as PyTorch takes it.

    Raises:
        BadInput: the accelerator is not there.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if gpus else "mps" if mps else "cpu"
    there = ["auto", "cpu", *(["cuda"] if gpus else []), *(f"cuda:{n}" for n in range(gpus)), *(["mps"] if mps else [])]
    if name not in there:
        meant = "; did you mean cuda?" if name.lower() == "gpu" and gpus else ""
        raise BadInput(f"there is no device {name!r} here{meant}", expected=f"one of {', '.join(there)}")
    return name
