"""Is fl-i2moe better than what it has to beat, when every sample of a small dataset is tested?

    python benchmarks/folds.py DATA [DATA ...] [--folds 5] [--only 0 3] [--seeds 3] [--models fl-i2moe i2moe dense]
        [--work FOLDER] [--store FOLDER] [--set encoders.text.neighbours=1]

A hundred test samples do not show a difference of .02. Here the dataset's own split is set aside: samples are dealt at
random to folds, and each fold is tested by models that saw none of it, trained as `benchmarks/real_data.py` does it; of
what is left as many samples as before are the validation split. Scores are means over folds. Their differences have 95%
intervals from the folds' own paired bootstraps (folds share no test sample); what training again would change, and that
folds share training samples, is not in them. Runs and features stay in --work, so that it goes on where it stopped.

--only takes some folds alone, numbered from 0: their columns must be the same as in a table of all.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markdown_table import markdown
from real_data import Printed

from interplay.cli.options import assigned
from interplay.config import make_config, nested
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.models.task import Headline, Task
from interplay.pipeline.encode import encode
from interplay.pipeline.seeds import mean_answer, train_seeds
from interplay.pipeline.train import label_counts, splits_of
from interplay.results.baselines import Difference
from interplay.training.baselines import baseline_answers, paired_difference
from interplay.training.calibration import calibrate, cut
from interplay.training.data import FeatureData

Z = 1.96
SCORES: tuple[Headline, ...] = ("map", "macro_f1")


def dealt(dataset: Dataset, folds: int, fold: int) -> Dataset:
    """The dataset with another split: one fold of it to test on."""
    order = np.random.default_rng(0).permutation(len(dataset.samples))
    test = set(order[fold::folds].tolist())
    rest = [at for at in order.tolist() if at not in test]
    val = set(rest[: len(dataset.split("val"))])
    names = ["test" if at in test else "val" if at in val else "train" for at in range(len(dataset.samples))]
    samples = [replace(sample, split=name) for sample, name in zip(dataset.samples, names, strict=True)]
    return replace(dataset, name=f"{dataset.name}, fold {fold}", samples=samples)


def answers_of(
    dataset: Dataset, models: Sequence[str], seeds: int, work: Path, store: Path, settings: dict[str, Any]
) -> tuple[Task, torch.Tensor, dict[str, dict[Headline, torch.Tensor]]]:
    """One fold: its test labels, and every model's test logits, as they are and cut at the thresholds of val."""
    progress = Printed()
    configs = {model: make_config(nested(settings, {"fusion.kind": model})) for model in models}
    runs = {m: train_seeds(dataset, c, work / m, seeds, store=store, progress=progress) for m, c in configs.items()}
    task, splits = splits_of(dataset, encode(dataset, next(iter(configs.values())), store=store))
    counts, data = label_counts(splits["train"]), FeatureData(splits, 16, 0)
    base = baseline_answers(splits, task, 0, lambda done, most: None)
    targets = {split: target.float() for split, target in base.targets.items()}
    everyone = {"linear probe": {split: (base.probe[split].float(), targets[split]) for split in targets}}
    for model, trained in runs.items():
        for run in trained:
            everyone[f"{model}, seed {run.config.seed}"] = {s: mean_answer([run], data, s) for s in ("val", "test")}
        everyone[f"{model}, mean of {seeds}"] = {s: mean_answer(trained, data, s) for s in ("val", "test")}
    out: dict[str, dict[Headline, torch.Tensor]] = {}
    for name, answers in everyone.items():
        logits = answers["test"][0]
        out[name] = {"map": logits, "macro_f1": cut(logits, calibrate(answers, counts, task, 0), task)}
    return task, targets["test"], out


def over_folds(differences: Sequence[Difference]) -> tuple[float, float]:
    """The mean over folds, and half its interval: folds are drawn apart, so their variances add up."""
    known = [d for d in differences if d.value is not None and d.low is not None and d.high is not None]
    widths = [((d.high or 0.0) - (d.low or 0.0)) / (2 * Z) for d in known]
    return float(np.mean([d.value for d in known])), Z * float(np.sqrt(np.sum(np.square(widths)))) / len(known)


def measure(dataset: Dataset, given: argparse.Namespace, work: Path, store: Path, settings: dict[str, Any]) -> None:
    """Train what is not there yet, and print the tables of one dataset."""
    folds = range(given.folds) if given.only is None else given.only
    parts = [
        answers_of(dealt(dataset, given.folds, k), given.models, given.seeds, work / f"fold{k}", store, settings)
        for k in folds
    ]
    task = parts[0][0]
    scores = SCORES if task.headline == "map" else SCORES[1:]

    def differences(one: str, other: str, which: Headline) -> list[Difference]:
        return [
            paired_difference(each[one][which].numpy(), each[other][which].numpy(), truth.numpy() == 1, task, k, which)
            for k, (_, truth, each) in zip(folds, parts, strict=True)
        ]

    def shown(one: str, other: str, which: Headline) -> list[str]:
        found = differences(one, other, which)
        value, half = over_folds(found)
        each = " ".join("–" if d.value is None else f"{d.value:+.3f}" for d in found)
        return [f"{value:+.3f} ± {half:.3f}", each]

    samples = sum(len(truth) for _, truth, _ in parts)
    print(f"\n### {dataset.name}: {samples:,} samples in {len(folds)} of {given.folds} folds\n")
    rows = []
    for name in parts[0][2]:
        row = [name]
        for which in scores:
            each = [float(task.metrics(answers[name][which], truth)[which]) for _, truth, answers in parts]
            row += [
                f"{np.nanmean(each):.3f}",
                *(["", ""] if name == "linear probe" else shown(name, "linear probe", which)),
            ]
        rows.append(row)
    header = ["model"]
    for which in scores:
        called = "mAP" if which == "map" else "macro F1, cut by val"
        header += [called, "less the linear probe's", "in each fold"]
    print(markdown(header, rows))
    ours = f"{given.models[0]}, mean of {given.seeds}"
    others = [f"{model}, mean of {given.seeds}" for model in given.models[1:]]
    if others:
        rows = [[other, *(cell for which in scores for cell in shown(ours, other, which))] for other in others]
        print()
        print(markdown([f"{ours} less", *(h for h in header[1:] if h not in ("mAP", "macro F1, cut by val"))], rows))


def main() -> None:
    """Print the tables of each dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", nargs="+", type=int, metavar="FOLD", help="these folds of all, from 0 on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=["fl-i2moe", "i2moe", "dense"])
    parser.add_argument("--work", type=Path, default=Path(".interplay") / "folds")
    parser.add_argument("--store", type=Path, help="where features are kept; in --work if absent")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings other than the defaults")
    given = parser.parse_args()
    settings: Mapping[str, Any] = nested({}, assigned(given.set))
    for folder in given.data:
        work = given.work / folder.resolve().name
        measure(open_dataset(folder), given, work, given.store or given.work / "store", dict(settings))


if __name__ == "__main__":
    main()
