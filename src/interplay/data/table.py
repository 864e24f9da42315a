"""The table layout: how people bring their own data, and how the built-in scenes are written.

A folder with `samples.csv` or `samples.jsonl` (or the path of any .csv or .jsonl file), a row per sample:

- `id`: any text, each once. `split` (optional): train, val (dev, valid, validation) or test; without the column rows
  are split 70/15/15 by a hash of their id.
- `labels`: a text `first|second`, or in JSONL a list. Empty: no label holds.
- one column per modality: a text, or the path of a picture or of features relative to the table's folder.
- `evidence` (optional): JSON, {label: {"words": [[start, end]], "cells": [[x0, y0, x1, y1]]}}; see `Evidence`.

`dataset.toml` beside it may declare `name`, `label_kind` ("single" or "multi"), `labels` (their order) and
`[modalities]` (column = "text", "image" or "features", in order; see `feature_files`). What it leaves out is guessed:
the folder's name; the columns `text` and `image`; the labels seen, in alphabetical order; "multi" if any row has other
than one label. Other columns are ignored.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from interplay.data.options import ReaderOptions, parse_options
from interplay.data.problems import Problem, Severity
from interplay.data.sample import SPLITS, Dataset, ModalityKind, Options, Sample
from interplay.data.table_declaration import Declaration, read_declaration, resolve_labels, resolve_modalities
from interplay.data.table_fields import Fields
from interplay.data.table_rows import ReportProblem, TableRow, read_rows
from interplay.errors import DataError
from interplay.kinds import LabelKind
from interplay.modalities import MODALITIES, drawn_as
from interplay.modalities.feature_files import refuse_other_width

TABLES = ("samples.jsonl", "samples.csv")


def read_table(path: str | Path, options: Options | None = None) -> Dataset:
    """The samples of a table, in file order. Rows are checked, and that pictures exist; none is opened.

    Whether the splits can be trained on is another question: see `split_problems`.

    Args:
        path: the table's folder or file.
        options: none: a table has no options.

    Raises:
        DataError: at the first problem of severity "error".
        ConfigError: there are options.
    """
    parse_options(ReaderOptions, options, "table")

    def stop(problem: Problem) -> None:
        if problem.severity == "error":
            raise problem.error()

    dataset = _scan(Path(path), stop, pictures_too=True)
    assert dataset is not None
    return dataset


def check_table(path: str | Path, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
    """Every problem of every row, pictures decoded too; empty if all is well. Never raises for bad data.

    Args:
        path: the table's folder or file.
        progress: called with (done, total) rows while pictures are opened.
    """
    problems: list[Problem] = []
    dataset = _scan(Path(path), problems.append, pictures_too=False)
    if dataset is None:
        return problems
    problems += file_problems(dataset, progress)
    problems += split_problems(dataset)
    return problems


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
    if path.is_file():
        if path.suffix.lower() in (".csv", ".jsonl"):
            return path
        report(Problem(path, None, None, "this file is no table", "give a .csv or .jsonl file, or a folder"))
        return None
    names = " or ".join(TABLES)
    if not path.is_dir():
        report(Problem(path, None, None, "there is nothing here", "check the path", expected=f"{names}"))
        return None
    there = [path / name for name in TABLES if (path / name).is_file()]
    if len(there) == 1:
        return there[0]
    problem = "the folder holds both tables" if there else "the folder holds no table"
    report(Problem(path, None, None, problem, "keep exactly one", expected=names))
    return None


def _scan(path: Path, report: ReportProblem, pictures_too: bool) -> Dataset | None:
    """Everything but the pixels. None only if there is nothing to look at."""
    file = find_table(path, report)
    if file is None:
        return None
    declared = read_declaration(file.parent, report)
    columns, rows = read_rows(file, report)
    if not rows:
        if columns:
            report(Problem(file, None, None, "the table has a header and no rows", "add rows"))
        return None
    for column in (c for c in ("id", "labels") if c not in columns):
        came = f"the column is missing; there are {', '.join(columns)}"
        report(Problem(file, None, column, came, f"add a column named `{column}`"))
    modalities = resolve_modalities(declared, file, columns, report)
    samples = _samples(file, rows, columns, modalities, report, pictures_too)
    labels, kind = resolve_labels(declared, file, [s.labels for s in samples], report)
    if "labels" in columns:
        _check_labels(file, samples, labels, kind, declared, report)
    name = declared.name or (file.parent.resolve().name if file.name in TABLES else file.stem)
    return Dataset(name or "table", path, modalities, labels, kind, samples)


def _samples(
    file: Path,
    rows: Sequence[TableRow],
    columns: Sequence[str],
    modalities: Mapping[str, ModalityKind],
    report: ReportProblem,
    pictures_too: bool,
) -> list[Sample]:
    """A sample for every row, with what could be read of it; the rest is reported."""
    first: dict[str, int] = {}
    text_column = next(iter(drawn_as("text", modalities)), "")
    samples = []
    for row in rows:
        fields = Fields(file, row, report)
        sample_id = (fields.id() if "id" in columns else None) or f"row {row.line}"
        if sample_id in first:
            fields.problem("id", f"the id {sample_id!r} is also on row {first[sample_id]}", "rename one of them")
        first.setdefault(sample_id, row.line)
        inputs: dict[str, str | Path] = {}
        for column, kind in modalities.items():
            file_kind = MODALITIES[kind].file
            value = fields.path(column, file_kind) if file_kind else fields.text(column)
            if value is not None:
                inputs[column] = value
        if pictures_too:
            for column, value in inputs.items():
                if isinstance(value, Path):
                    _check_file_exists(fields, column, value, MODALITIES[modalities[column]].file)
        samples.append(
            Sample(
                id=sample_id,
                split=fields.split(sample_id, "split" in columns) or "",
                inputs=inputs,
                labels=(fields.labels() or ()) if "labels" in columns else (),
                row=row.line,
                evidence=fields.evidence(str(inputs.get(text_column, ""))),
            )
        )
    return samples


def _check_file_exists(fields: Fields, column: str, file: Path, what: str) -> None:
    """Cheaper than opening it. `check_table` opens it instead, and says more."""
    try:
        sound = file.is_file() and file.stat().st_size > 0
    except OSError:
        sound = False
    if not sound:
        fields.problem(column, f"the {what} {file} is missing or empty", "correct the path or remove the row")


def _check_labels(
    file: Path,
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    kind: LabelKind,
    declared: Declaration,
    report: ReportProblem,
) -> None:
    known = set(labels)
    for sample in samples:
        for label in (v for v in (*sample.labels, *sample.evidence) if v not in known):
            fix = f"correct it, or add it to labels in {declared.file.name}"
            expected = f"one of {', '.join(labels[:30])}"
            column = "labels" if label in sample.labels else "evidence"
            report(Problem(file, sample.row, column, f"the label {label!r} is not known", fix, expected=expected))
        if kind == "single" and len(sample.labels) != 1:
            fix = 'give it exactly one, or declare label_kind = "multi"'
            came = f"the row has {len(sample.labels)} labels"
            report(Problem(file, sample.row, "labels", came, fix, expected="one label"))


def file_problems(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> list[Problem]:
    """What is wrong with pictures and features: every file is opened once, however many rows name it.

    Args:
        dataset: the dataset.
        progress: called with (done, total) samples.
    """
    faults: dict[Path, DataError | None] = {}
    widths: dict[str, int] = {}
    problems = []
    for done, sample in enumerate(dataset.samples, start=1):
        for column, file in sample.inputs.items():
            if not isinstance(file, Path):
                continue
            if file not in faults:
                faults[file] = _fault(file, column, dataset.modalities[column], widths)
            if (fault := faults[file]) is not None:
                row = sample.row or None
                problems.append(Problem(file, row, column, fault.problem, fault.fix, expected=fault.expected))
        if progress is not None:
            progress(done, len(dataset.samples))
    return problems


def _fault(file: Path, column: str, kind: ModalityKind, widths: dict[str, int]) -> DataError | None:
    """What is wrong with one file; `widths` remembers how wide the first features of each column are."""
    try:
        own = MODALITIES[kind].check(file)
        if own is not None:
            refuse_other_width(file, None, own, widths.setdefault(column, own))
    except DataError as error:
        return error
    return None
