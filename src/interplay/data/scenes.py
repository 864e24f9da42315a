"""The built-in dataset: captions and pictures generated with known truth (see `scenes_story`).

Each sample is drawn from its own seed, so that sample 17 is the same however many are made, whichever stories are
chosen as labels; the same seed gives the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from interplay.data.sample import SPLITS, Dataset, Sample
from interplay.data.scenes_draw import cell_box, draw_picture
from interplay.data.scenes_more import MORE_STORIES, draw_more
from interplay.data.scenes_story import (
    DEFAULT_STORIES,
    PICTOGRAMS,
    SLOTS,
    STORIES,
    draw_caption,
    draw_signs,
    draw_slots,
    evidence_of,
    holds,
)
from interplay.data.table import read_table
from interplay.data.table_write import new_folder, table_row, write_rows
from interplay.data.truth import GRID, Truth
from interplay.errors import DataError
from interplay.results import Box

# Of every ten samples: 7 train, 1 val, 2 test, mixed so that a few samples have all three.
_PATTERN = ("train", "test", "val", "train", "train", "train", "test", "train", "train", "train")


def make_scenes(
    folder: str | Path,
    samples: int | Mapping[str, int] = 3000,
    seed: int = 0,
    stories: Sequence[str] = DEFAULT_STORIES,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Write scenes to a new folder in the table layout and open it.

    Each sample's evidence, for every label that holds: sarcasm, the praising word and the unhappy face's cell; storm,
    the storm word and the lightning's cell as far as they are there; urgent, the word; animal, the cell; mismatch, the
    word of day or night and the cell of sun or moon; of `MORE_STORIES`, what speaks for them, where more does than
    speaks against them. `samples.jsonl` also has a column `truth` (see `read_truth`).

    Args:
        folder: a new folder.
        samples: how many, split 70/10/20 in a fixed pattern; or split -> how many, in the order train, val, test.
        seed: any whole number from 0.
        stories: which labels, in order; names of STORIES or MORE_STORIES. What others of STORIES are made of stays, as
            neutral content.
        overwrite: replace a table that is there already.
        progress: called with scenes drawn and their number.

    Raises:
        DataError: an argument out of range.
        RunExistsError: the folder is in use.
        DiskFullError: no room; nothing is left behind.
    """
    write_scenes(folder, samples, seed, stories, overwrite, progress)
    return read_table(folder)


def write_scenes(
    folder: str | Path,
    samples: int | Mapping[str, int] = 3000,
    seed: int = 0,
    stories: Sequence[str] = DEFAULT_STORIES,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """`make_scenes` without opening what was written: one scene is in memory at a time, however many there are.

    Args:
        folder: a new folder.
        samples: see `make_scenes`.
        seed: see `make_scenes`.
        stories: see `make_scenes`.
        overwrite: replace a table that is there already.
        progress: called with scenes drawn and their number.

    Returns:
        Split -> how many scenes.

    Raises:
        DataError: an argument out of range.
        RunExistsError: the folder is in use.
        DiskFullError: no room; nothing is left behind.
    """
    splits = _splits(samples)
    labels = _labels(stories)
    if seed < 0:
        raise DataError(f"the seed is {seed}", expected="a whole number from 0", fix="choose another")
    with new_folder(folder, overwrite) as made:
        (made / "images").mkdir()

        def rows() -> Iterator[dict[str, Any]]:
            for index, split in enumerate(splits):
                sample, truth, picture = make_scene(seed, index, split, labels)
                place = f"images/{sample.id}.png"
                picture.save(made / place)
                yield {**table_row(sample, {Path(place): place}), "truth": truth.row()}
                if progress is not None:
                    progress(index + 1, len(splits))

        write_rows(made, Dataset("scenes", made, {"text": "text", "image": "image"}, labels, "multi", []), rows())
    return {split: splits.count(split) for split in SPLITS}


def make_scene(
    seed: int, index: int, split: str = "train", stories: Sequence[str] = DEFAULT_STORIES
) -> tuple[Sample, Truth, Image.Image]:
    """One scene of the generated dataset.

    Args:
        seed: the same seed gives the same result.
        index: number of the sample; each is drawn from its own seed.
        split: the split written into the sample.
        stories: the stories that become labels.

    Returns:
        The sample, its truth, and its RGB picture of 224 x 224 pixels; the path in the sample is relative to the
        folder.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    more = {story: draw_more(story, seed, index) for story in stories if story in MORE_STORIES}
    words, signs = (
        {k: v for drawn in more.values() for k, v in drawn.of_kind(kind).items()} for kind in ("word", "sign")
    )
    slots = draw_slots(rng)
    caption, spans = draw_caption(slots, rng, words)
    glyphs, places = draw_signs(slots, rng)
    cells = [int(c) for c in rng.choice(GRID * GRID, PICTOGRAMS, replace=False)]
    free = np.setdiff1d(np.arange(GRID * GRID), cells)
    cells += np.random.default_rng([seed, index]).permutation(free)[: len(signs)].tolist()
    places |= {name: len(glyphs) + n for n, name in enumerate(signs)}
    glyphs += signs.values()
    boxes: dict[str, Box] = {name: cell_box(cells[i]) for name, i in places.items()}
    slots |= {name: value for drawn in more.values() for name, value in drawn.slots.items()}
    labels = tuple(story for story in stories if (more[story].holds if story in more else holds(story, slots)))
    carried = {label: (STORIES | MORE_STORIES)[label] for label in labels}
    evidence = {
        label: evidence_of(story, slots, spans, boxes)
        for label, story in carried.items()
        if tuple(slots[slot] for slot in story.slots) in story.holds
    }
    name = f"scene-{index:06d}"
    inputs: dict[str, str | Path] = {"text": caption, "image": Path(f"images/{name}.png")}
    picture = draw_picture(list(zip(glyphs, cells, strict=True)), rng)
    objects = [cell_box(cell) for glyph, cell in zip(glyphs, cells, strict=True) if glyph in SLOTS["animal_sign"].no]
    truth = Truth(slots, spans, boxes, {"animal_sign": objects})
    return Sample(name, split, inputs, labels, evidence=evidence), truth, picture


def _splits(samples: int | Mapping[str, int]) -> list[str]:
    """The split of every sample."""
    if isinstance(samples, int):
        if samples < 1:
            raise DataError(f"{samples} samples are asked for", expected="at least 1", fix="ask for more")
        return [_PATTERN[i % len(_PATTERN)] for i in range(samples)]
    if not samples or set(samples) - set(SPLITS) or min(samples.values()) < 0 or not sum(samples.values()):
        raise DataError(
            f"the numbers of samples are {dict(samples)}",
            expected="train, val and test with a number each",
            fix="correct them",
        )
    return [split for split in SPLITS for _ in range(samples.get(split, 0))]


def _labels(stories: Sequence[str]) -> tuple[str, ...]:
    unknown = [story for story in stories if story not in STORIES | MORE_STORIES]
    if unknown or not stories or len(set(stories)) < len(stories):
        raise DataError(
            f"the stories are {', '.join(stories) or 'none'}",
            expected=f"some of {', '.join(STORIES | MORE_STORIES)}, each once",
            fix="correct the names",
        )
    return tuple(stories)
