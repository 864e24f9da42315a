"""Folders of pictures, a folder a class, and shards (tar files of WebDataset), as the rows of a table."""

import json
import re
import tarfile
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path, PurePosixPath
from typing import Any

from interplay.data.problems import Problem
from interplay.data.table_arrow import keep_picture

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".avif")
TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".feather")
"""How the names of tables end."""
TEXTS = (".txt", ".text", ".caption")
CLASSES = (".cls", ".label")
Rows = tuple[list[str], list[dict[str, Any]]]


def shards_at(path: Path) -> list[Path]:
    """The tar files that a path names: a file, a pattern such as train-*.tar, or a folder of nothing else.

    Args:
        path: a file, a pattern or a folder.
    """
    if path.suffix.lower() == ".tar" and path.is_file():
        return [path]
    if has_magic(str(path)) and not path.exists():  # a name may hold brackets
        found = sorted(glob(str(path)))  # noqa: PTH207 - it may begin anywhere
        return [Path(name) for name in found if name.lower().endswith(".tar")]
    return sorted(path.glob("*.tar")) if path.is_dir() else []


def is_picture_folder(path: Path, splits: Any) -> bool:
    """Whether a folder holds folders of pictures, a class each: cat/1.jpg, or train/cat/1.jpg.

    Pictures beside a table are not: the table says what they are.

    Args:
        path: a folder.
        splits: what the folders of splits may be called.
    """
    if not path.is_dir() or (path / "dataset.toml").exists() or tables_in(path):
        return False
    inner = [one for one in path.iterdir() if one.is_dir() and not _is_hidden(one.name)]
    deep = [two for one in inner if one.name.lower() in splits for two in one.iterdir() if two.is_dir()]
    classes = {one for one in (deep or inner) if any(f.suffix.lower() in PICTURES for f in one.iterdir())}
    return len({one.name for one in classes}) > 1


def tables_in(path: Path) -> list[Path]:
    """The tables that lie in a folder, whatever they are called.

    Args:
        path: a folder.
    """
    return sorted(one for one in path.iterdir() if one.suffix.lower() in TABLES)


def read_picture_folder(path: Path, splits: Any) -> Rows:
    """(columns, rows) of a folder of pictures: the folder that a picture lies in is its label.

    Args:
        path: the folder.
        splits: what the folders of splits may be called.
    """
    rows = []
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.suffix.lower() not in PICTURES or any(map(_is_hidden, inside.parts)) or not file.is_file():
            continue
        folders = list(inside.parts[:-1])
        row: dict[str, Any] = {"id": inside.as_posix(), "image": file}
        if folders and folders[0].lower() in splits:
            row["split"] = folders.pop(0)
        rows.append(row | {"labels": [folders[-1]] if folders else None})
    has_split = any("split" in row for row in rows)
    return ["id", "image", "labels", *(["split"] if has_split else [])], rows


def read_shards(path: Path, splits: Any, report: Any) -> Rows:
    """(columns, rows) of tar files: files of one name but for their ending are a row.

    A picture is the column `image`, .txt the column `text`, .cls the column `label`, and the keys of .json are columns.
    A shard that is called train-0001.tar is of the split train.

    Args:
        path: as for `shards_at`.
        splits: what splits may be called.
        report: called with each problem that is found.
    """
    rows: dict[str, dict[str, Any]] = {}
    for shard in shards_at(path):
        named = next((name for name in splits if re.match(rf"{re.escape(name)}(?![a-z])", shard.stem.lower())), None)
        try:
            with tarfile.open(shard) as archive:
                for key, suffix, data in _members(archive):
                    row = rows.setdefault(f"{shard.stem}/{key}", {"id": key} | ({"split": named} if named else {}))
                    row |= _field(suffix, data)
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            fix = "download it again"
            report(
                Problem(shard, None, None, f"the shard is broken or cut short ({error})", fix, expected="a tar file")
            )
    return list(dict.fromkeys(key for row in rows.values() for key in row)), list(rows.values())


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, str, bytes]]:
    """(key, ending, content) of each file; nothing is written to the disk."""
    for member in archive:
        name = PurePosixPath(member.name)
        file = archive.extractfile(member) if member.isfile() else None
        if file is None or _is_hidden(name.name):
            continue
        stem, _, ending = name.name.partition(".")
        yield (name.parent / stem).as_posix().removeprefix("./"), f".{ending.lower()}", file.read()


def _field(suffix: str, data: bytes) -> dict[str, Any]:
    last = f".{suffix.rpartition('.')[2]}"
    if last in PICTURES:
        return {"image": keep_picture(data)} if data else {}
    if last == ".json":
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return {}
        return {key: one for key, one in value.items() if key != "id"} if isinstance(value, dict) else {}
    text = data.decode("utf-8", errors="replace")
    return {"text": text} if last in TEXTS else {"label": text} if last in CLASSES else {}


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))
