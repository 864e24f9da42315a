"""The table layout: how people bring their own data, and how the built-in scenes are written.

A folder with `samples.csv`, `.tsv`, `.jsonl`, `.parquet` or `.arrow` (or the path of any such file), a row per sample:

- `id`: any text, each once; without the column a row is called by its line. `split` (optional): train, val (dev, valid,
  validation) or test; without the column rows are split 70/15/15 by a hash of their id.
- `labels` (or `label`): a text `first|second`, a list, a number, zeros and ones: see `labels`. Empty: no label holds.
- one column per modality: a text, or the path of a picture or of features relative to the table's folder; Parquet and
  Arrow files may hold pictures themselves.
- `evidence` (optional): JSON, {label: {"words": [[start, end]], "cells": [[x0, y0, x1, y1]]}}; see `Evidence`.

`dataset.toml` beside it may declare `name`, `label_kind` ("single" or "multi"), `labels` (their order), `id_column`,
`split_column`, `label_column` (one, or a list of columns of zeros and ones) and `[modalities]` (column = "text",
"image" or "features", in order; see `feature_files`). What it leaves out is guessed: the folder's name; the columns
`text` and `image`; the labels seen, in alphabetical order; "multi" if any row has other than one label. Other columns
are ignored.
"""

from collections.abc import Callable, Mapping, Sequence
from glob import has_magic
from pathlib import Path
from stat import S_ISREG
from typing import Any

from interplay.data.file_checks import file_problems
from interplay.data.labels import LabelColumn, read_indicators, read_labels
from interplay.data.options import parse_options
from interplay.data.problems import Problem, Severity, first_error
from interplay.data.sample import SPLIT_NAMES, SPLITS, Dataset, Options, Sample
from interplay.data.table_columns import Columns, TableOptions, resolve_columns
from interplay.data.table_declaration import Declaration, read_declaration, resolve_labels
from interplay.data.table_fields import Fields
from interplay.data.table_folders import TABLES as SUFFIXES
from interplay.data.table_folders import is_picture_folder, shards_at
from interplay.data.table_metadata import metadata_at
from interplay.data.table_rows import ReportProblem, TableRow, read_rows
from interplay.kinds import LabelKind
from interplay.modalities import MODALITIES, drawn_as

TABLES = ("samples.jsonl", "samples.csv", "samples.tsv", "samples.parquet", "samples.arrow")


def read_table(path: str | Path, options: Options | None = None) -> Dataset:
    """The samples of a table, in file order. Rows are checked, and that pictures exist; none is opened.

    Whether the splits can be trained on is another question: see `split_problems`.

    Args:
        path: the table's folder or file.
        options: which columns to read, as `TableOptions` has them.

    Raises:
        DataError: there is a problem of severity "error": the first one, with the rows of all others.
        ConfigError: an unknown option.
    """
    problems: list[Problem] = []
    dataset = scan_table(Path(path), problems.append, pictures_too=True, options=options)
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise first_error(errors)
    assert dataset is not None
    return dataset


def check_table(
    path: str | Path, progress: Callable[[int, int], None] | None = None, options: Options | None = None
) -> list[Problem]:
    """Every problem of every row, pictures decoded too; empty if all is well. Never raises for bad data.

    Args:
        path: the table's folder or file.
        progress: called with (done, total) rows while pictures are opened.
        options: which columns to read, as `TableOptions` has them.

    Raises:
        ConfigError: an unknown option.
    """
    problems: list[Problem] = []
    dataset = scan_table(Path(path), problems.append, options=options)
    if dataset is None:
        return problems
    problems += note_problems(dataset)
    problems += file_problems(dataset, progress)
    problems += split_problems(dataset)
    return problems


def note_problems(dataset: Dataset) -> list[Problem]:
    """The notes of a dataset as warnings.

    Args:
        dataset: the dataset.
    """
    fix = "correct the data if that is not meant"
    return [Problem(dataset.source, None, None, note.rstrip("."), fix, "warning") for note in dataset.notes]


