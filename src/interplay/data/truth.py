"""Known truth: what carries a label, and how probable the label is when only some of it is seen.

Data whose generator is known has, for every subset S of words and cells, the exact posterior P(label | what is in S):
the ideal value function, against which a model's answers and pair scores can be held [ours].
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.data.table import TABLES
from interplay.errors import DataError
from interplay.results import Box

GRID = 4
"""Signs of scenes are put into the cells of a GRID x GRID division of the picture."""


@dataclass(frozen=True)
class Slot:
    """One place of the text (word) or one pictogram (sign) that is always there, and has one of two values.

    Attributes:
        yes, no: what it shows when it is true, and when it is not; each alternative is equally likely.
        decoys: how many other things in the picture look the same as its `no`.
    """

    kind: Literal["word", "sign"]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    decoys: int = 0


@dataclass(frozen=True)
class Story:
    """A label and the slots that carry it.

    Attributes:
        slots: names of its slots; no two stories share one.
        joint: values of the slots, in order -> probability; sums to 1.
        holds: the values for which the label holds; with `chance`, those for which it more likely holds than not.
        all_of_it: whether the evidence is every slot, or only the slots that are true.
        score: the pair score that finds its pair of slots, where it has a pair.
        chance: values -> probability of the label, where they do not decide it: each slot then adds evidence for the
            label where it is true, by itself.
    """

    slots: tuple[str, ...]
    joint: Mapping[tuple[bool, ...], float]
    holds: frozenset[tuple[bool, ...]]
    all_of_it: bool = False
    score: Literal["sii", "redundancy_gap"] | None = None
    chance: Mapping[tuple[bool, ...], float] | None = None

    @property
    def rate(self) -> float:
        """The probability that the label holds."""
        return sum(p * self.probability(values) for values, p in self.joint.items())

    def probability(self, values: tuple[bool, ...]) -> float:
        """The probability that the label holds where the slots have these values.

        Args:
            values: of the slots, in order.
        """
        return float(values in self.holds) if self.chance is None else self.chance[values]


@dataclass(frozen=True)
class Truth:
    """What one sample of known truth is made of.

    Attributes:
        slots: slot -> whether it is true.
        words: slot -> (start, end) of its word in the text.
        cells: slot -> box of its sign in the picture, as fractions.
        decoys: slot -> boxes of all that looks like its `no`, the slot itself included where it is not true.
        grid: signs lie in the cells of a grid x grid division of the picture; None where they lie elsewhere.
    """

    slots: dict[str, bool]
    words: dict[str, tuple[int, int]]
    cells: dict[str, Box]
    decoys: dict[str, list[Box]]
    grid: int | None = GRID

    def row(self) -> dict[str, Any]:
        """As it is written in a table's column `truth`."""
        return asdict(self)

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> "Truth":
        """Read back what `row` returned, or its JSON.

        Args:
            row: the value of the column `truth`.
        """
        return cls(
            slots=dict(row["slots"]),
            words={name: (span[0], span[1]) for name, span in row["words"].items()},
            cells={name: _box(box) for name, box in row["cells"].items()},
            decoys={name: [_box(box) for box in boxes] for name, boxes in row["decoys"].items()},
            grid=row["grid"],
        )


def carried_by_both(story: Story, truth: Truth) -> bool:
    """Whether the label holds and the story has two slots that both carry it: the planted pair.

    Args:
        story: a story of the data.
        truth: what the sample is made of.
    """
    values = tuple(truth.slots[name] for name in story.slots)
    return len(values) == 2 and values in story.holds and (story.all_of_it or all(values))


def read_truth(path: str | Path) -> dict[str, Truth]:
    """Sample id -> what it is made of, of data with known truth in a folder.

    Args:
        path: the folder or its table.

    Raises:
        DataError: the folder holds no such data.
    """
    file = Path(path) if Path(path).is_file() else Path(path) / TABLES[0]
    try:
        rows: list[dict[str, Any]] = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        return {row["id"]: Truth.of_row(row["truth"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "the truth of this data is not known",
            expected="a folder made by `interplay data make-scenes`, or planted by `interplay validate --plant`",
            fix="make one, or plant evidence into this data by --plant (`plant_and_train` in Python)",
            file=file,
        ) from error


def posterior(
    story: Story,
    slots: Mapping[str, Slot],
    truth: Truth,
    shown: Mapping[str, Bool[np.ndarray, " m"]],
    decoys: Mapping[str, Int[np.ndarray, " m"]],
) -> Float[np.ndarray, " m"]:
    """P(label | what is shown), exactly, for m subsets of one sample.

    A slot that is shown has the value it has. One that is not, and has d decoys, was drawn with them: if it is not
    true, d + 1 things in the picture look alike, else d. Each number of places is equally likely to be hidden, so
    to have seen j of them has odds (d + 1 - j) / (d + 1) under `true` against `not true`.

    Args:
        story: the story whose label it is.
        slots: slot -> its alternatives and decoys.
        truth: what the sample is made of.
        shown: slot -> which subsets show it.
        decoys: slot with decoys -> how many things that look like its `no` each subset shows, itself included.
    """
    m = len(shown[story.slots[0]])
    holds, total = np.zeros(m), np.zeros(m)
    for values, prior in story.joint.items():
        likely = np.full(m, prior)
        for name, value in zip(story.slots, values, strict=True):
            seen, d = shown[name], slots[name].decoys
            if d and not truth.slots[name]:  # its cell is one more thing that looks like its `no`
                seen = np.zeros(m, dtype=bool)
            hidden = (d + 1 - decoys[name]) / (d + 1) if d and value else np.ones(m)
            likely = likely * np.where(seen, float(value == truth.slots[name]), hidden)
        total += likely
        holds += likely * story.probability(values)
    return holds / total


def _box(values: list[float]) -> Box:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1
