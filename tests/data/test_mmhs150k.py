"""The layout of MMHS150K: votes to labels, the text in pictures, and what is missing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.layouts import TWEETS, tweets

from interplay.data import mmhs150k
from interplay.data.mmhs150k import NO_TEXT, VOTES, is_hate, kind_of_hate
from interplay.data.registry import is_sensitive, open_dataset
from interplay.errors import ConfigError, DataError

IDS = list(TWEETS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tweets(tmp_path / "tweets")


def change(folder: Path, tweet: str, **about: Any) -> None:
    file = folder / "MMHS150K_GT.json"
    truth = json.loads(file.read_text())
    truth[tweet] |= about
    file.write_text(json.dumps(truth))


def test_what_is_read(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert [(s.id, s.split) for s in dataset.samples] == [(i, TWEETS[i][0]) for i in IDS]
    assert list(dataset.modalities.items()) == [("text", "text"), ("image", "image")]
    assert (dataset.labels, dataset.label_kind) == (("not_hate", "hate"), "single")
    assert [s.labels[0] for s in dataset.samples] == ["hate", "hate", "not_hate", "not_hate", "hate", "hate", "hate"]
    assert dataset.samples[0].inputs == {
        "text": "one https://t.co/a",
        "image": folder / "img_resized" / "1114679353714016256.jpg",
    }
    assert (dataset.name, dataset.notes, dict(dataset.published)) == ("tweets", (), {})
    assert dataset.options == {"image_text": "none", "labels": "binary"}
    assert is_sensitive(dataset.labels), "pages blur it until asked"


@given(votes=st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_hate_is_two_votes_of_three(votes: list[int]) -> None:
    """The published rule, and that the six labels agree with it and with every majority."""
    assert is_hate(votes) == (sum(vote > 0 for vote in votes) >= 2)
    assert (kind_of_hate(votes) > 0) == is_hate(votes)
    for vote in set(votes):
        if votes.count(vote) >= 2:
            assert kind_of_hate(votes) == vote


@pytest.mark.parametrize(
    "votes, hate, kind",
    [
        ([1], True, 1),
        ([0], False, 0),
        ([0, 3], False, 0),
        ([4, 3], True, 4),  # of equals, the one voted first
        ([3, 4], True, 3),
        ([2, 3, 0], True, 2),
        ([0, 5, 1], True, 5),
        ([0, 0, 2, 2], False, 0),
        ([0, 4, 2, 2], True, 2),
    ],
)
def test_other_numbers_of_votes(votes: list[int], hate: bool, kind: int) -> None:
    assert (is_hate(votes), kind_of_hate(votes)) == (hate, kind)


def test_six_labels(folder: Path) -> None:
    dataset = open_dataset(folder, {"labels": "six"})
    assert dataset.labels == VOTES == ("NotHate", "Racist", "Sexist", "Homophobe", "Religion", "OtherHate")
    got = [s.labels[0] for s in dataset.samples]
    assert got == ["Religion", "OtherHate", "NotHate", "NotHate", "Sexist", "Racist", "Homophobe"]
    (note,) = dataset.notes
    assert note.startswith("3 samples without a kind of hate that most voted for") and f"first: {IDS[0]}" in note


def test_rows_without_three_votes_are_kept_and_told(folder: Path) -> None:
    change(folder, IDS[1], labels=[5, 0])
    change(folder, IDS[2], labels=[3])
    dataset = open_dataset(folder)
    assert [s.labels[0] for s in dataset.samples[1:3]] == ["not_hate", "hate"]
    assert dataset.notes == (
        f"2 samples with other than three votes: hate if more than half of the votes are (the first: {IDS[1]}).",
    )


def test_text_in_pictures_is_appended(folder: Path) -> None:
    dataset = open_dataset(folder, {"image_text": "append"})
    assert dataset.samples[0].inputs["text"] == "one https://t.co/a\nIN THE PICTURE"
    assert [s.inputs["text"] for s in dataset.samples[1:5]] == [TWEETS[i][1] for i in IDS[1:5]]
    assert list(dataset.modalities) == ["text", "image"]
    assert dataset.notes == (f"5 samples without text in the picture (the first: {IDS[1]}).",)
    change(folder, IDS[0], tweet_text=" ")
    assert open_dataset(folder, {"image_text": "append"}).samples[0].inputs["text"] == "IN THE PICTURE"


def test_text_in_pictures_as_a_modality(folder: Path) -> None:
    (folder / "img_txt" / f"{IDS[6]}.json").write_text('{"img_text": ')
    dataset = open_dataset(folder, {"image_text": "modality"})
    assert list(dataset.modalities.items()) == [("text", "text"), ("image", "image"), ("ocr", "text")]
    assert [s.inputs["ocr"] for s in dataset.samples] == ["IN THE PICTURE", *[NO_TEXT] * 6]
    assert NO_TEXT.strip()
    assert dataset.samples[0].inputs["text"] == "one https://t.co/a"
    assert dataset.notes == (
        f"5 samples without text in the picture: '-' takes its place (the first: {IDS[1]}).",
        f"1 sample with a text of the picture that cannot be read: '-' takes its place (the first: {IDS[6]}).",
    )


@pytest.mark.parametrize("content", ["[]", '{"text": "x"}', '{"img_text": 3}', "", "null"])
def test_broken_texts_of_pictures(folder: Path, content: str) -> None:
    (folder / "img_txt" / f"{IDS[0]}.json").write_text(content)
    dataset = open_dataset(folder, {"image_text": "append"})
    assert dataset.samples[0].inputs["text"] == "one https://t.co/a"
    told = "cannot be read" if content else "6 samples without text"  # an empty file is none
    assert any(told in note and f"first: {IDS[0]}" in note for note in dataset.notes)


def test_a_folder_without_texts_of_pictures(folder: Path) -> None:
    for file in (folder / "img_txt").iterdir():
        file.unlink()
    (folder / "img_txt").rmdir()
    assert not open_dataset(folder).notes
    assert "7 samples without text in the picture" in open_dataset(folder, {"image_text": "append"}).notes[0]


def test_the_whole_benchmark(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mmhs150k.SIZES == {"train": 134_823, "val": 5_000, "test": 10_000}
    monkeypatch.setattr(mmhs150k, "SIZES", {"train": 3, "val": 2, "test": 2})
    whole = open_dataset(folder)
    assert whole.name == "MMHS150K"
    assert whole.published["FCM"] == {"best_f1": 0.704, "auroc": 0.734, "best_balanced_accuracy": 0.684}
    six = open_dataset(folder, {"labels": "six"})
    assert six.name == "MMHS150K" and not six.published  # measured on two labels


def drop(folder: Path, tweet: str) -> None:
    file = folder / "MMHS150K_GT.json"
    truth = json.loads(file.read_text())
    del truth[tweet]
    file.write_text(json.dumps(truth))


MISSING: dict[str, tuple[Callable[[Path], Any], str]] = {
    "the picture": (lambda f: (f / "img_resized" / f"{IDS[0]}.jpg").unlink(), "without a picture"),
    "an empty picture": (lambda f: (f / "img_resized" / f"{IDS[0]}.jpg").write_bytes(b""), "without a picture"),
    "the entry": (lambda f: drop(f, IDS[0]), "not in MMHS150K_GT.json"),
    "the text": (lambda f: change(f, IDS[0], tweet_text=" \n"), "without a text"),
    "a text that is null": (lambda f: change(f, IDS[0], tweet_text=None), "without a text"),
    "all votes": (lambda f: change(f, IDS[0], labels=[]), "without a vote"),
}


@pytest.mark.parametrize("spoil, reason", MISSING.values(), ids=MISSING)
def test_a_tweet_that_cannot_be_used_is_left_out_and_told(folder: Path, spoil: Any, reason: str) -> None:
    spoil(folder)
    dataset = open_dataset(folder)
    assert [s.id for s in dataset.split("train")] == IDS[1:3] and len(dataset.samples) == 6
    assert dataset.notes == (f"1 of 3 train samples is skipped: {reason} (the first: {IDS[0]}); 2 remain.",)


def test_ids_are_read_line_by_line(folder: Path) -> None:
    file = folder / "splits" / "train_ids.txt"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n\r\n") + b"999\n")
    dataset = open_dataset(folder)
    assert [s.id for s in dataset.split("train")] == IDS[:3]
    assert dataset.notes == ("1 of 4 train samples is skipped: not in MMHS150K_GT.json (the first: 999); 3 remain.",)


def test_texts_that_cannot_be_written_are_replaced(folder: Path) -> None:
    change(folder, IDS[0], tweet_text="half \udfff a pair")
    dataset = open_dataset(folder)
    assert dataset.samples[0].inputs["text"] == "half \ufffd a pair"
    assert "1 sample with half a surrogate pair" in dataset.notes[0]


ODD_VOTES: dict[str, tuple[dict[str, Any], str]] = {  # cases.md H
    "none of the six": ({"labels": [0, 6, 0]}, "with votes that are no list of numbers from 0 to 5"),
    "negative": ({"labels": [0, -1, 0]}, "with votes that are no list of numbers from 0 to 5"),
    "as text": ({"labels": ["0", "1", "1"]}, "with votes that are no list of numbers from 0 to 5"),
    "a list as text": ({"labels": "[0, 1, 1]"}, "with votes that are no list of numbers from 0 to 5"),
    "true": ({"labels": [True, 1, 1]}, "with votes that are no list of numbers from 0 to 5"),
    "fractions": ({"labels": [0.5, 1, 1]}, "with votes that are no list of numbers from 0 to 5"),
    "null": ({"labels": None}, "without a vote"),
    "no list": ({"labels": []}, "without a vote"),
    "a text of nothing": ({"tweet_text": "\u200b \ufe0f"}, "without a text"),
}


@pytest.mark.parametrize("odd, reason", ODD_VOTES.values(), ids=ODD_VOTES)
def test_a_tweet_that_cannot_be_used_is_skipped_and_counted(folder: Path, odd: dict[str, Any], reason: str) -> None:
    before = {s.id for s in open_dataset(folder).samples}
    change(folder, IDS[0], **odd)
    dataset = open_dataset(folder)
    assert before - {s.id for s in dataset.samples} == {IDS[0]}
    assert any(f"is skipped: {reason} (the first: {IDS[0]})" in note for note in dataset.notes)


def test_a_tweet_without_labels_is_skipped_and_counted(folder: Path) -> None:
    truth = json.loads((folder / "MMHS150K_GT.json").read_text())
    del truth[IDS[0]]["labels"]
    (folder / "MMHS150K_GT.json").write_text(json.dumps(truth))
    assert any(f"without a vote (the first: {IDS[0]})" in note for note in open_dataset(folder).notes)


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "an empty list of ids": (lambda f: (f / "splits" / "val_ids.txt").write_text(""), "the file is empty"),
    "no list of ids": (lambda f: (f / "splits" / "test_ids.txt").unlink(), "cannot be read"),
    "an id twice": (lambda f: (f / "splits" / "val_ids.txt").write_text(IDS[0]), "listed in train and again in val"),
    "no JSON": (lambda f: (f / "MMHS150K_GT.json").write_text('{"1": '), "not JSON"),
    "no object": (lambda f: (f / "MMHS150K_GT.json").write_text("[1]"), "holds list"),
    "nothing left": (lambda f: (f / "MMHS150K_GT.json").write_text("{}"), "no sample can be used; 3 of 3 train"),
    "no pictures": (lambda f: (f / "img_resized").rename(f / "img"), "no sample can be used.*without a picture"),
}


@pytest.mark.parametrize("spoil, message", BAD.values(), ids=BAD)
def test_bad_folders(folder: Path, spoil: Any, message: str) -> None:
    spoil(folder)
    with pytest.raises(DataError, match=message):
        open_dataset(folder)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"image_txt": "append"}, r"unknown key data\.image_txt \(did you mean data\.image_text\?\)"),
        ({"labels": "three"}, r"data\.labels.*'binary' or 'six'"),
    ],
)
def test_bad_options(folder: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_dataset(folder, options)
