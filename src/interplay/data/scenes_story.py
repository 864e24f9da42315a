"""The known truth of the scenes: which slots there are, how they are drawn, and when a story holds.

Everything a posterior needs is in `SLOTS` and `STORIES`: stories are drawn independently; a story's slots are drawn
together from its `joint`; a slot that is true shows one of its `yes` alternatives, else one of its `no`, each equally
likely. All else (filler words, other pictograms, places, sizes, colours) is independent of the stories.
"""

from collections.abc import Mapping

import numpy as np

from interplay.data.sample import Evidence
from interplay.data.truth import Slot, Story

SLOTS: Mapping[str, Slot] = {
    "praise": Slot(
        "word",
        ("wonderful", "lovely", "brilliant", "perfect", "fantastic", "amazing", "superb", "splendid"),
        ("usual", "normal", "regular", "ordinary", "typical", "routine", "standard", "daily"),
    ),
    "unhappy": Slot("sign", tuple("☹😞😠😢😟😧"), tuple("☺😃😄😊😁😉")),
    "storm_word": Slot(
        "word",
        ("thunder", "lightning", "storms", "hurricanes"),
        ("sunshine", "clouds", "rain", "snow", "fog", "wind"),
    ),
    "lightning": Slot("sign", ("⚡",), tuple("☁☂☃❄")),
    "urgent_word": Slot(
        "word",
        ("now", "immediately", "quickly", "instantly", "urgently"),
        ("later", "sometime", "eventually", "afterwards", "tomorrow"),
    ),
    # The filler objects look like its `no`.
    "animal_sign": Slot("sign", tuple("🐭🐮🐱🐵"), tuple("♥★♣♠♦♛☕☎✈✉✏✂♫♻⚑⚓⚖⚗⚙⚛⚜✿☘"), decoys=5),
    "night_word": Slot("word", ("night", "midnight", "nightfall"), ("noon", "midday", "lunch")),
    "moon": Slot("sign", tuple("☾☽"), tuple("☀☼")),
}

STORIES: dict[str, Story] = {
    # Together only: neither praise nor an unhappy face says it alone (a synergy, AND).
    "sarcasm": Story(
        ("praise", "unhappy"),
        {(True, True): 0.25, (True, False): 0.25, (False, True): 0.25, (False, False): 0.25},
        frozenset({(True, True)}),
        all_of_it=True,
        score="sii",
    ),
    # Either will do, and mostly both are there: each backs the other up (a redundancy, OR).
    "storm": Story(
        ("storm_word", "lightning"),
        {(True, True): 0.32, (True, False): 0.04, (False, True): 0.04, (False, False): 0.60},
        frozenset({(True, True), (True, False), (False, True)}),
        score="redundancy_gap",
    ),
    # In the text only.
    "urgent": Story(("urgent_word",), {(True,): 0.4, (False,): 0.6}, frozenset({(True,)})),
    # In the picture only.
    "animal": Story(("animal_sign",), {(True,): 0.4, (False,): 0.6}, frozenset({(True,)})),
    # Together only, and neither leans one way (XOR): the caption and the picture disagree on day or night.
    "mismatch": Story(
        ("night_word", "moon"),
        {(True, True): 0.25, (True, False): 0.25, (False, True): 0.25, (False, False): 0.25},
        frozenset({(True, False), (False, True)}),
        all_of_it=True,
        score="sii",
    ),
}

DEFAULT_STORIES = ("sarcasm", "storm", "urgent", "animal")

CAPTION = (
    "{owner} {praise} {event} {near} the {place} on {day} brings {storm_word} at {night_word}, "
    "so please {verb} {person} {urgent_word}."
)
"""Every slot takes one common word, so that a caption's length does not depend on the values of the slots."""

