"""One check for every layout: notes are warnings, pictures are decoded, nothing raises."""

import re
import time
from pathlib import Path

import pytest
from tests.corpus.make import png_bomb, scans, tiff_tile
from tests.data.layouts import films, screens, tweets

from interplay.data.check import check_dataset
from interplay.data.enrico import TOPICS
from interplay.data.scenes import make_scenes
from interplay.data.table import check_table
from interplay.errors import ConfigError


def errors(path: Path) -> list[tuple[str, str]]:
    return [(p.file.name, p.problem) for p in check_dataset(path) if p.severity == "error"]


def test_a_table_is_checked_row_by_row(tmp_path: Path) -> None:
    make_scenes(tmp_path / "s", samples=10)
    (tmp_path / "s" / "samples.jsonl").write_text('{"id": "1"}\n{"id": "1"}\n')
    assert check_dataset(tmp_path / "s") == check_table(tmp_path / "s") != []
    assert check_dataset(tmp_path / "s" / "samples.jsonl") == check_table(tmp_path / "s" / "samples.jsonl") != []
    with pytest.raises(ConfigError, match=r"data\.label_column"):
        check_dataset(tmp_path / "s", {"plot": "first"})


def test_notes_are_warnings(tmp_path: Path) -> None:
    films(tmp_path / "f")
    (tmp_path / "f" / "dataset" / "0000003.json").unlink()
    done: list[tuple[int, int]] = []
    problems = check_dataset(tmp_path / "f", {"plot": "first"}, progress=lambda *at: done.append(at))
    assert done[-1] == (5, 5) and {p.severity for p in problems} == {"warning"}
    assert problems[0].problem.startswith("1 of 3 train samples is skipped: without a JSON file")
    assert any("all 1 rows of the split 'val' have the same labels" in p.problem for p in problems)


@pytest.mark.parametrize("layout", ["films", "screens", "tweets"])
def test_pictures_are_decoded(tmp_path: Path, layout: str) -> None:
    if layout == "films":
        broken = films(tmp_path) / "dataset" / "0000004.jpeg"
    elif layout == "screens":
        broken = screens(tmp_path, [(str(n), TOPICS[n % 2]) for n in range(20)]) / "wireframes" / "7.png"
    else:
        broken = tweets(tmp_path) / "img_resized" / "1063020048816660482.jpg"
    assert errors(tmp_path) == []
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    assert errors(tmp_path) == []  # skipped, and counted
    assert any("no whole picture" in p.problem and p.severity == "warning" for p in check_dataset(tmp_path))


BOMBS: dict[str, tuple[bytes, str]] = {
    "scans": (scans(2434), r"has 2,4\d\d scans"),
    "tile": (tiff_tile(32_768), "tiles of 32768 x 32768"),
    "pixels": (png_bomb(60_000), "would take"),
    "promise": (png_bomb(15_000), "in a file of"),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("layout", ["table", "films"])
def test_pictures_that_take_too_much_are_errors_before_they_are_decoded(tmp_path: Path, layout: str, name: str) -> None:
    """cases.md N: in datasets as in uploads."""
    data, message = BOMBS[name]
    if layout == "table":
        make_scenes(tmp_path / "d", samples=10)
        bomb = next((tmp_path / "d" / "images").iterdir())
    else:
        bomb = films(tmp_path / "d") / "dataset" / "0000004.jpeg"
    bomb.write_bytes(data)
    before = time.process_time()
    problems = check_dataset(tmp_path / "d")
    assert time.process_time() - before < 5  # the texts are tokenized too; the scans alone would take 37
    found = [p.problem for p in problems if p.file == bomb]
    if (layout, name) == ("films", "tile"):  # the others begin and end as whole files do, and are opened later
        assert any("with a poster that is no whole picture (the first: 0000004)" in p.problem for p in problems)
    else:
        assert any(re.search(message, problem) for problem in found) and not found[1:]


def test_what_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert errors(tmp_path / "none") == [("none", "there is nothing here")]
    (tmp_path / "empty").mkdir()
    assert errors(tmp_path / "empty") == [("empty", "no known dataset layout is here")]
    folder = films(tmp_path / "f")
    (folder / "split.json").write_text("{")
    ((name, problem),) = errors(folder)
    assert name == "split.json" and "not JSON" in problem
    table = screens(tmp_path / "e", [("1", "list"), ("2", "lists")]) / "design_topics.csv"
    (found,) = check_dataset(table.parent)
    assert (found.file, found.row) == (table, 3)
