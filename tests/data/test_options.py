"""How a reader is told to read: checked like the configuration, and written down with the run."""

from pathlib import Path
from typing import Literal

import pytest

from interplay.config import Config, config_toml, make_config, read_config
from interplay.data.options import ReaderOptions, parse_options
from interplay.data.registry import layout_of, open_dataset
from interplay.data.scenes import make_scenes
from interplay.errors import ConfigError


class Kinds(ReaderOptions):
    plot: Literal["longest", "first"] = "longest"
    most: int = 3


def test_defaults_are_filled_in() -> None:
    assert parse_options(Kinds, None, "x").model_dump() == {"plot": "longest", "most": 3}
    assert parse_options(Kinds, {"plot": "first"}, "x").model_dump() == {"plot": "first", "most": 3}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"plott": "first"}, r"unknown key data\.plott \(did you mean data\.plot\?\).*data\.plot, data\.most"),
        ({"zzz": 1}, r"unknown key data\.zzz \(no key is like it\)"),
        ({"plot": "shortest"}, r"data\.plot: .*'longest' or 'first' \(got 'shortest'\)"),
        ({"most": "many", "plit": 1}, r"data\.most: .*; unknown key data\.plit"),
    ],
)
def test_bad_options_are_named(options: dict[str, str | int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(Kinds, options, "x")


def test_a_table_knows_its_columns_alone(tmp_path: Path) -> None:
    made = make_scenes(tmp_path / "s", samples=10)
    assert layout_of(tmp_path / "s") == layout_of(tmp_path / "s" / "samples.jsonl") == "table"
    assert open_dataset(tmp_path / "s", {}) == made and not made.options and not made.notes and not made.published
    for path in (tmp_path / "s", tmp_path / "s" / "samples.jsonl"):
        with pytest.raises(ConfigError, match=r"unknown key data\.plot.*'table': data\.id_column, data\.split_column"):
            open_dataset(path, {"plot": "first"})


def test_options_are_part_of_the_configuration(tmp_path: Path) -> None:
    assert Config().data == {}
    config = make_config({"data": {"plot": "first", "most": 3, "share": 0.5, "strict": True}})
    (tmp_path / "c.toml").write_text(config_toml(config))
    again = read_config(tmp_path / "c.toml").data
    assert again == {"plot": "first", "most": 3, "share": 0.5, "strict": True} and again["strict"] is True
    with pytest.raises(ConfigError, match=r"data\.plot"):
        make_config({"data": {"plot": ["first"]}})
