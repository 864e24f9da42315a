"""The errors a user can cause. Each says what was expected, what came and what to do.

The command line turns `InterplayError` into exit code 1 and `BadInput` into exit code 2.
"""

import difflib
import importlib.util
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

# Messages reach people at the command line and in Python: a flag is always named together with its argument.
OTHER_FOLDER = "choose another folder by --out (out= in Python)"
REPLACE = "replace it by --overwrite (overwrite=True in Python)"


class InterplayError(Exception):
    """Something went wrong that is not the fault of the input (exit code 1)."""

    exit_code = 1


class BadInput(InterplayError):
    """The input cannot be used as it is (exit code 2).

    Args:
        problem: what is wrong, in one clause, with what came.
        expected: what would have been right.
        fix: what the user can do about it.
        file: the file at fault.
        row: its row or line, counted from 1.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        expected: str = "",
        fix: str = "",
        file: str | Path | None = None,
        row: int | None = None,
    ) -> None:
        self.problem, self.expected, self.fix, self.file, self.row = problem, expected, fix, file, row
        where = "" if file is None else f"{file}{'' if row is None else f', row {row}'}: "
        parts = [f"{where}{problem}"]
        if expected:
            parts.append(f"expected {expected}")
        if fix:
            parts.append(fix)
        super().__init__("; ".join(parts))


class DataError(BadInput):
    """A dataset, or one row of it, cannot be used."""


class ConfigError(BadInput):
    """A configuration file or option is not understood."""


class EncoderError(BadInput):
    """An encoder folder or hub id cannot be used for this modality."""


class CheckpointError(BadInput):
    """A run folder's model cannot be opened, or does not fit its configuration."""


class HubError(BadInput):
    """The Hugging Face hub does not give a model or take one: it is not there, not allowed, or cannot be reached."""


class RunExistsError(BadInput):
    """The run folder is there already; nothing is overwritten unasked."""


class InUseError(BadInput):
    """Another process writes to the folder."""


class DivergedError(BadInput):
    """A training left all bounds: its loss, its answers or its weights are no finite numbers any more."""


class GameError(BadInput):
    """A value function broke its contract (shape, finite values, same answer twice), or lacks what was asked for."""


class PredictorError(BadInput):
    """A model that is explained failed, or broke its contract (shape, finite values, same answer twice)."""


class BudgetError(GameError):
    """A budget of evaluations is too small for what was asked."""


class DiskFullError(InterplayError):
    """The disk has no room for a result; nothing half-written is left behind."""


class EngineError(InterplayError):
    """Workers of a cluster died again and again, are of another version, or the cluster is gone."""


EXTRAS = {
    "report": ("jinja2", "markupsafe", "matplotlib", "PIL"),
    "serve": ("fastapi", "h11", "prometheus_client", "python_multipart", "starlette", "uvicorn"),
    "huggingface": ("datasets", "pyarrow"),
    "ray": ("ray", "pyarrow"),
    "shapiq": ("shapiq",),
    "sklearn": ("sklearn",),
    "train": (
        *("efficientnet_lite_pytorch", "fsspec", "huggingface_hub", "lightning", "onnx"),
        *("safetensors", "tensorboard", "tokenizers", "torch", "torchmetrics", "transformers"),
    ),
}
"""Extra of the package -> modules that come with it."""

INCLUDED = {
    "train": ("report",),
    "serve": ("train", "report"),
    "huggingface": ("train", "report"),
    "sklearn": ("train", "report"),
}
"""Extra -> the extras that it brings."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to add to a message where a name is nearly one of those known; empty if none is near.

    >>> suggestion("smears", ["sarcasm", "smear"]), suggestion("x", ["sarcasm"])
    ('; did you mean smear?', '')

    Args:
        name: what was given.
        known: the names there are.
    """
    by_case = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1)
    return f"; did you mean {by_case[near[0]]}?" if near else ""


def refuse_unknown(what: str, name: str, known: Sequence[str]) -> None:
    """Raise BadInput if a name is not one of those known.

    Args:
        what: what the name is for, as it is called in the message: "target".
        name: the name that was given.
        known: all valid names.

    Raises:
        BadInput: the name is unknown.
    """
    if name not in known:
        some = ", ".join(known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
        raise BadInput(f"unknown {what} {name!r}{suggestion(name, known)}", expected=f"one of {some}")


def refuse_missing(sample: str, given: Collection[str], modalities: Collection[str]) -> None:
    """Raise BadInput if a sample lacks the input of a modality.

    Args:
        sample: its id.
        given: modalities that it has inputs of.
        modalities: those that a model reads.

    Raises:
        BadInput: one of them is not there.
    """
    for modality in (name for name in modalities if name not in given):
        raise BadInput(
            f"sample {sample!r} has no {modality!r}",
            expected=f"the inputs {', '.join(modalities)}",
            fix="give each of them: --input MODALITY=... on the command line, the inputs of the sample in Python",
        )


def needs(error: ModuleNotFoundError) -> str | None:
    """What to install for a module that is missing, with all others of its extra; None if no extra has it.

    >>> needs(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))
    "this needs torch, which is not installed; pip install 'interplay[train]'"

    Args:
        error: the import that failed.
    """
    module = (error.name or "").split(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
    if extra is None:
        return None
    every = [one for name in (extra, *INCLUDED.get(extra, ())) for one in EXTRAS[name]]
    missing = [module, *(one for one in every if one != module and importlib.util.find_spec(one) is None)]
    are = "which is not installed" if len(missing) == 1 else "which are not installed"
    return f"this needs {', '.join(missing)}, {are}; pip install 'interplay[{extra}]'"
