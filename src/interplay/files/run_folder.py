"""Whether a folder is a finished run, by its files alone: checked before PyTorch is loaded."""

import json
from pathlib import Path

from interplay.errors import OTHER_FOLDER, REPLACE, BadInput, CheckpointError, RunExistsError
from interplay.files.checksums import check_sum
from interplay.files.exported import MANIFEST_FILE, PICKLES, check_exported, refuse_code
from interplay.files.fetching import local_folder

METRICS_FILE = "metrics.json"
"""Written last: a run folder that has it is finished."""

ENSEMBLE_FILE = "ensemble.json"
"""Written last into the folder of a training with several seeds: it names its runs."""

COMPARED_FOLDER, COMPARISON_FILE = "compared", "comparison.json"
"""The other models that a training is compared with, and how much better it is."""

CONFIG_FILE = "config.toml"
"""Written first: a folder that has it is, or was to become, a run."""

ORIGIN_FILE = "provenance.json"
"""Where a run comes from: the place of its data, among others."""

CARD_FILE = "model/card.json"
"""What a model is: its labels and modalities, among others."""


def require_finished_run(source: str | Path, *, hashes: bool = True) -> Path:
    """The run folder, if a training has finished there. It may still turn out to be damaged when it is opened.

    A run of the hub is fetched. One that was exported is checked: its version, and every file.

    Args:
        source: what should be a run folder, or OWNER/NAME of an exported run on the hub.
        hashes: whether every file of an exported run is read; without, as a first look, that it is there.

    Returns:
        The folder.

    Raises:
        CheckpointError: there is no run, its training was interrupted, or what was exported is damaged or runs code.
        HubError: the hub does not give it.
    """
    return _finished(_checked(source, hashes))


def refuse_finished(folder: Path) -> None:
    """Refuse a folder where a finished run is, for another one.

    Args:
        folder: the folder of the run to be made.

    Raises:
        RunExistsError: a finished run is there.
    """
    if (folder / CONFIG_FILE).exists() and (folder / METRICS_FILE).exists():
        fix = f"{OTHER_FOLDER}, or {REPLACE}"
        raise RunExistsError("a finished run is there already", file=folder, fix=fix)


def _finished(folder: Path) -> Path:
    if not (folder / METRICS_FILE).exists():
        if (folder / ENSEMBLE_FILE).exists():
            each = _members(folder)
            raise CheckpointError(
                f"these are {len(each)} runs of one training with several seeds",
                file=folder,
                expected="one run",
                fix=f"give one of them, such as {each[0]}",
            )
        if not (folder / CONFIG_FILE).exists():
            _refuse_other_model(folder)
        state = "was interrupted before it finished" if (folder / CONFIG_FILE).exists() else "is not there"
        raise CheckpointError(
            f"the run {state}", file=folder, expected="a folder written by `interplay train`", fix="train it first"
        )
    return folder


def runs_in(source: str | Path, *, hashes: bool = True) -> list[Path]:
    """The finished run in a folder, or the runs of a training with several seeds (`interplay train --seeds`).

    Args:
        source: a run folder, or one whose ensemble.json names runs in it; or OWNER/NAME of either on the hub.
        hashes: as in `require_finished_run`.

    Returns:
        The run folders, by seed.

    Raises:
        CheckpointError: there is no run, a training was interrupted, or what was exported is damaged or runs code.
        HubError: the hub does not give it.
    """
    folder = _checked(source, hashes)
    if (folder / ENSEMBLE_FILE).exists():
        return [_finished(one) for one in _members(folder)]
    if not (folder / CONFIG_FILE).exists() and any(folder.glob(f"seed*/{CONFIG_FILE}")):
        raise CheckpointError(
            "a training with several seeds has not finished here",
            file=folder,
            expected=f"its {ENSEMBLE_FILE}",
            fix="run the same command again to go on, or give the runs themselves",
        )
    return [_finished(folder)]


def _checked(source: str | Path, hashes: bool) -> Path:
    """The folder, which is on this disk and, if it was exported, whole."""
    folder = local_folder(source)
    if (root := exported_root(folder)) is not None:
        check_exported(root, hashes=hashes)
    return folder


def exported_root(folder: Path) -> Path | None:
    """The exported folder that a run is, or is one of several seeds of; None of a run that was not exported.

    Args:
        folder: the run folder.
    """
    folder = folder.resolve()
    if (folder / MANIFEST_FILE).exists():
        return folder
    root = folder.parent
    return root if (root / MANIFEST_FILE).exists() and (root / ENSEMBLE_FILE).exists() else None


def results_folder(folder: Path, hub: str = "") -> Path:
    """Where results about a run go by default: into its folder, or beside what was exported or came from the hub.

    An export is given to others and lists its files, so results about it go to ./NAME-results, or ./OWNER--NAME-results
    if it is of the hub, and those of each of several seeds into a folder of that seed inside.

    >>> results_folder(Path("/runs/first")).as_posix(), results_folder(Path("films"), "nobody/films@v2").as_posix()
    ('/runs/first', 'nobody--films@v2-results')

    Args:
        folder: the run folder, or that of a training with several seeds.
        hub: OWNER/NAME, or OWNER/NAME@REVISION, of a run of the hub; else empty.

    Raises:
        BadInput: that place is a run, or inside the exported one.
    """
    root = exported_root(folder)
    if root is None and not hub:
        return folder
    name = hub.replace("/", "--") if hub else root.name if root else ""
    place = Path(f"{name}-results")
    if root:
        place /= folder.resolve().relative_to(root)
    what = f"results about {hub or name} would go"
    if root and root in place.resolve().parents:
        raise BadInput(f"{what} into the exported run itself", file=place, fix="work in another folder")
    if any((place / mark).exists() for mark in (CONFIG_FILE, MANIFEST_FILE, ENSEMBLE_FILE)):
        raise BadInput(f"{what} here, but a run is there", file=place, fix="move it away, or work in another folder")
    return place


def _refuse_other_model(folder: Path) -> None:
    """Refuse a folder with a model of another library, if what is wrong with it is a pickle or code."""
    names = [path.name for path in sorted(folder.glob("*")) if path.is_file()]
    if any(name == "config.json" or name.endswith(PICKLES) for name in names):
        refuse_code(folder)


def _members(folder: Path) -> list[Path]:
    """The runs that a folder's ensemble.json names."""
    file = folder / ENSEMBLE_FILE
    check_sum(folder, ENSEMBLE_FILE)
    try:
        names = [str(name) for name in json.loads(file.read_text(encoding="utf-8"))["runs"]]
        if outside := [name for name in names if Path(name).name != name]:
            raise ValueError(f"the run {outside[0]!r} is not in this folder")
        return [folder / name for name in names]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"cannot read: {error}", file=file, fix="train again: finished runs are kept") from None
