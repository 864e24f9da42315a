"""What may be said of one prediction (METHOD 13): the one source of every sentence about what decided it.

A claim rests on what would happen: on the model's own answers with features removed (`WhatIf`), in probability, so it
has one unit for every label. What removing something costs is a share of p(everything) - p(nothing). Where that is
below 0, or the label is not what is predicted, the sentence says whether features speak for the label or against it.
A pair is claimed only where both features matter for it, never for a score that is merely clear of 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from interplay.report.names import LABEL, FeatureName, describe_features, isolated, shorten, visible
from interplay.results import Explanation, WhatIf

Kind = Literal["alone", "together", "either", "both_add", "modality", "many", "opposed", "unmoved", "not_asked"]
"""What a prediction rests on, most of all.

    alone: one feature, whatever else there is.
    together: two features, neither of which is worth anything without the other.
    either: two features, each of which would do.
    both_add: two features, each of which adds its own part.
    modality: one modality, no one or two features of it.
    many: several features; how they combine is not known, or none of them carries much.
    opposed: features that pull both ways: without one the answer moves, without all of them hardly.
    unmoved: nothing: whatever is removed, the model answers about the same.
    not_asked: not known, since the model was not asked without its features.
"""

PAIR_KINDS: frozenset[Kind] = frozenset({"together", "either"})
"""Claims of two features that do more, or less, than add up."""

MOVED = 0.1
"""Removing everything must move the probability this far, or there is nothing to share out."""
ALONE, PART, LEAST = 0.5, 0.35, 0.2
"""Shares of p(everything) - p(nothing): one feature alone, or a pair, costs at least ALONE; of a pair claimed as acting
together, each feature costs at least PART. One feature that costs PART, or two that add up and cost LEAST, are enough
if it is ALONE of the logit's difference. Set on data of known truth (`benchmarks/claims.py`)."""
BENT, SHARED = 0.3, 0.5
"""How far from adding up a pair must be to be called more than that: a share of what removing both costs (`bend`). Two
act together from BENT on; either would do where what both hold is SHARED at least. In between they back each other up a
little, as small things of many may (`benchmarks/claims.py`)."""
EDGE = 1e-6


@dataclass(frozen=True)
class Claim:
    """What one prediction rests on, most of all.

    Attributes:
        kind: what carries it.
        features: indices into the explanation's features: one, two, or none.
        modality: the modality whose features carry it together; None for other kinds.
        share: how much of p(everything) - p(nothing) goes without them; None where nothing is claimed.
        text: the same in words, without the label: `“urgently” alone; without it 3%`. Names of features stand between
            isolating characters (`report.names`).
    """

    kind: Kind
    features: tuple[int, ...]
    modality: str | None
    share: float | None
    text: str


def claim(explanation: Explanation, *, veiled: bool = False) -> Claim:
    """What the model's answer for the target rests on, most of all (METHOD 13).

    Args:
        explanation: any explanation; one without `whatif` yields a claim of kind "not_asked".
        veiled: whether texts of the sample must not be shown: words are then numbered.

    Returns:
        The claim. It is about this one model: training it again may give another, which no number here covers. The mean
        of several models names only features that more than half of them name, each by its own answers.
    """
    asked = explanation.whatif
    if asked is None:
        return Claim("not_asked", (), None, None, "the model was not asked what it answers without single features")
    names, way = describe_features(explanation, veiled=veiled), _way(explanation, asked.whole - asked.nothing)
    found = _claim(asked, names, way)
    return found if not found.features or _most_name(found, explanation, names) else _unnamed(asked, found, way)


def _claim(asked: WhatIf, names: Sequence[FeatureName], way: str) -> Claim:
    """What one model's answers, or the mean of several models', say."""
    moved = asked.whole - asked.nothing
    if abs(moved) < MOVED:
        return _unmoved(asked, names)
    share = {at: (asked.whole - p) / moved for at, p in enumerate(asked.without) if p is not None}
    both = {(i, j): p for i, j, p in zip(asked.i, asked.j, asked.without_both, strict=True)}
    first = max(share, key=lambda at: share[at], default=None)
    if first is not None and _is_most(asked, share[first], _without(asked, first), PART):
        return _with_one(asked, names, share, both, first, moved, way)
    if (pair := max(both, key=lambda two: (asked.whole - both[two]) / moved, default=None)) is not None:
        cost = (asked.whole - both[pair]) / moved
        found = _pair_claim(asked, names, pair, both[pair], cost, way)
        if _carries(found, asked, share, both[pair], cost):
            return found
    return _spread(asked, way)


