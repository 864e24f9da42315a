"""Which device a model runs on."""

import torch

from interplay.errors import BadInput


def pick_device(name: str) -> str:
    """auto -> the accelerator if there is one, else cpu. Raises BadInput for an accelerator that is not there."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if gpus else "mps" if mps else "cpu"
    there = ["auto", "cpu", *(["cuda"] if gpus else []), *(f"cuda:{n}" for n in range(gpus)), *(["mps"] if mps else [])]
    if name not in there:
        raise BadInput(f"there is no device {name!r} here", expected=f"one of {', '.join(there)}")
    return name
