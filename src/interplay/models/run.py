"""A run folder: what training leaves behind and every later stage opens.

<run>/
  config.toml        the whole configuration, every default written out
  model/             model.safetensors and card.json, the best epoch
  metrics.json       of the validation and test split
  baselines.json     what the run has to beat: labels' shares, and a linear probe
  calibration.json   how far its probabilities are off, and from where each label is best predicted
  comparison.json    how much better it is than the other models, if they were trained beside it, in compared/
  provenance.json    data, versions, seed
  SHA256SUMS         of the files above: one that has changed is refused
  resume.ckpt        while it is trained: the state after the last whole epoch
  logs/              CSV and TensorBoard
  explanations/      what `interplay explain` wrote
"""

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from interplay.config import Config, config_toml, read_run_config
from interplay.errors import OTHER_FOLDER, REPLACE, CheckpointError, ConfigError, InUseError, RunExistsError
from interplay.files import only_writer, refuse_blocked, write_atomic
from interplay.files.checksums import check_sum, write_sums
from interplay.files.exported import MANIFEST_FILE, is_listed
from interplay.files.fetching import hub_name
from interplay.files.locking import LOCK, is_empty
from interplay.files.run_folder import (
    CARD_FILE,
    COMPARISON_FILE,
    CONFIG_FILE,
    METRICS_FILE,
    ORIGIN_FILE,
    exported_root,
    refuse_finished,
    require_finished_run,
    results_folder,
    runs_in,
)
from interplay.models.checkpoint import Card, load_model, weights_hash
from interplay.models.fusion import FusionModel
from interplay.models.kept import Kept, read_kept
from interplay.models.origin import Origin, damaged, origin_json, read_origin
from interplay.results.baselines import Baselines
from interplay.results.calibration import ProbabilityCalibration
from interplay.results.comparison import Comparison
from interplay.results.validity import weights_in

VALIDITY_FILE = "validation/validity.json"
RESUME_FILE = "resume.ckpt"
MEASURED = ("baselines.json", "calibration.json")
TRUSTED = (CONFIG_FILE, ORIGIN_FILE, CARD_FILE)
"""What a run is, besides its metrics; the card has the SHA-256 of the weights."""
RESTORE = (
    "undo the change (settings of an explanation go with --set, or config= in Python), copy the run folder anew, or "
    "train again"
)
Metrics = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Run:
    """A finished run, opened: its model is in eval mode.

    Attributes:
        folder: where it lies; of a run of the hub, where the hub's client keeps what it fetched.
        hub: OWNER/NAME, or OWNER/NAME@REVISION, of a run of the hub; else empty.
        weights: sha256 of the file of its weights: results that name it are of this very model.
    """

    folder: Path
    config: Config
    model: FusionModel
    card: Card
    origin: Origin
    hub: str = ""
    weights: str = ""

    @property
    def name(self) -> str:
        """What reports call it: its folder or hub name, or of a run of a study (MODEL/seedN/run) model and seed."""
        if self.hub and (self.folder / MANIFEST_FILE).exists():  # one of several seeds is called by its seed
            return self.hub
        of_study = self.folder.name == "run" and self.folder.parent.name.startswith("seed")
        return "/".join(self.folder.parts[-3:-1]) if of_study else self.folder.name

    @property
    def results(self) -> Path:
        """Where what is found out about it goes by default: its folder; if it was exported, one that is no run.

        Raises:
            BadInput: that place cannot be used (`interplay.files.run_folder.results_folder`).
        """
        return results_folder(self.folder, self.hub)

    @property
    def exported(self) -> bool:
        """Whether it was exported to be given to others, or came from the hub."""
        return bool(self.hub) or exported_root(self.folder) is not None

    @property
    def validity_file(self) -> Path | None:
        """What `interplay validate` left; None if nothing.

        Of an exported run it is the file that was exported with it, else one among its results that names its weights.
        """
        own, root = self.folder / VALIDITY_FILE, exported_root(self.folder)
        if own.is_file() and (root is None or is_listed(root, self.folder.resolve() / VALIDITY_FILE)):
            return own
        if root is None:
            return None
        later = self.results / VALIDITY_FILE
        return later if self.weights and weights_in(later) == self.weights else None

    @property
    def metrics(self) -> Metrics:
        """Split -> metric -> value; undefined metrics are NaN."""
        stored = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        return {s: {k: math.nan if v is None else v for k, v in m.items()} for s, m in stored.items()}

    @property
    def baselines(self) -> Baselines | None:
        """What the run has to beat; None of a run that was trained before baselines were kept.

        Raises:
            CheckpointError: the file is damaged, or of a newer version.
        """
        return _read(self.folder / "baselines.json", Baselines)

    @property
    def against(self) -> list[str]:
        """Sentences: whether it beats the linear probe and the other models, and how far its probabilities are off."""
        compared = self.comparison.sentences() if self.comparison else []
        first, last = ([one.sentence()] if one else [] for one in (self.baselines, self.calibration))
        if last and self.config.training.class_weights == "balanced":
            last.append("Labels counted alike in training, so probabilities are not meant to be their shares")
        return [*first, *compared, *last]

    @property
    def beside(self) -> dict[str, Mapping[str, float | None]]:
        """Name -> metrics of the test split: labels from val's thresholds on, and what the run has to beat."""
        out: dict[str, Mapping[str, float | None]] = {}
        if (calibration := self.calibration) is not None and calibration.thresholds:
            out["cut by val"] = calibration.at_thresholds["test"]
        if (baselines := self.baselines) is not None:
            out |= {"linear probe": baselines.linear_probe["test"], "labels' shares": baselines.prior["test"]}
        if (comparison := self.comparison) is not None:
            out |= {other.model: other.test for other in comparison.others}
        return out

    @property
    def calibration(self) -> ProbabilityCalibration | None:
        """How far its probabilities are off; None of a run that was trained before that was measured.

        Raises:
            CheckpointError: the file is damaged, or of a newer version.
        """
        return _read(self.folder / "calibration.json", ProbabilityCalibration)

    @property
    def comparison(self) -> Comparison | None:
        """How much better it is than the other models; None of a run that they were not trained beside.

        Raises:
            CheckpointError: the file is damaged, or of a newer version.
        """
        return _read(self.folder / COMPARISON_FILE, Comparison)


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    return read_kept(path, kind) if path.exists() else None


