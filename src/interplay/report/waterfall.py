"""What a prediction's logit adds up from: what each expert adds, or the same split of any other model [ours].

Roles by construction (METHOD 12) give each expert what it adds. Of any other model the answers with nothing, with each
modality alone and with everything are split in the same words:

- what a modality says alone is shared with others as far as they say it too and the whole says it fewer times;
- redundancy is what is shared, counted once; unique_m is the rest of what modality m says alone;
- synergy is what is left: it is there only with several modalities at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interplay.interactions.intervals import student_quantile
from interplay.report.claims import logit
from interplay.results import Explanation, WhatIf

SHOWN, SHOWN_FROM = 4, 0.1  # features within one expert: how many at most, and from which share of the largest part


@dataclass(frozen=True)
class Given:
    """What one feature gives to one expert: its Shapley value for the target's logit.

    Attributes:
        at: index of the feature.
        value: what it gives.
        half: half the width of its 95% interval.
    """

    at: int
    value: float
    half: float


@dataclass(frozen=True)
class Waterfall:
    """Parts that add up to the target's logit on the whole sample.

    Attributes:
        start: the experts' bias, or the logit with nothing.
        parts: name of an expert -> what it adds.
        virtual: whether the parts are a split of the model's own answers, not what experts of its own add.
        within: name of an expert, or of the model's own output -> what single features give it, largest first: those
            that surely give something, and not next to nothing of what there is to show.
    """

    start: float
    parts: Mapping[str, float]
    virtual: bool
    within: Mapping[str, Sequence[Given]]


def waterfall(explanation: Explanation) -> Waterfall | None:
    """What the target's logit adds up from.

    Args:
        explanation: any explanation.

    Returns:
        What its experts add; else the split of `virtual_experts`; None where there is neither.
    """
    if explanation.contributions is not None and explanation.bias is not None:
        added = explanation.contributions
        return Waterfall(explanation.bias, added, virtual=False, within=_within(explanation, list(added), added))
    asked = explanation.whatif
    if asked is None or (parts := virtual_experts(asked)) is None:
        return None
    own = list(explanation.shapley.values)[-1:] if explanation.shapley else []
    return Waterfall(logit(asked.nothing), parts, virtual=True, within=_within(explanation, own, parts))


def _within(explanation: Explanation, names: Sequence[str], parts: Mapping[str, float]) -> dict[str, list[Given]]:
    """The features that count most in each of the named outputs; empty where none is sure."""
    found = explanation.shapley
    least = SHOWN_FROM * max(map(abs, parts.values()), default=0.0)
    if found is None or not least:
        return {}
    width = float(student_quantile(np.array([found.orders - 1]), explanation.interval.level)[0])
    out = {}
    for name in names:
        pairs = zip(found.values[name], found.se[name], strict=True)
        given = [Given(at, value, width * se) for at, (value, se) in enumerate(pairs)]
        sure = [one for one in given if abs(one.value) >= least and abs(one.value) > one.half]
        out[name] = sorted(sure, key=lambda one: -abs(one.value))[:SHOWN]
    return out


def virtual_experts(asked: WhatIf) -> dict[str, float] | None:
    """Split the target's logit, less its logit with nothing, by modalities.

    Args:
        asked: the model's answers with features removed.

    Returns:
        unique_<modality> for each, synergy, redundancy: what each adds to the logit, which sums to logit(whole) -
        logit(nothing). None for one modality, or where the model was not asked with each modality alone.
    """
    only = _only(asked)
    if len(only) < 2:
        return None
    start = logit(asked.nothing)
    alone = {m: logit(p) - start for m, p in only.items()}
    rest = logit(asked.whole) - start - sum(alone.values())
    side = -1.0 if rest > 0 else 1.0  # what is said too often points away from the rest
    level = shared_level([max(0.0, side * said) for said in alone.values()], abs(rest))
    shared = {m: side * min(max(0.0, side * said), level) for m, said in alone.items()}
    return {
        **{f"unique_{m}": said - shared[m] for m, said in alone.items()},
        "synergy": rest + sum(shared.values()) - side * level,
        "redundancy": side * level,
    }


def shared_level(says: Sequence[float], too_often: float) -> float:
    """How much several say of the same, so that counting it once takes away what was counted too often.

    The level t at which sum_m min(says_m, t) - t = too_often, or the second largest of `says` where even that is less.

    Args:
        says: what each says, 0 or more.
        too_often: by how much the sum is too large.

    >>> shared_level([5.0, 5.0], 5.0), shared_level([5.0, 3.0], 1.0), shared_level([5.0, 0.0], 4.0)
    (5.0, 1.0, 0.0)
    """
    levels = np.array([0.0, *sorted(says)[:-1]])
    extra = np.minimum(np.array(says), levels[:, None]).sum(axis=1) - levels
    return float(np.interp(too_often, extra, levels))


def _only(asked: WhatIf) -> Mapping[str, float]:
    """Modality -> the answer to it alone; of two modalities that is the answer without the other."""
    if asked.only_modality or len(asked.without_modality) != 2:
        return asked.only_modality
    (a, without_a), (b, without_b) = asked.without_modality.items()
    return {a: without_b, b: without_a}
