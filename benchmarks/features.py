"""How much do features hold? A linear probe of them, by how words and patches are encoded.

    python benchmarks/features.py DATA [--store FOLDER]

DATA has one text and one image modality. Fits logistic regression on each sample's mean features (penalty by the
validation split, as every training does) for the packaged encoders at several settings, and prints its score and its
loss. No error bar: rows are of one split, on which scores of settings that are alike differ by chance.
"""

import argparse
from pathlib import Path
from typing import Any

from markdown_table import markdown

from interplay.config import make_config
from interplay.data.registry import open_dataset
from interplay.pipeline.encode import encode
from interplay.pipeline.train import splits_of
from interplay.training.baselines import baseline_answers

ALONE = {"model": "minilm", "isolate": True}
TEXTS: dict[str, dict[str, Any]] = {
    "by itself, layer 2 (default)": {**ALONE, "layer": 2},
    "by itself, layer 6": {**ALONE, "layer": 6},
    "with 1 neighbour to each side, layer 4": {**ALONE, "layer": 4, "neighbours": 1},
    "with 1 neighbour to each side, layer 6": {**ALONE, "layer": 6, "neighbours": 1},
    "in context, layer 2": {"model": "minilm", "layer": 2},
    "in context, layer 4": {"model": "minilm", "layer": 4},
    "in context, layer 6": {"model": "minilm", "layer": 6},
}
TILES = {"model": "vit-s14", "size": 224, "pool": 4}
IMAGES: dict[str, dict[str, Any]] = {
    "by itself, layer 6 (default)": {**TILES, "isolate": True, "layer": 6},
    "by itself, layer 12": {**TILES, "isolate": True, "layer": 12},
    "by itself, 2 x 2 tiles, layer 12": {**TILES, "isolate": True, "pool": 8},
    "in context, layer 9": {**TILES, "layer": 9},
    "in context, layer 12": {**TILES, "layer": 12},
}


def main() -> None:
    """Print a table: each text setting beside the default image setting, and the other way round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--store", type=Path, default=Path(".interplay") / "features")
    given = parser.parse_args()
    dataset, rows = open_dataset(given.data), []
    text, image = next(iter(TEXTS)), next(iter(IMAGES))
    for words, patches in [*((t, image) for t in TEXTS), *((text, i) for i in list(IMAGES)[1:])]:
        config = make_config({"encoders": {"text": TEXTS[words], "image": IMAGES[patches]}})
        task, splits = splits_of(dataset, encode(dataset, config, store=given.store))
        found = baseline_answers(splits, task, 0, lambda done, most: None)
        cells = []
        for split in ("val", "test"):
            metrics = task.metrics(found.probe[split].float(), found.targets[split].float())
            cells += [f"{metrics[task.headline]:.3f}", f"{metrics['loss']:.4f}"]
        rows.append([words, patches, *cells])
    score = task.headline
    print(markdown(["words", "patches", f"val {score}", "val loss", f"test {score}", "test loss"], rows))


if __name__ == "__main__":
    main()
