"""A sample of a dataset, as every later stage sees it. No dataset is named here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interplay.kinds import LabelKind

ModalityKind = str
"""A key of `interplay.modalities.MODALITIES`."""

Options = Mapping[str, str | bool | int | float]
SPLITS = ("train", "val", "test")
SPLIT_NAMES = {**{name: name for name in SPLITS}, "dev": "val", "valid": "val", "validation": "val"}
"""What splits are called elsewhere -> what they are called here."""


@dataclass(frozen=True)
class Evidence:
    """The known truth of generated data: what carries one story (one label) in one sample.

    Attributes:
        words: (start, end) character spans of the text that carry it.
        cells: boxes (x0, y0, x1, y1 as fractions of the picture) that carry it.
    """

    words: tuple[tuple[int, int], ...] = ()
    cells: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class Sample:
    """One sample: the text itself, or the path of the picture or the features, per modality; and its labels.

    Attributes:
        labels: names of the labels that hold; exactly one for single-label data.
        row: row of the file it came from, counted from 1, for messages.
        file: that file, where a dataset has several tables.
        evidence: label -> what carries it; empty for real data.
    """

    id: str
    split: str
    inputs: Mapping[str, str | Path]
    labels: tuple[str, ...]
    row: int = 0
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    file: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """Samples with one label set and the same modalities.

    Attributes:
        name: what to call it in reports.
        source: the file or folder it was read from.
        modalities: modality -> kind, in the fixed order every model uses.
        labels: all label names, in the fixed order of the logits.
        label_kind: "single" (exactly one holds) or "multi" (any number holds).
        options: how it was read: every option of its layout.
        notes: sentences about samples that were skipped or repaired while it was read.
        published: model -> metric, named as in `Task.metrics` -> value in 0..1, where this is the whole benchmark.
    """

    name: str
    source: Path
    modalities: Mapping[str, ModalityKind]
    labels: tuple[str, ...]
    label_kind: LabelKind
    samples: Sequence[Sample]
    options: Options = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def split(self, name: str) -> list[Sample]:
        """The samples of one split, in file order.

        Args:
            name: "train", "val" or "test".
        """
        return [s for s in self.samples if s.split == name]
