"""How much better a training is than the other models, as plain data: what `interplay train --compare` keeps."""

from typing import Any, Literal

from pydantic import Field, model_validator

from interplay.errors import CheckpointError
from interplay.files.versions import upgrade_document
from interplay.results.baselines import NAMES, Difference
from interplay.results.explanation import Frozen

COMPARISON_SCHEMA: Literal["interplay/comparison/1"] = "interplay/comparison/1"


class ComparedModel(Frozen):
    """Another model, trained on the same data with the same seeds.

    Attributes:
        model: its name in `fusion.kind`.
        runs: its run folders, relative to the folder of the file.
        test: metric -> value on the test split, of the mean of its runs' logits; None where undefined.
        macro_f1_cut: macro F1 on the test split with each label cut at the threshold of the model's own validation
            answers; None where a sample has one label, which no threshold cuts, or where it is undefined.
        difference: how much better the training is, by the metric that models are judged by.
        difference_cut: the same by `macro_f1_cut`.
    """

    model: str
    runs: list[str]
    test: dict[str, float | None]
    macro_f1_cut: float | None
    difference: Difference
    difference_cut: Difference | None


class Comparison(Frozen):
    """A training beside the other models, measured on the same test samples.

    Attributes:
        headline: the metric that models are judged by.
        model: the training's own model, by its name in `fusion.kind`.
        trainings: of how many runs the mean of the logits is compared, on both sides.
        value: the training's score on the test split; None where undefined.
        macro_f1_cut: its macro F1, cut as that of `ComparedModel`.
        others: the other models.
    """

    format: Literal["interplay/comparison/1"] = COMPARISON_SCHEMA
    headline: Literal["map", "macro_f1"]
    model: str
    trainings: int = Field(ge=1)
    value: float | None
    macro_f1_cut: float | None
    others: list[ComparedModel]

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, data: Any) -> Any:
        return upgrade_document(data, COMPARISON_SCHEMA, {}, error=CheckpointError) if isinstance(data, dict) else data

    def sentences(self) -> list[str]:
        """Whether the training is better than each other model, by the intervals of their differences."""
        lines = []
        for other in self.others:
            name = other.model if self.trainings == 1 else f"the mean of {self.trainings} {other.model}"
            scores = [
                _verdict(NAMES[self.headline], name, self.value, other.test[self.headline], other.difference),
                _verdict("macro F1, cut by val,", name, self.macro_f1_cut, other.macro_f1_cut, other.difference_cut),
            ]
            found = [score for score in scores if score]
            lines.append(f"Test {'; '.join(found)}" if found else f"Beside {name} every score is undefined on test")
        once = "Each model was trained once" if self.trainings == 1 else f"Each mean is of {self.trainings} trainings"
        lines.append(f"{once}: training again may change what is better, which no interval here covers")
        return lines


def _verdict(score: str, other: str, ours: float | None, theirs: float | None, by: Difference | None) -> str | None:
    verdict = by.verdict(other) if by is not None else None
    if ours is None or theirs is None or verdict is None:
        return None
    return f"{score} {ours:.3f}, of {other} {theirs:.3f}: {verdict}"
