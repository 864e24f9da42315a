"""The results that stages hand to each other and to files. Plain data: numpy and pydantic, never torch.

`Explanation` is what `interplay explain` writes as JSON; its schema is versioned by `EXPLANATION_SCHEMA` and printed
by `Explanation.model_json_schema()`. Missing is `None` in JSON and NaN in arrays, never 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from interplay.files.versions import Upgrade, upgrade_document

EXPLANATION_SCHEMA = "interplay/explanation/5"
EXPLANATION_UPGRADES: dict[int, Upgrade] = {1: dict, 2: dict, 3: dict, 4: dict}
"""Version 2 added `whatif`, 3 the fill and level "input", 4 `by_member` and `members` of the provenance, 5 their
`whatif`: what was written before means the same."""
MIXTURE = "mixture"
SIDE = 0.5
"""Where several labels may hold, a probability this high is for the label, a lower one against it."""
WAYS = "wrapped"
"""Key of a provenance's settings: the name of a model of which features are removed in one of several ways."""
SCORE_NAMES = {"sii": "SII", "redundancy_gap": "redundancy gap"}
"""How sentences and tables call the pair scores."""

Box = tuple[float, float, float, float]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]


class Frozen(BaseModel):
    """Base of everything that is written as JSON: unknown keys are errors, nothing changes once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Feature(Frozen):
    """One feature: a token of a text or a patch of an image.

    `index` is its place in the explanation's `features`, over all modalities; pairs and attributions refer to it.

    `text` and `span` (start, end in characters of the input text) are set for tokens; `box` (x0, y0, x1, y1 as
    fractions of the input picture, origin top left) for patches.
    """

    index: int = Field(ge=0)
    modality: str
    text: str | None = None
    span: tuple[int, int] | None = None
    box: Box | None = None


class Input(Frozen):
    """What the person sees of one modality: the text itself, or where the picture or the features lie."""

    kind: str = Field(description="a kind of modality: 'text', 'image', 'features' or one that was added")
    text: str | None = None
    path: str | None = None
    truncated: int = Field(default=0, ge=0, description="tokens cut off because the encoder takes no more")


class ValueFunction(Frozen):
    """Which number the probes asked the model for (METHOD 9 and 6)."""

    on: Literal["logit", "probability"]
    expert: str = Field(description="an expert's name, or 'mixture'")
    fill: Literal["mean", "zero", "attention", "input"]
    level: Literal["feature", "input"] = "feature"


class Pair(Frozen):
    """One cross-modal pair of features `i`, `j` (indices into `features`) with its scores; None is missing.

    `sii` is unbiased, `samples` the backgrounds behind the redundancy gap.
    """

    i: int = Field(ge=0)
    j: int = Field(ge=0)
    sii: float | None
    sii_se: float | None
    redundancy_gap: float | None
    redundancy_gap_se: float | None
    samples: int = Field(ge=0)


class Interval(Frozen):
    """How wide the intervals of all pair scores are: score ± this many standard errors.

    They are quantiles of Student's t for the number of independent draws; 0 where the scores are exact.
    """

    level: float = Field(default=0.95, gt=0, lt=1)
    sii: float = Field(default=1.96, ge=0, description="standard errors of SII")
    redundancy_gap: float = Field(default=1.96, ge=0, description="standard errors of the redundancy gap")


class PairTable(Frozen):
    """The pair scores of one more value function, from the same evaluations."""

    value: ValueFunction
    pairs: list[Pair]


class WhatIf(Frozen):
    """Probabilities of the target by the mixture with features removed: exact answers, with the fill of `value`.

    Attributes:
        whole, nothing: with nothing and with everything removed.
        without_modality: modality -> probability without all of it.
        only_modality: modality -> probability with it alone, where there are three or more; of two, each alone is the
            answer without the other.
        without: one per feature, without it alone; None where it was not asked.
        without_both: one per pair `i`, `j` (indices into `features`, of two modalities or of one), without both.
        off: number of features taken out together -> how far about 95 of 100 estimates from the answers above are off
            at most there, on the logit: from sets drawn at random, which the model was asked about.
        strong: the features that change the answer most by themselves.
        off_strong: as `off`, for sets that hold one of `strong`; `off` is then for the others.
        evaluations: what was asked for this, beside the `evaluations` of the pair scores.
    """

    whole: Unit
    nothing: Unit
    without_modality: dict[str, Unit]
    only_modality: dict[str, Unit] = {}
    without: list[Unit | None]
    i: list[int]
    j: list[int]
    without_both: list[Unit]
    off: dict[int, float] = {}
    strong: list[int] = []
    off_strong: dict[int, float] = {}
    evaluations: int = Field(ge=0)


class Shapley(Frozen):
    """Shapley values of the features for the target's logit: what each gives, interactions shared out equally.

    Where experts do not add up, that of the model's own output is the log-odds of its probability.

    Attributes:
        values: output (an expert, or the mixture) -> one value per feature; they add up to that output on the whole
            sample less what it is with nothing.
        se: likewise their standard errors, over orders.
        orders: how many random orders of the features, each gone through twice.
        evaluations: what was asked for this, beside the `evaluations` of the pair scores.
    """

    values: dict[str, list[float]]
    se: dict[str, list[float]]
    orders: int = Field(ge=2)
    evaluations: int = Field(ge=0)


class Provenance(Frozen):
    """Where the numbers come from: enough to make them again.

    `members` names the runs whose mean this is; it is empty for one model.
    `weights` is the sha256 of a trained run's weights; it is empty of other models, of a mean, and in older files.
    """

    run: str
    members: list[str] = []
    data: str
    versions: dict[str, str]
    seed: int
    model: str = ""
    weights: str = ""
    encoders: dict[str, str] = {}
    settings: dict[str, str | int | float | bool | None] = {}


class Member(Frozen):
    """What one of several models, whose mean is explained, answers by itself.

    Attributes:
        run: its name.
        probability: of the target, on the whole sample.
        given: whether it predicts the target: as the most probable label where exactly one holds, else at .5 and more.
        whatif: what it answers with features removed, to the questions of the explanation's own `whatif`, without how
            far estimates are off; None where it was not asked.
    """

    run: str
    probability: Unit
    given: bool
    whatif: WhatIf | None = None


class Explanation(Frozen):
    """Everything known about one prediction. In a notebook it shows itself as the page (`interplay[report]`).

    Attributes:
        prediction: label -> probability, of the mixture on the whole sample.
        by_member: what each model answers whose mean this is; empty for one model.
        target: the label explained.
        written: whether it is what the model itself wrote, so that it is given however improbable all its words are.
        truth: the sample's true labels; None when they are not known.
        label_kind: whether exactly one label holds ("single") or any number ("multi").
        value: the value function of `pairs`; `more_pairs` holds the same pairs under others.
        routing: expert -> weight, summing to 1; empty where experts are not weighted.
        contributions: expert -> what it adds to the target's logit on the whole sample; None for a model whose experts
            do not add up, or that has none.
        bias: what `contributions` leave of that logit: bias + sum of contributions = the logit of the mixture.
        attributions: method -> expert (or 'mixture') -> one raw score per feature (METHOD 7).
        evaluations: distinct coalitions the model was asked about.
        estimator: how the pair scores were estimated (METHOD 11).
        notes: sentences a reader of the numbers must know (what was cut, which players were candidates).
        whatif: what the model answers with features removed; None where it was not asked.
        shapley: what each feature gives to each expert; None where the budget had no room for it.
    """

    schema_: str = Field(default=EXPLANATION_SCHEMA, alias="schema")
    sample_id: str
    inputs: dict[str, Input] = {}
    prediction: dict[str, Unit]
    by_member: list[Member] = []
    target: str
    written: bool = False
    truth: list[str] | None = None
    label_kind: Literal["single", "multi"] = "multi"
    value: ValueFunction
    routing: dict[str, Unit]
    contributions: dict[str, float] | None = None
    bias: float | None = None
    features: list[Feature]
    attributions: dict[str, dict[str, list[float]]]
    interval: Interval = Interval()
    pairs: list[Pair]
    more_pairs: list[PairTable] = []
    evaluations: int = Field(ge=0)
    estimator: str = ""
    notes: list[str] = []
    provenance: Provenance
    whatif: WhatIf | None = None
    shapley: Shapley | None = None

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, document: Any) -> Any:
        """Read documents of older versions. Raises BadInput for one of a newer version."""
        if not isinstance(document, dict) or "schema" not in document:
            return document
        return upgrade_document(document, EXPLANATION_SCHEMA, EXPLANATION_UPGRADES, key="schema")

    @model_validator(mode="after")
    def _bias_with_contributions(self) -> "Explanation":
        if (self.contributions is None) != (self.bias is None):
            raise ValueError("contributions and bias come together or not at all")
        return self

    _pictures: dict[str, Path] = PrivateAttr(default_factory=dict)

    @property
    def given(self) -> bool:
        """Whether the target is predicted: the most probable label where exactly one holds, else at .5 and more.

        What a model wrote itself is.
        """
        p = self.prediction
        best = max(p, key=lambda label: p[label])
        if self.written:
            return True
        return best == self.target if self.label_kind == "single" else p[self.target] >= SIDE

    @property
    def pictures(self) -> Mapping[str, Path]:
        """Modality -> the picture's file on this machine, for display.

        Not part of the document, so neither written nor compared; `interplay.report.reading.read_explanation` finds it
        again.
        """
        return self._pictures

    def remember_pictures(self, pictures: Mapping[str, Path]) -> None:
        """Note where the pictures lie on this machine.

        Args:
            pictures: modality -> file.
        """
        self._pictures.update(pictures)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Explanation) and self.__dict__ == other.__dict__

    def __repr__(self) -> str:
        sure = self.prediction.get(self.target)
        shown = "" if sure is None else f" at {sure:.3f}"
        return f"<Explanation of {self.sample_id!r}: {self.target!r}{shown}, {len(self.pairs)} pairs>"

    __str__ = __repr__

    def table(self, expert: str) -> Sequence[Pair]:
        """The pairs under the value function of one expert or of the mixture; empty if not computed.

        Args:
            expert: name of an expert, or "mixture".
        """
        if expert == self.value.expert:
            return self.pairs
        return next((t.pairs for t in self.more_pairs if t.value.expert == expert), [])


class Explanations(list[Explanation]):
    """Explanations in a list that shows itself: one line each, and in a notebook one page of them all."""

    def __repr__(self) -> str:
        return "\n".join([f"{len(self)} explanations", *map(repr, self)])
