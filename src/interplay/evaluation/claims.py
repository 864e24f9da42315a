"""Is what is said of one prediction true? Claims held against the planted evidence of a sample (METHOD 13) [ours]."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from interplay.data.sample import Evidence
from interplay.data.truth import Story
from interplay.report.claims import PAIR_KINDS, Claim, Kind
from interplay.results import Explanation, Feature
from interplay.results.validity import ClaimCheck, Estimate

TOUCH = 0.01
"""Share of a picture's side below which a patch and a cell only touch."""


def true_kind(story: Story, evidence: Evidence) -> Kind:
    """What a true claim says: of an OR with one of its two there, that it is alone.

    Args:
        story: the story whose label holds.
        evidence: what carries it in this sample.
    """
    pieces = len(evidence.words) + len(evidence.cells)
    if pieces == 1:
        return "alone"
    if story.chance is not None:
        return "both_add" if pieces == len(story.slots) == 2 else "many"
    return "together" if story.score == "sii" else "either"


def is_right(found: Claim, explanation: Explanation, story: Story, evidence: Evidence) -> bool:
    """Whether a claim is of the true kind, each feature it names lies on evidence, and no part of it goes unnamed.

    Of evidence that is spread over many features, a claim that names none, or their modality, is right.

    Args:
        found: what was claimed.
        explanation: of what.
        story: the story whose label holds.
        evidence: what carries it in this sample.
    """
    wanted = {name for name in ("words", "cells") if getattr(evidence, name)}
    true = true_kind(story, evidence)
    if true == "many" and found.kind == "modality":
        own = [f for f in explanation.features if f.modality == found.modality]
        return wanted == {"words" if own[0].span is not None else "cells"}
    parts = {_on(explanation.features[at], evidence) for at in found.features}
    return found.kind == true and (parts == wanted or (true == "many" and not parts))


def _on(feature: Feature, evidence: Evidence) -> str | None:
    """Which part of the evidence a feature lies on: "words" or "cells"; None if on none."""
    if feature.span is not None:
        start, end = feature.span
        return "words" if any(start < b and a < end for a, b in evidence.words) else None
    if feature.box is None:
        return None
    x0, y0, x1, y1 = feature.box
    met = any(min(x1, c) - max(x0, a) > TOUCH and min(y1, d) - max(y0, b) > TOUCH for a, b, c, d in evidence.cells)
    return "cells" if met else None


def summarise_claims(name: str, checked: Iterable[tuple[Kind, Kind, bool]]) -> list[ClaimCheck]:
    """One row for each kind that is true in some sample of a story.

    Args:
        name: name of the story.
        checked: of each sample the true kind, the kind that was said, and whether the claim is right.
    """
    by_truth: dict[Kind, list[tuple[Kind, bool]]] = {}
    for true, said, right in checked:
        by_truth.setdefault(true, []).append((said, right))
    rows = []
    for true, found in by_truth.items():
        n, share_right = len(found), float(np.mean([right for _, right in found]))
        # A few claims that are all right are no certainty: p (1 - p) counts as at least 1 / (4 n).
        se = float(np.sqrt(max(share_right * (1 - share_right), 0.25 / n) / n))
        kinds = Counter(said for said, _ in found)
        share = Estimate(mean=share_right, se=se, samples=n)
        rows.append(ClaimCheck(story=name, true=true, said=dict(kinds.most_common()), right=share))
    return rows


def claims_sentences(checks: Iterable[ClaimCheck], stories: Iterable[str]) -> list[str]:
    """How many first sentences are right, how often a pair is claimed where there is none, and what was not checked.

    Args:
        checks: rows of all stories that were checked.
        stories: names of the stories asked about.
    """
    checks = list(checks)
    left = [name for name in stories if name not in {c.story for c in checks}]
    why = "the model predicts none of them in a test sample where it holds"
    unchecked = [f"Claims of {', '.join(left)} were not checked: {why}"] if left else []
    samples = sum(c.right.samples for c in checks)
    if not samples:
        return unchecked
    right = sum(round((c.right.mean or 0) * c.right.samples) for c in checks)
    lonely = [c for c in checks if c.true not in PAIR_KINDS]
    without = sum(c.right.samples for c in lonely)
    pairs = sum(n for c in lonely for kind, n in c.said.items() if kind in PAIR_KINDS)
    said = f"Claims: the first sentence is right of {right} of {samples} samples whose label holds and is predicted"
    said += f"; a pair is claimed in {pairs} of {without} that have none" if without else ""
    return [said, *unchecked]
