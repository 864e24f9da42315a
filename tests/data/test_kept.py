"""Tables as people keep them: odd columns, pictures inside, folders of pictures, shards (cases.md L and its kind)."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from interplay.data.check import look_over
from interplay.data.fix import write_clean
from interplay.data.huggingface import import_huggingface
from interplay.data.registry import layout_of, open_dataset
from interplay.data.sample import Dataset
from interplay.errors import BadInput, ConfigError, DataError

SPLITS = ["train", "train", "val", "test"] * 2


@pytest.fixture(autouse=True)
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that a table holds are kept beside the test."""
    monkeypatch.chdir(tmp_path)


def png(colour: int = 0) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (9, 7), (colour, 20, 90)).save(out, "PNG")
    return out.getvalue()


def write(folder: Path, text: str, toml: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "samples.csv").write_text(text)
    if toml:
        (folder / "dataset.toml").write_text(toml)
    return folder


def lines(header: str, row: str) -> str:
    """A header, and a row for each split with its number and a label."""
    rows = [row.format(n=n, split=split, label=["cat", "dog"][n % 2]) for n, split in enumerate(SPLITS)]
    return "\n".join([header, *rows]) + "\n"


KEPT = {
    "an index without a name": (lines(",id,split,text,labels", "{n},s{n},{split},text {n},{label}"), "without a name"),
    "trailing columns": (
        lines("id,split,text,labels,,", "s{n},{split},text {n},{label},,"),
        "2 columns without a name or any content",
    ),
    "a blank column between": (
        lines("id,,split,text,labels", "s{n}, ,{split},text {n},{label}"),
        "1 column without a name or any content",
    ),
    "trailing rows": (lines("id,split,text,labels", "s{n},{split},text {n},{label}") + ",,,\n,,,\n", "2 rows without"),
    "longer rows": (lines("id,split,text,labels", "s{n},{split},text {n},{label},,,"), ""),
    "label": (lines("id,split,text,label", "s{n},{split},text {n},{label}"), "'label' is taken for it"),
    "class": (lines("id,split,text,class", "s{n},{split},text {n},{label}"), "'class' is taken for it"),
    "capitals": (lines("ID,Split,Text,Label", "s{n},{split},text {n},{label}"), "'Text' is taken for it"),
    "blanks in the header": (lines(" id , split ,text ,labels", "s{n},{split},text {n},{label}"), ""),
    "no ids": (lines("split,text,labels", "{split},text {n},{label}"), "called by its line"),
    "blanks around ids": (lines("id,split,text,labels", " s{n}\u00a0, {split} ,text {n}, {label} "), ""),
}


@pytest.mark.parametrize("text, note", KEPT.values(), ids=KEPT)
def test_what_is_plainly_meant_is_read_and_noted(tmp_path: Path, text: str, note: str) -> None:
    folder = write(tmp_path / "d", text)
    dataset = open_dataset(folder)
    assert [s.split for s in dataset.samples] == SPLITS and dataset.labels == ("cat", "dog")
    assert [next(iter(s.inputs.values())) for s in dataset.samples] == [f"text {n}" for n in range(8)]
    if "id" in text.split("\n")[0].lower():
        assert [s.id for s in dataset.samples] == [f"s{n}" for n in range(8)]
    assert any(note in one for one in dataset.notes) if note else not dataset.notes
    check = look_over(folder)
    assert check.trainable and all(any(n.rstrip(".") == p.problem for p in check.problems) for n in dataset.notes)


ODD = lines("key,fold,caption,mood", "s{n},{split},text {n},{label}")


@pytest.mark.parametrize("how", ["declared", "options"])
def test_any_column_can_be_named(tmp_path: Path, how: str) -> None:
    toml = 'id_column = "key"\nsplit_column = "fold"\nlabel_column = "mood"\n[modalities]\ncaption = "text"\n'
    named = {"id_column": "key", "split_column": "fold", "label_column": "mood", "text_column": "caption"}
    folder = write(tmp_path / "d", ODD, toml if how == "declared" else "")
    dataset = open_dataset(folder, named if how == "options" else None)
    assert [s.id for s in dataset.samples][:2] == ["s0", "s1"] and dataset.labels == ("cat", "dog")
    assert [s.split for s in dataset.samples] == SPLITS and dict(dataset.modalities) == {"caption": "text"}
    assert dataset.options == (named if how == "options" else {}) and not dataset.notes


