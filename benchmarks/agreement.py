"""Do trainings that differ in their seed say the same of one sample? First sentences of several runs, held together.

    python benchmarks/agreement.py RUN RUN [RUN ...] [--samples 100] [--together 1] [--store FOLDER]

The runs are of one dataset, as `interplay train DATA --seeds 3` leaves them. With `--together 3` the mean of the first
three is one model, that of the next three another, and so on: ensembles that have no training in common. Each of the
first test samples is explained by every model, for the label that is most probable on the mean of their answers. Where
a claim holds is what `interplay explain RUN RUN RUN` counts (`report/agreement.py`): the answer on the same side of one
half, or no more said by both than that the label may be (of several labels: from .4 to .6); a claim of the same kind
and features at the same places; "many small things" also where they are of one modality. `on the same side` counts that
without exception.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from markdown_table import markdown

from interplay.config import Config
from interplay.explanation.ensemble import Ensemble
from interplay.explanation.explaining import explain_opened
from interplay.explanation.predictor import Opened, Predictor
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.models.run import open_run
from interplay.models.task import Task
from interplay.pipeline.claims import least_settings
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import DEFAULT_STORE, open_encoders
from interplay.pipeline.validate import stored_features
from interplay.report.agreement import what_is_said
from interplay.results import Explanation


def explained(
    predictors: Sequence[Predictor], config: Config, sample_id: str, opened: Sequence[Opened], task: Task
) -> list[Explanation]:
    """The sample as each model explains it, for the label that they find most probable together."""
    answers = [torch.from_numpy(o.logits(np.ones((1, len(o.features)), dtype=bool))[0, -1]) for o in opened]
    target = task.labels[int(torch.stack([task.probabilities(a) for a in answers]).mean(0).argmax())]
    return [
        explain_opened(p, o, sample_id, settings=least_settings(config, o), target=target, seed=0)
        for p, o in zip(predictors, opened, strict=True)
    ]


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--together", type=int, default=1, metavar="K", help="explain the mean of each K runs")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="where the data's features are")
    given = parser.parse_args()
    runs = [open_run(folder) for folder in given.runs]
    dataset = data_of(runs[0])
    encoders = open_encoders(runs[0], "cpu")
    stores = stored_features(dataset, encoders, given.store)
    each_run = [TrainedPredictor(run, encoders, run.config, stores) for run in runs]
    k = given.together
    if len(runs) < 2 * k or len(runs) % k:
        parser.error(f"{len(runs)} runs: two or more groups of {k} are needed")
    groups = [each_run[at : at + k] for at in range(0, len(runs), k)]
    predictors: list[Predictor] = [group[0] if k == 1 else Ensemble(group) for group in groups]
    kinds, shared, most, same, one_side = Counter[str](), Counter[str](), list[int](), list[int](), list[int]()
    pairs = []
    for sample in dataset.split("test")[: given.samples]:
        opened = [predictor.open(sample) for predictor in predictors]
        each = explained(predictors, runs[0].config, sample.id, opened, runs[0].card.task)
        words = [said for one in each if (said := what_is_said(one)) is not None]
        holds = [sum(a.holds_in(b) for b in words) for a in words]
        pairs.append(np.mean([a.holds_in(b) for a, b in permutations(words, 2)]))
        most.append(max(holds))
        one_side.append(max(sum(a.holds_in(b) and a.given == b.given for b in words) for a in words))
        same.append(max(Counter(words).values()))
        for word, count in zip(words, holds, strict=True):
            kinds[word.kind] += 1
            shared[word.kind] += count == len(words)
    n = len(most)
    # A few samples on which all agree are no certainty: the variance counts as at least 1 / (4 n).
    each_way = 1.96 * (max(float(np.var(pairs)), 0.25 / n) / n) ** 0.5
    rows = []
    models = len(predictors)
    for held in range(models, 1, -1):
        rows.append([f"a claim of one holds in {held} of {models}", f"{np.mean(np.array(most) >= held):.2f}"])
        rows.append([f"the same, answers on the same side, in {held}", f"{np.mean(np.array(one_side) >= held):.2f}"])
        rows.append([f"{held} of {models} claim the very same", f"{np.mean(np.array(same) >= held):.2f}"])
    rows.append(["the claim of one holds in another, both drawn at random", f"{np.mean(pairs):.2f} ± {each_way:.2f}"])
    print(markdown([f"share of {n} test samples", "value"], rows))
    print()
    header = ["what is said", "how often, over all models", "of these, true of all"]
    print(markdown(header, [[k, str(c), f"{shared[k] / c:.2f}"] for k, c in kinds.most_common()]))


if __name__ == "__main__":
    main()
