"""What can be explained: any model that answers about samples of which some features are removed.

A trained run is one predictor (`interplay.explanation.trained.predictor`), a function of words and pixels another
(`interplay.explanation.callable_predictor`). Everything from attribution to page works on these two classes alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from interplay.data.sample import Sample
from interplay.interactions.game import Value
from interplay.kinds import LabelKind
from interplay.results import Feature, Input, Provenance

Scores = Mapping[str, Float[np.ndarray, " n"]]
"""Output name -> one raw score per player."""


class Opened(ABC):
    """One sample, ready to be asked.

    Attributes:
        features: what plays, n of them, modality after modality; a coalition says which of them stay.
        level: what removal does (METHOD 6): "feature" removes encoded features from the fusion, "input" removes words
            and pixels before the model sees them.
        fill: what stands where a feature was removed (METHOD 6).
        inputs: modality -> what a person sees of it, in the order of the features.
        routing: expert -> weight, summing to 1; empty for a model without experts, or without weights.
        adds_up: whether the logits of all outputs but the last are contributions, which with a bias add up to the last
            one's (METHOD 12).
        notes: sentences that a reader of the numbers must know.
    """

    features: Sequence[Feature]
    level: Literal["feature", "input"]
    fill: Literal["mean", "zero", "attention", "input"]
    inputs: Mapping[str, Input]
    routing: Mapping[str, float]
    notes: Sequence[str]
    adds_up: bool = False

    @abstractmethod
    def logits(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E C"]:
        """What the model answers with only some features left.

        Args:
            coalitions: (m, n), True where a feature stays.

        Returns:
            (m, E, C): the logits of each label, by each of the predictor's outputs.
        """

    def logits_by_model(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "k m C"]:
        """The model's own logits, and those of each of the k - 1 models whose mean it is; k is 1 for one model.

        Args:
            coalitions: (m, n), True where a feature stays.
        """
        return self.logits(coalitions)[None, :, -1]

    def attributions(self, label: int, methods: Sequence[str]) -> Mapping[str, Scores]:
        """How important each feature is by methods that look into the model (METHOD 7).

        Args:
            label: the label explained, as an index into the predictor's labels.
            methods: names of `interplay.explanation.attribution.methods.METHODS`.

        Returns:
            method -> output -> (n,) raw scores; empty for a model that cannot be looked into.
        """
        return {}


class Predictor(ABC):
    """A model that can be explained.

    Attributes:
        labels: the names of the C labels.
        label_kind: "single" (exactly one holds: softmax) or "multi" (any number: sigmoid).
        outputs: whose logits it answers with, in the order of the axis E; the last is the model's own answer.
        provenance: where its numbers come from.
    """

    labels: Sequence[str]
    label_kind: LabelKind
    outputs: Sequence[str]
    provenance: Provenance

    @abstractmethod
    def open(self, sample: Sample) -> Opened:
        """Prepare one sample to be explained.

        Args:
            sample: the sample.

        Returns:
            The sample, opened.

        Raises:
            BadInput: the sample cannot be read.
        """


def to_probabilities(logits: Float[np.ndarray, "*B C"], label_kind: LabelKind) -> Float[np.ndarray, "*B C"]:
    """Softmax (single) or sigmoid (multi) over the last axis, in double precision.

    In single precision a logit of 17 gives the probability 1, from which what-if could not compute the logit back.

    Args:
        logits: (*B, C).
        label_kind: "single" (softmax over the labels) or "multi" (a sigmoid for each label).
    """
    from scipy.special import expit, softmax

    double = logits.astype(np.float64)
    return softmax(double, axis=-1) if label_kind == "single" else expit(double)


def probabilities_by_model(
    opened: Opened, label_kind: LabelKind, label: int
) -> Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m k"]]:
    """The probability of one label under the model's own output, and by each model whose mean it is.

    Args:
        opened: a sample that a predictor has opened.
        label_kind: "single" (softmax over the labels) or "multi" (a sigmoid for each label).
        label: index of the label.

    Returns:
        Coalitions (m, n) -> probabilities (m, k): the model's own first; k is 1 for one model.
    """

    def probabilities(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m k"]:
        return to_probabilities(opened.logits_by_model(coalitions), label_kind)[:, :, label].T

    return probabilities


def value_function(opened: Opened, label_kind: LabelKind, labels: Sequence[int]) -> Value:
    """The value function v(S) of one sample (METHOD 9), for several labels and both scales at once.

    Args:
        opened: a sample that a predictor has opened.
        label_kind: "single" (softmax over the labels) or "multi" (a sigmoid for each label).
        labels: indices of the labels.

    Returns:
        coalitions (m, n) -> (m, L, 2, E): for each of `labels` the logit and the probability, by each output.
    """

    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m L 2 E"]:
        logits = opened.logits(coalitions).astype(np.float64)
        both = np.stack([logits, to_probabilities(logits, label_kind)], axis=1)  # m 2 E C
        return both[..., list(labels)].transpose(0, 3, 1, 2)

    return value
