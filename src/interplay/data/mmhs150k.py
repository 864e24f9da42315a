"""The layout of MMHS150K: tweets with a picture, hate or not (single label).

`MMHS150K_GT.json` maps a tweet's id to its `tweet_text` and `labels`, the votes of three people (numbers of VOTES);
`img_resized/<id>.jpg` is the picture; `img_txt/<id>.json` holds `img_text` where the picture has text in it;
`splits/{train,val,test}_ids.txt` list the ids. A tweet is hate if most votes say so [paper].
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from interplay.data.benchmark import (
    HALVES,
    Official,
    Read,
    benchmark,
    collect,
    files_in,
    read_object,
    remarks,
    replace_surrogates,
    stop,
)
from interplay.data.options import ReaderOptions, parse_options
from interplay.data.sample import SPLITS, Dataset, ModalityKind, Options, Sample
from interplay.data.table_rows import read_text
from interplay.modalities.whole_files import looks_whole
from interplay.words import has_content

TRUTH = "MMHS150K_GT.json"
VOTES = ("NotHate", "Racist", "Sexist", "Homophobe", "Religion", "OtherHate")
BINARY = ("not_hate", "hate")
NO_TEXT = "-"
"""Stands for the text of a picture without text where that is a modality of its own: a sequence cannot be empty."""

SIZES = {"train": 134_823, "val": 5_000, "test": 10_000}
# Gomez et al. 2020. Its F is the best over thresholds, its accuracy the best mean over both classes.
PUBLISHED = {
    "FCM": {"best_f1": 0.704, "auroc": 0.734, "best_balanced_accuracy": 0.684},
    "text only": {"best_f1": 0.703, "auroc": 0.732, "best_balanced_accuracy": 0.683},
    "image only": {"best_f1": 0.667, "auroc": 0.589, "best_balanced_accuracy": 0.568},
}


def is_hate_speech(labels: Sequence[str]) -> bool:
    """Whether labels are those of this benchmark, wherever the data lie: its pictures and texts can offend.

    Args:
        labels: names of labels.
    """
    return set(labels) in (set(BINARY), set(VOTES))


class MmhsOptions(ReaderOptions):
    """How the benchmark is read.

    Attributes:
        image_text: what is done with the text in a picture: nothing, appended to the tweet's, or a modality `ocr`.
        labels: hate or not, or the six labels that people voted on.
    """

    image_text: Literal["none", "append", "modality"] = "none"
    labels: Literal["binary", "six"] = "binary"


@dataclass
class _Found:
    """Ids of samples that a note is about."""

    halves: list[str] = field(default_factory=list)
    other_votes: list[str] = field(default_factory=list)
    ties: list[str] = field(default_factory=list)
    no_image_text: list[str] = field(default_factory=list)
    broken_image_text: list[str] = field(default_factory=list)


def read_mmhs150k(path: str | Path, options: Options | None = None) -> Dataset:
    """The tweets of a folder, split by split as the lists name them.

    A tweet without picture, text, votes or entry, or whose picture or votes cannot be read, is skipped. One with other
    than three votes is kept: hate if more than half of its votes are. Of six labels, a tweet that is hate gets the kind
    of hate with the most votes, the one voted first where several have; so it is NotHate exactly where the binary label
    is not_hate. All of this is counted in the notes.

    Args:
        path: a folder or file.
        options: how to read it; the layout's defaults if None.

    Raises:
        DataError: a list or the truth cannot be read, or no tweet is left.
        ConfigError: an unknown option.
    """
    folder, chosen = Path(path), parse_options(MmhsOptions, options, "mmhs150k")
    truth = read_object(folder / TRUTH, 'an object {tweet id: {"tweet_text": ..., "labels": [...]}}')
    splits = {split: _ids(folder / "splits" / f"{split}_ids.txt") for split in SPLITS}
    pictures, texts = files_in(folder / "img_resized"), files_in(folder / "img_txt")
    found = _Found()

    def tweet(tweet_id: str, split: str) -> Sample | str:
        about = truth.get(tweet_id)
        if about is None:
            return f"not in {TRUTH}"
        if f"{tweet_id}.jpg" not in pictures:
            return "without a picture"
        votes = _votes(about)
        if isinstance(votes, str):
            return votes
        text = about.get("tweet_text")
        text = text if isinstance(text, str) else ""
        seen, broken = ("", False)
        if chosen.image_text != "none" and f"{tweet_id}.json" in texts:
            seen, broken = _image_text(folder / "img_txt" / f"{tweet_id}.json")
        if chosen.image_text == "append" and seen:
            text = f"{text}\n{seen}" if has_content(text) else seen
        if not has_content(text):
            return "without a text"
        if not looks_whole(folder / "img_resized" / f"{tweet_id}.jpg"):
            return "with a file that is no whole picture"
        _remark(found, tweet_id, [text, seen], votes, seen, broken)
        inputs: dict[str, str | Path] = {
            "text": replace_surrogates(text),
            "image": folder / "img_resized" / f"{tweet_id}.jpg",
        }
        if chosen.image_text == "modality":
            inputs["ocr"] = replace_surrogates(seen) or NO_TEXT
        label = BINARY[is_hate(votes)] if chosen.labels == "binary" else VOTES[kind_of_hate(votes)]
        return Sample(tweet_id, split, inputs, (label,))

    read = collect(splits, tweet, folder)
    read = Read(read.samples, (*read.notes, *_notes(found, chosen)))
    kinds: dict[str, ModalityKind] = {"text": "text", "image": "image"}
    if chosen.image_text == "modality":
        kinds["ocr"] = "text"
    official = Official("MMHS150K", SIZES, PUBLISHED if chosen.labels == "binary" else {})
    labels = BINARY if chosen.labels == "binary" else VOTES
    return benchmark(official, folder, kinds, labels, "single", read, chosen.model_dump())


def is_hate(votes: Sequence[int]) -> bool:
    """Whether more than half of the votes say hate: of three, at least two [paper].

    Args:
        votes: the votes of one tweet, as indices into VOTES.
    """
    return 2 * sum(vote != 0 for vote in votes) > len(votes)


def kind_of_hate(votes: Sequence[int]) -> int:
    """The index of the label among VOTES [ours]; `read_mmhs150k` says how it is chosen.

    Args:
        votes: the votes of one tweet, as indices into VOTES.
    """
    if not is_hate(votes):
        return 0
    return Counter(vote for vote in votes if vote).most_common(1)[0][0]  # of equals, the one that came first


def _ids(file: Path) -> list[str]:
    ids = [line.strip() for line in (read_text(file, stop) or "").split("\n")]
    return [tweet_id for tweet_id in ids if tweet_id]


def _votes(about: Any) -> list[int] | str:
    """The votes of one tweet, or the reason that there are none to be had."""
    votes = about.get("labels") if isinstance(about, dict) else None
    if votes is None or votes == []:
        return "without a vote"
    known = range(len(VOTES))
    if not isinstance(votes, list) or any(type(vote) is not int or vote not in known for vote in votes):
        return f"with votes that are no list of numbers from 0 to {len(VOTES) - 1}"
    return votes


def _image_text(file: Path) -> tuple[str, bool]:
    """(the text in the picture, whether its file is broken)."""
    try:
        text = json.loads(file.read_text(encoding="utf-8-sig"))["img_text"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "", True
    if not isinstance(text, str):
        return "", True
    return (text.strip() if has_content(text) else "", False)


def _remark(found: _Found, tweet_id: str, texts: list[str], votes: list[int], seen: str, broken: bool) -> None:
    """Remember what is odd about a tweet that is used."""
    hate = Counter(vote for vote in votes if vote).most_common(2)
    for ids, holds in (
        (found.halves, any(replace_surrogates(text) != text for text in texts)),
        (found.other_votes, len(votes) != 3),
        (found.ties, is_hate(votes) and len(hate) == 2 and hate[0][1] == hate[1][1]),
        (found.no_image_text, not seen and not broken),
        (found.broken_image_text, broken),
    ):
        if holds:
            ids.append(tweet_id)


def _notes(found: _Found, chosen: MmhsOptions) -> tuple[str, ...]:
    notes = {
        HALVES: found.halves,
        "with other than three votes: hate if more than half of the votes are": found.other_votes,
    }
    if chosen.labels == "six":
        notes["without a kind of hate that most voted for: of those with the most votes, the one voted first"] = (
            found.ties
        )
    if chosen.image_text != "none":
        instead = f": {NO_TEXT!r} takes its place" if chosen.image_text == "modality" else ""
        notes[f"without text in the picture{instead}"] = found.no_image_text
        notes[f"with a text of the picture that cannot be read{instead}"] = found.broken_image_text
    return remarks(notes)
