"""What is written is read back the same, and never half."""

import errno
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from interplay.data.sample import SPLITS, Dataset, Evidence, Sample
from interplay.data.table import read_table
from interplay.data.table_write import new_folder, write_table
from interplay.errors import DataError, DiskFullError, RunExistsError
from interplay.words import has_content, strip_invisible

# Any Unicode but lone surrogates: commas, quotes, line breaks of every kind, zero bytes, right-to-left marks.
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30).filter(has_content)
names = words.map(strip_invisible)
units = st.floats(0, 1)


@st.composite
def evidences(draw: st.DrawFn, length: int) -> Evidence:
    spans = st.tuples(st.integers(0, length - 1), st.integers(1, length)).filter(lambda s: s[0] < s[1])
    boxes = st.tuples(units, units, units, units).filter(lambda b: b[0] < b[2] and b[1] < b[3])
    return Evidence(tuple(draw(st.lists(spans, max_size=2))), tuple(draw(st.lists(boxes, max_size=2))))


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """With two text columns and one of pictures, which lie at a fixed place."""
    labels = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
    kind = draw(st.sampled_from(["single", "multi"]))
    samples = []
    for sample_id in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        text = draw(words)
        number = draw(st.integers(1, 1) if kind == "single" else st.integers(0, len(labels)))
        held = tuple(draw(st.permutations(labels))[:number])
        evidence = {label: draw(evidences(len(text))) for label in held if draw(st.booleans())}
        inputs = {"picture": PICTURES / "sub folder" / "pícture.png", "the text": text, "ö": draw(words)}
        samples.append(Sample(sample_id, draw(st.sampled_from(SPLITS)), inputs, held, evidence=evidence))
    modalities: dict[str, Any] = {"picture": "image", "the text": "text", "ö": "text"}
    return Dataset(draw(names), PICTURES, modalities, labels, kind, samples)  # type: ignore[arg-type]


PICTURES = Path(tempfile.gettempdir()) / "nowhere"


def moved(dataset: Dataset, home: Path) -> Dataset:
    """The dataset with its pictures at `home` instead."""

    def move(value: str | Path) -> str | Path:
        return home / value.relative_to(dataset.source) if isinstance(value, Path) else value

    samples = [replace(s, inputs={k: move(v) for k, v in s.inputs.items()}, row=0) for s in dataset.samples]
    return replace(dataset, source=home, samples=samples)


@settings(max_examples=60, deadline=None)
@given(datasets())
def test_round_trip(dataset: Dataset) -> None:
    with tempfile.TemporaryDirectory() as made:
        home, target = Path(made) / "from", Path(made) / "deep" / "to"
        (home / "sub folder").mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(home / "sub folder" / "pícture.png")
        dataset = moved(dataset, home)
        written = write_table(dataset, target)
        assert moved(written, home) == dataset
        assert list(written.modalities) == list(dataset.modalities)
        assert read_table(target) == written
        # Once more, over itself: the same bytes.
        before = {p.relative_to(target): p.read_bytes() for p in target.rglob("*") if p.is_file()}
        write_table(written, target, overwrite=True)
        assert before == {p.relative_to(target): p.read_bytes() for p in target.rglob("*") if p.is_file()}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    home = tmp_path / "home"
    (home / "images").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    paths = [home / "images" / "a.png", tmp_path / "other" / "a.png", home / "pictures" / "000001.png"]
    (home / "pictures").mkdir()
    for number, path in enumerate(paths):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
    samples = [Sample(str(n), "train", {"image": path}, ("a",)) for n, path in enumerate(paths)]
    return Dataset("d", home, {"image": "image"}, ("a", "b"), "single", samples)


def test_pictures_keep_their_place_or_get_one_of_their_own(dataset: Dataset, tmp_path: Path) -> None:
    written = write_table(dataset, tmp_path / "to")
    values = [Image.open(str(s.inputs["image"])).getpixel((0, 0)) for s in written.samples]
    assert values == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    places = [Path(s.inputs["image"]).relative_to(tmp_path / "to").as_posix() for s in written.samples]
    assert places[0] == "images/a.png" and len(set(places)) == 3
    shutil.rmtree(tmp_path / "other")
    assert len(read_table(tmp_path / "to").samples) == 3


def test_nothing_is_overwritten_unasked(dataset: Dataset, tmp_path: Path) -> None:
    write_table(dataset, tmp_path / "to")
    (tmp_path / "to" / "mark").touch()
    with pytest.raises(RunExistsError):
        write_table(dataset, tmp_path / "to")
    assert (tmp_path / "to" / "mark").exists()
    write_table(dataset, tmp_path / "to", overwrite=True)
    assert not (tmp_path / "to" / "mark").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_table_is_never_removed(dataset: Dataset, tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.txt").write_text("keep")
    (tmp_path / "file").write_text("keep")
    for name in ("notes", "file"):
        with pytest.raises(RunExistsError):
            write_table(dataset, tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "notes" / "note.txt").read_text() == (tmp_path / "file").read_text() == "keep"


def test_an_empty_folder_is_free(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    assert len(write_table(dataset, tmp_path / "to").samples) == 3


BAD = {
    "missing picture": {"inputs": {"image": Path("none.png")}},
    "blank id": {"id": " "},
    "unknown label": {"labels": ("c",)},
    "two labels": {"labels": ("a", "b")},
    "half a surrogate": {"id": "\ud800"},
}


@pytest.mark.parametrize("case", BAD)
def test_a_sample_that_cannot_be_read_back_leaves_nothing(dataset: Dataset, tmp_path: Path, case: str) -> None:
    samples = [*dataset.samples[:2], replace(dataset.samples[2], **BAD[case])]  # type: ignore[arg-type]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError) as caught:
        write_table(replace(dataset, samples=samples), tmp_path / "to")
    assert ".to." not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_reserved_modality(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="labels"):
        write_table(replace(dataset, modalities={"labels": "text"}), tmp_path / "to")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError),
        (PermissionError(errno.EACCES, "no"), PermissionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failure_midway_leaves_the_old_table(
    dataset: Dataset, tmp_path: Path, raised: BaseException, expected: type[BaseException]
) -> None:
    write_table(dataset, tmp_path / "to")
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(expected), new_folder(tmp_path / "to", overwrite=True) as made:
        (made / "samples.jsonl").write_text(json.dumps({}))
        raise raised
    assert sorted(p for p in tmp_path.rglob("*")) == before
    assert len(read_table(tmp_path / "to").samples) == 3


def test_a_failed_swap_puts_the_old_table_back(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(dataset, tmp_path / "to")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target.name == "to" and not self.name.endswith(".old"):
            raise PermissionError(errno.EACCES, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(PermissionError):
        write_table(dataset, tmp_path / "to", overwrite=True)
    monkeypatch.undo()
    assert len(read_table(tmp_path / "to").samples) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "other", "to"]
