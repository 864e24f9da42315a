"""Do several models say the same? What is claimed of one sample by each, beside what the others claim [ours]."""

from collections import Counter
from collections.abc import Hashable, Sequence

from interplay.report.claims import claim
from interplay.results import Explanation


def agreement(explanations: Sequence[Explanation]) -> list[tuple[int, int] | None]:
    """How many of the models that explain one sample and target say the same as each of them.

    The same: the target on the same side of one half, a claim of the same kind, and features at the same places. Runs
    that differ only in their seed tell in this way what training leaves to chance, which no interval of one run covers.

    Args:
        explanations: of any samples and models; those of one sample and target belong together.

    Returns:
        For each, how many say the same, itself included, and how many there are; None where it is the only one, or its
        model was not asked.
    """
    said = [what_is_said(one) for one in explanations]
    same = Counter(said)
    asked = Counter((one.sample_id, one.target) for one, words in zip(explanations, said, strict=True) if words)
    out: list[tuple[int, int] | None] = []
    for words, one in zip(said, explanations, strict=True):
        every = asked[one.sample_id, one.target]
        out.append((same[words], every) if words and every > 1 else None)
    return out


def agreement_text(alike: int, every: int) -> str:
    """What `agreement` counts for one model, in words.

    Args:
        alike: how many say the same as it, itself included.
        every: how many there are.

    >>> agreement_text(3, 3), agreement_text(2, 3), agreement_text(1, 3)
    ('all 3 models say the same', '2 of 3 models say the same', 'of 3 models only this one says so')
    """
    if alike == every:
        return f"{'both' if every == 2 else f'all {every}'} models say the same"
    return f"of {every} models only this one says so" if alike == 1 else f"{alike} of {every} models say the same"


def agreement_lines(explanations: Sequence[Explanation]) -> list[str]:
    """For each sample and target that several models explain, how many of them say what most of them say.

    Args:
        explanations: of any samples and models.

    Returns:
        Lines such as `scene-0042, urgent: 2 of 3 models say the same`.
    """
    most: dict[tuple[str, str], tuple[int, int]] = {}
    for one, counted in zip(explanations, agreement(explanations), strict=True):
        if counted is not None:
            key = one.sample_id, one.target
            most[key] = max(most.get(key, (0, 0)), counted)
    lines = []
    for (sample, target), (alike, every) in most.items():
        said = f"no two of {every} models say the same" if alike == 1 else agreement_text(alike, every)
        lines.append(f"{sample}, {target}: {said}")
    return lines


def what_is_said(one: Explanation) -> Hashable | None:
    """What is claimed of a prediction, and of what: equal for models that say the same (`agreement`).

    Args:
        one: the explanation.

    Returns:
        Something to compare; None where the model was not asked.
    """
    found = claim(one)
    if found.kind == "not_asked":
        return None
    features = [one.features[at] for at in found.features]
    where = frozenset(
        (f.modality, f.span, f.box, f.text if f.span is None and f.box is None else None) for f in features
    )
    return one.sample_id, one.target, one.prediction[one.target] >= 0.5, found.kind, found.modality, where
