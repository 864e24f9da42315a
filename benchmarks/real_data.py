"""Is fl-i2moe better than what it has to beat, on data that nobody planted?

    python benchmarks/real_data.py DATA [DATA ...] [--seeds 3] [--models fl-i2moe i2moe dense] [--work FOLDER]
        [--set encoders.text.neighbours=1]

Trains every model with every seed on each dataset, by default settings and those of --set, and keeps runs and features
in --work, so that an interrupted measurement goes on; other settings take another --work. Prints, for each dataset, one
row a model: its mean over seeds, each seed, and the mean of the seeds' logits as one model, on the test split beside
labels' shares and a linear probe of the same features (penalty by the validation split). Differences have 95% intervals
by a paired bootstrap over test samples, which do not cover what training again would change. Labels are cut at the
thresholds of the validation split.
"""

import argparse
import csv
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from markdown_table import markdown

from interplay.cli.options import assigned
from interplay.config import make_config, nested
from interplay.data.registry import open_dataset
from interplay.models.run import Run
from interplay.models.task import Headline
from interplay.pipeline.encode import encode
from interplay.pipeline.seeds import mean_answer, train_seeds
from interplay.pipeline.train import label_counts, splits_of
from interplay.progress import Progress
from interplay.results.baselines import Difference
from interplay.training.baselines import baseline_answers, paired_difference
from interplay.training.calibration import calibrate, cut
from interplay.training.data import FeatureData

Answers = Mapping[str, tuple[torch.Tensor, torch.Tensor]]


def with_interval(difference: Difference) -> str:
    """A difference with its interval."""
    if difference.value is None or difference.low is None or difference.high is None:
        return "–"
    return f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def kept_after(run: Run) -> float | None:
    """Seconds from the first logged step to the epoch that was kept, by the dates of TensorBoard's events."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.folder / "logs"), size_guidance={"scalars": 0}).Reload()
    epochs = events.Scalars("epoch") if "epoch" in events.Tags()["scalars"] else []
    kept = [event.wall_time for event in epochs if int(event.value) == run.card.epoch]
    return max(kept) - min(event.wall_time for event in epochs) if kept else None


def epochs_run(run: Run) -> int:
    """How many epochs were trained."""
    with (run.folder / "logs" / "metrics.csv").open(encoding="utf-8") as file:
        return 1 + max(int(float(row["epoch"])) for row in csv.DictReader(file) if row.get("epoch"))


def main() -> None:
    """Print two tables for each dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=["fl-i2moe", "i2moe", "dense"])
    parser.add_argument("--work", type=Path, default=Path(".interplay") / "real_data")
    parser.add_argument("--store", type=Path, help="where features are kept; in --work if absent")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings other than the defaults")
    given = parser.parse_args()
    settings = nested({}, assigned(given.set))
    for folder in given.data:
        work = given.work / folder.resolve().name
        measure(folder, given.models, given.seeds, work, given.store or given.work / "store", settings)


def measure(folder: Path, models: Sequence[str], seeds: int, work: Path, store: Path, settings: dict[str, Any]) -> None:
    """Train what is not there yet, and print the tables of one dataset."""
    dataset, progress = open_dataset(folder), Printed()
    configs = {model: make_config(nested(settings, {"fusion.kind": model})) for model in models}
    runs, seconds = {}, {}
    for model, config in configs.items():
        start = time.process_time()
        runs[model] = train_seeds(dataset, config, work / model, seeds, store=store, progress=progress)
        seconds[model] = time.process_time() - start
    stores = encode(dataset, next(iter(configs.values())), store=store)
    task, splits = splits_of(dataset, stores)
    counts, data = label_counts(splits["train"]), FeatureData(splits, 16, 0)
    base = baseline_answers(splits, task, 0, lambda done, most: None)

    def asked(some: Sequence[Run]) -> Answers:
        return {split: mean_answer(some, data, split) for split in ("val", "test")}

    targets = {split: target.float() for split, target in base.targets.items()}
    everyone: dict[str, Answers] = {
        "labels' shares": {split: (base.prior[split].float(), targets[split]) for split in targets},
        "linear probe": {split: (base.probe[split].float(), targets[split]) for split in targets},
    }
    for model, trained in runs.items():
        everyone |= {f"{model}, seed {run.config.seed}": asked([run]) for run in trained}
        everyone[f"{model}, mean of {seeds}"] = asked(trained)
    calibrated = {name: calibrate(answers, counts, task, 0) for name, answers in everyone.items()}
    truth = targets["test"].numpy() == 1

    def score(name: str, which: Headline) -> float:
        return task.metrics(*everyone[name]["test"])[which]

    def against(name: str, other: str, which: Headline) -> str:
        ours, theirs = (
            (
                cut(everyone[n]["test"][0], calibrated[n], task) if which == "macro_f1" else everyone[n]["test"][0]
            ).numpy()
            for n in (name, other)
        )
        return with_interval(paired_difference(ours, theirs, truth, task, score=which))

    print(f"\n### {dataset.name}: {', '.join(f'{len(dataset.split(s)):,} {s}' for s in ('train', 'val', 'test'))}\n")
    rows = []
    for name in everyone:
        found = calibrated[name]
        error = found.ece["test"]
        f1 = found.at_thresholds["test"]["macro_f1"]
        rows.append(
            [
                name,
                f"{score(name, task.headline):.3f}",
                "" if name == "linear probe" else against(name, "linear probe", task.headline),
                "–" if f1 is None else f"{f1:.3f}",
                f"{error.value:.3f} ± {1.96 * error.se:.3f} ({error.by_chance:.3f})",
                f"{len(found.never)} ({len(found.never_at_half)})",
            ]
        )
    header = ["model", task.headline, "less the linear probe's", "macro F1, cut by val", "ECE (were it right)"]
    header += ["labels never predicted (at .5)"]
    print(markdown(header, rows))
    ours = f"{models[0]}, mean of {seeds}"
    print()
    others = ("linear probe", *(f"{model}, mean of {seeds}" for model in models[1:]))
    compared = [[other, against(ours, other, task.headline), against(ours, other, "macro_f1")] for other in others]
    print(markdown([f"{ours} less", f"{task.headline} (95%)", "macro F1, cut by val (95%)"], compared))
    print()
    times = [[model, f"{seconds[model] / seeds:.0f}", *_epochs(trained)] for model, trained in runs.items()]
    spent = "processor seconds a training, as far as it was not there"
    print(markdown(["model", spent, "epochs", "the one kept", "seconds to it"], times))


def _epochs(runs: Sequence[Run]) -> list[str]:
    after = [kept_after(run) for run in runs]
    return [
        ", ".join(str(epochs_run(run)) for run in runs),
        ", ".join(str(run.card.epoch + 1) for run in runs),
        ", ".join("–" if seconds is None else f"{seconds:.0f}" for seconds in after),
    ]


class Printed(Progress):
    """Stages and epochs, on standard error."""

    def note(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
