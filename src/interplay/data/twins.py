"""Rows that are the same, or nearly: what stands both in a training split and where it is measured, and contradictions.

Texts are the same if they are equal but for blanks at their ends, and nearly the same if they are equal without case,
punctuation and blanks. Pictures are the same if their files are, and nearly the same if their brightness rises and
falls alike at all but NEAR of 256 places (a difference hash).
"""

import hashlib
import unicodedata
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt64
from PIL import Image

from interplay.data.problems import Problem
from interplay.data.sample import SPLITS, Dataset, Sample
from interplay.words import strip_invisible, word_spans

NEAR = 24
"""Of 200 film posters, halved and compressed anew, nine of ten stay within 20 of themselves; two different ones are 68
apart at least.
"""
LEVEL = 40
"""A picture of which fewer of 256 places rise, or fall, is plain: it is like too many others."""
LONG = 5
"""Words of a text that two rows hardly have in common by chance."""
Hashes = Mapping[Path, UInt64[np.ndarray, " 4"]]


def difference_hash(picture: Image.Image) -> UInt64[np.ndarray, " 4"]:
    """Where brightness rises from left to right, on a grid of 16 x 16, as 256 bits.

    Args:
        picture: RGB.
    """
    grey = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.BOX), dtype=np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1]).view(np.uint64)


def twin_problems(dataset: Dataset, hashes: Hashes | None = None) -> list[Problem]:
    """Warnings: rows of val and test that also stand in train, rows that contradict each other, and near-duplicates.

    Args:
        dataset: the dataset.
        hashes: picture -> its `difference_hash`, of those that could be opened; without, pictures are compared by
            their paths alone, and no file is read.
    """
    known: dict[Path, Hashable] = _files(dataset, hashes) if hashes is not None else {}
    whole = [_whole_key(sample, dataset, known) for sample in dataset.samples]
    found = _leaks(dataset, whole)
    leaked = {id(sample) for sample in found.pop("", [])}
    rest = [sample for sample in dataset.samples if id(sample) not in leaked]
    for modality, kind in dataset.modalities.items():
        found |= _leaks_of_one(rest, modality, kind, len(dataset.modalities) > 1, known)
        if hashes is not None and kind == "image":
            found |= _near_pictures(rest, modality, hashes, known)
    fix = "remove them from train or from the other split: what was learned by heart is measured there"
    problems = [_problem(dataset, what, samples, fix) for what, samples in found.items() if samples]
    return problems + _contradictions(dataset, whole)


def leaked_samples(dataset: Dataset, hashes: Hashes | None = None) -> list[Sample]:
    """Rows of val and test whose whole content also stands in train.

    Args:
        dataset: the dataset.
        hashes: as for `twin_problems`.
    """
    known: dict[Path, Hashable] = _files(dataset, hashes) if hashes is not None else {}
    return _leaks(dataset, [_whole_key(sample, dataset, known) for sample in dataset.samples]).get("", [])


def _whole_key(sample: Sample, dataset: Dataset, known: Mapping[Path, Hashable]) -> Hashable:
    if sample.inputs.keys() != dataset.modalities.keys():
        return ("incomplete", id(sample))
    return tuple(_key(value, known) for value in sample.inputs.values())


def _key(value: str | Path, known: Mapping[Path, Hashable]) -> Hashable:
    return known.get(value, str(value)) if isinstance(value, Path) else unicodedata.normalize("NFC", _stripped(value))


def _stripped(text: str) -> str:
    return strip_invisible(text)


def _near_key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LMN")


def _files(dataset: Dataset, hashes: Hashes) -> dict[Path, Hashable]:
    """File -> what it holds: its size alone where no other has that size, else the hash of its content too."""
    paths = {v for sample in dataset.samples for v in sample.inputs.values() if isinstance(v, Path)}
    sizes: dict[int, list[Path]] = {}
    for path in paths:
        try:
            sizes.setdefault(path.stat().st_size, []).append(path)
        except OSError:
            continue
    out: dict[Path, Hashable] = {}
    for size, same in sizes.items():
        for path in same:
            out[path] = (size, hashlib.sha256(path.read_bytes()).hexdigest() if len(same) > 1 else "")
    return out


