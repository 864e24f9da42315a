"""What an explanation found, in one sentence."""

import math

from interplay.results import Explanation, Pair


def finding(explanation: Explanation) -> str:
    """One line: the prediction, and the strongest pairs whose intervals leave out 0, with their 95% intervals."""
    pairs = []
    for score, word in (("sii", "act together"), ("redundancy_gap", "back each other up")):
        if best := strongest(explanation, score):
            pair, value, se = best
            half = getattr(explanation.interval, score) * se
            digits = min(6, max(1, 1 - math.floor(math.log10(half)))) if half > 0 else 2  # two digits of the interval
            how = word if value > 0 else f"{word} against it"
            pairs.append(f"{describe(explanation, pair)} {how} ({value:+.{digits}f} ± {half:.{digits}f})")
    said = "; ".join(pairs) or "no pair of features stands out from the noise"
    sure = percent(explanation.prediction[explanation.target])
    return f"{explanation.sample_id} is {explanation.target} at {sure}: {said}"


def percent(probability: float) -> str:
    """A probability as a whole percent; one that rounds to certainty is not called certain.

    >>> percent(0.9999), percent(0.42), percent(0.001)
    ('over 99%', '42%', 'under 1%')
    """
    whole = round(100 * probability)
    return "over 99%" if whole > 99 else "under 1%" if whole < 1 else f"{whole}%"


def strongest(explanation: Explanation, score: str) -> tuple[Pair, float, float] | None:
    """The pair with the largest score among those whose interval leaves out 0; None if there is none.

    An SII below 0 counts by its size, a redundancy gap below 0 does not: it is no backup.
    """
    found = [(pair, getattr(pair, score), getattr(pair, f"{score}_se")) for pair in explanation.pairs]
    width = getattr(explanation.interval, score)
    size = abs if score == "sii" else float
    clear = [f for f in found if f[1] is not None and f[2] is not None and size(f[1]) > width * f[2]]
    return max(clear, key=lambda f: size(f[1]), default=None)


def describe(explanation: Explanation, pair: Pair) -> str:
    """A pair in words: tokens in quotes, patches by the middle of their box, other features by name.

    With its modality where two are of a kind.
    """
    kinds = [given.kind for given in explanation.inputs.values()]
    names = []
    for index in (pair.i, pair.j):
        feature = explanation.features[index]
        kind = explanation.inputs[feature.modality].kind
        if kind == "features":
            names.append(f"{feature.text}")  # it holds the modality's name
            continue
        if feature.box is None:
            name = f"‘{feature.text}’"
        else:
            x0, y0, x1, y1 = feature.box
            name = f"the patch {50 * (x0 + x1):.0f}% across and {50 * (y0 + y1):.0f}% down"
        names.append(f"{name} of {feature.modality}" if kinds.count(kind) > 1 else name)
    return " and ".join(names)