FILLERS: Mapping[str, tuple[str, ...]] = {
    "owner": ("my", "our", "your", "their", "his", "her"),
    "event": ("walk", "trip", "tour", "game", "visit", "parade", "party", "race", "journey", "concert"),
    "near": ("near", "by", "behind", "beside", "around"),
    "place": ("harbor", "station", "market", "park", "library", "museum", "bridge", "garden", "school", "hotel"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "verb": ("call", "text", "answer", "join", "tell"),
    "person": ("Anna", "Tom", "Maria", "Paul", "Emma", "James", "Lucy", "Peter", "Sarah", "David"),
}

PICTOGRAMS = 9
"""How many are in every picture: one for each sign slot, the rest filler objects, none twice."""


def draw_slots(rng: np.random.Generator) -> dict[str, bool]:
    """Draw the slots of every story, whichever stories are labels.

    Args:
        rng: where the randomness comes from.

    Returns:
        Slot -> whether it is true.
    """
    values: dict[str, bool] = {}
    for story in STORIES.values():
        outcomes = list(story.joint)
        chosen = outcomes[int(rng.choice(len(outcomes), p=list(story.joint.values())))]
        values |= dict(zip(story.slots, chosen, strict=True))
    return values


def holds(story: str, slots: Mapping[str, bool]) -> bool:
    """Whether the label of that name holds, by definition.

    Args:
        story: name of the story.
        slots: slot -> whether it is true.
    """
    return tuple(slots[name] for name in STORIES[story].slots) in STORIES[story].holds


def draw_caption(
    slots: Mapping[str, bool], rng: np.random.Generator, more: Mapping[str, str] | None = None
) -> tuple[str, dict[str, tuple[int, int]]]:
    """(caption, slot -> (start, end) of its word in it).

    Args:
        slots: slot -> whether it is true.
        rng: where the randomness comes from.
        more: filler that is a slot here -> its word.

    Returns:
        The caption, and slot -> (start, end) characters of its word.
    """
    words = {name: _pick(options, rng) for name, options in FILLERS.items()}
    words |= {name: draw_alternative(name, slots, rng) for name, slot in SLOTS.items() if slot.kind == "word"}
    words |= more or {}
    words["owner"] = words["owner"].capitalize()
    caption, spans = "", {}
    for piece in CAPTION.split("{"):
        name, closed, rest = piece.partition("}")
        if not closed:
            caption += piece
            continue
        if name in SLOTS or name in (more or {}):
            spans[name] = (len(caption), len(caption) + len(words[name]))
        caption += words[name] + rest
    return caption, spans


def draw_signs(slots: Mapping[str, bool], rng: np.random.Generator) -> tuple[list[str], dict[str, int]]:
    """(PICTOGRAMS different glyphs, slot -> its place in that list).

    Args:
        slots: slot -> whether it is true.
        rng: where the randomness comes from.

    Returns:
        PICTOGRAMS different glyphs, and slot -> its index in that list.
    """
    names = [name for name, slot in SLOTS.items() if slot.kind == "sign"]
    glyphs = [draw_alternative(name, slots, rng) for name in names]
    objects = [glyph for glyph in SLOTS["animal_sign"].no if glyph not in glyphs]
    chosen = rng.choice(len(objects), PICTOGRAMS - len(glyphs), replace=False)
    return glyphs + [objects[int(i)] for i in chosen], {name: i for i, name in enumerate(names)}


def draw_alternative(name: str, slots: Mapping[str, bool], rng: np.random.Generator) -> str:
    """Draw the word or glyph that a slot shows.

    Args:
        name: the slot.
        slots: slot -> whether it is true.
        rng: where the randomness comes from.
    """
    return _pick(SLOTS[name].yes if slots[name] else SLOTS[name].no, rng)


def evidence_of(
    story: Story,
    slots: Mapping[str, bool],
    spans: Mapping[str, tuple[int, int]],
    boxes: Mapping[str, tuple[float, float, float, float]],
) -> Evidence:
    """What carries a story that holds: words and cells of all its slots, or only of the true ones (`Story.all_of_it`).

    Args:
        story: a story that holds.
        slots: slot -> whether it is true.
        spans: slot -> (start, end) characters of its word.
        boxes: slot -> box of its sign.
    """
    carrying = [name for name in story.slots if story.all_of_it or slots[name]]
    return Evidence(
        words=tuple(spans[name] for name in carrying if name in spans),
        cells=tuple(boxes[name] for name in carrying if name in boxes),
    )


def _pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
