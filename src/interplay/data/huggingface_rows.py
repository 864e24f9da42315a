"""The rows of a Hugging Face dataset, one by one, as lines of a table; pictures are copied as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interplay.data.benchmark import replace_surrogates
from interplay.data.sample import ModalityKind
from interplay.errors import BadInput, DataError
from interplay.modalities import MODALITIES
from interplay.modalities.pictures import open_picture

IMAGES = "images"
SUFFIXES = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


@dataclass
class RowCopier:
    """Turns rows into lines of a table, and keeps count.

    Attributes:
        made: the folder that is written.
        home: where pictures named by a relative path lie; None for a dataset of the hub.
        columns: modality, which is the column's name -> kind.
        label_column: the column of the labels.
        several: whether a row may have any number of labels; set by the first list.
        seen: labels that occur.
        kept: split -> rows copied.
        left: (split, why) -> ids of skipped rows.
    """

    made: Path
    home: Path | None
    columns: Mapping[str, ModalityKind]
    label_column: str
    several: bool = False
    seen: set[str] = field(default_factory=set)
    kept: dict[str, int] = field(default_factory=dict)
    left: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def line(self, row_id: str, split: str, row: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any] | None:
        """A line of the table, its pictures written; None if the row is skipped.

        Args:
            row_id: the id of the sample.
            split: its split.
            row: column -> value, of the source.
            classes: the names that class numbers stand for; empty if labels are no class numbers.

        Raises:
            BadInput: there is no such column.
        """
        for column in (*self.columns, self.label_column):
            if column not in row:
                raise BadInput(f"there is no column {column!r}", expected=f"one of {', '.join(row)}")
        labels = self._labels(row[self.label_column], classes)
        if labels is None:
            self._leave(row_id, split, "without a label")
            return None
        out: dict[str, Any] = {"id": row_id, "split": split, "labels": labels}
        for place, (column, kind) in enumerate(self.columns.items()):
            what = MODALITIES[kind].file
            out[column] = self._picture(row[column], f"{row_id}-{place}") if what else _text(row[column])
            if out[column] is None:
                self._leave(row_id, split, f"without {f'a whole {what}' if what else 'a text'} in {column!r}")
                return None
        self.seen.update(labels)
        self.kept[split] = self.kept.get(split, 0) + 1
        return out

    def notes(self) -> list[str]:
        """A sentence for each reason in each split."""
        notes = []
        for (split, why), ids in self.left.items():
            are, kept = "is" if len(ids) == 1 else "are", self.kept.get(split, 0)
            notes.append(f"{len(ids)} of the {split} rows {are} skipped: {why} (the first: {ids[0]}); {kept} remain.")
        return notes

    def _leave(self, row_id: str, split: str, why: str) -> None:
        self.left.setdefault((split, why), []).append(row_id)

    def _labels(self, value: Any, classes: Sequence[str]) -> list[str] | None:
        """The names of a row's labels; None if there is none where one has to be, or one is of no use."""
        if isinstance(value, list | tuple):
            self.several = True
        names = []
        for one in value if isinstance(value, list | tuple) else [value]:
            if classes and isinstance(one, int):
                name = classes[one] if 0 <= one < len(classes) else ""  # -1 is a label that is withheld
            else:
                name = replace_surrogates(str(one)).strip() if isinstance(one, str | int) else ""
            if not name:
                return None
            names.append(name)
        return list(dict.fromkeys(names))

    def _picture(self, value: Any, name: str) -> str | None:
        """Write a picture as it is; its path inside the table's folder, or None if it cannot be read."""
        data = _bytes(self.home, value)
        if not data:
            return None
        suffix = next((suffix for start, suffix in SUFFIXES.items() if data.startswith(start)), "")
        path = self.made / IMAGES / f"{name}{suffix}"
        path.write_bytes(data)
        try:
            open_picture(path, max_side=64)
        except DataError:
            path.unlink()
            return None
        return f"{IMAGES}/{path.name}"


def _text(value: Any) -> str | None:
    return replace_surrogates(value) if isinstance(value, str) and value.strip() else None


def _bytes(home: Path | None, value: Any) -> bytes | None:
    """The bytes of a picture: its own, or of the file it names; a text names one inside a local dataset's folder."""
    try:
        if isinstance(value, str):
            return (home / value).read_bytes() if home and value.strip() else None
        if not isinstance(value, Mapping):
            return None
        if value.get("bytes"):
            return bytes(value["bytes"])
        if not value.get("path"):
            return None
        import fsspec  # comes with `datasets`: the file may lie on the hub, or in an archive

        with fsspec.open(value["path"], "rb") as file:
            return bytes(file.read())
    except (OSError, ValueError):
        return None
