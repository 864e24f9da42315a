"""What a stage measured, as one safetensors file: arrays, and as JSON what they are and what decided them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from interplay.files import write_atomic


@dataclass(frozen=True)
class Arrays:
    """Arrays by name, and `about` them: sample ids, names along axes, evaluations, seconds."""

    values: Mapping[str, np.ndarray]
    about: Mapping[str, Any]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]


def write_arrays(path: Path, arrays: Arrays, key: str) -> None:
    """Write the result of a stage: the whole file or nothing.

    Args:
        path: the file.
        arrays: name -> array.
        key: a hash of the settings that the result was measured under.
    """
    content = {name: np.ascontiguousarray(value) for name, value in arrays.values.items()}
    about = json.dumps(dict(arrays.about))
    write_atomic(path, save(content, metadata={"key": key, "about": about, "sha256": _sum(content, key, about)}))


def _sum(content: Mapping[str, np.ndarray], key: str, about: str) -> str:
    digest = hashlib.sha256(f"{key}\0{about}\0".encode())
    for name, value in sorted(content.items()):
        digest.update(f"{name} {value.dtype.str} {value.shape}\0".encode())
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()


def read_arrays(path: Path, key: str) -> Arrays | None:
    """Read the result of a stage; None if it is missing, damaged, or was measured under other settings.

    Args:
        path: the file.
        key: a hash of the settings that the result was measured under.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            meta = file.metadata() or {}
            if meta.get("key") != key:
                return None
            content = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if meta.get("sha256", found := _sum(content, key, meta["about"])) != found:  # older files have none
                return None
            return Arrays(content, json.loads(meta["about"]))
    except (OSError, SafetensorError, ValueError, KeyError):
        return None
