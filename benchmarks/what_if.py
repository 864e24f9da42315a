"""Do the what-if's intervals hold? Estimates for several features out, against the model's own answers.

    python benchmarks/what_if.py [RUN ...] [--samples 40] [--sets 10] [--seed 0] [--store FOLDER]

RUN is a trained run; demo/run, which `make demo` leaves, if none is named. Of each of the first test samples, features
are taken out in sets drawn at random from those that may form pairs, and in sets that hold the strongest of them; a set
is asked about where the page would show an estimate for it. Prints how many of the intervals that the page shows hold
the model's answer.
"""

import argparse
from collections import defaultdict
from math import log
from pathlib import Path

import numpy as np
from markdown_table import markdown

from interplay.explanation.explaining import explain_opened
from interplay.explanation.predictor import probabilities_by_model
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.explanation.what_if import estimate
from interplay.models.run import open_run
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import DEFAULT_STORE, open_encoders
from interplay.pipeline.validate import stored_features
from interplay.results import WhatIf

SIZES = (2, 3, 4, 6)
ROUNDING = 1e-3  # on the logit: what single precision and another batch change, and no page shows


def checked(asked: WhatIf, by_model, candidates: list[int], sets: int, rng: np.random.Generator):
    """(size, whether it holds the strongest, whether the interval holds the answer), set by set."""
    one = {at: p for at, p in enumerate(asked.without) if p is not None}
    both = {(i, j): p for i, j, p in zip(asked.i, asked.j, asked.without_both, strict=True)}
    for size in SIZES:
        for strongest in (False, True):
            for _ in range(sets):
                first = asked.strong[:1] if strongest else []
                rest = [at for at in candidates if at not in first]
                gone = sorted([*first, *rng.choice(rest, size - len(first), replace=False).tolist()])
                known = [(i, j) in both for n, i in enumerate(gone) for j in gone[n + 1 :]]
                off = asked.off_strong if set(asked.strong) & set(gone) else asked.off
                larger = [n for n in off if n >= size]
                if not all(known) or (size > 2 and not larger):
                    continue
                row = np.ones((1, len(asked.without)), dtype=bool)
                row[0, gone] = False
                p = float(by_model(row)[0, 0].clip(1e-12, 1 - 1e-12))
                error = abs(estimate(gone, asked.whole, one, both) - log(p / (1 - p)))
                yield size, strongest, error <= ROUNDING + (off[min(larger)] if size > 2 else 0.0)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, default=[Path("demo/run")], metavar="RUN")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--sets", type=int, default=10, help="of each size, at random and with the strongest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="where the data's features are")
    given, held = parser.parse_args(), defaultdict[tuple[int, bool], list[bool]](list)
    for folder in given.runs:
        run = open_run(folder)
        dataset, encoders = data_of(run), open_encoders(run, "cpu")
        predictor = TrainedPredictor(run, encoders, run.config, stored_features(dataset, encoders, given.store))
        settings = run.config.explain.model_copy(update={"methods": (), "estimator": "block", "budget": 1300})
        rng = np.random.default_rng(given.seed)
        for n, sample in enumerate(dataset.split("test")[: given.samples]):
            opened = predictor.open(sample)
            found = explain_opened(predictor, opened, sample.id, settings=settings, seed=n)
            by_model = probabilities_by_model(opened, predictor.label_kind, run.card.labels.index(found.target))
            candidates = sorted({at for pair in found.pairs for at in (pair.i, pair.j)})
            for size, strongest, holds in checked(found.whatif, by_model, candidates, given.sets, rng):
                held[size, strongest].append(holds)
        print(f"{folder} done", flush=True)
    rows = []
    for size in SIZES:
        for strongest in (False, True):
            some = held[size, strongest]
            rows.append(
                [
                    size,
                    "with the strongest" if strongest else "at random",
                    len(some),
                    f"{np.mean(some):.3f}" if some else "–",
                ]
            )
    print(
        markdown(
            ["features out", "drawn", "sets", "interval holds the answer"], [[str(c) for c in row] for row in rows]
        )
    )


if __name__ == "__main__":
    main()
