"""Plant known evidence into a copy of any dataset: a word into each text, a sticker onto each picture.

The labels of the copy are the planted stories alone, so that the exact posterior is known whatever the data is about;
the user's own texts and pictures are what the evidence has to be found in.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from interplay.data.plant_story import PLANTED_SLOTS, PLANTED_STORIES
from interplay.data.sample import SPLITS, Dataset, Evidence, Sample
from interplay.data.scenes_draw import sticker
from interplay.data.table import read_table
from interplay.data.table_write import new_folder, table_row, write_rows
from interplay.data.truth import Truth, read_truth
from interplay.errors import DataError
from interplay.modalities.pictures import open_picture
from interplay.results import Box

SMALLEST = 12
"""Pixels of the smallest sticker that can be read."""
FIRST_WORDS = 48
"""Words are planted among the first words of a text: what an encoder cuts off can show nothing."""
Boxes = Callable[[Image.Image], Sequence[Box]]


def plant(
    dataset: Dataset,
    folder: str | Path,
    boxes: Boxes,
    *,
    samples: int = 3000,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Write a copy of a dataset with `planted_both` (AND) and `planted_either` (OR) in it, and open it.

    A dataset smaller than `samples` is repeated, with new evidence in each copy; of a larger one, samples at a fixed
    stride are taken. Each sample stays in its split.

    Args:
        dataset: one text and one image per sample.
        folder: the new folder.
        boxes: the places of a picture that a sticker may cover, as fractions: what the image encoder sees as one.
        samples: how many the copy has, about.
        seed: the same seed gives the same result.
        overwrite: whether a dataset in the folder may be replaced.
        progress: called with (done, total) samples.

    Raises:
        DataError: the dataset has not one text and one image, its truth is known already, its texts hold the words
            that would be planted, or a picture has no room for two stickers.
        RunExistsError: the folder is in use. DiskFullError: no room; nothing is left behind.
    """
    text, image = _modalities(dataset)
    _refuse_known(dataset)
    words = _free_words(dataset, text)
    step = max(1, round(len(dataset.samples) / samples))
    chosen = {sample.id for split in SPLITS for sample in dataset.split(split)[::step]}
    taken = [sample for sample in dataset.samples if sample.id in chosen]
    copies = max(1, round(samples / max(1, len(taken))))
    planted: list[tuple[Sample, Truth]] = []
    with new_folder(folder, overwrite) as made:
        (made / "images").mkdir()
        for number, sample in enumerate(taken):
            picture = open_picture(sample.inputs[image], row=sample.row or None)
            places = list(boxes(picture))
            _refuse_cramped(sample, picture, places)
            for copy in range(copies):
                rng = np.random.default_rng(np.random.SeedSequence([seed, number, copy]))
                planted.append(_planted(sample, f"{number:06d}-{copy}", text, image, picture, places, words, made, rng))
            if progress:
                progress(number + 1, len(taken))
        out = Dataset(
            f"{dataset.name} with planted evidence",
            made,
            {text: "text", image: "image"},
            tuple(PLANTED_STORIES),
            "multi",
            [sample for sample, _ in planted],
        )
        write_rows(made, out, [{**table_row(s, _places(s, image)), "truth": truth.row()} for s, truth in planted])
    return read_table(folder)


def _places(sample: Sample, image: str) -> dict[Path, str]:
    path = sample.inputs[image]
    assert isinstance(path, Path)
    return {path: path.as_posix()}


def _planted(
    sample: Sample,
    name: str,
    text: str,
    image: str,
    picture: Image.Image,
    places: Sequence[Box],
    words: dict[str, dict[bool, list[str]]],
    made: Path,
    rng: np.random.Generator,
) -> tuple[Sample, Truth]:
    """One copy of one sample, its picture written."""
    slots: dict[str, bool] = {}
    for story in PLANTED_STORIES.values():
        outcomes = list(story.joint)
        chosen = outcomes[int(rng.choice(len(outcomes), p=list(story.joint.values())))]
        slots |= dict(zip(story.slots, chosen, strict=True))
    shown = {slot: str(rng.choice(options[slots[slot]])) for slot, options in words.items()}
    caption, spans = plant_words(str(sample.inputs[text]), shown, rng)
    seen, cells = picture.copy(), {}
    signs = [slot for slot in slots if PLANTED_SLOTS[slot].kind == "sign"]
    for slot, place in zip(signs, rng.choice(len(places), len(signs), replace=False), strict=True):
        options = PLANTED_SLOTS[slot].yes if slots[slot] else PLANTED_SLOTS[slot].no
        cells[slot] = places[int(place)]
        plant_sticker(seen, options[int(rng.integers(len(options)))], cells[slot], rng)
    path = Path("images") / f"{name}.png"
    seen.save(made / path)
    truth = Truth(slots, spans, cells, {}, None)
    labels, evidence = [], {}
    for label, story in PLANTED_STORIES.items():
        if tuple(slots[slot] for slot in story.slots) in story.holds:
            carrying = [slot for slot in story.slots if story.all_of_it or slots[slot]]
            labels.append(label)
            evidence[label] = Evidence(
                tuple(spans[s] for s in carrying if s in spans), tuple(cells[s] for s in carrying if s in cells)
            )
    return Sample(name, sample.split, {text: caption, image: path}, tuple(labels), evidence=evidence), truth


