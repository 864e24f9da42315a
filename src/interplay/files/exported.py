"""A run that was exported to be given to others: `interplay.json` lists its files with their sha256.

It is checked before anything of the folder is used: nothing that may run code lies there, no file is missing, and none
has changed. Files guard against damage, not against whoever made them: they list their own hashes.
"""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from interplay.errors import CheckpointError
from interplay.files.checksums import sha256_of
from interplay.files.versions import upgrade_document
from interplay.files.writing import write_atomic

MANIFEST_FILE = "interplay.json"
"""Written last: a folder that has it is a whole exported run."""

CARD_FILE = "README.md"
"""The model card. Its hash is not kept: it is there to be completed by hand."""

EXPORTED_FORMAT = "interplay/exported/1"
PICKLES = (".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Endings of files that run code when they are opened, or may."""

CODE = (".py", ".pyc", ".so")
CODE_KEYS = ("auto_map", "trust_remote_code")
"""Keys of a model's configuration that have code of its own run."""

AGAIN = "fetch or copy the folder anew, or export the run again"


def write_manifest(folder: Path, name: str, version: str, files: Iterable[str]) -> None:
    """Write `interplay.json`, last of all.

    Args:
        folder: the folder, with all its files.
        name: what the model card calls the model.
        version: the version of Interplay that writes it.
        files: their paths inside the folder, with forward slashes.
    """
    hashes = {file: sha256_of(folder / file) for file in sorted(files)}
    content = {"format": EXPORTED_FORMAT, "interplay": version, "name": name, "files": hashes}
    write_atomic(folder / MANIFEST_FILE, json.dumps(content, indent=2) + "\n")


def check_exported(folder: Path, *, hashes: bool = True) -> dict[str, Any]:
    """Check an exported run: its version, that nothing in it may run code, that every file is there and unchanged.

    Args:
        folder: the folder, with an `interplay.json`.
        hashes: whether files are read, to see that none has changed.

    Returns:
        What `interplay.json` holds, in the version of today.

    Raises:
        CheckpointError: naming the first file that is at fault.
    """
    manifest = _read_manifest(folder / MANIFEST_FILE)
    refuse_code(folder)
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(
                f"the file {name} is missing", file=folder, expected=f"the files that {MANIFEST_FILE} lists", fix=AGAIN
            )
        if hashes and (found := sha256_of(path)) != expected:
            raise CheckpointError(
                f"{name} is not the file that was exported",
                file=folder,
                expected=f"sha256 {expected[:12]}, as {MANIFEST_FILE} says, got {found[:12]}",
                fix=AGAIN,
            )
    return manifest


def is_listed(folder: Path, path: Path) -> bool:
    """Whether an exported run lists a file, which is then one of its own, and whole since the run was checked.

    Args:
        folder: the exported folder.
        path: a file inside it.

    Raises:
        CheckpointError: its `interplay.json` cannot be read.
    """
    return path.relative_to(folder).as_posix() in _read_manifest(folder / MANIFEST_FILE)["files"]


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        manifest = upgrade_document(read, EXPORTED_FORMAT, {}, error=CheckpointError, file=path)
        files, name = manifest["files"], manifest["name"]
        if not isinstance(name, str) or not all(_inside(one) and isinstance(files[one], str) for one in files):
            raise ValueError("it lists something that is no file of this folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"cannot read: {error}", file=path, expected="what `interplay export` wrote", fix=AGAIN
        ) from None
    return manifest


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def refuse_code(folder: Path) -> None:
    """Check that a folder holds nothing that may run code: nothing of it has been opened until then.

    Args:
        folder: the folder of a model that somebody else may have made.

    Raises:
        CheckpointError: naming the first file that may.
    """
    refuse_code_files((path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))), folder)
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        if key := next((key for key in CODE_KEYS if key in _keys(_parsed(path))), None):
            raise CheckpointError(
                f"{path.name} asks for code of the model's own ({key})",
                file=folder,
                expected="weights in safetensors and a configuration, without code",
                fix="Interplay runs no code out of a model's folder: load such a model yourself, and explain a "
                "function that calls it with interplay.explain_callable",
            )


def _parsed(path: Path) -> Any:
    """A JSON or TOML file; None for one that cannot be read, which is found when it is opened."""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError):
        return None


def _keys(value: Any) -> set[str]:
    """Every key of nested dictionaries and lists."""
    found, todo = set(), [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            found |= set(one)
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return found


def refuse_code_files(names: Iterable[str], where: str | Path) -> None:
    """Check that no file of a model may run code, by their names.

    Args:
        names: paths inside the folder or repository.
        where: the folder or repository, for the message.

    Raises:
        CheckpointError: naming the first that may.
    """
    for name in names:
        ending = PurePosixPath(name).suffix.lower()
        if ending not in PICKLES + CODE:
            continue
        what = "is Python or machine code" if ending in CODE else "is a pickle, or may be one: opening it may run code"
        raise CheckpointError(
            f"{name} {what}",
            file=where,
            expected="weights in safetensors alone, as `interplay export` writes them",
            fix="remove that file, or ask whoever made the model to export it with `interplay export`",
        )
