"""The layout is found by what is there."""

import gc
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.layouts import films, tweets

import interplay
from interplay.data.registry import LAYOUTS, MARKS, layout_of, open_dataset
from interplay.data.scenes import make_scenes
from interplay.errors import DataError


def test_every_layout_has_its_marks() -> None:
    assert LAYOUTS.keys() == MARKS.keys()


def test_a_table_is_found(tmp_path: Path) -> None:
    scenes = make_scenes(tmp_path / "s", samples=3)
    assert open_dataset(tmp_path / "s") == scenes
    assert open_dataset(str(tmp_path / "s" / "samples.jsonl")).samples == scenes.samples


def test_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing here") as caught:
        open_dataset(tmp_path / "none")
    assert caught.value.file == tmp_path / "none"
    with pytest.raises(DataError, match=r"samples\.jsonl"):
        open_dataset(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match="no table"):
        open_dataset(tmp_path / "a.txt")


def test_datasets_are_named_in_their_own_room_alone() -> None:
    package = Path(interplay.__file__).parent
    files = [f for f in package.rglob("*") if f.suffix in (".py", ".js", ".j2") and package / "data" not in f.parents]
    named = re.compile(r"mm-?imdb|enrico|mmhs", re.IGNORECASE)
    assert len(files) > 50 and [f.name for f in files if named.search(f.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("layout, write", [("mmimdb", films), ("mmhs150k", tweets)])
def test_every_layout_is_found_by_its_mark(tmp_path: Path, layout: str, write: Callable[[Path], Path]) -> None:
    folder = write(tmp_path / "d")
    assert layout_of(folder) == layout and open_dataset(folder).samples == LAYOUTS[layout](folder, None).samples


def test_a_table_in_the_same_folder_comes_first(tmp_path: Path) -> None:
    made = make_scenes(tmp_path / "s", samples=3)
    (tmp_path / "s" / "split.json").write_text("{}")
    assert open_dataset(tmp_path / "s").samples == made.samples


def test_cycles_are_collected_again_after_reading_and_after_a_refusal(tmp_path: Path) -> None:
    make_scenes(tmp_path / "s", samples=3)
    open_dataset(tmp_path / "s")
    assert gc.isenabled()
    (tmp_path / "s" / "samples.jsonl").write_text("{")
    with pytest.raises(DataError):
        open_dataset(tmp_path / "s")
    assert gc.isenabled()
    gc.disable()
    try:
        with pytest.raises(DataError):
            open_dataset(tmp_path / "s")
        assert not gc.isenabled()
    finally:
        gc.enable()
