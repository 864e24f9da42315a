"""Real data out of packages: pictures with names that people gave them, and the groups that they put them into.

    python benchmarks/icon_sets.py emoji FOLDER      # npm's emoji-datasource-twitter: 9 groups
    python benchmarks/icon_sets.py tabler FOLDER     # npm's @tabler/icons-png and @tabler/icons, 23 categories

Writes a table (samples.csv, dataset.toml, pictures) with one label a sample; `npm` fetches the packages. Nobody planted
anything: what name and picture tell of a group is what its makers had in mind. With --most, so many samples are drawn.
"""

import argparse
import csv
import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

EMOJI = "emoji-datasource-twitter@16.0.0"
TABLER = ("@tabler/icons-png@3.48.0", "@tabler/icons@3.48.0")
LEAST = 60
Icon = tuple[str, str, Path, str]
"""An id, its name in words, its picture, its group."""


def fetched(package: str, folder: Path) -> Path:
    """A package of npm, unpacked."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
    )
    place = folder / package.partition("@")[2].replace("/", "-").replace("@", "-")
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(place, filter="data")
    return place / "package"


def emoji(folder: Path) -> Iterator[Icon]:
    """Emoji without skin tones, as Twitter draws them, by the groups of Unicode."""
    package = fetched(EMOJI, folder)
    for one in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        picture = package / "img" / "twitter" / "64" / one["image"]
        if picture.exists() and one["category"] != "Component":
            yield one["unified"], one["name"].lower(), picture, one["category"]


def tabler(folder: Path) -> Iterator[Icon]:
    """Icons of lines, by the categories of their makers."""
    pictures, known = (fetched(package, folder) for package in TABLER)
    icons = json.loads((known / "icons.json").read_text(encoding="utf-8"))
    often = Counter(one["category"] for one in icons.values())
    for name, one in icons.items():
        picture = pictures / "icons" / "outline" / f"{name}.png"
        if picture.exists() and often[one["category"]] >= LEAST:
            yield name, name.replace("-", " "), picture, one["category"]


def main() -> None:
    """Write one of the datasets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=["emoji", "tabler"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, help="draw so many samples at most")
    given = parser.parse_args()
    if given.folder.exists() and any(given.folder.iterdir()):
        sys.exit(f"{given.folder} is not empty: choose another folder")
    (given.folder / "pictures").mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        icons = list({"emoji": emoji, "tabler": tabler}[given.set](Path(place)))
        if given.most is not None and len(icons) > given.most:
            drawn = np.random.default_rng(0).choice(len(icons), given.most, replace=False)
            icons = [icons[at] for at in sorted(drawn)]
        for number, (name, words, picture, group) in enumerate(icons):
            file = Path("pictures") / f"{number:05d}.png"
            with Image.open(picture) as drawn_icon:  # what is transparent is white, as on a page
                shown = drawn_icon.convert("RGBA")
                Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB").save(
                    given.folder / file
                )
            rows.append([name, words, str(file), group])
    with (given.folder / "samples.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "text", "image", "labels"])
        writer.writerows(rows)
    groups = json.dumps(sorted({row[3] for row in rows}))  # a list of strings is alike in TOML
    declared = f'name = "{given.set}"\nlabel_kind = "single"\nlabels = {groups}\n'
    (given.folder / "dataset.toml").write_text(declared, encoding="utf-8")
    print(f"{len(rows)} samples of {len({row[3] for row in rows})} groups in {given.folder}")


if __name__ == "__main__":
    main()