def test_columns_of_zeros_and_ones_are_labels(tmp_path: Path) -> None:
    text = lines("id,split,text,storm,calm", "s{n},{split},text {n},1,0").replace(
        "s3,test,text 3,1,0", "s3,test,x y,0,1"
    )
    for options, toml in (({"label_column": "storm,calm"}, ""), ({}, 'label_column = ["storm", "calm"]\n')):
        dataset = open_dataset(write(tmp_path / f"d{len(toml)}", text, toml), options)
        assert (dataset.labels, dataset.label_kind) == (("storm", "calm"), "multi")
        assert dataset.samples[0].labels == ("storm",) and dataset.samples[3].labels == ("calm",)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"label_column": "moods"}, "'moods': the table has no such column; did you mean mood"),
        ({"text_column": "kaption", "label_column": "mood"}, "did you mean caption"),
        ({"text_column": "mood", "label_column": "mood"}, "holds ids, splits or labels"),
        ({"id_column": "id"}, "no such column.*correct --id-column"),
        ({}, "column is missing.*--label-column"),
    ],
)
def test_columns_that_are_not_there_are_named_with_what_was_meant(tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(write(tmp_path / "d", ODD), options)
    with pytest.raises(ConfigError, match=r"did you mean data\.label_column"):
        open_dataset(tmp_path / "d", {"labels_column": "mood"})


def frame(**columns: Any) -> dict[str, Any]:
    plain = {"id": [f"s{n}" for n in range(8)], "split": SPLITS, "labels": ["cat", "dog"] * 4}
    return plain | columns


@pytest.mark.parametrize("how", ["bytes", "of the hub", "paths"])
def test_parquet_is_read_in_place_with_its_pictures(tmp_path: Path, how: str) -> None:
    (tmp_path / "d").mkdir()
    pictures: list[Any] = [png(n) for n in range(8)]
    if how == "of the hub":
        pictures = [{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(pictures)]
    if how == "paths":
        for n, data in enumerate(pictures):
            (tmp_path / "d" / f"{n}.png").write_bytes(data)
        pictures = [f"{n}.png" for n in range(8)]
    pq.write_table(pa.table(frame(image=pictures)), tmp_path / "d" / "samples.parquet")
    dataset = open_dataset(tmp_path / "d")
    assert [Path(s.inputs["image"]).read_bytes() for s in dataset.samples] == [png(n) for n in range(8)]
    assert dataset == open_dataset(tmp_path / "d") and look_over(tmp_path / "d").trainable
    assert [p.name for p in (tmp_path / "d").glob("*.parquet")] == ["samples.parquet"]


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset(tmp_path / "a.parquet")
    pq.write_table(pa.table(frame(image=[b""] + [png()] * 7)), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="path is missing") as caught:
        open_dataset(tmp_path / "b.parquet")
    assert caught.value.row == 1


@pytest.mark.parametrize("url", ["https://example.org/a.png", "s3://bucket/a.png", "data:image/png;base64,xx"])
def test_addresses_are_refused_with_the_reason(tmp_path: Path, url: str) -> None:
    text = lines("id,split,image,labels", 's{n},{split},"X",{label}').replace("X", url)
    with pytest.raises(DataError, match=r"the picture is a URL.*download the pictures"):
        open_dataset(write(tmp_path / "d", text))


@pytest.mark.parametrize("deep", [True, False])
def test_a_folder_a_class(tmp_path: Path, deep: bool) -> None:
    for split in ("train", "validation", "test") if deep else ("",):
        for name in ("cat", "dog"):
            for n in range(3):
                place = tmp_path / "pets" / split / name / f"{n}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(png(n))
    (tmp_path / "pets" / ".hidden").mkdir()
    (tmp_path / "pets" / ".hidden" / "x.png").write_bytes(png())
    dataset = open_dataset(tmp_path / "pets")
    assert dataset.labels == ("cat", "dog") and dataset.label_kind == "single" and dataset.name == "pets"
    assert len(dataset.samples) == (18 if deep else 6) and dict(dataset.modalities) == {"image": "image"}
    assert {s.labels[0] for s in dataset.samples if "/cat/" in f"/{s.id}"} == {"cat"}
    if deep:
        assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [6, 6, 6]
    (tmp_path / "pets" / "loose.png").write_bytes(png())
    with pytest.raises(DataError, match="the split is None" if deep else "the label is missing"):
        open_dataset(tmp_path / "pets")


def test_pictures_beside_a_table_are_no_classes(tmp_path: Path) -> None:
    for name in ("front", "back"):
        (tmp_path / "d" / name).mkdir(parents=True)
        (tmp_path / "d" / name / "1.png").write_bytes(png())
    assert layout_of(tmp_path / "d") == "table"
    (tmp_path / "d" / "films.csv").write_text(ODD)
    with pytest.raises(DataError, match=r"no known dataset layout.*give the table itself, .*films\.csv"):
        open_dataset(tmp_path / "d")


ROWS = [{"file_name": f"{n}.png", "text": f"text {n}", "label": ["cat", "dog"][n % 2]} for n in range(4)]


def with_metadata(folder: Path, kind: str, rows: list[dict[str, Any]] | None = None, pictures: int = 4) -> Path:
    """A folder of pictures as Hugging Face's `imagefolder` has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(pictures):
        (folder / f"{n}.png").write_bytes(png(n))
    rows = ROWS if rows is None else rows
    file = folder / f"metadata.{kind}"
    if kind == "jsonl":
        file.write_text("\n".join(map(json.dumps, rows)))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        header = {name: name for name in rows[0]}
        file.write_text("\n".join(",".join(str(one[name]) for name in header) for one in [header, *rows]))
    return folder


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("how", ["folder", "splits", "file"])
def test_folders_of_pictures_with_metadata(tmp_path: Path, kind: str, how: str) -> None:
    for split in ("train", "validation", "test") if how == "splits" else ("",):
        with_metadata(tmp_path / "pets" / split, kind)
    path = tmp_path / "pets" / f"metadata.{kind}" if how == "file" else tmp_path / "pets"
    assert layout_of(path) == "table"
    dataset = open_dataset(path)
    assert dict(dataset.modalities) == {"text": "text", "image": "image"} and dataset.labels == ("cat", "dog")
    assert len(dataset.samples) == (12 if how == "splits" else 4) and "`file_name` is taken" in " ".join(dataset.notes)
    for sample in dataset.samples:
        n = int(str(sample.inputs["text"])[-1])
        assert Path(sample.inputs["image"]).read_bytes() == png(n) and sample.labels == (["cat", "dog"][n % 2],)
    if how == "splits":
        assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [4, 4, 4]
    if how != "file":
        assert {sample.id.rpartition("/")[2] for sample in dataset.samples} == {f"{n}.png" for n in range(4)}
    assert open_dataset(path, {"image_column": "file_name"}).modalities == {"file_name": "image"}
    assert not [p for p in look_over(path).errors if "splits" not in (p.column or "") and p.row]


def bad_metadata(folder: Path, name: str) -> None:
    if name == "no picture":
        with_metadata(folder / "train", "csv", pictures=3)
    elif name == "no name":
        with_metadata(folder / "train", "jsonl", [*ROWS[:2], {"text": "a", "label": "cat"}])
    elif name == "an address":
        with_metadata(folder, "csv", [{**ROWS[0], "file_name": "https://example.org/1.png"}])
    elif name == "no file_name":
        with_metadata(folder, "csv", [{"picture": "0.png", "label": "cat"}])
    elif name == "two":
        with_metadata(with_metadata(folder / "train", "csv"), "jsonl")
    elif name == "broken":
        with_metadata(folder / "test", "jsonl")
        (folder / "test" / "metadata.jsonl").write_text('{"file_name": ')


@pytest.mark.parametrize(
    "name, message",
    [
        ("no picture", r"train/metadata\.csv, row 5.*3\.png is missing or empty"),
        ("no name", r"train/metadata\.jsonl, row 3.*the picture's path is missing"),
        ("an address", r"metadata\.csv, row 2.*the picture is a URL"),
        ("no file_name", r"no column `text` or `image`; there are picture, label"),
        ("two", r"several tables: train/metadata\.csv, train/metadata\.jsonl.*keep exactly one"),
        ("broken", r"test/metadata\.jsonl, row 1.*not JSON"),
    ],
)
def test_bad_metadata_is_refused_by_file_and_row(tmp_path: Path, name: str, message: str) -> None:
    bad_metadata(tmp_path / "d", name)
    with pytest.raises(DataError, match=message):
        open_dataset(tmp_path / "d")


def test_a_split_without_metadata_is_spoken_of(tmp_path: Path) -> None:
    with_metadata(tmp_path / "d" / "train", "csv")
    with_metadata(tmp_path / "d" / "test", "csv")
    (tmp_path / "d" / "test" / "metadata.csv").unlink()
    assert "folder test has no metadata.csv" in " ".join(open_dataset(tmp_path / "d").notes)


def shard(path: Path, start: int) -> None:
    with tarfile.open(path, "w") as archive:
        for n in range(start, start + 4):
            about = json.dumps({"caption": f"text {n}", "id": n}).encode()
            for ending, data in (("png", png(n)), ("json", about), ("cls", str(n % 2).encode()), ("txt", b"a text")):
                member = tarfile.TarInfo(f"{n:06d}.{ending}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("how", ["pattern", "folder", "file"])
def test_shards(tmp_path: Path, how: str) -> None:
    (tmp_path / "s").mkdir()
    for place, split in enumerate(("train", "val", "test")):
        shard(tmp_path / "s" / f"{split}-000.tar", 4 * place)
    path = {"pattern": tmp_path / "s" / "*.tar", "folder": tmp_path / "s", "file": tmp_path / "s" / "train-000.tar"}[
        how
    ]
    assert layout_of(path) == "table"
    dataset = open_dataset(path, {"text_column": "caption", "image_column": "image"})
    samples = {str(s.inputs["caption"]): s for s in dataset.samples}
    assert samples.keys() == {f"text {n}" for n in range(4 if how == "file" else 12)}
    assert dataset.labels == ("0", "1") and samples["text 1"].labels == ("1",)
    assert Path(samples["text 3"].inputs["image"]).read_bytes() == png(3)
    if how != "file":
        assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [4, 4, 4]
    data = (tmp_path / "s" / "train-000.tar").read_bytes()
    (tmp_path / "s" / "train-000.tar").write_bytes(data[:700])
    with pytest.raises(DataError, match="broken or cut short"):
        open_dataset(path)


IMPORTED: dict[str, tuple[Any, list[Any], tuple[str, ...], list[tuple[str, ...]], str]] = {
    # cases.md D, E and G: values -> labels, those of each row, a note
    "multi-hot": (
        datasets.List(datasets.Value("int64")),
        [[1, 0, 1], [0, 1, 0]],
        ("label_0", "label_1", "label_2"),
        [("label_0", "label_2"), ("label_1",)],
        "zeros and ones",
    ),
    "lists as text": (
        datasets.Value("string"),
        ["['storm', 'urgent']", "['calm']"],
        ("calm", "storm", "urgent"),
        [("storm", "urgent"), ("calm",)],
        "lists written as text",
    ),
    "floats": (datasets.Value("float64"), [0.0, 1.0], ("0", "1"), [("0",), ("1",)], "read as whole numbers"),
    "truth": (datasets.Value("bool"), [True, False], ("false", "true"), [("true",), ("false",)], ""),
}


@pytest.mark.parametrize("kind, values, labels, each, note", IMPORTED.values(), ids=IMPORTED)
def test_imported_labels(tmp_path: Path, kind: Any, values: Any, labels: Any, each: Any, note: str) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "y": kind})
    rows = {"text": ["a b", "c d", "e f"], "y": [*values, None]}
    made = datasets.Dataset.from_dict(rows, features)
    datasets.DatasetDict({"train": made, "validation": made, "test": made}).save_to_disk(tmp_path / "hub")
    dataset = import_huggingface(str(tmp_path / "hub"), tmp_path / "out", text=["text"], labels="y")
    assert dataset.labels == labels and [s.labels for s in dataset.split("train")] == each
    assert any("without a label (the first: train-000002)" in one for one in dataset.notes)
    assert not note or any(note in one for one in dataset.notes)


def test_a_run_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    with pytest.raises(DataError, match="a run lies here, no dataset"):
        open_dataset(tmp_path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table(frame(text=["x y"] * 8)), tmp_path / "a.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(BadInput, match=r"needs pyarrow.*interplay\[huggingface\]"):
        open_dataset(tmp_path / "a.parquet")


@pytest.mark.parametrize("fault", ["blank", "label", "picture"])
def test_a_bad_row_of_one_file_takes_no_row_of_another_with_it(tmp_path: Path, fault: str) -> None:
    for place, split in enumerate(("train", "validation", "test")):  # of other words and pictures: none leaks
        rows = [{**row, "text": f"{row['text']} {'xyz'[place] * 9}"} for row in ROWS]
        if split == "train" and fault != "picture":
            rows[1] = {**rows[1], **({"text": " "} if fault == "blank" else {"label": "cat|cat"})}
        folder = with_metadata(tmp_path / "pets" / split, "csv", rows)
        for n in range(4):
            noise = np.random.default_rng([place, n]).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{n}.png")
    if fault == "picture":
        (tmp_path / "pets" / "train" / "1.png").write_bytes(b"\x89PNG")
    found = look_over(tmp_path / "pets")
    assert {problem.row for problem in found.errors} == {3}
    clean, _ = write_clean(found, tmp_path / "clean")
    gone = {sample.id for sample in open_or_scan(tmp_path / "pets").samples} - {sample.id for sample in clean.samples}
    assert gone == {"train/1.png"}


def open_or_scan(path: Path) -> Dataset:
    """What can be read of a dataset, whatever is wrong with it."""
    dataset = look_over(path).dataset
    assert dataset is not None
    return dataset


@pytest.mark.parametrize("inside", [[], ["._0001.txt"]])
def test_a_shard_without_a_row_is_no_sound_dataset(tmp_path: Path, inside: list[str]) -> None:
    with tarfile.open(tmp_path / "train-0.tar", "w") as archive:
        for name in inside:
            archive.addfile(tarfile.TarInfo(name))
    (problem,) = look_over(tmp_path / "train-0.tar").errors
    assert "no rows" in problem.problem
    with pytest.raises(DataError, match="no rows"):
        open_dataset(tmp_path / "train-0.tar")
