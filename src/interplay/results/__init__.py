"""The results that stages hand to each other and to files. Plain data: numpy and pydantic, never torch."""

from interplay.results.explanation import (
    MIXTURE,
    SCORE_NAMES,
    Box,
    Explanation,
    Explanations,
    Feature,
    Frozen,
    Input,
    Interval,
    Pair,
    PairTable,
    Provenance,
    Shapley,
    ValueFunction,
    WhatIf,
)

__all__ = [
    "MIXTURE",
    "SCORE_NAMES",
    "Box",
    "Explanation",
    "Explanations",
    "Feature",
    "Frozen",
    "Input",
    "Interval",
    "Pair",
    "PairTable",
    "Provenance",
    "Shapley",
    "ValueFunction",
    "WhatIf",
]
