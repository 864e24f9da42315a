"""How far a run's probabilities can be taken at their word, as plain data: `calibration.json` of a run folder."""

from typing import Any, Literal

from pydantic import Field, model_validator

from interplay.errors import CheckpointError
from interplay.files.versions import upgrade_document
from interplay.results.explanation import Frozen, Unit

CALIBRATION_SCHEMA: Literal["interplay/calibration/1"] = "interplay/calibration/1"


class CalibrationError(Frozen):
    """Expected calibration error of one split, with 95% of what samples drawn anew give.

    Attributes:
        value: mean |share that is right - mean probability| over ten bins of as many answers each. It is above 0 even
            of probabilities that are right, the more so the fewer samples there are.
        low, high: over samples drawn anew.
        by_chance: its mean where the probabilities are exactly right, outcomes being drawn by them.
    """

    value: Unit
    low: Unit
    high: Unit
    by_chance: Unit


class Calibration(Frozen):
    """What the validation split says about a run's probabilities.

    Attributes:
        ece: split -> the error of the probabilities as they are.
        temperature: what logits would have to be divided by for the least validation loss; 1 changes nothing. It is
            measured, not applied.
        ece_tempered: split -> the error with logits divided by it.
        thresholds: label -> the probability from which it is predicted with the best F1 on the validation split, .5
            where that split has none of it; empty where exactly one label holds.
        at_thresholds: split -> metric -> value, of labels predicted at these thresholds; None where undefined.
        never: labels with 20 or more training samples that are never predicted on the test split at these thresholds.
        never_at_half: the same at .5.
    """

    format: Literal["interplay/calibration/1"] = CALIBRATION_SCHEMA
    ece: dict[str, CalibrationError]
    temperature: float = Field(gt=0)
    ece_tempered: dict[str, CalibrationError]
    thresholds: dict[str, Unit]
    at_thresholds: dict[str, dict[str, float | None]]
    never: list[str]
    never_at_half: list[str]

    def sentence(self) -> str:
        """How far probabilities are off on the test split, and which labels are never predicted."""
        error = self.ece["test"]
        words = (
            f"Probabilities are off by {error.value:.3f} on average on the test split (expected calibration error, 95% "
            f"{error.low:.3f} to {error.high:.3f}; {error.by_chance:.3f} were they right)"
        )
        if self.never_at_half:
            some = ", ".join(self.never_at_half[:3]) + (" and more" if len(self.never_at_half) > 3 else "")
            words += f". At one half it never predicts {some}"
            if self.thresholds:
                rest = f"{len(self.never)} of them" if self.never else "none of them"
                words += f"; at the thresholds that the validation split gives, {rest} is missed"
        return words

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, data: Any) -> Any:
        return upgrade_document(data, CALIBRATION_SCHEMA, {}, error=CheckpointError) if isinstance(data, dict) else data
