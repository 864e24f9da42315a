"""The one name that every word, patch and other feature has: on pages, in findings, in figures and in the what-if.

A name holds text of the data, so characters that draw nothing or turn the writing direction are spelled out, and the
text is set apart by isolating characters, so that a right-to-left word does not reorder the numbers beside it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interplay.modalities import MODALITIES, Panel
from interplay.report.tables import grid_places
from interplay.results import Explanation, Feature, Input, Pair

ISOLATE, POP = "\u2068", "\u2069"
_HIDDEN = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff]"
)
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
LABEL, WORD, TITLE, FEATURE = 40, 60, 40, 60
"""Most characters of a label, of the word around a piece, of a modality's name and of a feature's own name."""
NEAR = 40  # characters to each side in which the word around a piece is looked for


@dataclass(frozen=True)
class FeatureName:
    """How a feature is called.

    Attributes:
        label: alone: the text of a token, or `row 2, column 3`.
        phrase: inside a sentence: the token in quotes, or `the patch in row 2, column 3`; with its modality where two
            are of a kind.
    """

    label: str
    phrase: str


def describe_features(explanation: Explanation, *, veiled: bool = False) -> list[FeatureName]:
    """The names of all features of an explanation, in their order.

    Args:
        explanation: whose features.
        veiled: whether texts of the sample must not be shown: words are then numbered.
    """
    return name_features(explanation.features, explanation.inputs, veiled=veiled)


def name_features(
    features: Sequence[Feature], inputs: Mapping[str, Input], *, veiled: bool = False
) -> list[FeatureName]:
    """The names of all features of a sample, in their order.

    Args:
        features: the features.
        inputs: modality -> what a person sees of it.
        veiled: whether texts of the sample must not be shown: words are then numbered.
    """
    places = grid_places(features)
    kinds = _kinds(features, inputs)
    times = Counter(kinds.values())
    seen: Counter[str] = Counter()
    out = []
    for at, feature in enumerate(features):
        seen[feature.modality] += 1
        kind, number = kinds[feature.modality], seen[feature.modality]
        panel = MODALITIES[kind].panel
        if panel == "features":
            name = _of_feature(feature, number)
        elif panel == "image":
            name = _of_patch(feature, number, places.get(at), veiled)
        else:
            source = inputs.get(feature.modality)
            name = _of_token(feature, number, (source and source.text) or "", veiled)
        if times[kind] > 1 and panel != "features":
            title = shorten(shorten(visible(feature.modality), 60), TITLE)
            name = FeatureName(name.label, f"{name.phrase} in {isolated(title)}")
        out.append(name)
    return out


def describe_pair(names: Sequence[FeatureName], pair: Pair) -> str:
    """Both names of a pair as plain text, without isolating characters: for terminals and files.

    Args:
        names: those of `describe_features`.
        pair: which one.
    """
    return without_isolates(f"{names[pair.i].phrase} and {names[pair.j].phrase}")


def without_isolates(text: str) -> str:
    """A text without isolating characters, for terminals and files.

    Args:
        text: with names of features.
    """
    return text.replace(ISOLATE, "").replace(POP, "")


def modality_kinds(explanation: Explanation) -> dict[str, str]:
    """Modality -> its kind; where its input is not known, boxes of patches mean that it is an image.

    Args:
        explanation: the explanation.
    """
    return _kinds(explanation.features, explanation.inputs)


def modality_panels(explanation: Explanation) -> dict[str, Panel]:
    """Modality -> how the page draws it.

    Args:
        explanation: the explanation.
    """
    return {name: MODALITIES[kind].panel for name, kind in modality_kinds(explanation).items()}


def visible(text: str) -> str:
    r"""The text with characters that turn their neighbours around spelled out; all of it where it shows nothing.

    >>> visible("a\u202eb"), visible("\u200b"), visible("")
    ('a⟨U+202E⟩b', '⟨U+200B⟩', '⟨empty⟩')

    Args:
        text: any text.
    """
    if any(not _HIDDEN.match(c) and c.strip() for c in text):
        return _TURNING.sub(lambda found: _code(found[0]), text)
    return "".join("␣" if c == " " else _code(c) for c in text[:4]) or "⟨empty⟩"


def shorten(text: str, limit: int) -> str:
    """At most about `limit` characters, with the start and the end kept.

    >>> shorten("abcdefghijkl", 10)
    'abcdefg…kl'

    Args:
        text: any text.
        limit: how many characters, about.
    """
    if len(text) <= limit:
        return text
    return f"{text[: -(-limit * 7 // 10)]}…{text[-(limit * 2 // 10) :]}"


def _kinds(features: Sequence[Feature], inputs: Mapping[str, Input]) -> dict[str, str]:
    boxed = {f.modality for f in features if f.box is not None}
    names = dict.fromkeys([*inputs, *(f.modality for f in features)])
    return {name: inputs[name].kind if name in inputs else "image" if name in boxed else "text" for name in names}


def _of_token(feature: Feature, number: int, text: str, veiled: bool) -> FeatureName:
    if veiled:
        return FeatureName(f"word {number}", f"word {number}")
    start, end = feature.span or (0, 0)
    cut = text[start:end] if 0 <= start < end else ""
    label = shorten(visible(cut or (f"token {number}" if feature.text is None else _unmarked(feature.text))), LABEL)
    whole = _word_around(text, start, end) if cut else cut
    part = "" if whole == cut else f" (of {_quoted(shorten(visible(whole), WORD))})"
    return FeatureName(label, _quoted(label) + part)


def _of_patch(feature: Feature, number: int, place: tuple[int, int] | None, veiled: bool) -> FeatureName:
    if place:
        where = f"row {place[0]}, column {place[1]}"
        return FeatureName(where, f"the patch in {where}")
    if feature.text is None or veiled:
        return FeatureName(f"patch {number}", f"patch {number}")
    label = shorten(visible(feature.text), LABEL)
    return FeatureName(label, f"the patch {_quoted(label)}")


def _of_feature(feature: Feature, number: int) -> FeatureName:
    """A feature that is neither word nor patch has a name that includes its modality."""
    label = shorten(visible(f"{feature.modality} {number}" if feature.text is None else feature.text), FEATURE)
    return FeatureName(label, isolated(label))


def _word_around(text: str, start: int, end: int) -> str:
    """The word of which text[start:end] is a piece."""

    def part(at: int) -> bool:
        return 0 <= at < len(text) and unicodedata.category(text[at])[0] in "LNM"

    first, last = start, end
    if part(start):
        while first > start - NEAR and part(first - 1):
            first -= 1
    if part(end - 1):
        while last < end + NEAR and part(last):
            last += 1
    return text[first:last]


def _unmarked(piece: str) -> str:
    """Without the marks that tokenizers put on pieces of words."""
    bare = re.sub("^[ĠĊ▁]+", "", piece.removeprefix("##")).removesuffix("</w>")
    return bare or piece


def _code(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def isolated(text: str) -> str:
    """Text of the data set apart from the sentence around it, so that neither reorders the other.

    Args:
        text: what `visible` has made safe to show.
    """
    return f"{ISOLATE}{text}{POP}"


def _quoted(text: str) -> str:
    return f"“{isolated(text)}”"
