"""A trained run as a folder that can be given to others: it predicts and explains equally, and holds no data.

<folder>/
  README.md          the model card, to be completed by hand
  interplay.json     the other files with their sha256
  config.toml        as in a run folder, without paths of the machine
  model/             model.safetensors and card.json
  metrics.json, baselines.json, calibration.json, comparison.json, validation/validity.json    those that the run has
  provenance.json    without the dataset's path

Of a training with several seeds these lie in a folder for each seed, beside ensemble.json: together they are one model.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from interplay.config import Config, config_toml
from interplay.encoders.packaged import PACKAGED
from interplay.encoders.precomputed import PRECOMPUTED
from interplay.encoders.sources import is_fetched, is_path, public_name
from interplay.errors import BadInput
from interplay.files import write_atomic
from interplay.files.exported import CARD_FILE, MANIFEST_FILE, write_manifest
from interplay.files.fetching import HUB_NAME
from interplay.files.folders import require_free, whole_folder
from interplay.files.run_folder import COMPARISON_FILE, CONFIG_FILE, ENSEMBLE_FILE, METRICS_FILE, ORIGIN_FILE
from interplay.hub.card import Licenses, Together, model_card
from interplay.models.kept import read_kept
from interplay.models.origin import origin_json
from interplay.models.run import VALIDITY_FILE, Run
from interplay.results.comparison import Comparison
from interplay.results.ensemble import EnsembleScores

NEEDED = ("model/model.safetensors", "model/card.json", METRICS_FILE)
KEPT = ("baselines.json", "calibration.json", COMPARISON_FILE)
"""Copied where the run has them."""

LICENSE_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")
MODELS = "an exported run"


@dataclass(frozen=True)
class Training:
    """What is exported: one run, or the runs of one training with several seeds, which lie beside its `scores`."""

    runs: Sequence[Run]
    together: Together | None = None

    @property
    def places(self) -> Iterator[tuple[str, Run]]:
        """Where each run goes inside the folder, and the run."""
        for run in self.runs:
            yield (f"{run.folder.name}/" if self.together else ""), run


def save_pretrained(
    run: Run | Sequence[Run],
    folder: str | Path,
    *,
    license: str | None = None,
    data_license: str | None = None,
    encoders: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a run as a folder that can be given to others: `open_run` and `open_runs` open it again.

    It holds the weights, the configuration, what was measured, and a model card; neither samples nor features of the
    dataset, nor a path of this machine. Answers and explanations are those of the run.

    Args:
        run: as `open_run` gives it, or all runs of a training with several seeds, as `open_runs` gives them.
        folder: the folder to be made; the model card calls the model by its name.
        license: of the model, by its identifier on the hub, such as "apache-2.0"; of None, the card says that none was
            stated.
        data_license: what the card says of the data's licence; of None, that none was stated.
        encoders: key of the configuration's `encoders` -> hub id, for an encoder that is a folder on this machine;
            others have to bring a folder of the same name if it is not given.
        overwrite: whether an exported run that is there already is replaced.

    Returns:
        The folder.

    Raises:
        BadInput: several runs are not those of one training, a licence or encoder is not in the form of the hub, or an
            encoder may be a folder as well as a hub id.
        RunExistsError: the folder is taken.
        CheckpointError: a file of the run is damaged.
    """
    folder = Path(folder)
    if license is not None and not LICENSE_ID.fullmatch(license):
        raise BadInput(
            f"the license is {license!r}",
            expected="its identifier in lower case, such as apache-2.0, cc-by-4.0 or other",
            fix="see https://huggingface.co/docs/hub/repositories-licenses",
        )
    training = _training(run)
    for one in training.runs:
        _refuse_unseen_encoders(one, encoders or {})
    configs = [public_config(one.config, encoders or {}) for one in training.runs]
    require_free(folder.absolute(), overwrite, [MANIFEST_FILE], MODELS)
    name = folder.absolute().name
    shown = [replace(one, config=config) for one, config in zip(training.runs, configs, strict=True)]
    card = model_card(name, shown, training.together, Licenses(license, data_license))
    with whole_folder(folder, overwrite, [MANIFEST_FILE], MODELS) as made:
        for (place, one), config in zip(training.places, configs, strict=True):
            _write_run(one, config, made / place)
        if training.together:
            _copy(training.together.folder, made, [ENSEMBLE_FILE], [COMPARISON_FILE])
        files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
        write_atomic(made / CARD_FILE, str(card))
        write_manifest(made, name, version("interplay"), files)
    return folder