def split_problems(dataset: Dataset) -> list[Problem]:
    """What makes the splits unfit to train or to measure on: empty, one class only, a label that never varies.

    Args:
        dataset: the dataset.
    """
    problems: list[Problem] = []
    fix = "add rows, or divide the splits anew"

    def add(column: str, problem: str, severity: Severity) -> None:
        problems.append(Problem(dataset.source, None, column, problem, fix, severity))

    for split in SPLITS:
        samples = dataset.split(split)
        severity: Severity = "error" if split == "train" else "warning"
        counts = {label: sum(label in s.labels for s in samples) for label in dataset.labels}
        constant = [label for label, n in counts.items() if n in (0, len(samples))]
        if not samples:
            add("split", f"no row is in the split {split!r}", severity)
        elif len(constant) == len(counts):
            only = ", ".join(samples[0].labels) or "none"
            came = f"all {len(samples)} rows of the split {split!r} have the same labels: {only}"
            add("labels", came, severity)
        else:
            for label in constant:
                share = "no row" if counts[label] == 0 else "every row"
                add("labels", f"{share} of the split {split!r} has the label {label!r}", "warning")
    return problems


def find_table(path: Path, report: ReportProblem) -> Path | None:
    """The file of a table, given that file or its folder; None if there is none.

    Args:
        path: a folder or file.
        report: called with each problem that is found.
    """
    if path.is_file() or (has_magic(str(path)) and not path.exists()):  # a name may hold brackets
        if path.suffix.lower() in SUFFIXES or shards_at(path):
            return path
        report(Problem(path, None, None, "this file is no table", f"give a {', '.join(SUFFIXES)} file, or a folder"))
        return None
    names = " or ".join(TABLES)
    if not path.is_dir():
        report(Problem(path, None, None, "there is nothing here", "check the path", expected=f"{names}"))
        return None
    there = [path / name for name in TABLES if (path / name).is_file()]
    if len(there) == 1:
        return there[0]
    several = f"the folder holds several tables: {', '.join(one.name for one in there)}"
    if not there and (metadata := metadata_at(path, SPLIT_NAMES)):
        if len({file.parent for file in metadata}) == len(metadata):
            return path
        there = metadata
        several = f"the folder holds several tables: {', '.join(str(one.relative_to(path)) for one in there)}"
    if not there and (shards_at(path) or is_picture_folder(path, SPLIT_NAMES)):
        return path
    problem = several if there else "the folder holds no table"
    report(Problem(path, None, None, problem, "keep exactly one", expected=names))
    return None


def scan_table(
    path: Path, report: ReportProblem, pictures_too: bool = False, options: Options | None = None
) -> Dataset | None:
    """Everything but the pixels, as far as it can be read. None only if there is nothing to look at.

    Args:
        path: the table's folder or file.
        report: called with each problem that is found; may raise to stop there.
        pictures_too: whether files have to exist.
        options: which columns to read, as `TableOptions` has them.

    Raises:
        ConfigError: an unknown option.
    """
    chosen = parse_options(TableOptions, options, "table")
    file = find_table(path, report)
    if file is None:
        return None
    notes: dict[str, None] = {}

    def note(sentence: str) -> None:
        notes[f"{sentence[0].upper()}{sentence[1:]}."] = None

    home = file if file.is_dir() else file.parent
    declared = read_declaration(home, report)
    wrong: list[Problem] = []
    columns, rows = read_rows(file, wrong.append, note)
    for problem in wrong:
        report(problem)
    if not rows:
        if columns:
            report(Problem(file, None, None, "the table has a header and no rows", "add rows"))
        elif not wrong:
            report(Problem(file, None, None, "there are no rows here", "add rows"))
        return None
    found = resolve_columns(chosen, declared, file, columns, report, note)
    given = read_column(found.labels, [row.fields for row in rows], declared.labels or ())
    for one in given.notes:
        note(one)
    samples = _samples(file, rows, found, given, report, pictures_too)
    labels, kind = resolve_labels(declared, file, given, report, note)
    if found.labels:
        _check_labels(file, samples, labels, kind, declared, found.labels[0], given, report)
    name = declared.name or (home.resolve().name if file.name in TABLES or file.is_dir() else file.stem)
    given_options = {key: value for key, value in chosen.model_dump().items() if value}
    return Dataset(name or "table", path, found.modalities, labels, kind, samples, given_options, tuple(notes))


