"""Whether a folder is a finished run, by its files alone: checked before PyTorch is loaded."""

import json
from pathlib import Path

from interplay.errors import CheckpointError

METRICS_FILE = "metrics.json"
"""Written last: a run folder that has it is finished."""

ENSEMBLE_FILE = "ensemble.json"
"""Written last into the folder of a training with several seeds: it names its runs."""

COMPARED_FOLDER, COMPARISON_FILE = "compared", "comparison.json"
"""The other models that a training is compared with, and how much better it is."""

CONFIG_FILE = "config.toml"
"""Written first: a folder that has it is, or was to become, a run."""


def require_finished_run(folder: str | Path) -> Path:
    """The run folder, if a training has finished there. It may still turn out to be damaged when it is opened.

    Args:
        folder: what should be a run folder.

    Returns:
        The same folder as a `Path`.

    Raises:
        CheckpointError: there is no run, or its training was interrupted.
    """
    folder = Path(folder)
    if not (folder / METRICS_FILE).exists():
        if (folder / ENSEMBLE_FILE).exists():
            each = _members(folder)
            raise CheckpointError(
                f"these are {len(each)} runs of one training with several seeds",
                file=folder,
                expected="one run",
                fix=f"give one of them, such as {each[0]}",
            )
        state = "was interrupted before it finished" if (folder / CONFIG_FILE).exists() else "is not there"
        raise CheckpointError(
            f"the run {state}", file=folder, expected="a folder written by `interplay train`", fix="train it first"
        )
    return folder


def runs_in(folder: str | Path) -> list[Path]:
    """The finished run in a folder, or the runs of a training with several seeds (`interplay train --seeds`).

    Args:
        folder: a run folder, or one whose ensemble.json names runs in it.

    Returns:
        The run folders, by seed.

    Raises:
        CheckpointError: there is no run, or a training was interrupted.
    """
    folder = Path(folder)
    if (folder / ENSEMBLE_FILE).exists():
        return [require_finished_run(one) for one in _members(folder)]
    if not (folder / CONFIG_FILE).exists() and any(folder.glob(f"seed*/{CONFIG_FILE}")):
        raise CheckpointError(
            "a training with several seeds has not finished here",
            file=folder,
            expected=f"its {ENSEMBLE_FILE}",
            fix="run the same command again to go on, or give the runs themselves",
        )
    return [require_finished_run(folder)]


def _members(folder: Path) -> list[Path]:
    """The runs that a folder's ensemble.json names."""
    file = folder / ENSEMBLE_FILE
    try:
        return [folder / str(name) for name in json.loads(file.read_text(encoding="utf-8"))["runs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"cannot read: {error}", file=file, fix="train again: finished runs are kept") from None
