"""Datasets of the Hugging Face library become tables: real ones, saved on disk or in a folder of files."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from interplay.cli import app as cli
from interplay.data.check import check_dataset
from interplay.data.huggingface import import_huggingface
from interplay.data.registry import open_dataset
from interplay.data.table_fields import hashed_split
from interplay.errors import BadInput, DataError, RunExistsError


@pytest.fixture(autouse=True, scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No progress bars of the library, and its cache in a folder of the test."""
    before = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("cache")
    yield
    datasets.config.HF_DATASETS_CACHE = before


def encoded(form: str = "PNG", color: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (10, 8), color).save(buffer, form)
    return buffer.getvalue()


def rows(n: int, **change: list[Any]) -> dict[str, list[Any]]:
    return {
        "caption": [f"text {i}" for i in range(n)],
        "picture": [{"bytes": encoded(color=("red", "blue")[i % 2]), "path": None} for i in range(n)],
        "label": [i % 2 for i in range(n)],
        "extra": list(range(n)),
    } | change


def features(label: Any) -> datasets.Features:
    text, number = datasets.Value("string"), datasets.Value("int64")
    return datasets.Features({"caption": text, "picture": datasets.Image(), "label": label, "extra": number})


NAMES = datasets.ClassLabel(names=["dog", "cat"])


def saved(folder: Path, kind: Any = NAMES, n: int = 4, splits: tuple[str, ...] = (), **change: list[Any]) -> str:
    """What `save_to_disk` leaves, of one dataset or of several splits."""
    made = datasets.Dataset.from_dict(rows(n, **change), features(kind))
    (datasets.DatasetDict(dict.fromkeys(splits, made)) if splits else made).save_to_disk(folder)
    return str(folder)


def copied(source: str, folder: Path, **more: Any) -> Any:
    columns = {"text": ["caption"], "image": ["picture"], "labels": "label"} | more
    return import_huggingface(source, folder, **columns)


