"""Names that rooms without a common ground share: how labels hold, and the estimators of pair scores."""

from typing import Literal, get_args

LabelKind = Literal["single", "multi"]
"""Whether exactly one label holds of each sample, or any number."""

Estimator = Literal["auto", "exact", "paired", "hybrid", "block", "naive"]
"""How pair scores are estimated; "auto" chooses by the budget."""

ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)
