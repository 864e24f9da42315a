"""The layout of ENRICO: app screens as screenshot and wireframe, of one of 20 topics (single label).

`design_topics.csv` (`screen_id,topic`), `screenshots/<id>.jpg`, `wireframes/<id>.png` (RGBA, laid on white). The split
is that of MultiBench, which I2MoE was measured on: rows in file order without the CORRUPT ones, shuffled with seed 42,
65 / 15 / 20 percent [I2MoE].
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from interplay.data.benchmark import Official, Read, benchmark, collect, files_in, stop
from interplay.data.options import ReaderOptions, parse_options
from interplay.data.sample import Dataset, ModalityKind, Options, Sample
from interplay.data.table_rows import read_rows
from interplay.errors import DataError
from interplay.modalities.whole_files import looks_whole
from interplay.words import strip_invisible

TABLE = "design_topics.csv"
CORRUPT = frozenset({"50105", "50109"})
"""Screens whose wireframes are damaged in the published files."""

TOPICS = (
    *("bare", "camera", "chat", "dialer", "editor", "form", "gallery", "list", "login", "maps"),
    *("mediaplayer", "menu", "modal", "news", "other", "profile", "search", "settings", "terms", "tutorial"),
)
OFFICIAL = Official("ENRICO", {"train": 947, "val": 219, "test": 292}, {"I2MoE": {"accuracy": 0.4822}})


def read_enrico(path: str | Path, options: Options | None = None) -> Dataset:
    """The screens of a folder, split by split.

    A screen that lacks a picture, or whose picture cannot be read, is skipped, with a note; the others stay in their
    splits.

    Args:
        path: the folder.
        options: none: the layout has no options.

    Raises:
        DataError: the table cannot be read, names a screen twice or a topic that is none of TOPICS; or no screen is
            left.
        ConfigError: there are options.
    """
    parse_options(ReaderOptions, options, "enrico")
    folder = Path(path)
    topics = _topics(folder / TABLE)
    splits = split_screens([screen for screen in topics if screen not in CORRUPT])
    shots, wires = files_in(folder / "screenshots"), files_in(folder / "wireframes")

    def screen(name: str, split: str) -> Sample | str:
        if f"{name}.jpg" not in shots:
            return "without a screenshot"
        if f"{name}.png" not in wires:
            return "without a wireframe"
        for what in ("screenshot", "wireframe"):
            if not looks_whole(folder / f"{what}s" / f"{name}.{'jpg' if what == 'screenshot' else 'png'}"):
                return f"with a {what} that is no whole picture"
        row, topic = topics[name]
        inputs: dict[str, str | Path] = {
            "screenshot": folder / "screenshots" / f"{name}.jpg",
            "wireframe": folder / "wireframes" / f"{name}.png",
        }
        return Sample(name, split, inputs, (topic,), row)

    read = collect(splits, screen, folder)
    listed, expected = sum(map(len, splits.values())), sum(OFFICIAL.sizes.values())
    if listed != expected:
        note = f"{TABLE} lists {listed} usable screens, not {expected:,}: this is not the published split."
        read = Read(read.samples, (note, *read.notes))
    kinds: dict[str, ModalityKind] = {"screenshot": "image", "wireframe": "image"}
    return benchmark(OFFICIAL, folder, kinds, TOPICS, "single", read, {})


def split_screens(screens: Sequence[str]) -> Mapping[str, list[str]]:
    """Split -> screens, of all usable screens in the table's order [I2MoE].

    Args:
        screens: ids of the usable screens.
    """
    keys = list(range(len(screens)))
    random.Random(42).shuffle(keys)
    first, second = int(0.65 * len(keys)), int(0.8 * len(keys))
    parts = {"train": keys[:first], "val": keys[first:second], "test": keys[second:]}
    return {split: [screens[key] for key in part] for split, part in parts.items()}


def _topics(table: Path) -> dict[str, tuple[int, str]]:
    """Screen -> (its row in the table, its topic), in the table's order."""
    columns, rows = read_rows(table, stop)
    if missing := [c for c in ("screen_id", "topic") if c not in columns]:
        came = f"the column {missing[0]!r} is missing; there are {', '.join(columns)}"
        raise DataError(came, expected="the columns screen_id and topic", file=table)
    out: dict[str, tuple[int, str]] = {}
    for row in rows:
        screen, topic = (strip_invisible(row.fields[column]) for column in ("screen_id", "topic"))
        if not screen:
            raise DataError("the screen_id is blank", expected="an id", file=table, row=row.line)
        if screen in out:
            came = f"the screen {screen!r} is also on row {out[screen][0]}"
            raise DataError(came, expected="every screen once", file=table, row=row.line)
        if topic not in TOPICS:
            came = f"the topic of screen {screen!r} is {topic!r}"
            raise DataError(came, expected=f"one of {', '.join(TOPICS)}", file=table, row=row.line)
        out[screen] = (row.line, topic)
    return out
