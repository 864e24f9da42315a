"""How much of a word or a sign can be read from the features beside it, by encoder, layer and isolation.

    python benchmarks/leakage.py [--scenes 1200]

A linear probe (ridge) is fitted on two thirds of the scenes to tell the slot's value from the features of one
neighbour alone: the next word, or a cell that shares an edge. On the rest, AUROC .5 is no leakage; the slot's own
feature is read in the same way, to show that there is something to leak.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from markdown_table import markdown
from torchmetrics.functional.classification import binary_auroc

from interplay.data.sample import Dataset, Sample
from interplay.data.scenes import make_scenes
from interplay.data.truth import GRID, Truth, read_truth
from interplay.encoders.frozen import Encoder
from interplay.encoders.loading import load_encoder
from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.evaluation.ideal import lies_in, overlaps
from interplay.features.store import read_input
from interplay.modalities.text import word_groups

TEXT = [EncoderConfig(model="minilm", layer=layer, isolate=alone) for alone in (True, False) for layer in (1, 2, 6)]
IMAGE = [
    *(EncoderConfig(model="vit-s14", layer=n, size=224, pool=4, isolate=True) for n in (6, 12)),
    *(EncoderConfig(model="vit-s14", layer=n, size=112, pool=2) for n in (3, 6, 12)),
]
SLOTS = {"text": ("praise", "storm_word", "night_word"), "image": ("unhappy", "lightning", "moon")}


def rows_of(encoder: Encoder, dataset: Dataset, slots: tuple[str, ...]) -> dict[str, tuple[np.ndarray, ...]]:
    """Slot -> (own feature, the neighbour's feature, value), a row a scene."""
    truth = read_truth(dataset.source)
    out: dict[str, list[tuple[np.ndarray, np.ndarray, bool]]] = {name: [] for name in slots}
    for start in range(0, len(dataset.samples), 32):
        samples = dataset.samples[start : start + 32]
        contents = [read_input(s, encoder.kind, encoder.kind) for s in samples]
        for sample, content, encoded in zip(samples, contents, encoder.encode(contents), strict=True):
            parts, features = encoder.parts(content), encoded.features.numpy()
            for name in slots:
                own, beside = places(sample, truth[sample.id], name, parts)
                out[name].append((features[own], features[beside], truth[sample.id].slots[name]))
    return {name: tuple(np.array(column) for column in zip(*rows, strict=True)) for name, rows in out.items()}


def places(sample: Sample, truth: Truth, slot: str, parts: list[Part]) -> tuple[int, int]:
    """Positions of the slot's own feature, and of one beside it (chosen by the sample's number)."""
    if slot in truth.words:
        own = next(k for k, part in enumerate(parts) if overlaps(part, truth.words[slot]))
        word = np.array(word_groups(parts))
        return own, int(np.argmax(word > word[own]))  # past all pieces of the word and its comma
    own = next(k for k, part in enumerate(parts) if lies_in(part, truth.cells[slot]))
    row, column = divmod(own, GRID)
    steps = [(row, column + d) for d in (-1, 1)] + [(row + d, column) for d in (-1, 1)]
    inside = [r * GRID + c for r, c in steps if 0 <= r < GRID and 0 <= c < GRID]
    return own, inside[int(sample.id[-3:]) % len(inside)]


def auroc(features: np.ndarray, values: np.ndarray) -> float:
    """Of a ridge probe fitted on the first two thirds, on the rest."""
    cut = 2 * len(values) // 3
    x = (features - features[:cut].mean(0)) / (features[:cut].std(0) + 1e-6)
    y = 2.0 * values - 1
    weights = np.linalg.solve(x[:cut].T @ x[:cut] + 100 * np.eye(x.shape[1]), x[:cut].T @ (y[:cut] - y[:cut].mean()))
    return float(binary_auroc(torch.from_numpy(x[cut:] @ weights), torch.from_numpy(values[cut:]).long()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1200)
    scenes = parser.parse_args().scenes
    rows = []
    with tempfile.TemporaryDirectory() as name:
        dataset = make_scenes(Path(name) / "scenes", samples=scenes, seed=5)
        for kind, configs in (("text", TEXT), ("image", IMAGE)):
            for config in configs:
                measured = rows_of(load_encoder(config, kind), dataset, SLOTS[kind])
                how = "by itself" if config.isolate else "in context"
                probes = [f"{auroc(own, y):.2f} / {auroc(beside, y):.2f}" for own, beside, y in measured.values()]
                rows.append([kind, config.model, config.layer, how, *probes])
    header = ["kind", "encoder", "layer", "encoded", "praise, unhappy", "storm word, lightning", "night, moon"]
    print("### AUROC of a linear probe on the own feature / on a neighbour's\n\n" + markdown(header, rows))


if __name__ == "__main__":
    main()
