"""Which pairs stand out, and in which order: the one rule for findings, tables of a run, and pages.

A pair is clear of 0 where the interval of its score leaves 0 out, and the score is more than rounding. Synergy is
ranked by the size of SII, of either sign; backup by the redundancy gap, above 0 alone. A pair with a negative SII and a
positive gap is a backup, so it is ranked as redundancy only. Of the strongest clear pair of each score the one further
from 0, in half widths of its own interval, leads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from interplay.report.names import describe_features, describe_pair
from interplay.results import Explanation, Interval, Pair

ROUNDING = 1e-6, 1e-5
"""A score below this share of the largest of the table, or this size, is rounding: where 0 is meant the algebra of
exact scores leaves 1e-16, and logits in single precision up to 1e-6, with intervals as narrow."""
Score = Literal["sii", "redundancy_gap"]
SCORES: tuple[Score, Score] = ("sii", "redundancy_gap")
PAIRS_SHOWN = 3
"""Strongest pairs of each score that the page of a run shows of a sample."""


@dataclass(frozen=True)
class Ranking:
    """The pairs of one table in order. Pairs are named by their position in the table.

    Attributes:
        order: score -> positions, strongest first, clear of 0 or not; without pairs that do not count for it.
        clear: score -> positions whose interval leaves out 0, whatever the sign, as they come in the table.
        lead: score and position of the pair that is named first; None where no pair stands out.
    """

    order: dict[Score, list[int]]
    clear: dict[Score, list[int]]
    lead: tuple[Score, int] | None

    def best(self, score: Score, most: int | None = None) -> list[int]:
        """Positions of the strongest pairs that are clear of 0, strongest first.

        Args:
            score: by which score.
            most: how many at most; all where None.
        """
        clear = set(self.clear[score])
        return [at for at in self.order[score] if at in clear][:most]

    def leading_scores(self) -> tuple[Score, ...]:
        """Both scores, that of the leading pair first."""
        return SCORES[::-1] if self.lead and self.lead[0] == "redundancy_gap" else SCORES


@dataclass(frozen=True)
class StrongPair:
    """A pair of an explanation that is clear of 0.

    Attributes:
        score: by which score it stands out.
        i, j: indices into the explanation's features.
        value: the score, in units of the value function.
        half: half of its interval.
        words: both features by name.
    """

    score: Score
    i: int
    j: int
    value: float
    half: float
    words: str


def rank_pairs(pairs: Sequence[Pair], interval: Interval) -> Ranking:
    """The order of the pairs of one value function.

    Args:
        pairs: the table.
        interval: half widths of intervals, in standard errors.
    """
    order: dict[Score, list[int]] = {}
    clear: dict[Score, list[int]] = {}
    sizes = [abs(value) for pair in pairs for score in SCORES if (value := getattr(pair, score)) is not None]
    share, least = ROUNDING
    rounding = max(least, share * max(sizes, default=0.0))
    for score in SCORES:
        values = [getattr(pair, score) for pair in pairs]
        counted = [at for at, pair in enumerate(pairs) if _counts(pair, score)]
        order[score] = sorted(counted, key=lambda at: -abs(values[at]))
        clear[score] = [at for at, pair in enumerate(pairs) if _is_clear(pair, score, interval, rounding)]
    ranking = Ranking(order, clear, None)
    firsts = [(score, at) for score in SCORES for at in ranking.best(score, 1)]
    lead = max(firsts, key=lambda first: _margin(pairs[first[1]], first[0], interval), default=None)
    return Ranking(order, clear, lead)


def strongest(explanation: Explanation, score: Score) -> tuple[Pair, float, float] | None:
    """The strongest pair by one score, its score and half of its interval; None if no pair is clear of 0.

    Args:
        explanation: its pairs under its own value function are ranked.
        score: by which score.
    """
    best = rank_pairs(explanation.pairs, explanation.interval).best(score, 1)
    if not best:
        return None
    pair = explanation.pairs[best[0]]
    return pair, getattr(pair, score), _half(pair, score, explanation.interval) or 0.0


def strong_pairs(explanation: Explanation, most: int = PAIRS_SHOWN) -> list[StrongPair]:
    """The strongest pairs of each score that are clear of 0; the leading pair comes first.

    Args:
        explanation: its pairs under its own value function are ranked.
        most: how many of each score at most.
    """
    ranking = rank_pairs(explanation.pairs, explanation.interval)
    names = describe_features(explanation)
    found = []
    for score in ranking.leading_scores():
        for at in ranking.best(score, most):
            pair = explanation.pairs[at]
            half = _half(pair, score, explanation.interval) or 0.0
            found.append(StrongPair(score, pair.i, pair.j, getattr(pair, score), half, describe_pair(names, pair)))
    return found


def strongest_of_several(several: Sequence[Sequence[StrongPair]], score: Score) -> tuple[int, int] | None:
    """Which explanation and which of its pairs is the strongest by one score; None where there is none.

    Args:
        several: the strong pairs of each explanation of one sample.
        score: by which score.
    """
    found = [(k, m) for k, pairs in enumerate(several) for m, pair in enumerate(pairs) if pair.score == score]
    return max(found, key=lambda at: abs(several[at[0]][at[1]].value), default=None)


def _counts(pair: Pair, score: Score) -> bool:
    gap_above = pair.redundancy_gap is not None and pair.redundancy_gap > 0
    if score == "redundancy_gap":
        return gap_above
    return pair.sii is not None and (pair.sii > 0 or (pair.sii < 0 and not gap_above))


def _half(pair: Pair, score: Score, interval: Interval) -> float | None:
    error = getattr(pair, f"{score}_se")
    return None if error is None else getattr(interval, score) * error


def _is_clear(pair: Pair, score: Score, interval: Interval, rounding: float) -> bool:
    value, half = getattr(pair, score), _half(pair, score, interval)
    return value is not None and half is not None and abs(value) > max(half, rounding)


def _margin(pair: Pair, score: Score, interval: Interval) -> float:
    half = _half(pair, score, interval)
    return abs(getattr(pair, score)) / half if half else math.inf
