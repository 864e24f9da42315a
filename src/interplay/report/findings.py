"""What an explanation found, in one sentence."""

from collections.abc import Callable, Sequence

from interplay.report.claims import claim, percent
from interplay.report.names import (
    LABEL,
    describe_features,
    describe_pair,
    isolated,
    shorten,
    visible,
    without_isolates,
)
from interplay.report.ranking import Score, strongest
from interplay.results import Explanation, Pair
from interplay.results.explanation import Member

SURE = 0.6
"""A label of several is called likely at this probability or more, and unlikely at 1 - SURE or less."""
NAMES: dict[Score, str] = {"sii": "SII", "redundancy_gap": "redundancy gap"}


def finding(explanation: Explanation) -> str:
    """One line: the answer for the target, whether it is wrong, and what it rests on most of all (`report.claims`).

    Args:
        explanation: what to put into words.

    Returns:
        For example `scene-0042 is urgent at 99%: “immediately” alone; without it 3%`.
    """
    return f"{explanation.sample_id} {_answer(explanation)}: {without_isolates(claim(explanation).text)}"


def headline(explanation: Explanation, *, veiled: bool = False) -> str:
    """The same for the head of a page, which names the sample elsewhere; without a full stop.

    Args:
        explanation: what to put into words.
        veiled: whether texts of the sample must not be shown: words are then numbered.

    Returns:
        For example `urgent at 99%: “immediately” alone; without it 3%`. The label and names of features stand between
        isolating characters (`report.names`).
    """
    if explanation.target not in explanation.prediction:
        return f"{_called(explanation.target)}: {claim(explanation, veiled=veiled).text}"
    answer = _answer(explanation, _called).removeprefix("is ")
    return f"{answer}: {claim(explanation, veiled=veiled).text}"


def _called(label: str) -> str:
    return isolated(shorten(visible(label), LABEL))


def _answer(explanation: Explanation, called: Callable[[str], str] = str) -> str:
    """The target and its probability, never surer than that, and, where the truth is known, whether it is wrong.

    Of several models' mean also what each of them answers; where some of them predict it and others do not, or the
    mean does what none of them does, it only may be.
    """
    p, target = explanation.prediction[explanation.target], called(explanation.target)
    each, single, given = explanation.by_member, explanation.label_kind == "single", explanation.given
    truth = explanation.truth
    how = f"{percent(p)}, single models {_range(each)}" if each else percent(p)
    if explanation.written:
        return f"writes {target} ({percent(p)})"
    if only_may_be(explanation):
        known = "" if truth is None else " (it is)" if explanation.target in truth else " (it is not)"
        who = "the models are not sure" if each else "the model is not sure"
        who = "the models disagree" if _disagree(explanation) else who
        return f"may be {target}{known}, {who} ({how})"
    among = f" ({_range(each)} by single models)" if each else ""
    words = f"is {target} at {percent(p)}{among}" if given else f"is not {target} ({how})"
    if single and not given:
        words += f", but {called(max(explanation.prediction, key=lambda label: explanation.prediction[label]))}"
    return words + (", which is wrong" if truth is not None and given != (explanation.target in truth) else "")


def only_may_be(explanation: Explanation) -> bool:
    """Whether no more is said of the target than that it may be: the model is not sure, or its members disagree.

    Args:
        explanation: of any model.
    """
    if explanation.written:
        return False
    p = explanation.prediction[explanation.target]
    unsure = explanation.given and p < SURE if explanation.label_kind == "single" else 1 - SURE < p < SURE
    return unsure or _disagree(explanation)


def _disagree(explanation: Explanation) -> bool:
    return len({explanation.given, *(one.given for one in explanation.by_member)}) > 1


def _range(each: Sequence[Member]) -> str:
    """The least and the largest of several models' probabilities."""
    low, high = (percent(choose(one.probability for one in each)) for choose in (min, max))
    return low if low == high else f"{low.removesuffix('%')} to {high}"


def strongest_score(explanation: Explanation, score: Score) -> str | None:
    """The strongest pair by one score that is clear of 0, with its 95% interval; None if there is none.

    A score that is clear of 0 is no claim yet: large logits bend, and every bend is an interaction.

    Args:
        explanation: its pairs under its own value function.
        score: by which score.
    """
    if (best := strongest(explanation, score)) is None:
        return None
    pair, value, half = best
    return f"{describe(explanation, pair)}: {NAMES[score]} {value:+.2f} ± {half:.2f}"


def describe(explanation: Explanation, pair: Pair) -> str:
    """A pair in words, by the names that its features have everywhere (`report.names`).

    Args:
        explanation: whose pair.
        pair: which one.
    """
    return describe_pair(describe_features(explanation), pair)