def _most_name(found: Claim, explanation: Explanation, names: Sequence[FeatureName]) -> bool:
    """Whether more than half of the models whose mean is explained name what it names; of one model it is so.

    A model of which the same features speak the other way does not.
    """
    each = [one.whatif for one in explanation.by_member if one.whatif is not None]
    mean = explanation.whatif
    if not each or mean is None:
        return True
    alike = [asked for asked in each if found.kind == "opposed" or _raised(asked) == _raised(mean)]
    return 2 * sum(set(found.features) <= set(_claim(asked, names, "").features) for asked in alike) > len(each)


def _raised(asked: WhatIf) -> bool:
    return asked.whole > asked.nothing


def _unnamed(asked: WhatIf, found: Claim, way: str) -> Claim:
    """What is left to say of a mean that names what no more than half of its models do: chance in training chose it."""
    return _opposed(asked) if found.kind == "opposed" else _spread(asked, way, divided=True)


def beside_claim(explanation: Explanation) -> str:
    """What the claim's percentages are seen beside: the answer to nothing, and those of a pair that it leaves out.

    Without an answer to nothing to hold it against, 43% without a word reads as if much else were there. An answer
    without what is named that lies beyond the one to nothing is what all the rest speaks for.

    Args:
        explanation: any explanation.

    Returns:
        One sentence with a full stop; "" where the model was not asked, or the claim says it all.
    """
    asked, found = explanation.whatif, claim(explanation)
    if asked is None or "with everything removed" in found.text:
        return ""
    gone = _without_named(asked, found)
    said = f"with everything removed this model can only guess, and answers {percent(asked.nothing)}"
    if gone is not None and (asked.nothing - gone) * (1 if asked.whole > asked.nothing else -1) >= MOVED:
        way = "against" if gone < asked.nothing else "for"
        said += f": what else is there speaks {way} {isolated(shorten(visible(explanation.target), LABEL))}"
    if found.kind == "either":
        one, other = (percent(_without(asked, at)) for at in found.features)
        said = f"without the first only, {one}; without the second only, {other}; {said}"
    elif found.kind == "together" and gone is not None:
        said = f"without both, {percent(gone)}; {said}"
    return f"{said[0].upper()}{said[1:]}."


def _without_named(asked: WhatIf, found: Claim) -> float | None:
    """The answer without what a claim names, one or two features or a modality; None where it names nothing."""
    if found.modality is not None:
        return asked.without_modality[found.modality]
    if len(found.features) == 1:
        return _without(asked, found.features[0])
    pairs = {(i, j): p for i, j, p in zip(asked.i, asked.j, asked.without_both, strict=True)}
    first, second = (*sorted(found.features), -1, -1)[:2]
    return pairs.get((first, second))


def _way(explanation: Explanation, moved: float) -> str:
    """Which way features speak, where that has to be said: " for storm" or " against storm"; else ""."""
    if moved > 0 and explanation.given:
        return ""
    return f" {'for' if moved > 0 else 'against'} {isolated(shorten(visible(explanation.target), LABEL))}"


def _carries(found: Claim, asked: WhatIf, share: dict[int, float], gone: float, cost: float) -> bool:
    """Whether two features, none of which costs half by itself, may be named as what the prediction rests on most."""
    if found.kind == "both_add":
        return _is_most(asked, cost, gone, LEAST) and not _one_of_many(share, found.features)
    if found.kind == "together" and min(share.get(at, 0.0) for at in found.features) < PART:
        return False
    return found.kind != "many" and cost >= ALONE


