"""Do trainings that differ in their seed say the same of one sample? First sentences of several runs, held together.

    python benchmarks/agreement.py RUN RUN [RUN ...] [--samples 100] [--store FOLDER]

The runs are of one dataset, as `interplay train DATA --seeds 3` leaves them. Each of the first test samples is
explained by every run, for the label that is most probable on the mean of their answers. Where a claim holds is what
`interplay explain RUN RUN RUN` counts (`report/agreement.py`): the answer on the same side of one half, a claim of the
same kind and features at the same places; "many small things" also where they are of one modality.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from markdown_table import markdown

from interplay.explanation.explaining import explain_opened
from interplay.explanation.predictor import Opened
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
    predictors: list[TrainedPredictor], sample_id: str, opened: Sequence[Opened], task: Task
) -> list[Explanation]:
    """The sample as each run explains it, for the label that they find most probable together."""
    answers = [torch.from_numpy(o.logits(np.ones((1, len(o.features)), dtype=bool))[0, -1]) for o in opened]
    target = task.labels[int(torch.stack([task.probabilities(a) for a in answers]).mean(0).argmax())]
    return [
        explain_opened(p, o, sample_id, settings=least_settings(p.config, o), target=target, seed=0)
        for p, o in zip(predictors, opened, strict=True)
    ]


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="where the data's features are")
    given = parser.parse_args()
    runs = [open_run(folder) for folder in given.runs]
    dataset = data_of(runs[0])
    predictors = []
    for run in runs:
        encoders = open_encoders(run, "cpu")
        predictors.append(TrainedPredictor(run, encoders, run.config, stored_features(dataset, encoders, given.store)))
    kinds, shared, most, same = Counter[str](), Counter[str](), list[int](), list[int]()
    pairs = []
    for sample in dataset.split("test")[: given.samples]:
        opened = [predictor.open(sample) for predictor in predictors]
        each = explained(predictors, sample.id, opened, runs[0].card.task)
        words = [said for one in each if (said := what_is_said(one)) is not None]
        holds = [sum(a.holds_in(b) for b in words) for a in words]
        pairs.append(np.mean([a.holds_in(b) for a, b in permutations(words, 2)]))
        most.append(max(holds))
        same.append(max(Counter(words).values()))
        for word, count in zip(words, holds, strict=True):
            kinds[word.kind] += 1
            shared[word.kind] += count == len(words)
    n = len(most)
    # A few samples on which all agree are no certainty: the variance counts as at least 1 / (4 n).
    each_way = 1.96 * (max(float(np.var(pairs)), 0.25 / n) / n) ** 0.5
    rows = []
    for k in range(len(runs), 1, -1):
        rows.append([f"a claim of one holds in {k} of {len(runs)}", f"{np.mean(np.array(most) >= k):.2f}"])
        rows.append([f"{k} of {len(runs)} claim the very same", f"{np.mean(np.array(same) >= k):.2f}"])
    rows.append(["the claim of one holds in another, both drawn at random", f"{np.mean(pairs):.2f} ± {each_way:.2f}"])
    print(markdown([f"share of {n} test samples", "value"], rows))
    print()
    header = ["what is said", "how often, over all runs", "of these, true of all runs"]
    print(markdown(header, [[k, str(c), f"{shared[k] / c:.2f}"] for k, c in kinds.most_common()]))


if __name__ == "__main__":
    main()
