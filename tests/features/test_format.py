"""Stored features carry the version of their layout: those of today stay readable, newer ones are refused by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from interplay.errors import DataError
from interplay.features import store
from interplay.features.store import open_features

FROZEN = next((Path(__file__).parents[1] / "fixtures" / "run-v1" / "store").glob("text-*"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FROZEN, tmp_path / FROZEN.name))


def rewrite(folder: Path, **changes: object) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


def test_a_folder_stored_before_opens():
    stored = open_features(FROZEN)
    assert (len(stored.rows), stored.width) == (14, 384)
    values, valid = stored["scene-000000"]
    assert values.shape == (len(valid), 384) and valid.all() and np.isfinite(values.numpy()).all()


def test_a_newer_layout_is_refused_by_name(folder):
    rewrite(folder, layout="interplay/features/4")
    with pytest.raises(DataError) as error:
        open_features(folder)
    message = str(error.value)
    assert "written by a newer version of Interplay: interplay/features/4" in message
    assert "update, or encode into another feature store" in message and folder.name in message


def test_an_older_layout_is_upgraded_where_it_can_be(folder, monkeypatch):
    meta = json.loads((folder / "meta.json").read_text())
    rewrite(folder, layout="interplay/features/1", names=meta["ids"], ids=None)
    with pytest.raises(DataError, match=r"interplay/features/1 is no longer read"):
        open_features(folder)
    monkeypatch.setitem(store.UPGRADES, 1, lambda old: {**old, "ids": old["names"]})
    assert list(open_features(folder).rows) == meta["ids"]


@pytest.mark.parametrize("layout", ["interplay/runs/2", "interplay/features/", "interplay/features/two", "", 2, None])
def test_another_layout_is_named(folder, layout):
    rewrite(folder, layout=layout)
    with pytest.raises(DataError, match="the stored features are damaged") as error:
        open_features(folder)
    assert f"its layout is {str(layout)!r}" in str(error.value)


def test_features_of_layout_2_are_not_compared_but_must_be_finite(folder):
    values = np.fromfile(folder / "features.bin", np.float16)
    values[3] += 1
    values[-1] = np.nan
    values.tofile(folder / "features.bin")
    stored = open_features(folder)
    first, *_, last = stored.rows
    assert len(stored[first][0])
    with pytest.raises(DataError, match=rf"the stored features of sample '{last}' are not finite; delete this folder"):
        stored[last]
