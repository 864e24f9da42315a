"""What `interplay validate` and the tests of the studies find, as plain data: means with their errors, per story.

`Validity` is what `interplay validate` writes as JSON; its schema is versioned by `VALIDITY_SCHEMA`.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from interplay.errors import BadInput
from interplay.files.versions import upgrade_document
from interplay.results import Frozen, Provenance

VALIDITY_SCHEMA = "interplay/validity/4"


class Estimate(Frozen):
    """A mean or ratio over samples with its standard error; None where it, or its error, is undefined."""

    mean: float | None
    se: float | None = None
    samples: int = Field(ge=0)


class Compared(Frozen):
    """A mean of paired differences over samples; what is undefined is None.

    Attributes:
        low, high: its 95% interval.
        p: one-sided p-value against "not above 0".
    """

    mean: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    samples: int


class Calibration(Frozen):
    """How far one expert's answers v(S) are from the exact posterior of one story, features removed.

    `by_share` holds mean |v(S) - ideal| for subsets of 0-10%, ..., 90-100% of the players, None where there was none;
    `whole` the mean answer and the mean ideal where the label holds (by both its slots, if it has two): of everything,
    without text, without image, of nothing; empty if it holds in no sample.
    """

    story: str
    expert: str
    error: Estimate
    by_share: list[float | None]
    whole: dict[str, tuple[float, float]]


class Recovered(Frozen):
    """How well one score under one value function finds the planted pair of one story.

    Attributes:
        auroc, first, top: over samples whose label holds: chance that the planted pair outranks another, share in
            which it is first, and among the first five.
        sign: share of those samples in which the planted pair's score has the ideal's sign.
        sign_without: the same for SII where the label does not hold and the ideal score is not 0. On the logit the
            ideal there depends on how far from 0 an answer that is certain is put.
        slope: least-squares slope through 0 of those samples' planted scores on their ideal ones; 1 is the ideal size.
        correlation: Pearson's, over all pairs of all samples.

    All but the last are None where the expert's scores are 0 but for rounding, as those of a unique expert by
    construction: their order means nothing.
    """

    story: str
    score: Literal["sii", "redundancy_gap"]
    on: Literal["logit", "probability"]
    expert: str
    auroc: Estimate
    first: Estimate
    top: Estimate
    sign: Estimate
    sign_without: Estimate
    slope: Estimate
    correlation: Estimate


class Discovery(Frozen):
    """Pairs declared real at a false discovery rate of `level`, against the null scores of other samples.

    Attributes:
        found: pairs declared real; `false` of them are null by the ideal.
        planted: pairs that are real by the ideal, of which `power` is the share found.
        rate: false / found. Its error, and that of `power`, is over samples, given what size is called.
        uncalibrated: the share of null pairs whose own 95% interval excludes 0.
    """

    story: str
    score: Literal["sii", "redundancy_gap"]
    on: Literal["logit", "probability"]
    expert: str
    level: float
    found: int
    false: int
    planted: int
    rate: Estimate
    power: Estimate
    uncalibrated: Estimate


class ClaimCheck(Frozen):
    """What is claimed of samples of one story in which its label holds and is predicted, beside what is true.

    Attributes:
        true: the kind of a true claim (`interplay.report.claims.Kind`).
        said: kind -> how often it was claimed.
        right: the share of claims of the true kind whose features are the planted ones.
    """

    story: str
    true: str
    said: dict[str, int]
    right: Estimate


class Validity(Frozen):
    """What `interplay validate` found: whether pair scores of a run find the truth that is known.

    Attributes:
        stories: story -> the score that should find its pair, None for stories without a pair.
        fill, level: how features were removed (METHOD 6).
        backgrounds: draws S behind each pair score.
        claims: what is said of single predictions, beside what is true; empty if that was not asked.
        seconds: what asking took, and `evaluations` how many answers that were.
        verdicts: sentences that say what can be trusted.
        notes: sentences a reader of the numbers must know.
    """

    schema_: str = Field(default=VALIDITY_SCHEMA, alias="schema")
    stories: dict[str, Literal["sii", "redundancy_gap"] | None]
    fill: Literal["mean", "zero", "attention"]
    level: Literal["feature", "input"] = "feature"
    players: str
    backgrounds: int
    samples: int
    metrics: dict[str, float | None] = Field(default_factory=dict)
    calibrations: list[Calibration]
    recovered: list[Recovered]
    discoveries: list[Discovery]
    claims: list[ClaimCheck] = Field(default_factory=list)
    evaluations: int
    seconds: float
    verdicts: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    provenance: Provenance

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, document: Any) -> Any:
        """Raises BadInput for a document of a newer version."""
        if not isinstance(document, dict) or "schema" not in document:
            return document
        return upgrade_document(document, VALIDITY_SCHEMA, {1: dict, 2: dict, 3: dict}, key="schema")


def weights_in(file: Path) -> str:
    """The sha256 of the weights that a validation was measured of; empty if it is not there, not readable, or older.

    Args:
        file: what `interplay validate` wrote.
    """
    try:
        return Validity.model_validate_json(file.read_bytes()).provenance.weights
    except (OSError, ValidationError, BadInput):
        return ""