def read_column(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> LabelColumn:
    """The labels of every row, of one column of labels or of several of zeros and ones.

    Args:
        columns: the columns of labels.
        rows: column -> value, of every row.
        names: the declared labels in their order.
    """
    if len(columns) > 1:
        return read_indicators(columns, rows)
    if not columns:
        return LabelColumn([()] * len(rows), {})
    return read_labels([row.get(columns[0]) for row in rows], names)


def _samples(
    file: Path,
    rows: Sequence[TableRow],
    columns: Columns,
    labels: LabelColumn,
    report: ReportProblem,
    pictures_too: bool,
) -> list[Sample]:
    """A sample for every row, with what could be read of it; the rest is reported."""
    first: dict[str, int] = {}
    text_column = next(iter(drawn_as("text", columns.modalities)), "")
    samples = []
    for at, row in enumerate(rows):
        fields = Fields(file, row, report)
        sample_id = (fields.id(columns.id) if columns.id else None) or f"row {row.line}"
        if sample_id in first:
            fields.problem(columns.id, f"the id {sample_id!r} is also on row {first[sample_id]}", "rename one of them")
        first.setdefault(sample_id, row.line)
        inputs: dict[str, str | Path] = {}
        for column, kind in columns.modalities.items():
            file_kind = MODALITIES[kind].file
            value = fields.path(column, file_kind) if file_kind else fields.text(column)
            if value is not None:
                inputs[column] = value
        if pictures_too:
            for column, value in inputs.items():
                if isinstance(value, Path):
                    _check_file_exists(fields, column, value, MODALITIES[columns.modalities[column]].file)
        samples.append(
            Sample(
                id=sample_id,
                split=fields.split(sample_id, columns.split) or "",
                inputs=inputs,
                labels=(
                    fields.labels(columns.labels[0], labels.rows[at], labels.reasons.get(at)) if columns.labels else ()
                ),
                row=row.line,
                evidence=fields.evidence(str(inputs.get(text_column, ""))),
                file=row.file,
            )
        )
    return samples


def _check_file_exists(fields: Fields, column: str, file: Path, what: str) -> None:
    """Cheaper than opening it. `check_table` opens it instead, and says more."""
    try:
        there = file.stat()
        sound = S_ISREG(there.st_mode) and there.st_size > 0
    except (OSError, ValueError):  # it is not there, or no file can have such a name
        sound = False
    if not sound:
        fields.problem(column, f"the {what} {file} is missing or empty", "correct the path or remove the row")


def _check_labels(
    file: Path,
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    kind: LabelKind,
    declared: Declaration,
    column: str,
    given: LabelColumn,
    report: ReportProblem,
) -> None:
    known = set(labels)
    for sample, names in zip(samples, given.rows, strict=True):
        at = sample.file or file
        for label in (v for v in (*sample.labels, *sample.evidence) if v not in known):
            fix = f"correct it, or add it to labels in {declared.file.name}"
            expected = f"one of {', '.join(labels[:30])}"
            where = column if label in sample.labels else "evidence"
            report(Problem(at, sample.row, where, f"the label {label!r} is not known", fix, expected=expected))
        if kind == "single" and names is not None and len(sample.labels) != 1:
            fix = 'give it exactly one, or declare label_kind = "multi"'
            came = f"the row has {len(sample.labels)} labels"
            report(Problem(at, sample.row, column, came, fix, expected="one label"))
