"""What one process takes, what is gained by more workers, and what is lost when one dies.

    OMP_NUM_THREADS=1 python benchmarks/speed.py RUN --data DATA [--parts one ray] [--samples 32] [--workers 2]

`one`: CPU-seconds of one thread to encode a sample, for a training step, and to explain a sample by 16,384 evaluations.
What that is beside the plain way of training and explaining is another script's, `plain_way.py`.

`ray` encodes samples anew and explains them, in one process and by the workers of a Ray cluster on this machine, each
worker with one thread (set OMP_NUM_THREADS=1, so that the process has one, too): seconds, how many times faster, and
whether the results are equal. The workers' start is in their seconds, the cluster's is not. Then it does both again and
kills a worker in the middle: nothing may be lost, and nothing done twice.
"""

import argparse
import copy
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import torch
from markdown_table import markdown

from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.engine import SERIAL, Engine, open_engine
from interplay.features.batches import Batch
from interplay.features.store import Features
from interplay.models.run import Run, open_run
from interplay.pipeline.encode import encode, open_encoders
from interplay.pipeline.explain import explain
from interplay.progress import SILENT, Progress
from interplay.results import Explanation
from interplay.training.data import FeatureData, FeatureSet
from interplay.training.module import FusionTraining


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


def one_rows(run: Run, dataset: Dataset, samples: int) -> None:
    """Print the table of one process and one thread."""
    torch.set_num_threads(1)
    few = replace(dataset, samples=dataset.split("train")[: 10 * samples])
    rows = []

    def row(what: str, seconds: Sequence[float], each: str) -> None:
        rows.append([what, f"{statistics.median(seconds):.3g}", f"{min(seconds):.3g} to {max(seconds):.3g}", each])

    with tempfile.TemporaryDirectory() as folder:
        encode(replace(few, samples=few.samples[:2]), run.config, store=Path(folder) / "first", progress=SILENT)
        spent, stored = cost(lambda: encode(few, run.config, store=folder, progress=SILENT))
        row(f"encode a sample, of {len(few.samples)}", [spent / len(few.samples)], "of which equal contents once")
        steps = step_costs(run, few, stored)
    row(f"a training step of {run.config.training.batch_size}", steps[2:], f"{len(steps) - 2} steps, copies in each")
    config = run.config.model_copy(update={"explain": run.config.explain.model_copy(update={"budget": 16384})})
    chosen = dataset.split("test")[:5]
    work = partial(explain, run, config=config, encoders=open_encoders(run, "cpu"), progress=SILENT)
    work(chosen[:1])
    spent_each = [cost(partial(work, [sample])) for sample in chosen]
    asked = [each[0].evaluations for _, each in spent_each]
    row("explain a sample", [seconds for seconds, _ in spent_each], f"{min(asked):,} to {max(asked):,} evaluations")
    print(markdown(["work", "CPU-s, median", "least to most", ""], rows))


def step_costs(run: Run, dataset: Dataset, stored: Mapping[str, Features]) -> list[float]:
    """CPU-seconds of each training step of an epoch, copies with features removed in all."""
    removal = run.config.removal.model_copy(update={"warmup": 0.0})
    config = run.config.model_copy(update={"removal": removal})
    task = run.card.task
    module = FusionTraining(copy.deepcopy(run.model).train(), config, task)
    data = FeatureData({"train": FeatureSet(dataset.samples, stored, task)}, config.training.batch_size, config.seed)
    batches = data.train_dataloader()
    trainer = SimpleNamespace(num_training_batches=len(batches), global_step=0, current_epoch=1)
    module.trainer, module.log = cast(Any, trainer), cast(Any, lambda *_, **__: None)
    optimizer = torch.optim.AdamW(module.model.parameters())
    costs = []
    for k, batch in enumerate(batches):
        if len(batch.target) < config.training.batch_size:
            break

        def step(batch: Batch = batch, k: int = k) -> None:
            module.training_step(batch, k).backward()
            optimizer.step()
            optimizer.zero_grad()

        costs.append(cost(step)[0])
    return costs


def cost(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU-seconds, and what it gave."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=["one", "ray"], default=["one", "ray"])
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    run, dataset = open_run(given.run), open_dataset(given.data)
    if "one" in given.parts:
        one_rows(run, dataset, given.samples)
    if "ray" in given.parts:
        ray_rows(run, dataset, given.samples, given.workers)


if __name__ == "__main__":
    main()
