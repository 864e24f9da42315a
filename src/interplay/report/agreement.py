"""Does what is said hold in other models, too? Claims of several models of one sample, held together [ours]."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from interplay.report.addresses import whose
from interplay.report.claims import Kind, claim
from interplay.report.findings import only_may_be
from interplay.results import Explanation
from interplay.results.explanation import WAYS


@dataclass(frozen=True)
class Said:
    """What is claimed of one prediction: equal for models that say the same.

    Attributes:
        about: the sample and the label.
        given: whether the label is predicted.
        only_may_be: whether no more is said than that it may be (`findings`); what is said to be the same may differ
            in it.
        raised: whether everything there is makes the label likelier than nothing does.
        kind, modality: as in `Claim`.
        where: the places of the features that are named.
    """

    about: tuple[str, str]
    given: bool
    only_may_be: bool = field(compare=False)
    raised: bool
    kind: Kind
    modality: str | None
    where: frozenset[Hashable]

    def holds_in(self, other: "Said") -> bool:
        """Whether what another model says makes this true of it, too.

        The same does. "Many small things" is also true where the other says that they are of one modality, "features
        pull both ways" where it names one, and "it may be, the model is not sure" where it says so, too, on the other
        side of one half.

        Args:
            other: what the other model's claim is.
        """
        alike = replace(self, given=other.given) if self.only_may_be and other.only_may_be else self
        if self.kind == "many" and not self.where and other.kind == "modality":
            alike = replace(alike, kind="modality", modality=other.modality)
        if self.kind == other.kind == "opposed" and not self.where:
            alike = replace(alike, where=other.where)
        return alike == other


def what_is_said(one: Explanation) -> Said | None:
    """What is claimed of a prediction, and of what.

    Args:
        one: the explanation.

    Returns:
        Something to compare; None where the model was not asked.
    """
    found = claim(one)
    if found.kind == "not_asked":
        return None
    features = [one.features[at] for at in found.features]
    raised = one.whatif is not None and one.whatif.whole > one.whatif.nothing
    if found.kind in ("opposed", "unmoved"):  # which way it goes in all is then no part of the claim
        raised = True
    where = frozenset(
        (f.modality, f.span, f.box, f.text if f.span is None and f.box is None else None) for f in features
    )
    about = (one.sample_id, one.target)
    return Said(about, one.given, only_may_be(one), raised, found.kind, found.modality, where)


def agreement(explanations: Sequence[Explanation]) -> list[tuple[int, int] | None]:
    """In how many of the models that explain one sample and target the claim of each of them holds.

    It holds where the target is predicted alike (or both say only that it may be), and a model claims the same of
    features at the same places, or something that makes it true (`Said.holds_in`). Runs that differ only in their seed
    tell in this way what training leaves to chance, which no interval of one run covers.

    Args:
        explanations: of any samples and models; those of one sample and target belong together. The mean of several
            models is held against each of them, and counted as none.

    Returns:
        For each, in how many it holds, itself included, and how many there are; None where there is only one, or its
        model was not asked.
    """
    said = [what_is_said(one) for one in explanations]
    single = [words for words, one in zip(said, explanations, strict=True) if words and not one.provenance.members]
    asked = Counter(words.about for words in single)
    out: list[tuple[int, int] | None] = []
    for words in said:
        several = words is not None and asked[words.about] > 1
        out.append((sum(words.holds_in(other) for other in single), asked[words.about]) if words and several else None)
    return out


def compared(explanations: Sequence[Explanation]) -> str:
    """What explanations of one sample differ in: "models", or "ways of removing" where one model is wrapped in several.

    Args:
        explanations: of one sample and target.
    """
    known = [one.provenance.settings for one in explanations]
    ways = {settings.get(WAYS) for settings in known}
    each = len({settings.get("removal") for settings in known}) == len(known) > 1
    return "ways of removing" if each and len(ways) == 1 and None not in ways else "models"


def agreement_text(holds: int, every: int, what: str = "models") -> str:
    """What `agreement` counts for one model, in words.

    Args:
        holds: in how many its claim holds, itself included.
        every: how many there are.
        what: of what there are so many (`compared`).

    >>> agreement_text(3, 3), agreement_text(1, 3)
    ('what is said holds in all 3 models', 'what is said holds in 1 of 3 models')
    """
    if holds == 0:
        return f"what is said holds in none of {every} {what}"
    if holds == every:
        return f"what is said holds in {'both' if every == 2 else f'all {every}'} {what}"
    return f"what is said holds in {holds} of {every} {what}"


def agreement_lines(explanations: Sequence[Explanation]) -> list[str]:
    """For each sample and target that several models explain: in how many holds what their mean says.

    Where their mean is not explained, the claim that holds in most of them takes its place.

    Args:
        explanations: of any samples and models.

    Returns:
        Lines such as `scene-0042, urgent: what the mean of 3 fl-i2moe says holds in 2 of 3 models`.
    """
    best: dict[tuple[str, str], tuple[bool, int, int, str]] = {}
    for one, counted in zip(explanations, agreement(explanations), strict=True):
        if counted is None:
            continue
        known, key = one.provenance, (one.sample_id, one.target)
        who = f"the {known.model}" if known.members else whose(one)
        rank = (bool(known.members), *counted, who)
        if key not in best or rank[:2] > best[key][:2]:
            best[key] = rank
    what = compared(explanations)
    return [f"{sample}, {target}: {_held(*rank, what)}" for (sample, target), rank in best.items()]


def _held(mean: bool, holds: int, every: int, who: str, what: str) -> str:
    if holds == 1 and not mean:
        return f"what one of {every} {what} says holds in no other"
    return agreement_text(holds, every, what).replace("what is said", f"what {who} says")
