"""What one study left on disk, opened: runs by variant and seed, with the arrays of each stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import special

from interplay.data.sample import Dataset
from interplay.evaluation.masking import mean_over
from interplay.models.run import Run
from interplay.results.validity import Validity
from interplay.study.arrays import Arrays
from interplay.study.config import Study
from interplay.study.encoded import EncodedDataset


@dataclass(frozen=True)
class Measured:
    """One run, with what its stages measured.

    Attributes:
        folder: relative to the study, for tables to name.
        stories: pair scores against known truth; None where the data has none.
    """

    variant: str
    seed: int
    folder: str
    run: Run
    attributions: Arrays
    masking: Arrays
    pairs: Arrays
    pair_masking: Arrays
    stories: Validity | None

    @property
    def experts(self) -> list[str]:
        """The experts, and the mixture."""
        return list(self.attributions.about["experts"])

    def seconds(self) -> dict[str, float]:
        """What each stage took when it was measured."""
        stages = {
            "attributions": self.attributions,
            "masking": self.masking,
            "pairs": self.pairs,
            "pair_masking": self.pair_masking,
        }
        return {name: float(arrays.about["seconds"]) for name, arrays in stages.items()}

    @property
    def single(self) -> bool:
        """Whether exactly one label holds in each sample."""
        return self.run.card.label_kind == "single"

    def probabilities(self, logits: Float[np.ndarray, "*V C"]) -> Float[np.ndarray, "*V C"]:
        """Softmax or sigmoid over the last axis.

        Args:
            logits: (*V, C).
        """
        return special.softmax(logits, axis=-1) if self.single else special.expit(logits)

    def target_probability(self, logits: Float[np.ndarray, "N *V C"]) -> Float[np.ndarray, "N *V"]:
        """Mean probability of the labels that were predicted for the intact sample.

        Args:
            logits: (N, *V, C).
        """
        return mean_over(self.probabilities(logits), self.target[: len(logits)])

    @property
    def target(self) -> Bool[np.ndarray, "N C"]:
        """The labels that are explained: (N, C) bool."""
        return self.attributions["target"]

    @property
    def truth(self) -> Bool[np.ndarray, "N C"]:
        """The labels that hold: (N, C) bool."""
        return self.attributions["truth"]


@dataclass(frozen=True)
class Results:
    """A finished study.

    Attributes:
        encoded: the dataset with the encoders and stored features of every variant.
        runs: every variant with every seed, in the study's order.
    """

    study: Study
    encoded: EncodedDataset
    runs: Sequence[Measured]

    @property
    def dataset(self) -> Dataset:
        """What was measured on."""
        return self.encoded.dataset

    def by_variant(self) -> Mapping[str, list[Measured]]:
        """Variant -> its runs, by seed."""
        return {name: [run for run in self.runs if run.variant == name] for name in self.study.variants}


def over_seeds(values: Sequence[Float[np.ndarray, "..."]]) -> Float[np.ndarray, "..."]:
    """The mean of each sample's values over seeds; missing only where all are.

    Args:
        values: for each seed, an array of the same shape; NaN where missing.
    """
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stacked, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def spread(values: Sequence[float | None]) -> float | None:
    """Standard deviation over seeds; None with fewer than two known values.

    Args:
        values: one value for each seed; None where unknown.
    """
    known = [v for v in values if v is not None and not np.isnan(v)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def mean_known(values: Sequence[float | None]) -> float | None:
    """Mean over the seeds whose value is known.

    Args:
        values: one value for each seed; None where unknown.
    """
    known = [v for v in values if v is not None and not np.isnan(v)]
    return float(np.mean(known)) if known else None