def _leaks(dataset: Dataset, keys: Sequence[Hashable]) -> dict[str, list[Sample]]:
    """Split -> its rows whose whole content is in train; under "" all of them."""
    train = {key for key, sample in zip(keys, dataset.samples, strict=True) if sample.split == "train"}
    out: dict[str, list[Sample]] = {}
    for key, sample in zip(keys, dataset.samples, strict=True):
        if sample.split in SPLITS[1:] and key in train:
            out.setdefault(f"rows of the split {sample.split!r} also stand in train", []).append(sample)
            out.setdefault("", []).append(sample)
    return out


def _leaks_of_one(
    samples: Sequence[Sample], modality: str, kind: str, several: bool, known: Mapping[Path, Hashable]
) -> dict[str, list[Sample]]:
    """Rows of val and test of which one modality also stands in train, or nearly; whole ones are not among them."""
    out: dict[str, list[Sample]] = {}
    values = [(s, s.inputs[modality]) for s in samples if modality in s.inputs]
    if several:
        what = "picture" if kind == "image" else "text" if kind == "text" else "file"
        long = [(s, v) for s, v in values if isinstance(v, Path) or len(word_spans(v)) >= LONG]
        train = {_key(v, known) for s, v in long if s.split == "train"}
        same = [s for s, v in long if s.split in SPLITS[1:] and _key(v, known) in train]
        out[f"rows of val and test have a {what} in {modality!r} that also stands in train"] = same
    if kind == "text":
        texts = [(s, str(v)) for s, v in values if len(word_spans(str(v))) >= LONG]
        exact = {_key(v, known) for s, v in texts if s.split == "train"}
        near = {_near_key(v) for s, v in texts if s.split == "train"}
        alike = [s for s, v in texts if s.split in SPLITS[1:] and _key(v, known) not in exact and _near_key(v) in near]
        what = f"a text in {modality!r} that stands in train with other punctuation, case or blanks"
        out[f"rows of val and test have {what}"] = alike
    return out


def _near_pictures(
    samples: Sequence[Sample], modality: str, hashes: Hashes, known: Mapping[Path, Hashable]
) -> dict[str, list[Sample]]:
    """Rows of val and test with a picture that is nearly one of train; the same ones are not among them."""

    def of(test: bool) -> list[tuple[Sample, UInt64[np.ndarray, " 4"]]]:
        found = [(s, hashes.get(Path(s.inputs[modality]))) for s in samples if modality in s.inputs]
        wanted = SPLITS[1:] if test else SPLITS[:1]
        return [(s, h) for s, h in found if s.split in wanted and h is not None and _is_structured(h)]

    train, others = of(False), of(True)
    if not train or not others:
        return {}
    table = np.stack([h for _, h in train])
    # A row at a time: millions of pairs in seconds, and no more memory than the train split takes.
    same = {_key(s.inputs[modality], known) for s, _ in train}
    new = [(s, h) for s, h in others if _key(s.inputs[modality], known) not in same]
    near = [s for s, h in new if int(np.bitwise_count(table ^ h).sum(axis=1, dtype=np.int64).min()) <= NEAR]
    return {f"rows of val and test have a picture in {modality!r} that looks like one in train": near}


def _is_structured(bits: UInt64[np.ndarray, " 4"]) -> bool:
    return LEVEL <= int(np.bitwise_count(bits).sum()) <= 256 - LEVEL


def _contradictions(dataset: Dataset, keys: Sequence[Hashable]) -> list[Problem]:
    """Rows of one content with different labels."""
    groups: dict[Hashable, list[Sample]] = {}
    for key, sample in zip(keys, dataset.samples, strict=True):
        groups.setdefault(key, []).append(sample)
    twins = [s for group in groups.values() if len({frozenset(one.labels) for one in group}) > 1 for s in group]
    fix = "find out which labels are right, and remove the others"
    what = "rows have the same content as another and other labels"
    return [_problem(dataset, what, twins, fix)] if twins else []


def _problem(dataset: Dataset, what: str, samples: Sequence[Sample], fix: str) -> Problem:
    first = ", ".join(sample.id for sample in samples[:3])
    return Problem(dataset.source, None, None, f"{len(samples)} {what} (the first: {first})", fix, "warning")