def open_run(source: str | Path) -> Run:
    """Open a finished run.

    Args:
        source: the run folder; or OWNER/NAME, or OWNER/NAME@REVISION, of an exported run on the Hugging Face hub.

    Raises:
        CheckpointError: it is not there, not finished, its files do not fit together, or what was exported has changed
            or holds something that may run code.
        HubError: the hub does not give it.
    """
    return _open(require_finished_run(source), hub_name(source))


def open_runs(source: str | Path) -> list[Run]:
    """Open a finished run, or all runs of a training with several seeds, by seed; together they are one more model.

    Args:
        source: a run folder, the folder of such a training; or OWNER/NAME, or OWNER/NAME@REVISION, of either on the
            Hugging Face hub.

    Raises:
        CheckpointError: as `open_run`.
        HubError: the hub does not give it.
    """
    name = hub_name(source)
    return [_open(folder, name) for folder in runs_in(source)]


def _open(folder: Path, hub: str) -> Run:
    for name in (*TRUSTED, METRICS_FILE):  # `read_kept` checks the others
        check_sum(folder, name, fix=RESTORE)
    model, card = load_model(folder / "model")
    config, origin = read_run_config(folder / CONFIG_FILE), read_origin(folder / ORIGIN_FILE)
    run = Run(folder, config, model, card, origin, hub, weights_hash(folder / "model"))
    try:
        _ = run.metrics
    except (OSError, ValueError, AttributeError) as error:
        raise damaged(folder / METRICS_FILE, error) from None
    return run


