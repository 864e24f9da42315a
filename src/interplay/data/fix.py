"""A cleaned copy of a dataset: without the rows that cannot be used, and without those that leak."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from interplay.data.check import Check
from interplay.data.sample import Dataset, Sample
from interplay.data.table import split_problems
from interplay.data.table_write import write_table
from interplay.errors import BadInput, DataError

CHANGES = "changes.txt"


def write_clean(check: Check, folder: str | Path, overwrite: bool = False) -> tuple[Dataset, list[str]]:
    """Write the rows of a dataset that can be used as a table, with `changes.txt`, a list of what was done.

    Rows with an error are removed, and rows of val and test that also stand in train. Nothing is changed that needs to
    be decided: contradictions, near-equal labels and near-duplicates stay.

    Args:
        check: what `look_over` found.
        folder: the new folder.
        overwrite: whether a table that is there already may be replaced.

    Returns:
        The cleaned dataset, and what was done, a sentence each.

    Raises:
        DataError: something is wrong that removing rows does not correct, or too little is left.
        RunExistsError: see `write_table`.
    """
    dataset = check.dataset
    if dataset is None:
        raise check.errors[0].error()
    reasons = _reasons(check, dataset)
    general = [p for p in check.errors if p.row is None and p.file not in _files(dataset.samples)]
    source, out = Path(dataset.source).resolve(), Path(folder).resolve()
    if out in (source, *source.parents) or source in out.parents:
        raise BadInput(
            "the cleaned copy would be written over the dataset, or into it",
            expected="a folder of its own",
            fix="choose another folder: --fix OUT (folder= in Python)",
            file=folder,
        )
    general = [
        p for p in general if p.column != "split" or p.problem not in {q.problem for q in split_problems(dataset)}
    ]
    if general:
        raise general[0].error()
    kept = [sample for at, sample in enumerate(dataset.samples) if at not in reasons]
    clean = replace(dataset, samples=kept, notes=())
    if not kept:
        raise DataError("no row can be used", expected="at least one", fix="correct the rows", file=dataset.source)
    if bad := [problem for problem in split_problems(clean) if problem.severity == "error"]:
        raise bad[0].error()
    counts = Counter(reasons.values())
    done = [f"{n} {'row' if n == 1 else 'rows'} removed: {reason}" for reason, n in counts.most_common()]
    done += [note.rstrip(".") for note in dataset.notes]
    done.append(f"{len(kept)} of {len(dataset.samples)} rows are in {Path(folder).name}")
    written = write_table(clean, folder, overwrite)
    rows = [f"{sample.id}\t{reasons[at]}" for at, sample in enumerate(dataset.samples) if at in reasons]
    (Path(folder) / CHANGES).write_text("\n".join([*done, "", *rows]) + "\n", encoding="utf-8")
    return written, done


def _files(samples: Sequence[Sample]) -> set[Path]:
    return {value for sample in samples for value in sample.inputs.values() if isinstance(value, Path)}


def _reasons(check: Check, dataset: Dataset) -> dict[int, str]:
    """Place of each row that is removed -> why."""
    tables = {sample.file for sample in dataset.samples if sample.file}  # where there are several
    by_row = {
        (p.file if p.file in tables else None, p.row): _reason(p.column, p.problem)
        for p in reversed(check.errors)
        if p.row is not None
    }
    by_file = {p.file: _reason(p.column, p.problem) for p in check.errors}
    out: dict[int, str] = {}
    for at, sample in enumerate(dataset.samples):
        bad = [by_file[v] for v in sample.inputs.values() if isinstance(v, Path) and v in by_file]
        if (sample.file, sample.row) in by_row:
            out[at] = by_row[sample.file, sample.row]
        elif bad:
            out[at] = bad[0]
        elif sample.id in check.leaked and sample.split != "train":
            out[at] = f"it is in {sample.split} and also in train"
    return out


def _reason(column: str | None, problem: str) -> str:
    """What is wrong, without the values of one row, so that equal reasons are counted together."""
    general = problem.split(":")[0].split("'")[0].split("(")[0].strip()
    return f"{column}: {general}" if column else general
