"""A run folder: what training leaves behind and every later stage opens.

<run>/
  config.toml        the whole configuration, every default written out
  model/             model.safetensors and card.json, the best epoch
  metrics.json       of the validation and test split
  provenance.json    data, versions, seed
  logs/              CSV and TensorBoard
  explanations/      what `interplay explain` wrote
"""

import hashlib
import importlib.metadata
import json
import math
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from interplay.config import Config, config_toml, read_config
from interplay.data.sample import Dataset
from interplay.errors import CheckpointError, RunExistsError
from interplay.models.checkpoint import Card, load_model
from interplay.models.fusion import FusionModel

PACKAGES = ("interplay", "torch", "transformers", "lightning", "captum", "numpy")
Metrics = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Origin:
    """Where a run comes from.

    Attributes:
        data: the dataset's name.
        data_hash: hash of its labels, splits and features' keys; equal hashes are equal data.
        source: the path it was read from, to open it again.
        stores: modality -> folder name in the feature store.
        versions: package -> version.
    """

    data: str
    data_hash: str
    source: str
    stores: dict[str, str]
    versions: dict[str, str]
    seed: int


@dataclass(frozen=True)
class Run:
    """A finished run, opened: its model is in eval mode."""

    folder: Path
    config: Config
    model: FusionModel
    card: Card
    origin: Origin

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.folder.name

    @property
    def metrics(self) -> Metrics:
        """Split -> metric -> value; undefined metrics are NaN."""
        stored = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        return {s: {k: math.nan if v is None else v for k, v in m.items()} for s, m in stored.items()}


def open_run(folder: str | Path) -> Run:
    """Open a finished run. Raises CheckpointError if it is not there, not finished or does not fit together."""
    folder = Path(folder)
    if not (folder / "metrics.json").exists():
        state = "was interrupted before it finished" if (folder / "config.toml").exists() else "is not there"
        raise CheckpointError(
            f"the run {state}", file=folder, expected="a folder written by `interplay train`", fix="train it first"
        )
    model, card = load_model(folder / "model")
    origin = Origin(**json.loads((folder / "provenance.json").read_text(encoding="utf-8")))
    return Run(folder, read_config(folder / "config.toml"), model, card, origin)


def start_run(folder: Path, config: Config, overwrite: bool) -> None:
    """Make the run folder, or go on with an unfinished one of the same configuration.

    Raises RunExistsError if another run is there and `overwrite` is False.
    """
    written = config_toml(config)
    if overwrite and (folder / "config.toml").exists():  # only ever delete what a run of ours left
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()):
        before = folder / "config.toml"
        unfinished = before.exists() and not (folder / "metrics.json").exists()
        if not unfinished or before.read_text(encoding="utf-8") != written:
            what = "an unfinished run of another configuration" if unfinished else "something"
            raise RunExistsError(
                f"{what} is there already", file=folder, fix="choose another --out, or give --overwrite to replace it"
            )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(written, encoding="utf-8")


def finish_run(folder: Path, origin: Origin, metrics: Metrics) -> Run:
    """Write what makes a run finished: its provenance, then its metrics (None where undefined)."""
    (folder / "provenance.json").write_text(json.dumps(asdict(origin), indent=2) + "\n", encoding="utf-8")
    plain = {s: {k: None if math.isnan(v) else v for k, v in m.items()} for s, m in metrics.items()}
    fresh = folder / "metrics.json.new"
    fresh.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / "metrics.json")
    return open_run(folder)


def origin_of(dataset: Dataset, stores: dict[str, str], config: Config) -> Origin:
    """The provenance of a run on this dataset."""
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
    )
