"""The layout of ENRICO: the split is that of a naive transcription; topics, and what is missing."""

import random
from pathlib import Path

import pytest
from PIL import Image
from tests.data.layouts import screens

from interplay.data.enrico import CORRUPT, OFFICIAL, TOPICS, split_screens
from interplay.data.registry import open_dataset
from interplay.errors import ConfigError, DataError
from interplay.modalities.pictures import open_picture

NAMES = [str(n) for n in random.Random(0).sample(range(1000, 72_000), 20)]
ROWS = [(name, TOPICS[n % 20]) for n, name in enumerate(NAMES)]


def transcription(csv_order: list[str]) -> dict[str, list[str]]:
    """The published code's split, line by line: unusable rows out, keys shuffled with seed 42, cut at .65 and .8."""
    example_list = [name for name in csv_order if name not in ("50105", "50109")]
    keys = list(range(len(example_list)))
    random.seed(42)
    random.shuffle(keys)
    train = keys[: int(len(example_list) * 0.65)]
    val = keys[int(len(example_list) * 0.65) : int(len(example_list) * 0.8)]
    test = keys[int(len(example_list) * 0.8) :]
    return {name: [example_list[k] for k in part] for name, part in (("train", train), ("val", val), ("test", test))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A table of as many rows as the published one, with the two corrupt screens, and all pictures."""
    names = [str(n) for n in random.Random(7).sample([n for n in range(100, 72_000) if str(n) not in CORRUPT], 1458)]
    names[700:700] = ["50109"]
    names[3:3] = ["50105"]
    rows = [(name, TOPICS[int(name) % 20]) for name in names]
    return screens(tmp_path_factory.mktemp("enrico") / "data", rows), names


def test_the_published_split(whole: tuple[Path, list[str]]) -> None:
    folder, names = whole
    assert len(names) == 1460
    dataset = open_dataset(folder)
    got = {split: [s.id for s in dataset.split(split)] for split in ("train", "val", "test")}
    assert {split: len(ids) for split, ids in got.items()} == {"train": 947, "val": 219, "test": 292}
    assert got == transcription(names)
    assert not CORRUPT & {s.id for s in dataset.samples}
    # The first keys of the published order, which do not depend on the ids.
    usable = [name for name in names if name not in CORRUPT]
    assert [usable.index(i) for i in got["train"][:3]] == split_keys()[:3]


def test_the_split_of_tables_of_any_length() -> None:
    for n in range(60):
        names = [f"screen {k}" for k in range(n)]
        assert split_screens(names) == transcription(names)


def split_keys() -> list[int]:
    keys = list(range(1458))
    random.Random(42).shuffle(keys)
    return keys


def test_the_whole_benchmark_has_its_name_and_published_value(whole: tuple[Path, list[str]]) -> None:
    dataset = open_dataset(whole[0])
    assert dataset.name == "ENRICO" and dataset.published == {"I2MoE": {"accuracy": 0.4822}} and not dataset.notes
    assert dict(OFFICIAL.sizes) == {"train": 947, "val": 219, "test": 292}


def test_a_missing_picture_moves_no_other_screen(whole: tuple[Path, list[str]]) -> None:
    folder, names = whole
    split = transcription(names)
    lost = [folder / "screenshots" / f"{split['train'][5]}.jpg", folder / "wireframes" / f"{split['val'][0]}.png"]
    kept = [file.read_bytes() for file in lost]
    for file in lost:
        file.unlink()
    dataset = open_dataset(folder)
    for file, content in zip(lost, kept, strict=True):
        file.write_bytes(content)
    assert [s.id for s in dataset.split("train")] == split["train"][:5] + split["train"][6:]
    assert [s.id for s in dataset.split("val")] == split["val"][1:]
    assert dataset.notes == (
        f"1 of 947 train samples is skipped: without a screenshot (the first: {split['train'][5]}); 946 remain.",
        f"1 of 219 val samples is skipped: without a wireframe (the first: {split['val'][0]}); 218 remain.",
    )
    assert dataset.name == "data" and not dataset.published


def test_what_is_read(tmp_path: Path) -> None:
    folder = screens(tmp_path / "few screens", ROWS)
    dataset = open_dataset(folder)
    assert list(dataset.modalities.items()) == [("screenshot", "image"), ("wireframe", "image")]
    assert dataset.labels == TOPICS == tuple(sorted(TOPICS)) and len(TOPICS) == 20
    assert dataset.label_kind == "single"
    assert {s.id: s.labels for s in dataset.samples} == {name: (topic,) for name, topic in ROWS}
    assert {s.id: s.row for s in dataset.samples} == {name: n + 2 for n, name in enumerate(NAMES)}
    assert [len(dataset.split(split)) for split in ("train", "val", "test")] == [13, 3, 4]
    assert dataset.notes == ("design_topics.csv lists 20 usable screens, not 1,458: this is not the published split.",)
    assert split_screens([]) == {"train": [], "val": [], "test": []}


def test_wireframes_lie_on_white(tmp_path: Path) -> None:
    sample = open_dataset(screens(tmp_path, ROWS)).samples[0]
    wireframe = sample.inputs["wireframe"]
    assert isinstance(wireframe, Path)
    with Image.open(wireframe) as stored:
        assert stored.mode == "RGBA"
    seen = open_picture(wireframe)
    red, green, blue = seen.getpixel((0, 0))  # half of blue, on white
    assert seen.mode == "RGB" and blue == 255 and abs(red - 127) <= 1 and red == green


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    table = screens(tmp_path, ROWS) / "design_topics.csv"
    before = open_dataset(tmp_path)
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert open_dataset(tmp_path) == before


BAD = {
    "an unknown topic": ("screen_id,topic\n1,list\n2,lists\n", "the topic of screen '2' is 'lists'.*tutorial", 3),
    "a blank topic": ("screen_id,topic\n1,\n", "the topic of screen '1' is ''", 2),
    "a screen twice": ("screen_id,topic\n1,list\n2,menu\n1,list\n", "'1' is also on row 2", 4),
    "a blank id": ("screen_id,topic\n ,list\n", "blank", 2),
    "another column": ("screen,topic\n1,list\n", "'screen_id' is missing; there are screen, topic", None),
    "a field too many": ("screen_id,topic\n1,list\n2,list,x\n", "3 fields", 3),
    "an empty file": ("", "empty", None),
    "a header alone": ("screen_id,topic\n", "no sample can be used; none is listed", None),
    "no pictures": ("screen_id,topic\n1,list\n", "no sample can be used.*without a screenshot", None),
}


@pytest.mark.parametrize("table, message, row", BAD.values(), ids=BAD)
def test_bad_tables(tmp_path: Path, table: str, message: str, row: int | None) -> None:
    (tmp_path / "design_topics.csv").write_text(table)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(tmp_path)
    assert caught.value.row == row


def test_it_has_no_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key data\.plot.*'enrico': it has none"):
        open_dataset(screens(tmp_path, ROWS), {"plot": "first"})
