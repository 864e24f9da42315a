"""Stories of scenes in which no pair acts together, drawn only where they are labels: no pair may be claimed of them.

In two of them the label is drawn first and every slot given the label, so that what the slots say adds up on the logit,
whichever of them are seen. A slot of words takes the place of a filler of the caption; a sign is one pictogram more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from interplay.data.scenes_story import FILLERS
from interplay.data.truth import Slot, Story


def adding(slots: Sequence[str], share: float) -> Story:
    """A story whose label holds half of the time, and whose slots add evidence for or against it, each by itself.

    Args:
        slots: names of the slots.
        share: how often a slot is true where the label holds, and not true where it does not.
    """
    joint, chance = {}, {}
    for values in product((True, False), repeat=len(slots)):
        given = [prod(share if value == label else 1 - share for value in values) for label in (True, False)]
        joint[values], chance[values] = sum(given) / 2, given[0] / sum(given)
    holds = frozenset(values for values, p in chance.items() if p > 0.5)
    return Story(tuple(slots), joint, holds, chance=chance)


def halved(name: str) -> Slot:
    """A slot in place of a filler of the caption: the first half of its words say that it is true.

    Args:
        name: the filler.
    """
    words = FILLERS[name]
    return Slot("word", words[: len(words) // 2], words[len(words) // 2 :])


SPREAD = ("owner", "event", "near", "place", "person")

MORE_SLOTS: Mapping[str, Slot] = {
    "day": Slot("word", ("Saturday", "Sunday"), ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")),
    "peace": Slot("sign", ("☮", "✌"), ("⌂", "⚒")),
    "verb": Slot("word", ("call", "text"), ("answer", "join", "tell")),
    "skull": Slot("sign", ("☠",), ("☯", "✪")),
    **{name: halved(name) for name in SPREAD},
}

MORE_STORIES: dict[str, Story] = {
    # The weekend and a sign of peace both add to it, each by itself.
    "outing": adding(("day", "peace"), 0.9),
    # To call or text, unless a skull forbids it: the word alone where the label holds.
    "reachable": Story(
        ("verb", "skull"),
        {(True, True): 0.075, (True, False): 0.425, (False, True): 0.075, (False, False): 0.425},
        frozenset({(True, False)}),
    ),
    # Five words of the caption, none of which says much.
    "lively": adding(SPREAD, 0.8),
}


@dataclass(frozen=True)
class Drawn:
    """One of these stories in one scene.

    Attributes:
        holds: whether the label holds.
        slots: slot -> whether it is true.
        shown: slot -> the word or pictogram that shows it.
    """

    holds: bool
    slots: dict[str, bool]
    shown: dict[str, str]

    def of_kind(self, kind: str) -> dict[str, str]:
        """What is shown of slots of one kind, "word" or "sign".

        Args:
            kind: which of the two.
        """
        return {name: what for name, what in self.shown.items() if MORE_SLOTS[name].kind == kind}


def draw_more(name: str, seed: int, index: int) -> Drawn:
    """Draw one of `MORE_STORIES` for one scene, from random numbers of its own.

    Args:
        name: the story.
        seed: of the dataset.
        index: number of the sample.
    """
    story = MORE_STORIES[name]
    rng = np.random.default_rng(np.random.SeedSequence([seed, index, 1 + list(MORE_STORIES).index(name)]))
    outcomes = list(story.joint)
    values = outcomes[int(rng.choice(len(outcomes), p=list(story.joint.values())))]
    slots = dict(zip(story.slots, values, strict=True))
    shown = {}
    for slot, value in slots.items():
        options = MORE_SLOTS[slot].yes if value else MORE_SLOTS[slot].no
        shown[slot] = options[int(rng.integers(len(options)))]
    return Drawn(bool(rng.random() < story.probability(values)), slots, shown)
