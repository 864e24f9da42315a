"""The layout is found by what is there."""

from pathlib import Path

import pytest

from interplay.data.registry import LAYOUTS, MARKS, open_dataset
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
