"""What a stage measured, as one safetensors file: arrays, and as JSON what they are and what decided them."""

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
    write_atomic(path, save(content, metadata={"key": key, "about": json.dumps(dict(arrays.about))}))


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
            return Arrays({name: file.get_tensor(name) for name in file.keys()}, json.loads(meta["about"]))  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError):
        return None
