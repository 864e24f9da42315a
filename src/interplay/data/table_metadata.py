"""Folders of pictures with a `metadata.csv` (or .jsonl, .parquet) that says more of each, as Hugging Face keeps them.

One lies beside all pictures, or one in each folder of a split: train/metadata.csv, test/metadata.csv. Its column
`file_name` names a picture, relative to the file that it stands in.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME, PICTURE = "file_name", "image"


def metadata_at(path: Path, splits: Collection[str]) -> list[Path]:
    """The metadata of a folder of pictures: its own, or those of its splits; empty if there are none.

    Args:
        path: the folder.
        splits: what the folders of splits may be called.
    """
    if not path.is_dir():
        return []
    return _in(path) or [file for one in split_folders(path, splits) for file in _in(one)]


def split_folders(path: Path, splits: Collection[str]) -> list[Path]:
    """The folders of splits in a folder.

    Args:
        path: the folder.
        splits: what they may be called.
    """
    return sorted(one for one in path.iterdir() if one.is_dir() and one.name.lower() in splits)


def with_picture(columns: Sequence[str]) -> list[str]:
    """The columns of metadata, and the one of pictures if it is called `file_name` alone.

    Args:
        columns: the columns as they stand.
    """
    return [*columns, PICTURE] if FILE_NAME in columns and PICTURE not in columns else list(columns)


def _in(folder: Path) -> list[Path]:
    return [folder / name for name in METADATA if (folder / name).is_file()]
