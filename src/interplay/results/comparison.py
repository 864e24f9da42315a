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
        runs: its run folders, from the file on.
        test: metric -> value on the test split, of the mean of its runs' logits; None where undefined.
        difference: how much better the training is, by the metric that models are judged by.
        cut: the same by macro F1, both models' labels cut at the thresholds of their validation split; None where a
            sample has one label, which no threshold cuts.
    """

    model: str
    runs: list[str]
    test: dict[str, float | None]
    difference: Difference
    cut: Difference | None


class Comparison(Frozen):
    """A training beside the other models, measured on the same test samples.

    Attributes:
        headline: the metric that models are judged by.
        model: the training's own model, by its name in `fusion.kind`.
        trainings: of how many runs the mean of the logits is compared, on both sides.
        value: the training's score on the test split; None where undefined.
        others: the other models.
    """

    format: Literal["interplay/comparison/1"] = COMPARISON_SCHEMA
    headline: Literal["map", "macro_f1"]
    model: str
    trainings: int = Field(ge=1)
    value: float | None
    others: list[ComparedModel]

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, data: Any) -> Any:
        return upgrade_document(data, COMPARISON_SCHEMA, {}, error=CheckpointError) if isinstance(data, dict) else data

    def sentences(self) -> list[str]:
        """Whether the training is better than each other model, judged by the interval of their difference."""
        lines = [self._sentence(other) for other in self.others]
        if self.trainings == 1:
            lines.append("Each model was trained once: training again may turn this round (--seeds 3 trains three)")
        return lines

    def _sentence(self, other: ComparedModel) -> str:
        name, theirs = NAMES[self.headline], other.test[self.headline]
        verdict = other.difference.verdict(other.model)
        if self.value is None or theirs is None or verdict is None:
            return f"{name} is undefined on the test split: nothing can be said beside {other.model}"
        of = f" of the mean of {self.trainings}" if self.trainings > 1 else ""
        line = f"Test {name}{of} {self.value:.3f}; {other.model} {theirs:.3f}: {verdict}"
        if other.cut is not None and (by_cut := other.cut.verdict(other.model)) is not None:
            line += f"; by macro F1, cut by val, {by_cut}"
        return line
