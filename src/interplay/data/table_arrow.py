"""Parquet and Arrow files as tables, read in place; pictures that they hold are kept as files named by content."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interplay.data.problems import Problem
from interplay.errors import BadInput
from interplay.files import write_atomic

PICTURES = Path(".interplay") / "pictures"
"""Where pictures lie that a table holds as bytes: encoders, pages and explanations open files."""

SUFFIXES = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


def read_arrow(path: Path, report: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """(columns, rows) of a .parquet, .arrow or .feather file.

    Args:
        path: the file.
        report: called with a problem if the file cannot be read.

    Raises:
        BadInput: the package that reads them is not installed.
    """
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise BadInput(
            f"reading {path.suffix} files needs pyarrow, which is not installed",
            fix='pip install "interplay[huggingface]"',
            file=path,
        ) from error
    try:
        table = _parquet(pyarrow, path) if path.suffix.lower() == ".parquet" else _ipc(pyarrow, path)
        columns = [name for name in table.column_names if name and not name.startswith("__index_level_")]
        if len(set(columns)) < len(columns):
            report(Problem(path, None, None, "two columns have one name", "give every column a name of its own"))
            return [], []
        rows = table.select(columns).to_pylist()
    except Exception as error:  # pyarrow raises many kinds
        lines = str(error).strip().splitlines() or [type(error).__name__]
        fix = "write it again, or save it as CSV"
        report(Problem(path, None, None, f"the file cannot be read ({lines[0].rstrip('.')})", fix))
        return [], []
    return columns, [{name: _kept(value) for name, value in row.items()} for row in rows]


def keep_picture(data: bytes, folder: Path | None = None) -> Path:
    """A file of these bytes, whose name is their content.

    Args:
        data: the bytes of a picture.
        folder: where it is written; PICTURES if None.
    """
    suffix = next((suffix for start, suffix in SUFFIXES.items() if data.startswith(start)), "")
    file = (folder or PICTURES).absolute() / f"{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, data)
    return file


def _parquet(pyarrow: Any, path: Path) -> Any:
    return pyarrow.parquet.ParquetFile(path, memory_map=True).read()


def _ipc(pyarrow: Any, path: Path) -> Any:
    """Feather and Arrow files, or the stream that `save_to_disk` writes."""
    with pyarrow.memory_map(str(path)) as source:
        try:
            return pyarrow.ipc.open_file(source).read_all()
        except pyarrow.ArrowInvalid:
            source.seek(0)
            return pyarrow.ipc.open_stream(source).read_all()


def _kept(value: Any) -> Any:
    """The value; a picture that is kept as bytes, alone or as Hugging Face writes it, becomes the path of a file."""
    if isinstance(value, bytes):
        return keep_picture(value) if value else None
    if isinstance(value, Mapping) and value.keys() == {"bytes", "path"}:
        return keep_picture(value["bytes"]) if value["bytes"] else value["path"]
    return value
