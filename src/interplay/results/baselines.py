"""What a run has to beat, as plain data: the metrics of two baselines, and how much better the run is.

`Baselines` is what a training keeps as JSON in the run folder.
"""

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from interplay.errors import CheckpointError
from interplay.files.versions import upgrade_document
from interplay.results.explanation import Frozen

BASELINES_SCHEMA: Literal["interplay/baselines/1"] = "interplay/baselines/1"
NAMES = {"map": "mAP", "macro_f1": "macro F1"}
"""The metrics that models are judged by -> how they are printed."""


def or_none(value: float) -> float | None:
    """A metric as it is written: None where it is undefined (NaN).

    Args:
        value: the metric.
    """
    return None if math.isnan(value) else value


class Difference(Frozen):
    """How much better one model is than another on the same samples; None where the score is undefined.

    Attributes:
        value: the first's score minus the second's.
        low, high: 95% of the differences over samples drawn anew (the run's seed decides the draws), with both models'
            answers to each. What training again would change is not in it.
        samples: how many there are.
    """

    value: float | None
    low: float | None
    high: float | None
    samples: int = Field(ge=1)

    def verdict(self, other: str) -> str | None:
        """Whether the first model is better or worse, by the interval; None where the score is undefined.

        Args:
            other: what the second model is called.
        """
        if self.value is None or self.low is None or self.high is None:
            return None
        judged = (
            f"it is better than {other}"
            if self.low > 0
            else f"it is worse than {other}"
            if self.high < 0
            else f"it does not beat {other}"
            if self.value <= 0
            else f"it is not shown to beat {other}"
        )
        return f"{judged}, {self.value:+.3f} (95% {self.low:+.3f} to {self.high:+.3f} over {self.samples} test samples)"


class Baselines(Frozen):
    """What a run has to beat, measured on the same samples.

    Attributes:
        headline: the metric that models are judged by.
        model: the run's own, on the test split.
        difference: the run's minus the linear probe's, on the test split.
        penalty: what half of the linear probe's squared weights cost, chosen by the validation loss.
        prior: split -> metric -> value of labels' shares in the training split, answered to every sample.
        linear_probe: the same of logistic regression on each modality's mean feature.
    """

    format: Literal["interplay/baselines/1"] = BASELINES_SCHEMA
    headline: Literal["map", "macro_f1"]
    model: float | None
    difference: Difference
    penalty: float
    prior: dict[str, dict[str, float | None]]
    linear_probe: dict[str, dict[str, float | None]]

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, data: Any) -> Any:
        return upgrade_document(data, BASELINES_SCHEMA, {}, error=CheckpointError) if isinstance(data, dict) else data

    def sentence(self) -> str:
        """Whether the run is better than the linear probe, judged by the interval of their difference."""
        name, test = NAMES[self.headline], self.linear_probe["test"][self.headline]
        verdict = self.difference.verdict("the linear probe")
        if self.model is None or test is None or verdict is None:
            return f"{name} is undefined on the test split: nothing can be said beside a linear probe"
        prior = self.prior["test"][self.headline]
        shares = f", labels' shares alone {prior:.3f}" if prior is not None else ""
        return f"Test {name} {self.model:.3f}; a linear probe of the same features {test:.3f}{shares}: {verdict}"
