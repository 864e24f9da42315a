"""How several runs answer together, as plain data: the metrics of the mean of their logits, and what it has to beat."""

from typing import Any, Literal

from pydantic import model_validator

from interplay.errors import CheckpointError
from interplay.files.versions import upgrade_document
from interplay.results.baselines import Baselines
from interplay.results.calibration import ProbabilityCalibration
from interplay.results.explanation import Frozen

ENSEMBLE_SCHEMA: Literal["interplay/ensemble/1"] = "interplay/ensemble/1"


class EnsembleScores(Frozen):
    """The scores of several runs' mean, as `interplay train --seeds` keeps them.

    Attributes:
        runs: the names of the run folders, beside the file.
        metrics: split -> metric -> value, of the mean of the runs' logits; None where undefined.
        baselines: what it has to beat.
        calibration: how far its probabilities are off.
    """

    format: Literal["interplay/ensemble/1"] = ENSEMBLE_SCHEMA
    runs: list[str]
    metrics: dict[str, dict[str, float | None]]
    baselines: Baselines
    calibration: ProbabilityCalibration

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, data: Any) -> Any:
        return upgrade_document(data, ENSEMBLE_SCHEMA, {}, error=CheckpointError) if isinstance(data, dict) else data
