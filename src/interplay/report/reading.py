"""Explanations read back from their JSON, with their pictures where these can be found."""

import json
from pathlib import Path

from pydantic import ValidationError

from interplay.errors import BadInput, DataError
from interplay.results import Explanation


def read_explanation(path: str | Path, folder: str | Path | None = None) -> Explanation:
    """Read what `write_explanations` wrote.

    The document names its pictures without their folders. Each is looked for in `folder`, beside the JSON file, and in
    the dataset that the run around it names; one that is not found is drawn blank.

    Args:
        path: the JSON file of one explanation.
        folder: where the pictures lie, in it or one folder deeper.

    Raises:
        DataError: it is no explanation, or one of another version.
    """
    path = Path(path)
    try:
        explanation = Explanation.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, BadInput) as error:
        damaged = "it is no explanation, or damaged"
        known = {OSError: getattr(error, "strerror", None), BadInput: getattr(error, "problem", None)}
        what = next((text for kind, text in known.items() if isinstance(error, kind)), damaged)
        raise DataError(str(what), file=path, expected="a JSON file that write_explanations wrote") from error
    places = [Path(folder)] if folder is not None else []
    explanation.remember_pictures(find_pictures(explanation, [*places, path.parent, *_dataset_of(path)]))
    return explanation


def find_pictures(explanation: Explanation, folders: list[Path]) -> dict[str, Path]:
    """Modality -> the file of its picture, from the first of these folders that has it.

    Args:
        explanation: its inputs name the files.
        folders: each is looked through itself and one folder deeper. Only names count, never the paths of a document.
    """
    found = {}
    for modality, given in explanation.inputs.items():
        name = Path(given.path).name if given.kind == "image" and given.path else ""
        if name in ("", ".", ".."):
            continue
        here = (file for folder in folders if folder.is_dir() for file in _files(folder, name))
        if file := next(here, None):
            found[modality] = file
    return found


def _files(folder: Path, name: str) -> list[Path]:
    deeper = sorted(one for one in folder.iterdir() if one.is_dir())
    return [file for file in (place / name for place in (folder, *deeper)) if file.is_file()]


def _dataset_of(path: Path) -> list[Path]:
    """The dataset that the run says it was trained on, if the file lies in the folder of a run."""
    try:
        source = Path(json.loads((path.parent.parent / "provenance.json").read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [source if source.is_dir() else source.parent]
