"""Where a run comes from, `provenance.json` of its folder: data, versions and seed."""

import hashlib
import importlib.metadata
import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path

from interplay.config import Config
from interplay.data.sample import SPLITS, Dataset
from interplay.errors import CheckpointError
from interplay.files.versions import Upgrade, upgrade_document

PACKAGES = ("interplay", "torch", "transformers", "lightning", "numpy")
PROVENANCE_SCHEMA = "interplay/provenance/2"
"""The version of provenance.json, under its key "format"; one that gives none is of version 1."""
UPGRADES: dict[int, Upgrade] = {1: lambda written: written | {"splits": {}}}
"""Version 2 added the sizes of the splits, which are not known of an older run."""


@dataclass(frozen=True)
class Origin:
    """Where a run comes from.

    Attributes:
        data: the dataset's name.
        data_hash: hash of its labels, splits and features' keys; equal hashes are equal data.
        source: the path it was read from, to open it again; empty in a folder that was exported to be given to others.
        stores: modality -> folder name in the feature store.
        versions: package -> version.
        seed: the run's seed.
        splits: split -> number of samples; empty of a run that was trained before they were kept.
    """

    data: str
    data_hash: str
    source: str
    stores: dict[str, str]
    versions: dict[str, str]
    seed: int
    splits: dict[str, int] = field(default_factory=dict)


def read_origin(path: Path) -> Origin:
    """Read a provenance.json, of this version or an older one.

    Args:
        path: the file.

    Raises:
        CheckpointError: it is missing, damaged or of a newer version.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        fields = upgrade_document(written, PROVENANCE_SCHEMA, UPGRADES, error=CheckpointError, file=path)
        return Origin(**{name: value for name, value in fields.items() if name != "format"})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise damaged(path, error) from None


def origin_json(origin: Origin) -> str:
    """What provenance.json holds.

    Args:
        origin: where a run comes from.
    """
    return json.dumps({"format": PROVENANCE_SCHEMA} | asdict(origin), indent=2) + "\n"


def damaged(path: Path, error: Exception) -> CheckpointError:
    """The error for a file of a run folder that cannot be read.

    Args:
        path: the file.
        error: what reading it raised.
    """
    return CheckpointError(f"cannot read: {error}", file=path, expected="a finished run folder", fix="train it again")


def origin_of(dataset: Dataset, stores: dict[str, str], config: Config) -> Origin:
    """The provenance of a run on this dataset.

    Args:
        dataset: what the run is trained on.
        stores: modality -> hash of its stored features.
        config: the run's configuration.
    """
    digest = hashlib.sha256(json.dumps(stores, sort_keys=True).encode())
    for sample in dataset.samples:
        digest.update(f"{sample.id}\0{sample.split}\0{sample.labels}\0".encode())
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return Origin(
        data=dataset.name,
        data_hash=digest.hexdigest()[:16],
        source=str(dataset.source.resolve()),
        stores=stores,
        versions={"python": platform.python_version(), **versions},
        seed=config.seed,
        splits={split: len(dataset.split(split)) for split in SPLITS},
    )
