"""The layout of MM-IMDb: films with plot, poster and genres (multi-label).

`split.json` lists the ids of train, dev and test; `dataset/<id>.json` holds `plot` (a list of texts) and `genres` (a
list), `dataset/<id>.jpeg` the poster. Labels are the genres that occur, in alphabetical order, without DROPPED
[paper]. Any folder of this layout can be read; published values belong to the whole benchmark alone.
"""

import json
from pathlib import Path
from typing import Any, Literal

from interplay.data.benchmark import (
    HALVES,
    Official,
    Read,
    benchmark,
    collect,
    files_in,
    read_object,
    remarks,
    replace_surrogates,
)
from interplay.data.labels import label_name
from interplay.data.options import ReaderOptions, parse_options
from interplay.data.sample import Dataset, ModalityKind, Options, Sample
from interplay.errors import DataError
from interplay.modalities.whole_files import looks_whole
from interplay.words import has_content

DROPPED = frozenset({"News", "Adult", "Talk-Show", "Reality-TV"})
"""Genres of too few films [paper]."""

SPLIT_KEYS = {"train": "train", "val": "dev", "test": "test"}

OFFICIAL = Official(
    "MM-IMDb",
    {"train": 15_552, "val": 2_608, "test": 7_799},
    {
        "GMU": {"micro_f1": 0.630, "macro_f1": 0.541},
        "MMBT": {"macro_f1": 0.616},
        "MulT": {"micro_f1": 0.5968, "macro_f1": 0.5141},
        "I2MoE (MulT)": {"micro_f1": 0.6100, "macro_f1": 0.5238},
        "sparse MoE on frozen tokens": {"micro_f1": 0.6703, "macro_f1": 0.5653},
    },
)


class MmimdbOptions(ReaderOptions):
    """`plot`: which plot of a film that has several."""

    plot: Literal["longest", "first"] = "longest"


def read_mmimdb(path: str | Path, options: Options | None = None) -> Dataset:
    """The films of a folder, split by split as `split.json` lists them.

    Films that lack a file or a plot, or whose poster or JSON cannot be read, are skipped, with a note for each reason;
    films of no genre are kept, without labels.

    Args:
        path: a folder or file.
        options: how to read it; the layout's defaults if None.

    Raises:
        DataError: `split.json` cannot be read or does not list all three splits, or no film is left.
        ConfigError: an unknown option.
    """
    folder, chosen = Path(path), parse_options(MmimdbOptions, options, "mmimdb")
    splits = _splits(folder / "split.json")
    there = files_in(folder / "dataset")
    found: dict[str, list[str]] = {HALVES: []}

    def film(film_id: str, split: str) -> Sample | str:
        if f"{film_id}.json" not in there:
            return "without a JSON file"
        if f"{film_id}.jpeg" not in there:
            return "without a poster"
        about = _about(folder / "dataset" / f"{film_id}.json")
        if isinstance(about, str):
            return about
        plots, genres = about
        if not plots:
            return "without a plot"
        if not looks_whole(folder / "dataset" / f"{film_id}.jpeg"):
            return "with a poster that is no whole picture"
        plot = max(plots, key=len) if chosen.plot == "longest" else plots[0]
        if replace_surrogates(plot) != plot:
            found[HALVES].append(film_id)
        inputs: dict[str, str | Path] = {
            "plot": replace_surrogates(plot),
            "poster": folder / "dataset" / f"{film_id}.jpeg",
        }
        return Sample(film_id, split, inputs, tuple(g for g in genres if g not in DROPPED))

    read = collect(splits, film, folder)
    labels = tuple(sorted({genre for sample in read.samples for genre in sample.labels}))
    if not labels:
        raise DataError("no film has a genre", expected="`genres` in the films' JSON", file=folder)
    read = Read(read.samples, (*read.notes, *remarks(found)))
    kinds: dict[str, ModalityKind] = {"plot": "text", "poster": "image"}
    return benchmark(OFFICIAL, folder, kinds, labels, "multi", read, chosen.model_dump())


def _splits(file: Path) -> dict[str, list[str]]:
    """Split -> ids in the order listed."""
    listed = read_object(file, 'an object {"train": [ids], "dev": [ids], "test": [ids]}')
    out = {}
    for split, key in SPLIT_KEYS.items():
        ids = listed.get(key)
        if not isinstance(ids, list) or not ids or not all(isinstance(i, str) and i.strip() for i in ids):
            came = "is missing" if key not in listed else "is empty" if ids == [] else "is no list of texts"
            raise DataError(f"{key!r} {came}", expected='ids as texts, as in ["0133093"]', file=file)
        out[split] = ids
    return out


def _about(file: Path) -> tuple[list[str], list[str]] | str:
    """(plots that are not empty, genres) of one film, or the reason that there are none to be had."""
    try:
        film: Any = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return "their JSON cannot be read"
    if not isinstance(film, dict):
        return "their JSON is no object"
    plots, genres = film.get("plot"), film.get("genres", [])
    if plots is None:
        return "without a plot"
    if genres is None:
        return "without genres: null"
    for key, value in (("plot", plots), ("genres", genres)):
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            return f"with {key!r} that is no list of texts"
    names = dict.fromkeys(label_name(replace_surrogates(genre)) for genre in genres if has_content(genre))
    return [plot for plot in plots if has_content(plot)], list(names)
