"""What may be meant otherwise in a dataset that can be used: names of labels, rare labels, sizes of pictures."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from interplay.data.labels import PLACEHOLDERS, near_equal
from interplay.data.problems import Problem
from interplay.data.sample import Dataset

FEW = 10
"""Training rows of a label below which hardly anything can be learned of it."""
SMALL, LONG_SIDE = 32, 5.0
"""Pixels of the shorter side of a picture, and how many times longer the other, that are odd."""


def label_problems(dataset: Dataset) -> list[Problem]:
    """Warnings about names of labels: nearly equal ones, and what programs write where a label is missing.

    Args:
        dataset: the dataset.
    """
    counts = Counter(label for sample in dataset.samples for label in sample.labels)
    problems = []
    for group in near_equal(dataset.labels):
        named = ", ".join(f"{label!r} ({counts[label]} rows)" for label in group)
        came = f"these labels are nearly equal, and count as {len(group)}: {named}"
        problems.append(_warning(dataset, "labels", came, "write them alike if they are one"))
    if odd := [label for label in dataset.labels if label.casefold() in PLACEHOLDERS]:
        named = ", ".join(f"{label!r} ({counts[label]} rows)" for label in odd)
        came = f"these labels are what programs write for a missing one: {named}"
        problems.append(_warning(dataset, "labels", came, "remove these rows if their label is missing"))
    return problems


def few_problems(dataset: Dataset) -> list[Problem]:
    """A warning about labels of few training rows.

    Args:
        dataset: the dataset.
    """
    counts = Counter(label for sample in dataset.split("train") for label in sample.labels)
    few = [f"{label!r} ({counts[label]})" for label in dataset.labels if 0 < counts[label] < FEW]
    if not few:
        return []
    came = f"{len(few)} labels have fewer than {FEW} rows in train: {', '.join(few[:10])}{', ...' if few[10:] else ''}"
    return [_warning(dataset, "labels", came, "add rows, or leave these labels out")]


def size_problems(dataset: Dataset, sizes: Mapping[Path, tuple[int, int]]) -> list[Problem]:
    """A warning about pictures that are tiny, or far longer than wide.

    Args:
        dataset: the dataset.
        sizes: picture -> (width, height).
    """
    problems = []
    for modality, kind in dataset.modalities.items():
        if kind != "image":
            continue
        own = [(s, Path(s.inputs[modality])) for s in dataset.samples if modality in s.inputs]
        odd = [(s, sizes[file]) for s, file in own if file in sizes and _is_odd(*sizes[file])]
        if odd:
            sample, (width, height) = odd[0]
            came = f"{len(odd)} pictures are below {SMALL} pixels on a side or {LONG_SIDE:g} times as long as wide"
            came = f"{came} (the first: {sample.id}, {width} x {height})"
            problems.append(
                _warning(dataset, modality, came, "see that they are whole; an encoder sees little of them")
            )
    return problems


def _is_odd(width: int, height: int) -> bool:
    return min(width, height) < SMALL or max(width, height) > LONG_SIDE * min(width, height)


def _warning(dataset: Dataset, column: str, problem: str, fix: str) -> Problem:
    return Problem(dataset.source, None, column, problem, fix, "warning")