def _is_most(asked: WhatIf, cost: float, gone: float, least: float) -> bool:
    """Whether features are half of it: of the probability, or else of the logit, where evidence adds up.

    Of a sure answer much evidence may go, and the probability hardly moves: the share `least` of it has to.
    """
    f, f_gone, f_nothing = (logit(p) for p in (asked.whole, gone, asked.nothing))
    return cost >= ALONE or (cost >= least and (f - f_gone) / (f - f_nothing) >= ALONE)


def _one_of_many(share: dict[int, float], pair: tuple[int, ...]) -> bool:
    """Whether a third feature costs more than half of what one of the pair does: naming two would be arbitrary."""
    third = max((value for at, value in share.items() if at not in pair), default=0.0)
    return third > min(share.get(at, 0.0) for at in pair) / 2


def _unmoved(asked: WhatIf, names: Sequence[FeatureName]) -> Claim:
    """Removing everything changes little: because nothing counts, or because what counts pulls both ways."""
    gone = percent(asked.nothing)
    moves = {at: abs(asked.whole - p) for at, p in enumerate(asked.without) if p is not None}
    first = max(moves, key=lambda at: moves[at], default=None)
    if first is not None and moves[first] >= MOVED:
        text = f"features pull both ways: without {names[first].phrase} {percent(_without(asked, first))}"
        return Claim("opposed", (first,), None, None, f"{text}, with everything removed {gone}")
    most = max((abs(asked.whole - p) for p in (*asked.without_both, *asked.without_modality.values())), default=0.0)
    if most >= MOVED:
        return _opposed(asked)
    return Claim("unmoved", (), None, None, f"nothing here moves it; with everything removed {gone}")


def _opposed(asked: WhatIf) -> Claim:
    text = f"features pull both ways; with everything removed {percent(asked.nothing)}"
    return Claim("opposed", (), None, None, text)


def _with_one(
    asked: WhatIf,
    names: Sequence[FeatureName],
    share: dict[int, float],
    both: dict[tuple[int, int], float],
    first: int,
    moved: float,
    way: str,
) -> Claim:
    """One feature is needed; whether a second is, too, or holds what is left without the first."""
    partners = [(max(pair, key=lambda at: at != first), pair) for pair in both if first in pair]
    needed = [(other, pair) for other, pair in partners if share.get(other, 0.0) >= PART]
    rest = {found: (_without(asked, first) - both[found[1]]) / moved for found in partners}
    if needed:
        second, pair = max(needed, key=lambda found: share[found[0]])
    elif rest and max(rest.values()) >= PART:
        second, pair = max(rest, key=lambda found: rest[found])
    else:
        return _alone(asked, names, share, first, way)
    found = _pair_claim(asked, names, pair, both[pair], (asked.whole - both[pair]) / moved, way)
    adds = found.kind == "both_add" and share.get(second, 0.0) > 0
    if adds and _one_of_many(share, pair):  # to name two of several that count as much would be arbitrary
        return _spread(asked, way)
    # What holds the rest, but adds nothing to the first, is neither needed nor would do alone.
    return found if needed or adds else _several(asked, names, first, second, way)


def _alone(asked: WhatIf, names: Sequence[FeatureName], share: dict[int, float], first: int, way: str) -> Claim:
    """One feature is needed, and of no other it is known that it matters for it."""
    others = {at: value for at, value in share.items() if at != first and value >= PART}
    if others:  # how the two combine was not asked, so neither "alone" nor "together" may be claimed
        return _several(asked, names, first, max(others, key=lambda at: others[at]), way)
    gone = percent(_without(asked, first))
    does = f"alone speaks{way}" if way else "alone"
    return Claim("alone", (first,), None, share[first], f"{names[first].phrase} {does}; without it {gone}")


def _several(asked: WhatIf, names: Sequence[FeatureName], first: int, second: int, way: str) -> Claim:
    """Two that count, of which no more is said: how they combine was not asked, or is between two kinds."""
    a, b = names[first].phrase, names[second].phrase
    one, other = percent(_without(asked, first)), percent(_without(asked, second))
    text = f"{a} and {b} both {f'speak{way}' if way else 'count'}; without the first {one}, without the second {other}"
    return Claim("many", (first, second), None, None, text)


