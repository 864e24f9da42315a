"""Is the first sentence true? What is claimed of scenes whose truth is known, over stories with a pair and without.

    python benchmarks/claims.py [RUN ...] [--samples 100] [--budget 2048] [--seed 0]

RUN is a run trained on generated scenes; demo/run, which `make demo` leaves, if none is named. Of each story the
first test samples are explained in which its label holds and is predicted. A claim is right if it is of the story's
kind and each feature it names lies on the planted evidence, and the evidence of every part is named. Claims rest on
answers with features removed, not on pair scores, so a small budget of the scores changes only which pairs are asked
about.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from markdown_table import markdown

from interplay.config import ExplainConfig
from interplay.data.sample import Dataset, Evidence, Sample
from interplay.data.scenes_story import STORIES
from interplay.explanation.explaining import explain_sample
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.models.run import Run, open_run
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import open_encoders
from interplay.report.claims import Claim, claim
from interplay.results import Explanation, Feature

KINDS = {"sarcasm": "together", "mismatch": "together", "storm": "either", "urgent": "alone", "animal": "alone"}
SAID = ("alone", "together", "either", "both_add", "modality", "many", "opposed", "unmoved")


def true_kind(story: str, evidence: Evidence) -> str:
    """What a true sentence says: of an OR with one of its two there, that it is alone."""
    return "alone" if story == "storm" and not (evidence.words and evidence.cells) else KINDS[story]


def on_evidence(feature: Feature, evidence: Evidence) -> str | None:
    """Which part of the evidence a feature lies on: "words" or "cells"; None if on none."""
    if feature.span is not None:
        start, end = feature.span
        return "words" if any(start < b and a < end for a, b in evidence.words) else None
    if feature.box is None:
        return None
    x0, y0, x1, y1 = feature.box
    met = any(min(x1, c) - max(x0, a) > 0.01 and min(y1, d) - max(y0, b) > 0.01 for a, b, c, d in evidence.cells)
    return "cells" if met else None


def is_right(found: Claim, explanation: Explanation, story: str, evidence: Evidence) -> bool:
    """Whether kind and features are those that were planted."""
    parts = [on_evidence(explanation.features[at], evidence) for at in found.features]
    wanted = {name for name in ("words", "cells") if getattr(evidence, name)}
    return found.kind == true_kind(story, evidence) and None not in parts and set(parts) == wanted


def samples_of(dataset: Dataset, story: str) -> list[Sample]:
    """Test samples in which the story's label holds."""
    return [s for s in dataset.split("test") if story in s.labels and story in s.evidence]


def measured(run: Run, dataset: Dataset, story: str, most: int, settings: ExplainConfig, seed: int) -> list[object]:
    """One row: the story, how many, the share of right sentences, and how often each kind was said."""
    predictor = TrainedPredictor(run, open_encoders(run, "cpu"))
    said: Counter[str] = Counter()
    right, asked, wrong = 0, 0, []
    for sample in samples_of(dataset, story):
        if asked == most:
            break
        explanation = explain_sample(predictor, sample, settings=settings, target=story, seed=seed)
        if explanation.prediction[story] < 0.5:
            continue
        found = claim(explanation)
        asked += 1
        said[found.kind] += 1
        if is_right(found, explanation, story, sample.evidence[story]):
            right += 1
        else:
            wrong.append(f"{sample.id}: {found.text}")
    for line in wrong[:3]:
        print(f"{run.name} {story} wrong: {line}", flush=True)
    share = right / asked if asked else float("nan")
    error = 1.96 * np.sqrt(max(share * (1 - share), 0.25 / max(1, asked)) / asked) if asked else float("nan")
    return [run.name, story, asked, f"{share:.3f} ± {error:.3f}", *(said[kind] or "" for kind in SAID)]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", default=[Path("demo/run")])
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--budget", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = ExplainConfig(budget=given.budget, methods=())
    rows = []
    for folder in given.runs:
        run = open_run(folder)
        dataset = data_of(run)
        for story in [label for label in run.card.labels if label in STORIES]:
            rows.append(measured(run, dataset, story, given.samples, settings, given.seed))
            print(rows[-1], flush=True)
    print(markdown(["run", "story", "samples", "right", *SAID], rows))


if __name__ == "__main__":
    main()
