"""What every estimator returns: scores of pairs of players, with their standard errors."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class PairScores:
    """Interaction scores of pairs of players, each with its standard error.

    A game may answer with one value per coalition or with several that share the evaluation (the logits of
    several experts, say); `V` below is empty or the shape of those several values.

    Attributes:
        pairs: (P, 2) players i, j of each pair.
        sii: (P, *V) Shapley interaction index (METHOD 9); NaN where missing.
        sii_se: (P, *V) its standard error; NaN where it is unknown, 0 where exact.
        redundancy_gap: (P, *V) redundancy gap (METHOD 9); NaN where missing.
        redundancy_gap_se: (P, *V) its standard error.
        samples: (P,) backgrounds S behind each score; 0 means missing.
        evaluations: distinct coalitions whose value was asked of the game.
        estimator: the name of the way they were estimated.
        seed: the seed of the backgrounds; None where nothing is drawn.
        sii_unbiased: (P, *V) SII before shrinkage, whose error `sii_se` is; None where `sii` itself is unbiased.
        redundancy_gap_unbiased: the same of the redundancy gap.
        sii_draws: independent draws behind `sii_se`, where they are others than those of the redundancy gap.
        choice: why this estimator was taken, where it was chosen automatically.
        rounding: (*V) what is no more than rounding in the game's values (`Game.rounding`); None where unknown.
    """

    pairs: Int[np.ndarray, "P 2"]
    sii: Float[np.ndarray, "P *V"]
    sii_se: Float[np.ndarray, "P *V"]
    redundancy_gap: Float[np.ndarray, "P *V"]
    redundancy_gap_se: Float[np.ndarray, "P *V"]
    samples: Int[np.ndarray, " P"]
    evaluations: int
    estimator: str
    seed: int | None
    sii_unbiased: Float[np.ndarray, "P *V"] | None = None
    redundancy_gap_unbiased: Float[np.ndarray, "P *V"] | None = None
    sii_draws: int | None = None
    choice: str = ""
    rounding: Float[np.ndarray, "*V"] | None = None

    def output(self, index: int | tuple[int, ...]) -> "PairScores":
        """Scores of one of the game's several values.

        Args:
            index: place of the value in V.

        Returns:
            Scores of shape (P,) each.
        """
        at: tuple[slice | int, ...] = (slice(None), *((index,) if isinstance(index, int) else index))
        return replace(
            self,
            sii=self.sii[at],
            sii_se=self.sii_se[at],
            redundancy_gap=self.redundancy_gap[at],
            redundancy_gap_se=self.redundancy_gap_se[at],
            sii_unbiased=None if self.sii_unbiased is None else self.sii_unbiased[at],
            redundancy_gap_unbiased=(
                None if self.redundancy_gap_unbiased is None else self.redundancy_gap_unbiased[at]
            ),
            rounding=None if self.rounding is None else np.asarray(self.rounding[at[1:]]),
        )

    @property
    def unbiased(self) -> tuple[Float[np.ndarray, "P *V"], Float[np.ndarray, "P *V"]]:
        """SII and redundancy gap before shrinkage: what the standard errors are of."""
        return (
            self.sii if self.sii_unbiased is None else self.sii_unbiased,
            self.redundancy_gap if self.redundancy_gap_unbiased is None else self.redundancy_gap_unbiased,
        )

    def __len__(self) -> int:
        """Number of pairs P."""
        return len(self.pairs)
