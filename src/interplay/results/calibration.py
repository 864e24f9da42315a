"""How far a run's probabilities can be taken at their word, as plain data: `calibration.json` of a run folder."""

from typing import Any, Literal

from pydantic import Field, model_validator

from interplay.errors import CheckpointError
from interplay.files.versions import upgrade_document
from interplay.results.explanation import Frozen, Unit

CALIBRATION_SCHEMA: Literal["interplay/calibration/1"] = "interplay/calibration/1"
ENOUGH = 20
"""Of labels with fewer training samples it is not said that they are never predicted."""


class ExpectedError(Frozen):
    """Expected calibration error of one split.

    Attributes:
        value: mean |share that is right - mean probability| over ten bins of about as many answers each. It is above 0
            even of probabilities that are right, the more so the fewer samples there are.
        se: its standard error, over samples drawn anew.
        by_chance: its mean where the probabilities are exactly right and outcomes are drawn by them.
        by_chance_high: what it stays below there in 95 of 100.
    """

    value: Unit
    se: float = Field(ge=0)
    by_chance: Unit
    by_chance_high: Unit


class ProbabilityCalibration(Frozen):
    """What the validation split says about a run's probabilities.

    Attributes:
        ece: split -> the error of the probabilities as they are.
        temperature: what logits would have to be divided by for the least validation loss; 1 changes nothing. It is
            measured, not applied.
        ece_tempered: split -> the error with logits divided by it.
        thresholds: label -> the probability from which it is predicted with the best F1 on the validation split, .5
            where that split has none of it; empty where exactly one label holds.
        at_thresholds: split -> metric -> value, of labels predicted at these thresholds, or of the most probable one
            where exactly one holds; None where undefined.
        never: labels with `ENOUGH` training samples that are never predicted on the test split at these thresholds.
        never_at_half: the same at .5; empty where exactly one label holds, since .5 decides nothing there.
    """

    format: Literal["interplay/calibration/1"] = CALIBRATION_SCHEMA
    ece: dict[str, ExpectedError]
    temperature: float = Field(gt=0)
    ece_tempered: dict[str, float]
    thresholds: dict[str, Unit]
    at_thresholds: dict[str, dict[str, float | None]]
    never: list[str]
    never_at_half: list[str]

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, data: Any) -> Any:
        return upgrade_document(data, CALIBRATION_SCHEMA, {}, error=CheckpointError) if isinstance(data, dict) else data

    def sentence(self) -> str:
        """How far probabilities are off on the test split, and which labels are never predicted."""
        error = self.ece["test"]
        words = (
            f"Probabilities are off by {error.value:.3f} ± {1.96 * error.se:.3f} on average on the test split "
            f"(expected calibration error; were they right, it would be about {error.by_chance:.3f}, and below "
            f"{error.by_chance_high:.3f} in 95 of 100)"
        )
        enough = f"of those with {ENOUGH} training samples and more"
        if self.never_at_half:
            words += f". At one half it never predicts {_some(self.never_at_half)} ({enough})"
            still = [name for name in self.never if name in self.never_at_half]
            rest = f"{_some(still)} neither" if still else "it predicts each"
            words += f"; at the thresholds of the validation split {rest}"
            if lost := [name for name in self.never if name not in self.never_at_half]:
                words += f", but then {_some(lost)} no more"
        elif self.never:
            at = "At the thresholds of the validation split" if self.thresholds else "On the test split"
            words += f". {at} it never predicts {_some(self.never)} ({enough})"
        return words


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