def _pair_claim(
    asked: WhatIf, names: Sequence[FeatureName], pair: tuple[int, int], gone: float, share: float, way: str
) -> Claim:
    """Together, either, both add or both count: by how far answers without one and both are from adding up (`bend`)."""
    i, j = pair
    one, other = _without(asked, i), _without(asked, j)
    bent = bend(asked.whole, one, other, gone)
    a, b = names[i].phrase, names[j].phrase
    singles = f"without the first {percent(one)}, without the second {percent(other)}"
    if bent >= BENT:
        do = f" speak{way}" if way else ""
        return Claim("together", pair, None, share, f"{a} and {b}{do}, only together; {singles}")
    if bent <= -SHARED:
        does = f" speaks{way}" if way else ""
        return Claim("either", pair, None, share, f"{a} or {b}{does}, either would do; without both {percent(gone)}")
    if bent <= -BENT:
        return _several(asked, names, i, j, way)
    do = f"both speak{way}" if way else "both add"
    text = f"{a} and {b} {do}, each by itself; {singles}, without both {percent(gone)}"
    return Claim("both_add", pair, None, share, text)


def bend(whole: float, without_one: float, without_other: float, without_both: float) -> float:
    """How far two features are from adding up, on the logit, as a share of what removing both costs.

    (f(N) - f(N-i) - f(N-j) + f(N-ij)) / (f(N) - f(N-ij)) on the logit f, the second difference at the full set: 1 where
    neither is worth anything without the other (AND), 0 where they add up, -1 where each would do (OR).

    Args:
        whole: probability with everything.
        without_one: without the one feature.
        without_other: without the other.
        without_both: without both.

    Returns:
        The share; 0 where removing both costs nothing.

    >>> round(bend(0.9, 0.1, 0.1, 0.1), 2), round(bend(0.9, 0.9, 0.9, 0.1), 2), round(bend(0.9, 0.5, 0.5, 0.1), 2)
    (1.0, -1.0, 0.0)
    """
    f, fi, fj, fij = (logit(p) for p in (whole, without_one, without_other, without_both))
    return (f - fi - fj + fij) / (f - fij) if abs(f - fij) > EDGE else 0.0


def logit(p: float) -> float:
    """The log-odds of a probability, which is kept off 0 and 1.

    Args:
        p: in 0..1.
    """
    inside = min(1 - EDGE, max(EDGE, p))
    return math.log(inside / (1 - inside))


def _spread(asked: WhatIf, way: str, divided: bool = False) -> Claim:
    """No one or two features carry it: each is small, or several count as much (and others pull the other way).

    Or the models whose mean this is are `divided`: most of them do not name the features that it would.
    """
    moved = asked.whole - asked.nothing
    most = max(((asked.whole - p) / moved for p in asked.without if p is not None), default=0.0)
    what, above = "many small things", f", none above {math.ceil(100 * most - EDGE)}% of the difference" * (most > 0)
    if most >= PART or divided:
        what = "several things"
        above = ", but most single models do not name the same ones" if divided else ", no one or two most of all"
    cost = {m: (asked.whole - p) / moved for m, p in asked.without_modality.items()}
    first = max(cost, key=lambda m: cost[m], default=None)
    if (
        first is not None
        and len(cost) > 1
        and cost[first] >= ALONE
        and all(other < PART for m, other in cost.items() if m != first)
    ):
        gone = percent(asked.without_modality[first])
        does = f" speaks{way}" if way else ""
        text = f"the {first} as a whole{does}, {what}{above}; without it {gone}"
        return Claim("modality", (), first, cost[first], text)
    do = f" speak{way}" if way else ""
    text = f"{what}{do}{above}; with everything removed {percent(asked.nothing)}"
    return Claim("many", (), None, None, text)


def _without(asked: WhatIf, at: int) -> float:
    p = asked.without[at]
    return asked.whole if p is None else p


def percent(probability: float) -> str:
    """A probability as a whole percent; one that rounds to certainty is not called certain.

    Args:
        probability: between 0 and 1.

    >>> percent(0.9999), percent(0.42), percent(0.001)
    ('over 99%', '42%', 'under 1%')
    """
    whole = round(100 * probability)
    return "over 99%" if whole > 99 else "under 1%" if whole < 1 else f"{whole}%"