def test_classes_and_splits(tmp_path: Path) -> None:
    source = saved(tmp_path / "pets", splits=("train", "validation", "test"))
    told: list[tuple[int, int]] = []
    dataset = copied(source, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert dataset == open_dataset(tmp_path / "out") and dataset.notes == ()
    assert (dataset.name, dataset.labels, dataset.label_kind) == ("pets", ("dog", "cat"), "single")
    assert list(dataset.modalities.items()) == [("caption", "text"), ("picture", "image")]
    assert [s.split for s in dataset.samples] == ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    assert [s.id for s in dataset.samples[:2]] == ["train-000000", "train-000001"]
    assert [s.labels for s in dataset.samples[:2]] == [("dog",), ("cat",)]
    first = dataset.samples[1].inputs
    assert first["caption"] == "text 1" and isinstance(first["picture"], Path)
    assert first["picture"].read_bytes() == encoded(color="blue") and first["picture"].suffix == ".png"
    assert {p.severity for p in check_dataset(tmp_path / "out")} == {"warning"}  # every split holds the same rows
    assert [done for done, _ in told] == [*range(1, 13), 12] and told[-1] == (12, 12)
    assert not datasets.are_progress_bars_disabled()


LABELS: dict[str, tuple[Any, list[Any], str, tuple[str, ...], list[tuple[str, ...]]]] = {
    # feature, values -> kind, labels, those of each row
    "classes": (NAMES, [1, 0], "single", ("dog", "cat"), [("cat",), ("dog",)]),
    "lists of classes": (
        datasets.Sequence(datasets.ClassLabel(names=["z", "y", "x"])),
        [[2, 0], []],
        "multi",
        ("z", "y", "x"),
        [("x", "z"), ()],
    ),
    "texts": (datasets.Value("string"), [" b ", "a"], "single", ("a", "b"), [("b",), ("a",)]),
    "lists of texts": (
        datasets.List(datasets.Value("string")),
        [["b", "a", "b"], ["c"]],
        "multi",
        ("a", "b", "c"),
        [("b", "a"), ("c",)],
    ),
    "numbers": (datasets.Value("int64"), [3, 12], "single", ("12", "3"), [("3",), ("12",)]),
    "truth": (datasets.Value("bool"), [True, False], "single", ("false", "true"), [("true",), ("false",)]),
}


@pytest.mark.parametrize("label, values, kind, labels, each", LABELS.values(), ids=LABELS)
def test_labels_of_every_kind(tmp_path: Path, label: Any, values: Any, kind: str, labels: Any, each: Any) -> None:
    dataset = copied(saved(tmp_path / "d", label, n=2, label=values), tmp_path / "out")
    assert (dataset.label_kind, dataset.labels) == (kind, labels)
    assert [s.labels for s in dataset.samples] == each


def test_rows_that_cannot_be_used_are_left_out_and_told(tmp_path: Path) -> None:
    png = {"bytes": encoded(), "path": None}
    source = saved(
        tmp_path / "d",
        n=6,
        splits=("train", "validation", "test"),
        caption=["a", " ", None, "d", "e", "half \ufffd"],
        picture=[png, png, png, {"bytes": encoded()[:-30], "path": None}, None, png],
        label=[0, 1, 0, 1, 0, -1],
    )
    dataset = copied(source, tmp_path / "out")
    assert [s.id for s in dataset.samples] == ["train-000000", "val-000000", "test-000000"]
    assert dataset.notes[:3] == (
        "2 of the train rows are skipped: without a text in 'caption' (the first: train-000001); 1 remain.",
        "2 of the train rows are skipped: without a whole picture in 'picture' (the first: train-000003); 1 remain.",
        "1 of the train rows is skipped: without a label (the first: train-000005); 1 remain.",
    )
    assert len(dataset.notes) == 9
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3


@pytest.mark.parametrize(
    "splits, there, said",
    [
        ((), {"train", "val", "test"}, ["no split val: 15%", "no split test: 15%"]),
        (("train",), {"train", "val", "test"}, ["no split val: 15%", "no split test: 15%"]),
        (("everything",), {"train", "val", "test"}, ["no split val", "no split test"]),
        (("train", "test"), {"train", "val", "test"}, ["no split val: 15%"]),
        (("test",), {"test"}, []),
        (("train", "dev", "test", "unlabelled"), {"train", "val", "test"}, ["splits unlabelled are skipped"]),
    ],
)
def test_splits_that_are_missing(tmp_path: Path, splits: tuple[str, ...], there: set[str], said: list[str]) -> None:
    dataset = copied(saved(tmp_path / "d", n=40, splits=splits), tmp_path / "out", image=[])
    assert {s.split for s in dataset.samples} == there
    assert len(dataset.notes) == len(said) and all(w in n for w, n in zip(said, dataset.notes, strict=True))
    for sample in dataset.samples:
        own, moved = sample.id.split("-")[0], hashed_split(sample.id)
        free = own == "train" and moved not in {s.id.split("-")[0] for s in dataset.samples}
        assert sample.split == (moved if free else own)


def test_a_folder_of_files(tmp_path: Path) -> None:
    """Lines of JSON that name pictures by a path, read by `load_dataset` without types."""
    folder = tmp_path / "files"
    (folder / "pictures").mkdir(parents=True)
    for split, n in (("train", 5), ("validation", 3), ("test", 2)):
        lines = []
        for i in range(n):
            name = f"pictures/{n}-{i}.jpg"
            (folder / name).write_bytes(encoded("JPEG"))
            lines.append({"caption": f"{split} {i}", "picture": name, "label": ["ab"[i % 2]]})
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "pictures" / "5-3.jpg").unlink()
    dataset = copied(str(folder), tmp_path / "out")
    assert [len(dataset.split(s)) for s in ("train", "val", "test")] == [4, 3, 2]
    assert (dataset.label_kind, dataset.labels) == ("multi", ("a", "b"))
    assert "1 of the train rows is skipped: without a whole picture in 'picture'" in dataset.notes[0]
    assert {p.suffix for p in (tmp_path / "out" / "images").iterdir()} == {".jpg"}


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    """A folder a class, as `load_dataset` knows it."""
    for split in ("train", "validation", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "p" / split / name).mkdir(parents=True)
            (tmp_path / "p" / split / name / "1.jpg").write_bytes(encoded("JPEG"))
    dataset = copied(str(tmp_path / "p"), tmp_path / "out", text=[], image=["image"])
    assert dataset.labels == ("cat", "dog") and len(dataset.samples) == 6 and not dataset.notes
    assert [s.labels[0] for s in dataset.split("val")] == ["cat", "dog"]


