"""What this commit spends beside an earlier one, in one run: encoding, training, the epoch kept, explaining.

    git worktree add EARLIER COMMIT
    OMP_NUM_THREADS=1 python benchmarks/before.py EARLIER DATA [--seeds 1] [--count 4] [--budget 16384]

Both run the same commands at their own default settings, each command as a process of its own, turn and turn about.
Seconds are of the processor, start included, so other work on the machine moves them little. The epoch kept is the
one whose weights were written last; `--epochs`, for both, makes trainings of equal length. An explanation's seconds are
those of `--count` more samples, divided by them: the start is not in them.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import psutil
from markdown_table import markdown

HERE = Path(__file__).parent.parent
EVERY = 0.2
"""Seconds between two looks at a process."""


def seconds(tree: Path, folder: Path, *arguments: str, watched: Path | None = None) -> tuple[float, float]:
    """Run `interplay` of one tree in a folder.

    Returns:
        Seconds of the processor in all, and until `watched` was last written (nan if it was not).
    """
    scripts = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, function = scripts["interplay"].split(":")
    command = [sys.executable, "-c", f"from {module} import {function}; {function}()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        log.write(f"$ interplay {' '.join(arguments)}\n")
        log.flush()
        process = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        spent, written, changed = 0.0, float("nan"), 0.0
        while True:
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    break
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                break
            spent = times.user + times.system + times.children_user + times.children_system
            if watched and watched.exists() and (now := watched.stat().st_mtime) != changed:
                written, changed = spent, now
            time.sleep(EVERY)
    if process.wait():
        raise SystemExit(f"interplay {arguments[0]} of {tree} failed: see {folder / 'log.txt'}")
    return spent, written


def row(what: str, pairs: Sequence[Sequence[float]], digits: int = 0) -> list[str]:
    """Seconds before and now, and how many times less, each listed by seed."""
    before, now = ([f"{pair[k]:.{digits}f}" for pair in pairs] for k in (0, 1))
    return [what, ", ".join(before), ", ".join(now), ", ".join(f"{old / new:.2f}" for old, new in pairs)]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("earlier", type=Path, metavar="EARLIER", help="a folder with the files of the earlier commit")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="of both; their own defaults if absent")
    parser.add_argument("--count", type=int, default=4, help="samples explained")
    parser.add_argument("--budget", type=int, default=16384, help="evaluations a sample")
    given = parser.parse_args()
    trees, data = (given.earlier.resolve(), HERE), str(given.data.resolve())
    length = [] if given.epochs is None else ["--epochs", str(given.epochs)]
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / name for name in ("before", "now")]
        for folder in folders:
            folder.mkdir()
        pairs = list(zip(trees, folders, strict=True))
        encoded = [seconds(*pair, "encode", data, "--store", "store")[0] for pair in pairs]
        print(f"encoded: {encoded}", file=sys.stderr, flush=True)
        trained, epochs, scores = [], [], []
        for seed in range(given.seeds):
            run = f"run{seed}"
            train = ["train", data, "--store", "store", "--out", run, "--seed", str(seed), *length]
            weights = Path(run, "model", "model.safetensors")
            trained.append([seconds(*pair, *train, watched=pair[1] / weights) for pair in pairs])
            files = [(f / run / "model/card.json", f / run / "metrics.json") for f in folders]
            read = [[json.loads(p.read_text(encoding="utf-8")) for p in both] for both in files]
            epochs.append([card["epoch"] + 1 for card, _ in read])
            name = "map" if "map" in read[0][1]["test"] else "macro_f1"
            scores.append([metrics["test"][name] for _, metrics in read])
            print(f"seed {seed}: {trained[-1]}", file=sys.stderr, flush=True)
        explained = []
        for pair in pairs:
            ask = ["explain", "run0", "--budget", str(given.budget), "--count"]
            one, more = (seconds(*pair, *ask, str(n), "--out", f"out{n}")[0] for n in (1, 1 + given.count))
            explained.append((more - one) / given.count)
    rows = [
        row("encode the dataset", [encoded]),
        row("train", [[spent for spent, _ in both] for both in trained]),
        row("of it, until the epoch that is kept", [[until for _, until in both] for both in trained]),
        ["the epoch that is kept", *(", ".join(str(both[k]) for both in epochs) for k in (0, 1)), "–"],
        [f"{name} on test", *(", ".join(f"{both[k]:.3f}" for both in scores) for k in (0, 1)), "–"],
        row(f"explain a sample, {given.budget:,} evaluations", [explained], 1),
    ]
    print(markdown(["CPU-seconds", "before", "now", "times less"], rows))


if __name__ == "__main__":
    main()
