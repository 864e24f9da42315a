"""Which column of a table is what: as the command says, as `dataset.toml` says, or by its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from interplay.data.options import ReaderOptions
from interplay.data.problems import Problem
from interplay.data.sample import ModalityKind
from interplay.data.table_declaration import DECLARATION, GUESSED_MODALITIES, Declaration
from interplay.data.table_rows import Note, ReportProblem
from interplay.errors import suggestion

ALSO_LABELS = ("label", "class", "target", "category")
"""What a column of labels is called where there is none called `labels`."""


class TableOptions(ReaderOptions):
    """Which columns to read, in place of what `dataset.toml` says; several are parted by commas.

    Attributes:
        id_column: the column of ids.
        split_column: the column of splits.
        label_column: the column of labels, or the columns of zeros and ones, one a label.
        text_column: the columns of texts.
        image_column: the columns of paths of pictures.
        features_column: the columns of paths of features.
    """

    id_column: str = ""
    split_column: str = ""
    label_column: str = ""
    text_column: str = ""
    image_column: str = ""
    features_column: str = ""


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they hold; None, or empty, where the table has none.

    Attributes:
        id: ids; without, rows are called by their line.
        split: splits; without, they are drawn by a hash of the ids.
        labels: labels; several are zeros and ones, one a label.
        modalities: column -> kind.
    """

    id: str | None
    split: str | None
    labels: tuple[str, ...]
    modalities: Mapping[str, ModalityKind]


def resolve_columns(
    options: TableOptions,
    declared: Declaration,
    table: Path,
    columns: Sequence[str],
    report: ReportProblem,
    note: Note,
) -> Columns:
    """Find the columns of ids, splits, labels and modalities.

    Args:
        options: what the command says.
        declared: what `dataset.toml` says.
        table: the table's file, for messages.
        columns: the table's columns.
        report: called with each problem that is found.
        note: called where a column is taken that is called otherwise than expected.
    """

    def missing(column: str, where: str) -> None:
        came = f"the table has no such column{suggestion(column, columns)}; it has {', '.join(columns)}"
        file = table if where.startswith("--") else declared.file
        report(Problem(file, None, column, came, f"correct {where}, or add the column"))

    def one(chosen: str, own: str | None, flag: str, usual: str) -> str | None:
        name = chosen or own
        if name and name not in columns:
            missing(name, _flag(flag) if chosen else DECLARATION)
            return None
        return name or (usual if usual in columns else _by_case(usual, columns, note))

    labels = _listed(options.label_column) or declared.label_columns or ()
    for column in (c for c in labels if c not in columns):
        missing(column, _flag("--label-column") if options.label_column else DECLARATION)
    ids = one(options.id_column, declared.id_column, "--id-column", "id")
    if ids is None and not (options.id_column or declared.id_column):
        note("there is no column `id`: a row is called by its line, as in row 2")
    found = Columns(
        id=ids,
        split=one(options.split_column, declared.split_column, "--split-column", "split"),
        labels=tuple(c for c in labels if c in columns)
        or (() if labels else _guessed_labels(table, columns, report, note)),
        modalities={},
    )
    taken = {found.id, found.split, *found.labels}
    return Columns(
        found.id, found.split, found.labels, _modalities(options, declared, table, columns, taken, report, note)
    )


def _flag(flag: str) -> str:
    return f"{flag} ({flag[2:].replace('-', '_')} in Python)"


def _modalities(
    options: TableOptions,
    declared: Declaration,
    table: Path,
    columns: Sequence[str],
    taken: set[str | None],
    report: ReportProblem,
    note: Note,
) -> Mapping[str, ModalityKind]:
    """Modality -> kind of the columns that are really there; `text` and `image` if none are named."""
    flags = {"text": options.text_column, "image": options.image_column, "features": options.features_column}
    named: dict[str, ModalityKind] = {column: kind for kind, names in flags.items() for column in _listed(names)}
    where = "--text-column, --image-column or --features-column (text_column, ... in Python)" if named else DECLARATION
    wanted = named or declared.modalities
    if wanted is None:
        wanted = {}
        for usual, kind in GUESSED_MODALITIES.items():
            name = usual if usual in columns else _by_case(usual, columns, note)
            if name and name not in taken:
                wanted[name] = kind
        if not wanted:
            came = f"there is no column `text` or `image`; there are {', '.join(columns)}"
            fix = (
                "name it by --text-column or --image-column (text_column, image_column in Python), call a column "
                f"`text` or `image`, or list the columns under [modalities] in {DECLARATION}"
            )
            report(Problem(table, None, None, came, fix))
        return wanted
    for column in (c for c in wanted if c not in columns):
        came = f"the table has no such column{suggestion(column, columns)}; it has {', '.join(columns)}"
        report(Problem(table if named else declared.file, None, column, came, f"add the column, or correct {where}"))
    for column in (c for c in wanted if c in taken):
        came = "this column holds ids, splits or labels, and is named as a modality too"
        report(Problem(table if named else declared.file, None, column, came, f"correct {where}"))
    return {column: kind for column, kind in wanted.items() if column in columns and column not in taken}


def _guessed_labels(table: Path, columns: Sequence[str], report: ReportProblem, note: Note) -> tuple[str, ...]:
    if "labels" in columns:
        return ("labels",)
    for usual in ("labels", *ALSO_LABELS):
        if name := usual if usual in columns else _by_case(usual, columns, note):
            if name == usual:
                note(f"there is no column `labels`: the column {name!r} is taken for it")
            return (name,)
    came = f"the column is missing; there are {', '.join(columns)}"
    fix = f"name it by {_flag('--label-column')}, by label_column in {DECLARATION}, or call a column `labels`"
    report(Problem(table, None, "labels", came, fix))
    return ()


def _by_case(usual: str, columns: Sequence[str], note: Note) -> str | None:
    """The one column that is called so but for case; None if there is none, or several."""
    found = [column for column in columns if column.casefold() == usual]
    if len(found) != 1:
        return None
    note(f"there is no column `{usual}`: the column {found[0]!r} is taken for it")
    return found[0]


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
