"""Tables: what is accepted, and that every fault is found and named."""

import csv
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from interplay.data.problems import Problem
from interplay.data.table import check_table, read_table, split_problems
from interplay.data.table_fields import hashed_split
from interplay.errors import DataError

TOML = 'name = "demo"\nlabel_kind = "multi"\nlabels = ["b", "a"]\n[modalities]\ntext = "text"\nimage = "image"\n'


def good_rows() -> list[dict[str, Any]]:
    rows = []
    for number, split in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2):
        labels = [["a", "b"], []][number % 2]
        rows.append({"id": f"s{number}", "split": split, "text": f"text {number}", "image": "p.png", "labels": labels})
    return rows


def write(folder: Path, rows: list[dict[str, Any]], form: str = "jsonl", toml: str | None = TOML) -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(folder / "p.png")
    if toml is not None:
        (folder / "dataset.toml").write_text(toml)
    file = folder / f"samples.{form}"
    if form == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows({k: "|".join(v) if k == "labels" else v for k, v in row.items()} for row in rows)
    return folder


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_good_table(tmp_path: Path, form: str) -> None:
    folder = write(tmp_path / "t", good_rows(), form)
    dataset = read_table(folder)
    assert (dataset.name, dataset.label_kind, dataset.labels) == ("demo", "multi", ("b", "a"))
    assert list(dataset.modalities.items()) == [("text", "text"), ("image", "image")]
    assert len(dataset.split("train")) == 4
    first = dataset.samples[0]
    assert first.labels == ("a", "b") and first.row == (2 if form == "csv" else 1)
    assert first.inputs == {"text": "text 0", "image": folder / "p.png"}
    assert check_table(folder) == []
    assert read_table(folder / f"samples.{form}").samples == dataset.samples


def test_guesses_are_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", good_rows(), toml=None)
    dataset = read_table(folder)
    assert (dataset.name, dataset.label_kind, dataset.labels) == ("mine", "multi", ("a", "b"))
    (said,) = check_table(folder)
    assert said.severity == "warning" and '"multi"' in said.problem and "alphabetical" in said.problem


def test_one_label_in_every_row_is_single(tmp_path: Path) -> None:
    rows = [{**row, "labels": "ab"[n % 2]} for n, row in enumerate(good_rows())]
    for form in ("csv", "jsonl"):
        assert read_table(write(tmp_path / form, rows, form, toml=None)).label_kind == "single"


def test_numbers_as_ids_and_labels(tmp_path: Path) -> None:
    rows = [{**row, "id": n, "labels": n % 2} for n, row in enumerate(good_rows())]
    dataset = read_table(write(tmp_path / "t", rows, toml=None))
    assert dataset.labels == ("0", "1") and dataset.samples[3].id == "3"


@pytest.mark.parametrize("name", ["val", "dev", "valid", "validation", "Validation"])
def test_names_of_the_validation_split(tmp_path: Path, name: str) -> None:
    rows = [{**row, "split": row["split"].replace("val", name)} for row in good_rows()]
    assert len(read_table(write(tmp_path / "t", rows)).split("val")) == 2


def test_hashed_split_is_fixed_and_near_its_shares(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "split"} for row in good_rows()]
    dataset = read_table(write(tmp_path / "t", rows))
    assert [s.split for s in dataset.samples] == [hashed_split(s.id) for s in dataset.samples]
    # Written down once: another version must not move a sample to another split.
    assert [hashed_split(str(n)) for n in range(8)] == HASHED
    names = [hashed_split(f"id {n}") for n in range(4000)]
    for split, share in (("train", 0.70), ("val", 0.15), ("test", 0.15)):
        assert abs(names.count(split) / 4000 - share) < 4 * (share * (1 - share) / 4000) ** 0.5


HASHED = ["train", "train", "val", "train", "train", "test", "test", "train"]


