"""The rows of a Hugging Face dataset, one by one, as lines of a table; pictures are copied as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from interplay.data.benchmark import replace_surrogates
from interplay.data.labels import MISSING, LabelColumn, read_labels
from interplay.data.sample import SPLITS, ModalityKind
from interplay.data.table_arrow import SUFFIXES
from interplay.errors import BadInput, DataError
from interplay.modalities import MODALITIES
from interplay.modalities.pictures import open_picture
from interplay.words import has_content

IMAGES = "images"


@dataclass
class RowCopier:
    """Turns rows into lines of a table, and keeps count.

    Attributes:
        made: the folder that is written.
        home: where pictures named by a relative path lie; None for a dataset of the hub.
        columns: modality, which is the column's name -> kind.
        label_column: the column of the labels.
        values: the labels of each row that was copied, as they are kept; they are read together.
        row_ids: (split, id) of each row that was copied.
        kept: split -> rows copied.
        left: (split, why) -> ids of skipped rows.
    """

    made: Path
    home: Path | None
    columns: Mapping[str, ModalityKind]
    label_column: str
    values: list[Any] = field(default_factory=list)
    row_ids: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    left: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def line(self, row_id: str, split: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """A line of the table without its labels, its pictures written; None if the row is skipped.

        Args:
            row_id: the id of the sample.
            split: its split.
            row: column -> value, of the source.

        Raises:
            BadInput: there is no such column.
        """
        for column in (*self.columns, self.label_column):
            if column not in row:
                raise BadInput(f"there is no column {column!r}", expected=f"one of {', '.join(row)}")
        out: dict[str, Any] = {"id": row_id, "split": split}
        for place, (column, kind) in enumerate(self.columns.items()):
            what = MODALITIES[kind].file
            out[column] = self._picture(row[column], f"{row_id}-{place}") if what else _text(row[column])
            if out[column] is None:
                self._leave(row_id, split, f"without {f'a whole {what}' if what else 'a text'} in {column!r}")
                return None
        self.values.append(row[self.label_column])
        self.row_ids.append((split, row_id))
        self.kept[split] = self.kept.get(split, 0) + 1
        return out

    def notes(self) -> list[str]:
        """A sentence for each reason in each split."""
        notes = []
        for (split, why), ids in sorted(self.left.items(), key=lambda item: SPLITS.index(item[0][0])):
            are, kept = "is" if len(ids) == 1 else "are", self.kept.get(split, 0)
            notes.append(f"{len(ids)} of the {split} rows {are} skipped: {why} (the first: {ids[0]}); {kept} remain.")
        return notes

    def labels(self, classes: Sequence[str]) -> LabelColumn:
        """The labels of the rows that were copied; those that have none, or one of no use, are counted as skipped.

        Args:
            classes: the names that class numbers stand for; empty if labels are no class numbers.
        """
        column = read_labels(self.values, classes=classes)
        bad = dict(column.reasons)
        if not column.several and not column.names:
            bad |= {at: MISSING for at, names in enumerate(column.rows) if names == ()}
        for at, reason in sorted(bad.items()):
            split, row_id = self.row_ids[at]
            self._leave(row_id, split, "without a label" if reason == MISSING else f"with no label of use: {reason}")
            self.kept[split] -= 1
        rows = [
            None if at in bad or names is None else tuple(dict.fromkeys(names)) for at, names in enumerate(column.rows)
        ]
        return replace(column, rows=rows)

    def _leave(self, row_id: str, split: str, why: str) -> None:
        self.left.setdefault((split, why), []).append(row_id)

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
    return replace_surrogates(value) if isinstance(value, str) and has_content(value) else None


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
