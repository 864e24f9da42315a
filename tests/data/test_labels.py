"""Labels however they are kept: one reader for every format (cases.md D, E, G and J, and more of each kind)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.data.labels import MISSING, label_name, near_equal, read_indicators, read_labels
from interplay.data.registry import open_dataset
from interplay.data.table import read_table
from interplay.words import strip_invisible

COLUMNS: dict[str, tuple[list[Any], list[tuple[str, ...] | None]]] = {
    # D: zeros and ones
    "multi-hot": ([[1, 0, 1], [0, 0, 0]], [("label_0", "label_2"), ()]),
    "multi-hot floats": ([[1.0, 0.0], [0.0, 1.0]], [("label_0",), ("label_1",)]),
    "multi-hot truth": ([[True, False], [True, True]], [("label_0",), ("label_0", "label_1")]),
    "multi-hot arrays": ([np.array([0, 1]), np.array([1, 1])], [("label_1",), ("label_0", "label_1")]),
    "class numbers": ([[0, 1], [2]], [("0", "1"), ("2",)]),
    "one class number": ([[0], [1]], [("0",), ("1",)]),
    # E: lists written as text
    "pandas": (["['storm', 'urgent']", "['calm']"], [("storm", "urgent"), ("calm",)]),
    "JSON": (['["storm", "urgent"]', "[]"], [("storm", "urgent"), ()]),
    "numpy": (["['storm' 'urgent']", "['calm']"], [("storm", "urgent"), ("calm",)]),
    "a tuple": (["('storm', 'urgent')"], [("storm", "urgent")]),
    "a set": (["{'urgent', 'storm'}"], [("storm", "urgent")]),
    "quotes": (['["it\'s", \'a "b"\']', "x"], [("it's", 'a "b"'), ("x",)]),
    "quotes escaped": (["['it\\'s', 'b']", '["say \\"b\\"", "c"]'], [("it's", "b"), ('say "b"', "c")]),
    "quotes escaped, numpy": (["['it\\'s' 'b']", '["say \\"b\\"" \'c\']'], [("it's", "b"), ('say "b"', "c")]),
    "backslashes, numpy": ([str(np.array(["a\\b", "c\n", "d"]))], [("a\\b", "c", "d")]),
    "other letters escaped": ([json.dumps(["café", "😀"]), "['caf\\xe9' '\\u732b']"], [("café", "😀"), ("café", "猫")]),
    "a backslash for nothing": (["['a\\d', 'b']", "['a\\d' 'b']"], [("a\\d", "b")] * 2),
    "numbers as text": (["[0, 2]", "[1]"], [("0", "2"), ("1",)]),
    "multi-hot as text": (["[1 0 1]", "[0 0 1]"], [("label_0", "label_2"), ("label_2",)]),
    "no list": (["[unknown]", "(maybe)", "{x"], [("[unknown]",), ("(maybe)",), ("{x",)]),
    # G: numbers and truth values, with gaps
    "floats": ([0.0, 1.0, None], [("0",), ("1",), None]),
    "floats as text": (["0.0", "1.0", ""], [("0",), ("1",), ()]),
    "numbers of numpy": ([np.int64(3), np.float64(2.0), np.float64("nan")], [("3",), ("2",), None]),
    "truth": ([True, False, None], [("true",), ("false",), None]),
    "truth as text": (["True", "FALSE", "true"], [("true",), ("false",), ("true",)]),
    "truth of numpy": ([np.bool_(True)], [("true",)]),
    "nullable": (list(pd.array([1, 0, None], dtype="Int64")), [("1",), ("0",), None]),
    "versions": (["1.0", "1.5"], [("1.0",), ("1.5",)]),
    # J: blanks
    "blanks": ([" cat", "cat ", "cat\u200b", "dog\u00a0", "\ufeffdog"], [("cat",)] * 3 + [("dog",)] * 2),
    "blanks in lists": ([["cat ", "dog\t"], ["\u2060cat"]], [("cat", "dog"), ("cat",)]),
    "blanks between bars": (["cat | dog|", "|"], [("cat", "dog"), ()]),
}


@pytest.mark.parametrize("values, rows", COLUMNS.values(), ids=COLUMNS)
def test_columns_of_every_kind(values: list[Any], rows: list[Any]) -> None:
    assert read_labels(values).rows == rows


@pytest.mark.parametrize(
    "value, reason",
    [
        (None, MISSING),
        (float("nan"), MISSING),
        (pd.NA, MISSING),
        (pd.NaT, MISSING),
        (0.5, "no whole number"),
        (float("inf"), "no whole number"),
        ({"a": 1}, "neither a text nor a number"),
        ([None], MISSING),
        ([["a"]], "neither a text nor a number"),
        (["a", " "], "a label is blank"),
        ("half \ud800", "surrogate"),
    ],
    ids=repr,
)
def test_what_is_no_label_is_named(value: Any, reason: str) -> None:
    column = read_labels([value, "sound"])
    assert column.rows == [None, ("sound",)] and reason in column.reasons[0]


def test_zeros_and_ones_take_declared_names() -> None:
    column = read_labels([[1, 0], [1, 1]], names=("storm", "calm"))
    assert column.rows == [("storm",), ("storm", "calm")] and column.names == ("storm", "calm")
    assert read_labels([[1, 0]], names=("three", "other", "names")).names == ("label_0", "label_1")


def test_columns_of_zeros_and_ones() -> None:
    rows = [{"a": 1, "b": "0"}, {"a": False, "b": 1.0}, {"a": "TRUE", "b": "1.0"}, {"a": 2, "b": 0}, {"a": 1}]
    column = read_indicators(["a", "b"], rows)
    assert column.rows == [("a",), ("b",), ("a", "b"), None, None] and column.several
    assert "'a' is 2" in column.reasons[3] and "'b' is None" in column.reasons[4]


def test_class_numbers_have_names() -> None:
    assert read_labels([1, 0, -1, 7, 1.0], classes=("dog", "cat")).rows == [("cat",), ("dog",), None, None, ("cat",)]
    assert read_labels([[1, 0], [0, 1]], classes=("dog", "cat")).rows == [("cat", "dog"), ("dog", "cat")]


def test_near_equal_names() -> None:
    assert near_equal(["cat", "Cat", "dog", "c\u0430t"]) == [["cat", "Cat"]]
    assert near_equal(["caf\u00e9", "cafe\u0301", "\ufb01x", "fix", "sci-fi", "Sci Fi", "scifi"]) == [
        ["caf\u00e9", "cafe\u0301"],
        ["\ufb01x", "fix"],
        ["sci-fi", "Sci Fi", "scifi"],
    ]
    assert near_equal(["1", "2", "-", "_"]) == []


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8).map(strip_invisible).filter(bool)
plain = names.filter(lambda n: "|" not in n and n[0] not in "[({" and n.casefold() not in ("true", "false"))
plain = plain.filter(lambda n: not n.replace(".", "").strip("+-").isdigit())


@given(st.lists(st.lists(names, max_size=3, unique=True), min_size=1, max_size=5))
def test_lists_of_names_come_through_json(rows: list[list[str]]) -> None:
    expected = [tuple(row) for row in rows]
    assert read_labels(rows).rows == expected
    written = [json.dumps(row) for row in rows]
    assert read_labels(written).rows == expected


@given(st.lists(st.lists(plain, max_size=3, unique=True), min_size=1, max_size=5))
def test_names_come_through_every_way_of_writing_them(rows: list[list[str]]) -> None:
    expected = [tuple(row) for row in rows]
    assert read_labels(["|".join(row) for row in rows]).rows == expected
    assert read_labels([str(row) for row in rows]).rows == expected
    assert read_labels([np.array(row, dtype=object) for row in rows]).rows == expected
    assert all(label_name(name) == name for row in rows for name in row)


FORMS = ["csv", "tsv", "jsonl", "parquet", "arrow"]


def write(folder: Path, form: str, labels: list[Any], around: str = "{}") -> None:
    """Eight rows as pandas writes them, with something around their ids."""
    frame = pd.DataFrame(
        {
            "id": [around.format(f"s{n}") for n in range(8)],
            "split": ["train"] * 4 + ["val", "val", "test", "test"],
            "text": [f"text {n}" for n in range(8)],
            "labels": labels,
        }
    )
    file = folder / f"samples.{form}"
    if form in ("csv", "tsv"):
        frame.to_csv(file, sep="\t" if form == "tsv" else ",")  # with the index, as people leave it
    elif form == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    elif form == "parquet":
        frame.to_parquet(file)
    else:
        frame.to_feather(file)


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_the_same_in_every_format(tmp_path: Path, form: str) -> None:
    labels = [["storm", "urgent"], ["calm"], [], ["storm"]] * 2
    write(tmp_path, form, labels)
    dataset = read_table(tmp_path)
    assert [list(s.labels) for s in dataset.samples] == labels
    assert (dataset.labels, dataset.label_kind) == (("calm", "storm", "urgent"), "multi")
    assert any("are lists written as text" in note for note in dataset.notes) == (form in ("csv", "tsv"))


@pytest.mark.parametrize("form", FORMS)
def test_blanks_around_labels_and_ids_are_stripped_in_every_format(tmp_path: Path, form: str) -> None:
    labels = ["cat", "cat ", "Cat", "cat\u200b", "dog\u00a0", "\u2060dog", "\u3000cat", "dog\u2003"]
    write(tmp_path, form, labels, around=" {}\u00a0\u200b")
    dataset = open_dataset(tmp_path)
    assert [s.labels[0] for s in dataset.samples] == ["cat", "cat", "Cat", "cat", "dog", "dog", "cat", "dog"]
    assert [s.id for s in dataset.samples] == [f"s{n}" for n in range(8)]
    assert any("nearly equal, and count as 2: 'Cat' (1 rows), 'cat' (4 rows)" in note for note in dataset.notes)
