"""Evidence that is planted into other people's data: two stories, each carried by a word in the text and a sticker.

Each slot always shows something, so that neither a longer text nor a sticker by itself gives a label away.
"""

from collections.abc import Mapping

from interplay.data.truth import Slot, Story

PLANTED_SLOTS: Mapping[str, Slot] = {
    "both_word": Slot("word", ("apple", "banana", "cherry", "lemon"), ("hammer", "pliers", "shovel", "ladder")),
    "both_sign": Slot("sign", tuple("☹😞😠😢"), tuple("☺😃😄😊")),
    "either_word": Slot("word", ("violin", "trumpet", "cello", "flute"), ("carrot", "onion", "pepper", "garlic")),
    "either_sign": Slot("sign", ("⚡",), tuple("☁☂☃❄")),
}

PLANTED_STORIES: Mapping[str, Story] = {
    "planted_both": Story(
        ("both_word", "both_sign"),
        {(True, True): 0.25, (True, False): 0.25, (False, True): 0.25, (False, False): 0.25},
        frozenset({(True, True)}),
        all_of_it=True,
        score="sii",
    ),
    "planted_either": Story(
        ("either_word", "either_sign"),
        {(True, True): 0.32, (True, False): 0.04, (False, True): 0.04, (False, False): 0.60},
        frozenset({(True, True), (True, False), (False, True)}),
        score="redundancy_gap",
    ),
}
