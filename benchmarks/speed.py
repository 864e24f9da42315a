"""What is gained by more workers, and what is lost when one dies.

    python benchmarks/speed.py RUN --data DATA [--parts ray] [--samples 32] [--workers 2]

`ray` encodes samples anew and explains them, in one process and by the workers of a Ray cluster on this machine, each
worker with one thread (set OMP_NUM_THREADS=1, so that the process has one, too): seconds, how many times faster, and
whether the results are equal. The workers' start is in their seconds, the cluster's is not. Then it does both again and
kills a worker in the middle: nothing may be lost, and nothing done twice.
"""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from markdown_table import markdown

from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.engine import SERIAL, Engine, open_engine
from interplay.models.run import Run, open_run
from interplay.pipeline.encode import encode
from interplay.pipeline.explain import explain
from interplay.progress import Progress
from interplay.results import Explanation


class Killing(Progress):
    """Kills one worker when a third of the items is done; keeps notes."""

    def __init__(self) -> None:
        self.killed, self.notes = 0, list[str]()

    def stage(self, name: str) -> Callable[[int, int], None]:
        def advance(done: int, total: int) -> None:
            if not self.killed and done >= total / 3:
                for process in psutil.Process().children(recursive=True):
                    if process.name().startswith("ray::_Worker"):
                        os.kill(process.pid, signal.SIGKILL)
                        self.killed = process.pid
                        return

        return advance

    def note(self, line: str) -> None:
        self.notes.append(line)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what it gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def features_of(dataset: Dataset, run: Run, folder: Path, engine: Engine, progress: Progress) -> dict[str, bytes]:
    """All stored bytes of a dataset that is encoded into a new folder."""
    stored = encode(dataset, run.config, store=folder, engine=engine, progress=progress)
    return {f"{m}/{p.name}": p.read_bytes() for m, f in stored.items() for p in sorted(f.folder.iterdir())}


def plain(explanations: Sequence[Explanation]) -> list[dict[str, Any]]:
    """Explanations without what a clock says."""
    return [e.model_dump(exclude={"seconds"}) for e in explanations]


def ray_rows(run: Run, dataset: Dataset, samples: int, workers: int) -> None:
    """Print the table of one process beside workers, and what a kill costs."""
    chosen = dataset.split("test")[:samples]
    few = replace(dataset, samples=dataset.samples[: 40 * samples])
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        silent = Progress()
        work: dict[str, Callable[[Engine, Progress, str], Any]] = {
            f"encode {len(few.samples):,} samples": lambda e, p, at: features_of(few, run, Path(scratch) / at, e, p),
            f"explain {len(chosen)} samples": lambda e, p, at: plain(explain(run, chosen, engine=e, progress=p)),
        }
        for name, how in work.items():
            one, expected = timed(partial(how, SERIAL, silent, f"one {name}"))
            with open_engine("ray", 1) as engine:
                alone, _ = timed(partial(how, engine, silent, f"alone {name}"))
            with open_engine("ray", workers) as engine:
                several, found = timed(partial(how, engine, silent, f"several {name}"))
                killing = Killing()
                broken, again = timed(partial(how, engine, killing, f"killed {name}"))
            rows.append(
                [
                    name,
                    f"{one:.1f}",
                    f"{alone:.1f}",
                    f"{several:.1f}",
                    f"{one / several:.2f}, {alone / several:.2f}",
                    "yes" if found == expected else "NO",
                    f"{broken:.1f}",
                    "yes" if again == expected and killing.killed else "NO",
                    str(len(killing.notes)),
                ]
            )
    header = [
        "work",
        "s, one process",
        "s, one worker",
        f"s, {workers} workers",
        "times faster than those two",
        "equal",
    ]
    print(markdown([*header, "s, one killed", "equal", "items done again"], rows))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=["ray"], default=["ray"])
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if "ray" in given.parts:
        ray_rows(open_run(given.run), open_dataset(given.data), given.samples, given.workers)


if __name__ == "__main__":
    main()
