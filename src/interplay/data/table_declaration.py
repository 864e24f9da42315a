"""What a table holds: declared in `dataset.toml` beside it, or guessed from its columns."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from interplay.data.labels import LabelColumn
from interplay.data.problems import Problem
from interplay.data.sample import ModalityKind
from interplay.data.table_rows import Note, ReportProblem, read_text
from interplay.kinds import LabelKind
from interplay.modalities import MODALITIES
from interplay.words import strip_invisible

DECLARATION = "dataset.toml"
RESERVED = ("id", "split", "labels", "evidence")
GUESSED_MODALITIES: Mapping[str, ModalityKind] = {"text": "text", "image": "image"}


@dataclass(frozen=True)
class Declaration:
    """What `dataset.toml` says; None where it says nothing."""

    file: Path
    name: str | None = None
    label_kind: LabelKind | None = None
    labels: tuple[str, ...] | None = None
    modalities: Mapping[str, ModalityKind] | None = None
    id_column: str | None = None
    split_column: str | None = None
    label_columns: tuple[str, ...] | None = None


KEYS = ("name", "label_kind", "labels", "id_column", "split_column", "label_column", "modalities")


def read_declaration(folder: Path, report: ReportProblem) -> Declaration:
    """The declaration in `folder`; everything None if there is no file or it cannot be read.

    Args:
        folder: the folder.
        report: called with each problem that is found.
    """
    file = folder / DECLARATION
    if not file.exists() or (text := read_text(file, report)) is None:
        return Declaration(file)
    try:
        # read_text keeps Windows line ends, and TOML knows them.
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        report(Problem(file, None, None, f"the file is not TOML ({error})", "correct the line named"))
        return Declaration(file)
    for key in sorted(values.keys() - set(KEYS)):
        expected = f"{', '.join(KEYS[:-1])} or [modalities]"
        report(Problem(file, None, key, "the key is not known", "remove it", expected=expected))
    return Declaration(
        file,
        name=_name(file, values.get("name"), report),
        label_kind=_label_kind(file, values.get("label_kind"), report),
        labels=_labels(file, values.get("labels"), report),
        modalities=_modalities(file, values.get("modalities"), report),
        id_column=_column(file, "id_column", values, report),
        split_column=_column(file, "split_column", values, report),
        label_columns=_label_columns(file, values, report),
    )


def _column(file: Path, key: str, values: Mapping[str, Any], report: ReportProblem) -> str | None:
    value = values.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    report(Problem(file, None, key, f"{key} is {value!r}", f'write {key} = "..."', expected="the name of a column"))
    return None


def _label_columns(file: Path, values: Mapping[str, Any], report: ReportProblem) -> tuple[str, ...] | None:
    value = values.get("label_column")
    if not isinstance(value, list):
        one = _column(file, "label_column", values, report)
        return (one,) if one else None
    if value and all(isinstance(name, str) and name.strip() for name in value):
        return tuple(dict.fromkeys(value))
    fix = 'write label_column = "..." or, of zeros and ones, label_column = ["first", "second"]'
    report(Problem(file, None, "label_column", f"label_column is {value!r}", fix))
    return None


def _name(file: Path, value: Any, report: ReportProblem) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    report(Problem(file, None, "name", f"the name is {value!r}", 'write name = "..."'))
    return None


def _label_kind(file: Path, value: Any, report: ReportProblem) -> LabelKind | None:
    if value is None or value in ("single", "multi"):
        return cast(LabelKind | None, value)
    fix = 'write "single" if exactly one label holds, "multi" if any number may'
    report(Problem(file, None, "label_kind", f"the label kind is {value!r}", fix, expected='"single" or "multi"'))
    return None


def _labels(file: Path, value: Any, report: ReportProblem) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = value if isinstance(value, list) else []
    sound = names and all(isinstance(v, str) and v and v == strip_invisible(v) for v in names)
    if sound and len(set(names)) == len(names):
        return tuple(names)
    fix = 'write labels = ["first", "second", ...], each once, without blanks around it'
    report(Problem(file, None, "labels", f"the labels are {value!r}", fix))
    return None


def _modalities(file: Path, value: Any, report: ReportProblem) -> Mapping[str, ModalityKind] | None:
    if value is None:
        return None
    kinds = value if isinstance(value, dict) else {}
    for column in sorted(set(kinds) & set(RESERVED)):
        report(Problem(file, None, column, "this column has a meaning of its own", "rename the column"))
    if kinds and all(isinstance(kind, str) and kind in MODALITIES for kind in kinds.values()):
        return {column: kind for column, kind in kinds.items() if column not in RESERVED}
    fix = 'write a section [modalities] with one line per column, as in caption = "text"'
    *names, last = (f'"{kind}"' for kind in MODALITIES)
    expected = f"{', '.join(names)} or {last} for every column"
    report(Problem(file, None, "modalities", f"the modalities are {value!r}", fix, expected=expected))
    return None


def resolve_labels(
    declared: Declaration, table: Path, column: LabelColumn, report: ReportProblem, note: Note
) -> tuple[tuple[str, ...], LabelKind]:
    """(labels in order, label kind); where undeclared, inferred from every row's labels, with a warning.

    Args:
        declared: the declaration in `dataset.toml`.
        table: the table's file, for messages.
        column: the labels of every row.
        report: called with each problem that is found.
        note: called where some rows without a label make the kind "multi".

    Returns:
        The labels in order, and their kind.
    """
    rows = [row for row in column.rows if row is not None]
    seen = column.names or tuple(sorted({label for row in rows for label in row}))
    labels = declared.labels if declared.labels is not None else seen
    odd = sum(len(set(row)) != 1 for row in rows)
    kind: LabelKind = declared.label_kind or ("multi" if odd or column.names else "single")
    if declared.label_kind is None and odd and not column.several and all(len(row) < 2 for row in rows):
        note(
            f"{odd} rows have no label and no row has several: taken to mean that any number may hold of a row; if a "
            f'label is missing there, remove these rows and declare label_kind = "single" in {DECLARATION}'
        )
    guesses = []
    if declared.labels is None and not column.names:
        guesses.append(f"the {len(labels)} labels are taken from the rows, in alphabetical order")
    if declared.label_kind is None:
        why = f"{odd} rows have none or several labels" if odd else "every row has one label"
        why = f"labels are {len(labels)} zeros and ones" if column.names and not odd else why
        guesses.append(f'the label kind is taken to be "{kind}", as {why}')
    if guesses:
        fix = f"declare label_kind and labels in {DECLARATION} to be sure"
        report(Problem(table, None, "labels", "; ".join(guesses), fix, "warning"))
    if not labels:
        report(Problem(table, None, "labels", "no row has a label", "give the rows their labels"))
    return labels, kind