def plant_words(text: str, words: dict[str, str], rng: np.random.Generator) -> tuple[str, dict[str, tuple[int, int]]]:
    """Insert words into a text, each between two of its words or at an end.

    Args:
        text: the text.
        words: slot -> the word to insert.
        rng: where the randomness comes from.

    Returns:
        The new text, and slot -> (start, end) characters of its word.
    """
    pieces: list[tuple[str, str | None]] = [(piece, None) for piece in text.split()]
    for slot, word in words.items():
        at = int(rng.integers(min(len(pieces), FIRST_WORDS) + 1))
        pieces.insert(at, (word, slot))
    out, spans = "", {}
    for piece, name in pieces:
        start = len(out) + bool(out)
        out += f"{' ' if out else ''}{piece}"
        if name is not None:
            spans[name] = (start, start + len(piece))
    return out, spans


def plant_sticker(picture: Image.Image, glyph: str, box: Box, rng: np.random.Generator) -> None:
    """Put a pictogram into the middle of a box (fractions of the picture), inside it whole.

    Args:
        picture: changed in place.
        glyph: the pictogram's character.
        box: (x0, y0, x1, y1), as fractions of the picture.
        rng: where the randomness comes from.
    """
    left, top = (int(np.ceil(v * s)) for v, s in zip(box[:2], picture.size, strict=True))
    right, bottom = (int(v * s) for v, s in zip(box[2:], picture.size, strict=True))
    side = min(right - left, bottom - top)
    tile, mask = sticker(glyph, rng)
    at = ((left + right - side) // 2, (top + bottom - side) // 2)
    size = (side, side)
    picture.paste(tile.resize(size, Image.Resampling.BICUBIC), at, mask.resize(size, Image.Resampling.BICUBIC))


def _refuse_known(dataset: Dataset) -> None:
    try:
        read_truth(dataset.source)
    except DataError:
        return
    raise DataError(
        "the truth of this data is known already, and its pictures may hold what would be planted",
        file=dataset.source,
        fix="validate without planting",
    )


def _refuse_cramped(sample: Sample, picture: Image.Image, places: Sequence[Box]) -> None:
    sides = [min((x1 - x0) * picture.width, (y1 - y0) * picture.height) for x0, y0, x1, y1 in places]
    if len(places) < 2 or min(sides) < SMALLEST:
        raise DataError(
            f"sample {sample.id!r}: {len(places)} patches of {picture.width} x {picture.height} pixels leave no "
            "room for stickers",
            row=sample.row or None,
            expected=f"at least 2 patches, each of at least {SMALLEST} pixels of the picture",
            fix="take larger pictures, or an image encoder of fewer patches (encoders.*.pool)",
        )


def _modalities(dataset: Dataset) -> tuple[str, str]:
    kinds = list(dataset.modalities.values())
    if sorted(kinds) != ["image", "text"]:
        raise DataError(
            f"the modalities are {dict(dataset.modalities)}",
            file=dataset.source,
            expected="one text and one image to plant into",
        )
    names = {kind: name for name, kind in dataset.modalities.items()}
    return names["text"], names["image"]


def _free_words(dataset: Dataset, text: str) -> dict[str, dict[bool, list[str]]]:
    """Word slot -> value -> the words that stand for it and are in no text of the dataset."""
    taken = {word.lower() for s in dataset.samples for word in re.findall(r"\w+", str(s.inputs[text]))}
    free = {
        name: {value: [w for w in options if w not in taken] for value, options in ((True, slot.yes), (False, slot.no))}
        for name, slot in PLANTED_SLOTS.items()
        if slot.kind == "word"
    }
    for name, options in free.items():
        for value, left in options.items():
            if not left:
                slot = PLANTED_SLOTS[name]
                raise DataError(
                    f"the texts hold all words that would be planted ({', '.join(slot.yes if value else slot.no)})",
                    file=dataset.source,
                    expected="at least one that they do not hold",
                )
    return free