def public_config(config: Config, encoders: Mapping[str, str]) -> Config:
    """A configuration for other machines: encoders without paths, on whatever device is there.

    An encoder that is a folder is looked for under its name in the folder that a reader works in; its fingerprint says
    whether it is the same.

    Args:
        config: the configuration of a run.
        encoders: key of `config.encoders` -> the hub id of an encoder that is a folder here.

    Raises:
        BadInput: no encoder has that key, it is no folder, or what is given is no hub id.
    """
    for key, name in encoders.items():
        if key not in config.encoders:
            raise BadInput(f"no encoder is called {key!r}", expected=f"one of {', '.join(config.encoders)}")
        if _everybodys(config.encoders[key].model):
            raise BadInput(
                f"the encoder of {key!r} is {config.encoders[key].model}, which everybody has",
                expected="names for encoders that are folders here",
            )
        if not HUB_NAME.fullmatch(name) or "@" in name:
            raise BadInput(f"the encoder of {key!r} is {name!r}", expected="its hub id, OWNER/NAME")
    named = {}
    for key, encoder in config.encoders.items():
        model = encoders.get(key, encoder.model)
        own = _everybodys(model) or key in encoders or not is_path(model)
        named[key] = encoder.model_copy(update={"model": model if own else f"./{public_name(model)}"})
    return config.model_copy(update={"encoders": named, "device": config.device if config.device == "cpu" else "auto"})


def _refuse_unseen_encoders(run: Run, encoders: Mapping[str, str]) -> None:
    """Refuse what may be a folder of where the run was trained: as a hub id it may be a stranger's repository."""
    if run.exported:  # its names are for everybody already
        return
    for modality, kind in run.card.modalities.items():
        key, model = modality if modality in run.config.encoders else kind, run.config.encoder(modality, kind).model
        if not (key in encoders or _everybodys(model) or is_path(model) or is_fetched(model)):
            raise BadInput(
                f"the encoder of {key!r} is {model!r}, which is no folder here and was not fetched from the hub",
                expected="to see which of both it is",
                fix=f"name it with --encoder {key}=OWNER/NAME (encoders= in Python), or export in the folder that you "
                "trained in",
            )


def _everybodys(model: str) -> bool:
    return model in PACKAGED or model == PRECOMPUTED


def _training(run: Run | Sequence[Run]) -> Training:
    runs = [run] if isinstance(run, Run) else list(run)
    if not runs:
        raise BadInput("no run is given", expected="one, or those of `open_runs`")
    if len(runs) == 1:
        return Training(runs)
    root = runs[0].folder.parent
    names = [one.folder.name for one in runs]
    file = root / ENSEMBLE_FILE
    alike = all(one.folder.parent == root for one in runs) and file.is_file()
    if not alike or (scores := read_kept(file, EnsembleScores)).runs != names:
        raise BadInput(
            f"the runs {', '.join(one.name for one in runs)} are not those of one training",
            expected=f"all runs of a training with several seeds, whose folder has an {ENSEMBLE_FILE}",
            fix="give the folder that `interplay train --seeds` made, or export each run by itself",
        )
    compared = root / COMPARISON_FILE
    return Training(runs, Together(root, scores, read_kept(compared, Comparison) if compared.is_file() else None))


def _write_run(run: Run, config: Config, to: Path) -> None:
    to.mkdir(exist_ok=True)
    _copy(run.folder, to, NEEDED, KEPT)
    if (validity := run.validity_file) is not None:
        (to / VALIDITY_FILE).parent.mkdir()
        shutil.copyfile(validity, to / VALIDITY_FILE)
    write_atomic(to / CONFIG_FILE, config_toml(config))
    write_atomic(to / ORIGIN_FILE, origin_json(replace(run.origin, source="")))


def _copy(folder: Path, to: Path, needed: Sequence[str], kept: Sequence[str]) -> None:
    """Copy files: of `kept`, those that are there."""
    for name in [*needed, *(name for name in kept if (folder / name).is_file())]:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, to / name)