def test_several_columns_of_a_kind_in_declared_order(tmp_path: Path) -> None:
    toml = TOML.split("[modalities]")[0] + '[modalities]\nafter = "image"\ntitle = "text"\nbefore = "image"\n'
    rows = [{**row, "title": "t", "before": "p.png", "after": "p.png"} for row in good_rows()]
    dataset = read_table(write(tmp_path / "t", rows, toml=toml))
    assert list(dataset.modalities) == ["after", "title", "before"]
    assert list(dataset.samples[0].inputs) == ["after", "title", "before"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_bom_and_windows_newlines(tmp_path: Path, form: str) -> None:
    folder = write(tmp_path / "t", good_rows(), form)
    for file in (folder / f"samples.{form}", folder / "dataset.toml"):
        data = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        file.write_bytes(b"\xef\xbb\xbf" + data)
    assert check_table(folder) == []
    assert len(read_table(folder).samples) == 8


def test_evidence(tmp_path: Path) -> None:
    evidence = {"a": {"words": [[0, 4]], "cells": [[0, 0, 0.5, 0.25]]}}
    for form, value in (("csv", json.dumps(evidence)), ("jsonl", evidence)):
        rows: list[dict[str, Any]] = [{**row, "evidence": value} for row in good_rows()]
        got = read_table(write(tmp_path / form, rows, form)).samples[0].evidence["a"]
        assert got.words == ((0, 4),) and got.cells == ((0.0, 0.0, 0.5, 0.25),)


def test_paths_that_leave_the_folder_are_warned_of(tmp_path: Path) -> None:
    rows = good_rows()
    rows[0]["image"] = "../q.png"
    rows[1]["image"] = str(tmp_path / "q.png")
    folder = write(tmp_path / "t", rows)
    Image.new("RGB", (4, 4)).save(tmp_path / "q.png")
    read_table(folder)
    assert [(p.row, p.severity, p.column) for p in check_table(folder)] == [
        (1, "warning", "image"),
        (2, "warning", "image"),
    ]


def test_long_fields_and_line_numbers_of_a_csv(tmp_path: Path) -> None:
    rows = good_rows()
    rows[0]["text"] = 'first\nsecond, with a comma and a "quote"\r\nthird'
    rows[1]["text"] = "x" * 300_000
    limit = csv.field_size_limit()
    samples = read_table(write(tmp_path / "t", rows, "csv")).samples
    assert samples[0].inputs["text"] == rows[0]["text"] and len(str(samples[1].inputs["text"])) == 300_000
    assert [s.row for s in samples[:3]] == [2, 5, 6]
    assert csv.field_size_limit() == limit


Change = Callable[[Path, list[dict[str, Any]]], None]
CASES: dict[str, tuple[Change, str, str | None, int | None]] = {
    # what is done to the rows (row 3 is the third) -> a word of the message, the column, the row
    "picture missing": (lambda f, r: r[2].update(image="none.png"), "missing", "image", 3),
    "no path": (lambda f, r: r[2].update(image=""), "missing", "image", 3),
    "path is null": (lambda f, r: r[2].update(image=None), "missing", "image", 3),
    "path is a number": (lambda f, r: r[2].update(image=5), "path is 5", "image", 3),
    "path with zero byte": (lambda f, r: r[2].update(image="a\0b"), "path", "image", 3),
    "path too long": (lambda f, r: r[2].update(image="x" * 5000), "path|missing", "image", 3),
    "picture is a folder": (
        lambda f, r: (f / "dir.png").mkdir() or r[2].update(image="dir.png"),
        "missing or empty",
        "image",
        3,
    ),
    "empty picture": (lambda f, r: (f / "e.png").touch() or r[2].update(image="e.png"), "empty", "image", 3),
    "empty text": (lambda f, r: r[2].update(text=""), "empty", "text", 3),
    "blank text": (lambda f, r: r[2].update(text=" \n\t"), "blank", "text", 3),
    "text missing": (lambda f, r: r[2].pop("text"), "missing", "text", 3),
    "text is a list": (lambda f, r: r[2].update(text=["a"]), "the text is", "text", 3),
    "half a surrogate": (lambda f, r: r[2].update(text="a\ud800"), "surrogate", "text", 3),
    "unknown label": (lambda f, r: r[2].update(labels=["c"]), "'c' is not known", "labels", 3),
    "labels null": (lambda f, r: r[2].update(labels=None), "labels are None", "labels", 3),
    "label an object": (lambda f, r: r[2].update(labels={"a": 1}), "labels are", "labels", 3),
    "label twice": (lambda f, r: r[2].update(labels="a|b|a"), "twice", "labels", 3),
    "duplicate id": (lambda f, r: r[2].update(id="s1"), "also on row 2", "id", 3),
    "blank id": (lambda f, r: r[2].update(id=" "), "the id is", "id", 3),
    "unknown split": (lambda f, r: r[2].update(split="trian"), "'trian'", "split", 3),
    "split null": (lambda f, r: r[2].update(split=None), "None", "split", 3),
    "evidence of no label": (lambda f, r: r[2].update(evidence={"c": {}}), "'c'", "evidence", 3),
    "evidence outside": (lambda f, r: r[2].update(evidence={"a": {"words": [[0, 99]]}}), "outside", "evidence", 3),
    "evidence box": (lambda f, r: r[2].update(evidence={"a": {"cells": [[0, 0, 2, 2]]}}), "outside", "evidence", 3),
    "evidence not JSON": (lambda f, r: r[2].update(evidence="{"), "cannot be read", "evidence", 3),
    "evidence a list": (lambda f, r: r[2].update(evidence=[1]), "cannot be read", "evidence", 3),
    "evidence misspelt": (lambda f, r: r[2].update(evidence={"a": {"word": []}}), "word", "evidence", 3),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_rows(tmp_path: Path, case: str) -> None:
    change, message, column, row = CASES[case]
    folder, rows = write(tmp_path / "t", good_rows()), good_rows()
    change(folder, rows)
    write(folder, rows)
    with pytest.raises(DataError, match=message) as caught:
        read_table(folder)
    assert caught.value.row == row and caught.value.file and caught.value.fix
    found = [p for p in check_table(folder) if p.severity == "error"]
    assert [(p.column, p.row) for p in found] == [(column, row)]
    assert found[0].problem and found[0].fix


FILES: dict[str, tuple[str, bytes, str, int | None]] = {
    "empty": ("samples.jsonl", b"", "empty", None),
    "only a byte order mark": ("samples.csv", b"\xef\xbb\xbf", "empty", None),
    "only blanks": ("samples.jsonl", b"\n \n", "empty", None),
    "not JSON": ("samples.jsonl", b'{"id": "1"}\n{"id": \n', "not JSON", 2),
    "not an object": ("samples.jsonl", b"[1]\n", "list, not an object", 1),
    "nested too deep": ("samples.jsonl", b"[" * 100_000, "not JSON", 1),
    "number too long": ("samples.jsonl", b'{"id": ' + b"1" * 5000 + b"}", "not JSON", 1),
    "latin-1": ("samples.csv", b"id,text,labels\n1,caf\xe9,a\n", "not UTF-8", 2),
    "utf-16": ("samples.csv", "id,text,labels\n1,a,b\n".encode("utf-16"), "UTF-16", 1),
    "ragged": ("samples.csv", b"id,text,labels\n1,one,a\n2,two, too,a\n", "4 fields", 3),
    "short": ("samples.csv", b"id,text,labels\n1,one\n", "2 fields", 2),
    "open quote": ("samples.csv", b'id,text,labels\n1,"one,a\n2,two,a\n', "quotes", 2),
    "stray quote": ("samples.csv", b'id,text,labels\n1,"one"two,a\n', "quotes", 2),
    "header only": ("samples.csv", b"id,text,labels\n", "no rows", None),
    "header twice": ("samples.csv", b"id,text,text\n1,2,3\n", "repeats", 1),
    "semicolons": ("samples.csv", b"id;text;labels\n1;a;b\n", "commas", 1),
    "no labels": ("samples.csv", b"id,text\n1,b\n", "column is missing", None),
    "no modality": ("samples.csv", b"id,labels\n1,b\n", "no column `text`", None),
    "no label at all": ("samples.csv", b"id,text,labels\n1,b,\n", "no row has a label", None),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files(tmp_path: Path, case: str) -> None:
    name, data, message, row = FILES[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_table(tmp_path)
    assert caught.value.row == row and caught.value.file == tmp_path / name
    assert any(message in p.problem for p in check_table(tmp_path))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("name = ", "not TOML"),
        ("names = 'x'", "not known"),
        ("name = 3", "name is 3"),
        ("label_kind = 'many'", "'many'"),
        ("labels = []", "labels are"),
        ("labels = ['a', 'a']", "labels are"),
        ("labels = 'a'", "labels are"),
        ("modalities = 3", "modalities are 3"),
        ("[modalities]", "modalities are"),
        ("[modalities]\ntext = 'sound'", "modalities are"),
        ("[modalities]\ntext = 'text'\nid = 'text'", "meaning of its own"),
        ("[modalities]\ncaption = 'text'", "no such column"),
        ("labels = ['a']", "'b' is not known"),
        ("label_kind = 'single'", "has 2 labels"),
        ("", "empty"),
    ],
)
def test_bad_declarations(tmp_path: Path, toml: str, message: str) -> None:
    folder = write(tmp_path / "t", good_rows(), toml=toml)
    with pytest.raises(DataError, match=message):
        read_table(folder)
    assert any(message in p.problem for p in check_table(folder))


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    rows = good_rows()
    rows[0].update(text="", image="none.png", labels=["c"], split="x")
    rows[5].update(id="s1", text=" ")
    folder = write(tmp_path / "t", rows)
    with (folder / "samples.jsonl").open("a") as stream:
        stream.write("{broken\n")
    (folder / "cut.png").write_bytes((folder / "p.png").read_bytes()[:60])
    found = {(p.row, p.column) for p in check_table(folder) if p.severity == "error"}
    expected = {(1, c) for c in ("text", "image", "labels", "split")} | {(6, "id"), (6, "text"), (9, None)}
    assert found == expected


def test_pictures_are_decoded_once_and_progress_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", good_rows())
    Image.effect_noise((99, 99), 50).save(folder / "whole.png")
    (folder / "p.png").write_bytes((folder / "whole.png").read_bytes()[:3000])
    read_table(folder)  # opens none
    told: list[tuple[int, int]] = []
    found = check_table(folder, lambda done, total: told.append((done, total)))
    assert [p.row for p in found] == list(range(1, 9)) and all("cut short" in p.problem for p in found)
    assert told == [(n, 8) for n in range(1, 9)]


def test_splits_that_cannot_be_used(tmp_path: Path) -> None:
    def found(change: Callable[[list[dict[str, Any]]], None]) -> list[Problem]:
        rows = good_rows()
        change(rows)
        dataset = read_table(write(tmp_path / "t", rows))
        assert check_table(tmp_path / "t") == split_problems(dataset)
        return split_problems(dataset)

    assert found(lambda rows: None) == []
    (one,) = found(lambda rows: [row.update(split="val") for row in rows if row["split"] == "test"] and None)
    assert one.severity == "warning" and "'test'" in one.problem
    assert found(lambda rows: [r.update(split="val") for r in rows] and None)[0].severity == "error"
    (one,) = found(lambda rows: [row.update(labels=["a"]) for row in rows[:4]] and None)
    assert one.severity == "error" and "same labels: a" in one.problem
    (one,) = found(lambda rows: [row.update(labels=[]) for row in rows[4:6]] and None)
    assert one.severity == "warning" and "same labels: none" in one.problem
    (one,) = found(lambda rows: rows[0].update(labels=["a"]) or rows[2].update(labels=["a"]))
    assert one.severity == "warning" and "no row of the split 'train' has the label 'b'" in one.problem
    (one,) = found(lambda rows: [row["labels"].append("a") for row in rows[1:4:2]] and None)
    assert one.severity == "warning" and "every row" in one.problem


marks = st.sampled_from(['"', ",", "\n", "\r", "\0", "|", "\ufeff", "\x1c", "é", "\u2028", "{", "}", "[", "]", "1e999"])
lines = st.sampled_from(
    [
        "id,text,labels\n",
        "id,text,labels,split,evidence\n",
        "1,a,b\n",
        "2,b,a|b,train,{}\n",
        '{"id": 1, "text": "t", "labels": ["a"]}\n',
        '{"id": 2, "labels": null}\n',
        "{}\n",
    ]
)
pieces = marks | lines


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=8), st.sampled_from(["csv", "jsonl"]))
def test_any_file_is_read_or_refused_and_both_readers_agree(parts: list[str], form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"samples.{form}").write_bytes("".join(parts).encode())
        errors = [p for p in check_table(folder) if p.severity == "error" and p.file != Path(folder)]
        try:
            dataset = read_table(folder)
        except DataError:
            assert errors
        else:
            assert dataset.samples and not errors


@pytest.mark.parametrize("name", ["none", "note.txt", "both", "bare"])
def test_nothing_to_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / "bare").mkdir()
    (tmp_path / "both").mkdir()
    for form in ("csv", "jsonl"):
        (tmp_path / "both" / f"samples.{form}").write_text("x")
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / name)
    assert caught.value.file == tmp_path / name and caught.value.fix
    assert len(check_table(tmp_path / name)) == 1