def test_one_of_several_subsets(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    configs = "".join(f"- config_name: {n}\n  data_files: {n}.csv\n" for n in ("one", "two"))
    (tmp_path / "d" / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    for name in ("one", "two"):
        (tmp_path / "d" / f"{name}.csv").write_text("caption,label\n" + f"{name},x\n" * 30)
    dataset = copied(str(tmp_path / "d"), tmp_path / "out", image=[], subset="two")
    assert {s.inputs["caption"] for s in dataset.samples} == {"two"}
    with pytest.raises(DataError, match="cannot be opened"):
        copied(str(tmp_path / "d"), tmp_path / "out2", image=[])


@pytest.mark.parametrize(
    "values, names, each",
    [
        ([[1, 0, 1], [0, 1, 0]], "label_0 label_1 label_2", [("label_0", "label_2"), ("label_1",)]),
        ([[1.0, 0.0], [1.0, 1.0]], "label_0 label_1", [("label_0",), ("label_0", "label_1")]),
        ([[True, False], [False, False]], "label_0 label_1", [("label_0",), ()]),
        ([[0, 1, 2], [1]], "0 1 2", [("0", "1", "2"), ("1",)]),
    ],
    ids=str,
)
def test_lists_of_numbers_in_a_parquet_file(tmp_path: Path, values: Any, names: str, each: Any) -> None:
    """cases.md D; and F: a text that shows nothing is skipped and counted."""
    (tmp_path / "d").mkdir()
    texts = ["a storm", "calm", "\u200b", "\ufe0f "]
    for split in ("train", "validation", "test"):
        table = pa.table({"caption": texts, "label": [*values, *values]})
        pq.write_table(table, tmp_path / "d" / f"{split}.parquet")
    dataset = copied(str(tmp_path / "d"), tmp_path / "out", image=[])
    assert (dataset.labels, dataset.label_kind) == (tuple(names.split()), "multi")
    assert all([s.labels for s in dataset.split(split)] == each for split in ("train", "val", "test"))
    skipped = "2 of the train rows are skipped: without a text in 'caption' (the first: train-000002); 2 remain."
    assert dataset.notes[0] == skipped
    assert any("zeros and ones" in note for note in dataset.notes) == names.startswith("label_")


def test_pictures_in_archives_and_other_forms(tmp_path: Path) -> None:
    forms = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"]
    pictures = [{"bytes": encoded(form), "path": None} for form in forms]
    n = len(forms)
    dataset = copied(saved(tmp_path / "d", n=n, splits=("train", "test"), picture=pictures), tmp_path / "out")
    assert len(dataset.samples) == 2 * n
    suffixes = sorted(p.suffix for p in (tmp_path / "out" / "images").glob("test-*"))
    assert suffixes == sorted([".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ""])


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no such text": ({"text": ["captain"]}, BadInput, "no column 'captain'; expected one of caption, picture"),
    "no such label": ({"labels": "labels"}, BadInput, "no column 'labels'"),
    "nothing": ({"text": [], "image": []}, BadInput, "no column is named"),
    "twice": ({"text": ["caption", "caption"]}, BadInput, "named twice"),
    "as text and picture": ({"text": ["picture"]}, BadInput, "named twice"),
    "a column with a meaning": ({"text": ["split"]}, BadInput, "'split' has a meaning of its own"),
    "numbers as texts": ({"text": ["extra"]}, DataError, "no row can be used; .*without a text in 'extra'"),
}


@pytest.mark.parametrize("more, error, message", BAD.values(), ids=BAD)
def test_bad_columns(tmp_path: Path, more: dict[str, Any], error: type[Exception], message: str) -> None:
    source = saved(tmp_path / "d", splits=("train", "test"))
    with pytest.raises(error, match=message):
        copied(source, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists() and [p.name for p in tmp_path.iterdir()] == ["d"]


def test_splits_without_a_name_of_ours(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the splits are a, b"):
        copied(saved(tmp_path / "d", splits=("a", "b")), tmp_path / "out")
    with pytest.raises(BadInput, match="two of the splits validation, dev are the same"):
        copied(saved(tmp_path / "e", splits=("validation", "dev")), tmp_path / "out")


def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    source = saved(tmp_path / "d", splits=("train", "test"))
    copied(source, tmp_path / "out")
    with pytest.raises(RunExistsError):
        copied(source, tmp_path / "out")
    assert len(copied(source, tmp_path / "out", overwrite=True, image=[]).modalities) == 1


def test_sources_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "state.json").write_text("{")
    for source in (str(tmp_path / "empty"), str(tmp_path / "broken"), "nobody/has-this", str(tmp_path / "none")):
        with pytest.raises(DataError, match="cannot be opened"):
            copied(source, tmp_path / "out")


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "train.jsonl").write_text('{"caption": "a", "label": "x"}\n{"caption": ')
    with pytest.raises(DataError, match="a row cannot be read"):
        copied(str(tmp_path / "d"), tmp_path / "out", image=[])
    assert not (tmp_path / "out").exists()


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(BadInput, match=r'not installed.*pip install "interplay\[huggingface\]"'):
        copied("x", tmp_path / "out")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved(tmp_path / "d", n=30)
    words = ["interplay", "data", "import", source, str(tmp_path / "out"), "--text", "caption", "--image", "picture"]
    monkeypatch.setattr(sys, "argv", [*words, "--labels", "label"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert not ended.value.code and out.startswith("30 samples in ") and "Note: There is no split val" in err
    assert len(open_dataset(tmp_path / "out").samples) == 30
