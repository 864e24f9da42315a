"""Small folders in the exact layouts of the published benchmarks, with made-up content."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

BYTES: dict[str, bytes] = {}


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (12, 18), color: Any = "red") -> None:
    """Write a picture; the same one again is only copied."""
    key = f"{path.suffix} {mode} {size} {color}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if key not in BYTES:
        Image.new(mode, size, color).save(path)
        BYTES[key] = path.read_bytes()
    path.write_bytes(BYTES[key])


FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    "0000003": ("train", {"plot": ["short", "the longer plot"], "genres": ["Drama", "Comedy"], "year": 1999}),
    "0000001": ("train", {"plot": ["a war", "a sea"], "genres": ["War", "News"], "plot outline": "not this one"}),
    "0000002": ("train", {"plot": ["", "only one"], "genres": ["Drama"]}),
    "0000004": ("dev", {"plot": ["on a farm"], "genres": ["Comedy", "Adult"]}),
    "0000006": ("test", {"plot": ["the end"], "genres": ["News"]}),
    "0000005": ("test", {"plot": ["x", "yy", "zz"], "genres": ["Western", "Talk-Show", "Reality-TV"]}),
}


def films(
    folder: Path, about: Mapping[str, tuple[str, dict[str, Any]]] = FILMS, size: tuple[int, int] = (12, 18)
) -> Path:
    """MM-IMDb."""
    split: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    (folder / "dataset").mkdir(parents=True)
    for film, (name, content) in about.items():
        split[name].append(film)
        (folder / "dataset" / f"{film}.json").write_text(json.dumps(content))
        picture(folder / "dataset" / f"{film}.jpeg", size=size)
    (folder / "split.json").write_text(json.dumps(split))
    return folder


def screens(folder: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """ENRICO: (screen, topic) rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design_topics.csv").write_text("screen_id,topic\n" + "".join(f"{s},{t}\n" for s, t in rows))
    for screen, _ in rows:
        picture(folder / "screenshots" / f"{screen}.jpg", size=(54, 96))
        picture(folder / "wireframes" / f"{screen}.png", "RGBA", (54, 96), (0, 0, 255, 128))
    return folder


TWEETS: dict[str, tuple[str, str, list[int], str | None]] = {
    # id -> split, text, votes, text in the picture
    "1114679353714016256": ("train", "one https://t.co/a", [4, 1, 3], "IN THE PICTURE"),
    "1063020048816660480": ("train", "two https://t.co/b", [5, 0, 5], None),
    "1108927368075374593": ("train", "three https://t.co/c", [0, 0, 0], None),
    "1114558534635618305": ("val", "four", [1, 0, 0], " \n"),
    "1035252480215592966": ("val", "five", [2, 3, 0], None),
    "1063020048816660481": ("test", "six", [1, 1, 1], None),
    "1063020048816660482": ("test", "seven", [0, 3, 2], "SIGN"),
}


def tweets(folder: Path, about: Mapping[str, tuple[str, str, list[int], str | None]] = TWEETS) -> Path:
    """MMHS150K."""
    truth, ids = {}, {"train": "", "val": "", "test": ""}
    for name in ("img_resized", "img_txt", "splits"):
        (folder / name).mkdir(parents=True)
    for tweet, (split, text, votes, seen) in about.items():
        ids[split] += f"{tweet}\n"
        truth[tweet] = {"img_url": "http://x", "labels": votes, "tweet_url": "http://y", "tweet_text": text}
        truth[tweet]["labels_str"] = ["NotHate"] * len(votes)
        picture(folder / "img_resized" / f"{tweet}.jpg")
        if seen is not None:
            (folder / "img_txt" / f"{tweet}.json").write_text(json.dumps({"img_text": seen}))
    (folder / "MMHS150K_GT.json").write_text(json.dumps(truth))
    for split, text in ids.items():
        (folder / "splits" / f"{split}_ids.txt").write_text(text)
    return folder
