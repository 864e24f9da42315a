"""The layout of MM-IMDb: splits, genres, plots, and what is missing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.data.layouts import FILMS, films

from interplay.data import mmimdb
from interplay.data.mmimdb import read_mmimdb
from interplay.data.registry import open_dataset
from interplay.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return films(tmp_path / "some films")


def test_what_is_read(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert [(s.id, s.split) for s in dataset.samples] == [
        *[("0000003", "train"), ("0000001", "train"), ("0000002", "train")],
        *[("0000004", "val"), ("0000006", "test"), ("0000005", "test")],
    ]
    assert dataset.labels == ("Comedy", "Drama", "War", "Western") and dataset.label_kind == "multi"
    assert [s.labels for s in dataset.samples[:2]] == [("Drama", "Comedy"), ("War",)]
    assert dataset.samples[4].labels == ()  # News alone: kept, without a label
    assert list(dataset.modalities.items()) == [("plot", "text"), ("poster", "image")]
    assert dataset.samples[0].inputs["poster"] == folder / "dataset" / "0000003.jpeg"
    assert (dataset.name, dataset.source, dataset.notes, dict(dataset.published)) == ("some films", folder, (), {})
    assert dataset.options == {"plot": "longest"}


def test_which_plot(folder: Path) -> None:
    longest = [s.inputs["plot"] for s in open_dataset(folder).samples]
    assert longest == ["the longer plot", "a war", "only one", "on a farm", "the end", "yy"]  # of equals, the first
    first = open_dataset(folder, {"plot": "first"})
    assert [s.inputs["plot"] for s in first.samples] == ["short", "a war", "only one", "on a farm", "the end", "x"]
    assert first.options == {"plot": "first"}


def test_labels_are_those_of_films_that_are_used(folder: Path) -> None:
    (folder / "dataset" / "0000001.jpeg").unlink()
    assert "War" not in open_dataset(folder).labels


def test_the_whole_benchmark_has_its_name_and_published_values(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mmimdb.OFFICIAL.sizes == {"train": 15_552, "val": 2_608, "test": 7_799}
    assert sum(mmimdb.OFFICIAL.sizes.values()) == 25_959
    small = replace(mmimdb.OFFICIAL, sizes={"train": 3, "val": 1, "test": 2})
    monkeypatch.setattr(mmimdb, "OFFICIAL", small)
    whole = read_mmimdb(folder)
    assert whole.name == "MM-IMDb" and whole.published["GMU"] == {"micro_f1": 0.63, "macro_f1": 0.541}
    assert all(0 < v < 1 for values in whole.published.values() for v in values.values())
    (folder / "dataset" / "0000005.jpeg").unlink()
    part = read_mmimdb(folder)
    assert part.name == "some films" and not part.published


MISSING: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a JSON file": (lambda f: (f / "0000003.json").unlink(), "without a JSON file"),
    "a poster": (lambda f: (f / "0000003.jpeg").unlink(), "without a poster"),
    "an empty poster": (lambda f: (f / "0000003.jpeg").write_bytes(b""), "without a poster"),
    "broken JSON": (lambda f: (f / "0000003.json").write_text('{"plot": ["a"'), "their JSON cannot be read"),
    "not UTF-8": (lambda f: (f / "0000003.json").write_bytes(b'{"plot": ["\xff"]}'), "their JSON cannot be read"),
    "a list": (lambda f: (f / "0000003.json").write_text("[]"), "their JSON is no object"),
    "deep": (lambda f: (f / "0000003.json").write_text("[" * 100_000), "their JSON cannot be read"),
    "a plot that is a number": (lambda f: write(f, plot=[3]), "with 'plot' that is no list of texts"),
    "genres that are no list": (lambda f: write(f, genres="Drama"), "with 'genres' that is no list of texts"),
    "a plot that is a text": (lambda f: write(f, plot="A storm."), "with 'plot' that is no list of texts"),
    "genres with a number": (lambda f: write(f, genres=["Drama", 3]), "with 'genres' that is no list of texts"),
    "plot null": (lambda f: write(f, plot=None), "without a plot"),
    "genres null": (lambda f: write(f, genres=None), "without genres: null"),
    "a plot of nothing": (lambda f: write(f, plot=["\u200b", "\ufe0f"]), "without a plot"),
    "a poster cut short": (lambda f: cut(f / "0000003.jpeg"), "with a poster that is no whole picture"),
    "a poster that is a page": (
        lambda f: (f / "0000003.jpeg").write_text("<html>"),
        "with a poster that is no whole picture",
    ),
    "blank plots": (lambda f: write(f, plot=["", " \n"]), "without a plot"),
    "no plot": (lambda f: write(f, plot=[]), "without a plot"),
}


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def write(folder: Path, **change: Any) -> None:
    (folder / "0000003.json").write_text(json.dumps(FILMS["0000003"][1] | change))


@pytest.mark.parametrize("spoil, reason", MISSING.values(), ids=MISSING)
def test_a_film_that_cannot_be_used_is_left_out_and_told(folder: Path, spoil: Any, reason: str) -> None:
    spoil(folder / "dataset")
    dataset = open_dataset(folder)
    assert [s.id for s in dataset.split("train")] == ["0000001", "0000002"] and len(dataset.samples) == 5
    assert dataset.notes == (f"1 of 3 train samples is skipped: {reason} (the first: 0000003); 2 remain.",)


def test_several_reasons_in_several_splits(folder: Path) -> None:
    for name in ("0000003.jpeg", "0000002.jpeg", "0000001.json", "0000005.json"):
        (folder / "dataset" / name).unlink()
    assert open_dataset(folder, {"plot": "first"}).notes == (
        "2 of 3 train samples are skipped: without a poster (the first: 0000003); 0 remain.",
        "1 of 3 train samples is skipped: without a JSON file (the first: 0000001); 0 remain.",
        "1 of 2 test samples is skipped: without a JSON file (the first: 0000005); 1 remain.",
    )


def test_ids_that_are_in_no_folder(folder: Path) -> None:
    listed = json.loads((folder / "split.json").read_text())
    listed["dev"] = ["../../0000004", "9999999", *listed["dev"]]
    (folder / "split.json").write_text(json.dumps(listed))
    dataset = open_dataset(folder)
    assert [s.id for s in dataset.split("val")] == ["0000004"]
    assert "2 of 3 val samples" in dataset.notes[0] and "(the first: ../../0000004)" in dataset.notes[0]


def test_texts_that_cannot_be_written_are_replaced(folder: Path) -> None:
    write(folder / "dataset", plot=["half \ud800 a pair"], genres=["Dr\udc00ama", "Comedy", " Comedy "])
    dataset = open_dataset(folder)
    assert dataset.samples[0].inputs["plot"] == "half \ufffd a pair"
    assert dataset.samples[0].labels == ("Dr\ufffdama", "Comedy")
    assert dataset.notes == (
        "1 sample with half a surrogate pair in the text, replaced by U+FFFD (the first: 0000003).",
    )


def test_a_byte_order_mark_is_no_fault(folder: Path) -> None:
    for file in (folder / "split.json", folder / "dataset" / "0000003.json"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(open_dataset(folder).samples) == 6 and not open_dataset(folder).notes


SPLITS: dict[str, tuple[Any, str]] = {
    "no dev": ({"train": ["0000003"], "test": ["0000005"]}, "'dev' is missing"),
    "an empty split": ({"train": ["0000003"], "dev": [], "test": ["0000005"]}, "'dev' is empty"),
    "numbers": ({"train": [3], "dev": ["0000004"], "test": ["0000005"]}, "'train' is no list of texts"),
    "a text": ({"train": "0000003", "dev": ["0000004"], "test": ["0000005"]}, "'train' is no list of texts"),
    "twice": ({"train": ["0000003"], "dev": ["0000003"], "test": ["0000005"]}, "'0000003' is listed in train.*in val"),
    "twice in one": (
        {"train": ["0000003"] * 2, "dev": ["0000004"], "test": ["0000005"]},
        "in train and again in train",
    ),
    "a list": (["0000003"], "holds list"),
    "nothing there": ({"train": ["1"], "dev": ["2"], "test": ["3"]}, "no sample can be used; 1 of 1 train samples is"),
    "no genre": ({"train": ["0000006"], "dev": ["9"], "test": ["9000"]}, "no film has a genre"),
}


@pytest.mark.parametrize("listed, message", SPLITS.values(), ids=SPLITS)
def test_bad_lists_of_splits(folder: Path, listed: Any, message: str) -> None:
    (folder / "split.json").write_text(json.dumps(listed))
    with pytest.raises(DataError, match=message):
        open_dataset(folder)


@pytest.mark.parametrize("content, message", [(b"", "empty"), (b"{", "not JSON"), (b"\xff\xfe{", "not UTF-8")])
def test_a_list_of_splits_that_cannot_be_read(folder: Path, content: bytes, message: str) -> None:
    (folder / "split.json").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(folder)
    assert caught.value.file == folder / "split.json"


def test_a_folder_of_lists_alone(folder: Path) -> None:
    (folder / "dataset").rename(folder / "elsewhere")
    with pytest.raises(DataError, match="3 of 3 train samples are skipped: without a JSON file"):
        open_dataset(folder)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"plots": "first"}, r"unknown key data\.plots \(did you mean data\.plot\?\)"),
        ({"plot": "shortest"}, r"data\.plot.*'shortest'"),
    ],
)
def test_bad_options(folder: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_dataset(folder, options)
