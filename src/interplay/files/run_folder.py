"""Whether a folder is a finished run, by its files alone: checked before PyTorch is loaded."""

from pathlib import Path

from interplay.errors import CheckpointError

METRICS_FILE = "metrics.json"
"""Written last: a run folder that has it is finished."""

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
        if each := _by_seed(folder):
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
        folder: a run folder, or one that holds seed0, seed1, ...

    Returns:
        The run folders, by seed.

    Raises:
        CheckpointError: there is no run, or the training of one was interrupted.
    """
    each = _by_seed(Path(folder))
    return [require_finished_run(one) for one in each or [Path(folder)]]


def _by_seed(folder: Path) -> list[Path]:
    """The folders seed0, seed1, ... that lie in a folder which is no run itself."""
    if (folder / CONFIG_FILE).exists():
        return []
    each = [one for one in folder.glob("seed*") if one.name.removeprefix("seed").isdigit()]
    return sorted(each, key=lambda one: int(one.name.removeprefix("seed")))
