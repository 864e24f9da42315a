"""What an explanation found, in one sentence."""

import math

from interplay.report.names import describe_features, describe_pair
from interplay.report.ranking import Score, rank_pairs, strongest
from interplay.results import Explanation, Pair

_HOW: dict[Score, str] = {"sii": "act together", "redundancy_gap": "back each other up"}


def finding(explanation: Explanation) -> str:
    """One line: the prediction, and the strongest pair of each score that is clear of 0, with its 95% interval.

    The pair that leads comes first, as on the page (`report.ranking`).

    Args:
        explanation: what to put into words.

    Returns:
        For example `scene-0042 is storm at 87%: “wet” and the patch in row 2, column 3 act together (+3.2 ± 0.4)`.
    """
    pairs = []
    for score in rank_pairs(explanation.pairs, explanation.interval).leading_scores():
        if best := strongest(explanation, score):
            pair, value, half = best
            digits = min(6, max(1, 1 - math.floor(math.log10(half)))) if half > 0 else 2  # two digits of the interval
            how = _HOW[score] if value > 0 else f"{_HOW[score]} against it"
            pairs.append(f"{describe(explanation, pair)} {how} ({value:+.{digits}f} ± {half:.{digits}f})")
    found = "; ".join(pairs) or "no pair of features stands out from the noise"
    sure = percent(explanation.prediction[explanation.target])
    return f"{explanation.sample_id} is {explanation.target} at {sure}: {found}"


def percent(probability: float) -> str:
    """A probability as a whole percent; one that rounds to certainty is not called certain.

    Args:
        probability: between 0 and 1.

            >>> percent(0.9999), percent(0.42), percent(0.001)
            ('over 99%', '42%', 'under 1%')
    """
    whole = round(100 * probability)
    return "over 99%" if whole > 99 else "under 1%" if whole < 1 else f"{whole}%"


def describe(explanation: Explanation, pair: Pair) -> str:
    """A pair in words, by the names that its features have everywhere (`report.names`).

    Args:
        explanation: whose pair.
        pair: which one.
    """
    return describe_pair(describe_features(explanation), pair)
