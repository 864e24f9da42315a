"""What the readers of published benchmarks share: the files of a folder, samples that cannot be used, and notes."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interplay.data.problems import Problem
from interplay.data.sample import Dataset, ModalityKind, Options, Sample
from interplay.data.table_rows import read_text
from interplay.errors import DataError
from interplay.kinds import LabelKind

Published = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Official:
    """A benchmark as it was published.

    Attributes:
        name: what it is called.
        sizes: split -> samples.
        published: model -> metric -> value; only of use for data of just these sizes.
    """

    name: str
    sizes: Mapping[str, int]
    published: Published


@dataclass(frozen=True)
class Read:
    """What was read of a benchmark's folder: its samples split by split, in the order listed, and notes on it."""

    samples: list[Sample]
    notes: tuple[str, ...]


def collect(splits: Mapping[str, Sequence[str]], read: Callable[[str, str], Sample | str], folder: Path) -> Read:
    """Read every sample that is listed; those that cannot be used are skipped, and counted in a note for each reason.

    Args:
        splits: split -> ids.
        read: (id, split) -> the sample, or the reason it is skipped, as in "without a poster".
        folder: where the dataset is, for messages.

    Raises:
        DataError: an id is listed twice, or no sample is left.
    """
    _refuse_twice(splits, folder)
    samples: list[Sample] = []
    notes: list[str] = []
    for split, ids in splits.items():
        skipped: dict[str, list[str]] = {}
        before = len(samples)
        for sample_id in ids:
            one = read(sample_id, split)
            if isinstance(one, Sample):
                samples.append(one)
            else:
                skipped.setdefault(one, []).append(sample_id)
        kept = len(samples) - before
        for reason, out in skipped.items():
            are = "is" if len(out) == 1 else "are"
            notes.append(
                f"{len(out)} of {len(ids)} {split} samples {are} skipped: {reason} (the first: {out[0]}); "
                f"{kept} remain."
            )
    if not samples:
        raise DataError(
            f"no sample can be used; {' '.join(notes) or 'none is listed'}",
            expected="at least one whole sample",
            fix="complete the folder",
            file=folder,
        )
    return Read(samples, tuple(notes))


def benchmark(
    official: Official,
    folder: Path,
    modalities: Mapping[str, ModalityKind],
    labels: tuple[str, ...],
    kind: LabelKind,
    read: Read,
    options: Options,
) -> Dataset:
    """The dataset of a folder. It has the benchmark's name and published values only if nothing of it is missing.

    Args:
        official: the benchmark as published, to compare with.
        folder: where the data is.
        modalities: modality -> kind.
        labels: all label names, in the order of the logits.
        kind: "single" or "multi".
        read: the samples and notes.
        options: how it was read.
    """
    sizes = {split: sum(s.split == split for s in read.samples) for split in official.sizes}
    whole = sizes == dict(official.sizes)
    name = official.name if whole else folder.resolve().name or official.name
    published = official.published if whole else {}
    return Dataset(name, folder, modalities, labels, kind, read.samples, options, read.notes, published)


def remarks(found: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A note for each kind of remark about samples that are used.

    Args:
        found: what, as in "without a text" -> ids of the samples.
    """

    def samples(n: int) -> str:
        return "1 sample" if n == 1 else f"{n} samples"

    return tuple(f"{samples(len(ids))} {what} (the first: {ids[0]})." for what, ids in found.items() if ids)


def files_in(folder: Path) -> frozenset[str]:
    """The names of all files of a folder that are not empty; none if there is no such folder.

    Args:
        folder: the folder.
    """
    try:
        with os.scandir(folder) as entries:
            return frozenset(e.name for e in entries if e.is_file() and e.stat().st_size)
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()


def stop(problem: Problem) -> None:
    """Raise a problem that is an error: a benchmark's reader stops at the first one. Warnings are ignored.

    Args:
        problem: the problem.

    Raises:
        DataError: the problem is an error.
    """
    if problem.severity == "error":
        raise problem.error()


def read_object(path: Path, what: str) -> dict[str, Any]:
    """Read the JSON object of a file that the dataset cannot do without.

    Args:
        path: the file.
        what: what the file should hold, for messages.

    Raises:
        DataError: it is missing, or holds something else.
    """
    try:
        value = json.loads(read_text(path, stop) or "")
    except (ValueError, RecursionError) as error:
        raise DataError(f"the file is not JSON ({error})", expected=what, fix="download it again", file=path) from None
    if not isinstance(value, dict):
        raise DataError(f"the file holds {type(value).__name__}", expected=what, fix="download it again", file=path)
    return value


def replace_surrogates(text: str) -> str:
    """The text with unpaired surrogates, which no encoding can write, replaced by U+FFFD.

    Args:
        text: any text.
    """
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


HALVES = "with half a surrogate pair in the text, replaced by U+FFFD"
"""The note by `remarks` about texts that `replace_surrogates` changed."""


def _refuse_twice(splits: Mapping[str, Sequence[str]], folder: Path) -> None:
    where: dict[str, str] = {}
    for split, ids in splits.items():
        for sample_id in ids:
            if sample_id in where:
                came = f"the id {sample_id!r} is listed in {where[sample_id]} and again in {split}"
                raise DataError(
                    came, expected="every id once", fix="remove the repeated id from the list of splits", file=folder
                )
            where[sample_id] = split