def refuse_taken(folder: Path, config: Config, overwrite: bool) -> None:
    """Refuse a folder that a run cannot go into: to be called before the work, not after.

    A run can go into an empty or new folder, into an unfinished run of the same configuration, and into any run if
    `overwrite` is True.

    Args:
        folder: the run folder.
        config: the configuration of the run to be made.
        overwrite: whether a run that is there may be replaced.

    Raises:
        RunExistsError: the folder is taken.
        BadInput: it cannot be a folder.
    """
    refuse_blocked(folder)
    if is_empty(folder):
        return
    before = folder / "config.toml"
    if overwrite and before.exists():
        return
    fix = f"{OTHER_FOLDER}, or {REPLACE}"
    if not before.exists():
        raise RunExistsError("something that is no run is there", file=folder, fix=OTHER_FOLDER)
    if (folder / "metrics.json").exists():
        remove_state(folder)
        refuse_finished(folder)
    if not _same_config(before, config):
        raise RunExistsError("an unfinished run of another configuration is there already", file=folder, fix=fix)


def start_run(folder: Path, config: Config, origin: Origin, overwrite: bool) -> None:
    """Make the run folder, or continue an unfinished run of the same configuration and data.

    Args:
        folder: the run folder.
        config: the run's configuration.
        origin: the run's provenance.
        overwrite: whether a run that cannot be continued is replaced.

    Raises:
        RunExistsError: there is a run that cannot be continued, and `overwrite` is False.
    """
    refuse_taken(folder, config, overwrite)
    if _unfinished(folder, config, origin):
        return
    if (folder / "config.toml").exists():
        # A run that was killed before it began has left its configuration alone.
        if not overwrite and {path.name for path in folder.iterdir()} - {CONFIG_FILE, LOCK}:
            raise RunExistsError(
                "an unfinished run on other data is there already",
                file=folder,
                fix=f"{OTHER_FOLDER}, or {REPLACE}",
            )
        remove_run(folder)  # only ever what a run of ours left, or what --overwrite gives up
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_atomic(folder / CONFIG_FILE, config_toml(config))
        write_atomic(folder / ORIGIN_FILE, origin_json(origin))
    except BaseException:
        remove_run(folder)  # it was empty
        raise


def remove_run(folder: Path) -> None:
    """Remove all that is in a run folder; its lock stays with the process that holds it.

    Args:
        folder: the run folder.
    """
    # Half removed it is an unfinished run: its mark goes first, what says that it is a run last.
    for path in sorted(folder.iterdir(), key=lambda path: (path.name != METRICS_FILE, path.name == CONFIG_FILE)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _same_config(path: Path, config: Config) -> bool:
    """Whether a run folder's config.toml, of any version, says the same; one that cannot be read does not."""
    try:
        return read_run_config(path) == config
    except ConfigError:
        return False


def _unfinished(folder: Path, config: Config, origin: Origin) -> bool:
    """Whether the folder holds the beginning of just this run."""
    written = folder / "config.toml"
    if not written.exists() or (folder / "metrics.json").exists():
        return False
    if not _same_config(written, config):
        return False
    try:
        return read_origin(folder / ORIGIN_FILE).data_hash == origin.data_hash
    except CheckpointError:
        return False


def finish_run(folder: Path, metrics: Metrics, baselines: Baselines, calibration: ProbabilityCalibration) -> Run:
    """Mark a run as finished by writing its metrics; only then the state of its training goes.

    Args:
        folder: the run folder.
        metrics: split -> metric -> value; NaN where undefined.
        baselines: what the run has to beat.
        calibration: how far its probabilities are off.
    """
    write_atomic(folder / "calibration.json", calibration.model_dump_json(indent=2) + "\n")
    write_atomic(folder / "baselines.json", baselines.model_dump_json(indent=2) + "\n")
    plain = {s: {k: None if math.isnan(v) else v for k, v in m.items()} for s, m in metrics.items()}
    text = json.dumps(plain, indent=2) + "\n"
    write_sums(folder, [*TRUSTED, *MEASURED], {METRICS_FILE: hashlib.sha256(text.encode()).hexdigest()})
    write_atomic(folder / METRICS_FILE, text)
    remove_state(folder)
    return open_run(folder)


def remove_state(folder: Path) -> None:
    """Remove the state of a training that has ended, and what else its process left if it was killed before it could.

    Args:
        folder: the folder of a finished run.
    """
    if not any((folder / name).exists() for name in (RESUME_FILE, LOCK)):
        return
    with suppress(InUseError, OSError), only_writer(folder):
        (folder / RESUME_FILE).unlink(missing_ok=True)
