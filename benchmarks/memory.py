"""Time and peak memory of each command at 1,000, 4,000 and 16,000 samples, and what that makes of 150,000.

    python benchmarks/memory.py [--samples 1000 4000 16000] [--folder FOLDER]

Texts of a few words and small features in place of pictures, so that what grows is what each command keeps of a sample.
Memory is the largest that one process held (`ru_maxrss`); what grows is the slope between the first and the last size.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from markdown_table import markdown

SETTINGS = """
device = "cpu"
[encoders.text]
layer = 1
[fusion]
width = 16
heads = 2
layers = 1
[removal]
copies = 0.5
[training]
epochs = 1
batch_size = 256
"""
WORDS = ["red", "green", "blue", "small", "large", "quick", "slow", "bright", "dark", "round"]
ALL = 150_000
COMMANDS = {
    "data make-scenes": ("data", "make-scenes", "scenes", "--samples", "{samples}"),
    "data check": ("data", "check", "data"),
    "encode": ("encode", "data", "--config", "small.toml", "--store", "store"),
    "train": ("train", "data", "--out", "run", "--config", "small.toml", "--store", "store"),
    "evaluate": ("evaluate", "run", "--store", "store"),
    "report": ("report", "run", "--store", "store"),
}
MEASURE = """
import resource, sys
from interplay.cli.app import main
try:
    main()
finally:
    sys.stdout.flush()
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", file=sys.stderr)
"""


def write_data(folder: Path, samples: int) -> None:
    """A table of short texts and of features, 4 of width 8 a sample, in one file for each 1,000 of them."""
    rng = np.random.default_rng(0)
    (folder / "features").mkdir(parents=True)
    (folder / "dataset.toml").write_text(
        'label_kind = "single"\nlabels = ["even", "odd"]\n[modalities]\ntext = "text"\nsound = "features"\n'
    )
    with (folder / "samples.jsonl").open("w") as file:
        for number in range(samples):
            label = int(rng.integers(2))
            words = [WORDS[k] for k in rng.integers(0, 10, 4)] + [["even", "odd"][label]]
            name = f"features/{number:06d}.npy"
            np.save(folder / name, rng.normal(label, 1, (4, 8)).astype(np.float32))
            split = ("train", "train", "train", "val", "test")[number % 5]
            row = {"id": f"s{number:06d}", "split": split, "text": " ".join(words), "sound": name}
            file.write(json.dumps(row | {"labels": [["even", "odd"][label]]}) + "\n")


def measure(command: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Seconds of computing, and the largest memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, int(done.stderr.strip().splitlines()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--folder", type=Path, default=None, help="to work in; a temporary one if absent")
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), help="in this order; each needs those before")
    options = parser.parse_args()
    sizes = sorted(options.samples)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in options.commands}
    with tempfile.TemporaryDirectory() as temporary:
        for size in sizes:
            folder = (options.folder or Path(temporary)).resolve() / str(size)
            shutil.rmtree(folder, ignore_errors=True)
            write_data(folder / "data", size)
            (folder / "small.toml").write_text(SETTINGS)
            for name, command in ((name, COMMANDS[name]) for name in options.commands):
                start = time.perf_counter()
                found[name].append(measure(tuple(part.format(samples=size) for part in command), folder))
                seconds, memory = found[name][-1]
                print(f"{size} {name}: {seconds:.1f} CPU-s, {memory:.0f} MB, {time.perf_counter() - start:.0f} s")
                sys.stdout.flush()
    rows, left = [], ALL - sizes[-1]
    for name, some in found.items():
        (_, low), (seconds, high) = some[0], some[-1]
        kilobytes = 1024 * (high - low) / (sizes[-1] - sizes[0])
        pace = (seconds - some[0][0]) / (sizes[-1] - sizes[0])
        steps = [
            (later[0] - earlier[0]) / (b - a)
            for earlier, later, a, b in zip(some, some[1:], sizes, sizes[1:], strict=False)
        ]
        rows.append(
            [
                name,
                *(f"{s:.1f} s, {m:.0f} MB" for s, m in some),
                f"{100 * (high / low - 1):+.0f} %",
                f"{kilobytes:.1f}",
                " / ".join(f"{1000 * step:.1f}" for step in steps),
                f"{(seconds + pace * left) / 60:.0f} min, {high + kilobytes * left / 1024:.0f} MB",
            ]
        )
    header = ["command", *(f"{size:,}" for size in sizes), "memory", "kB a sample", "ms a sample, by step", f"{ALL:,}"]
    print("### CPU time and largest memory\n")
    print(markdown(header, rows))


if __name__ == "__main__":
    main()
