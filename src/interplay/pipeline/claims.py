"""Hold what is said of single predictions against known truth: a part of `interplay validate`."""

from collections.abc import Mapping

import numpy as np
import torch

from interplay.config import Config
from interplay.data.known import STORIES
from interplay.data.sample import Dataset
from interplay.encoders.frozen import Encoder
from interplay.evaluation.claims import is_right, summarise_claims, true_kind
from interplay.explanation.explaining import explain_opened
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.features.store import Features
from interplay.models.run import Run
from interplay.progress import SILENT, Progress
from interplay.report.claims import Kind, claim
from interplay.results.validity import ClaimCheck


def check_claims(
    run: Run,
    dataset: Dataset,
    *,
    encoders: dict[str, Encoder],
    stores: Mapping[str, Features] | None = None,
    config: Config | None = None,
    samples: int = 20,
    progress: Progress = SILENT,
) -> list[ClaimCheck]:
    """What is claimed of single predictions, beside what is true (METHOD 13), on the test split.

    Each is explained with the settings of `explain`, so what is checked is what `interplay explain` would say.

    Args:
        run: a trained run.
        dataset: data of known truth, with the evidence of every label that holds.
        encoders: modality -> the run's frozen encoder.
        stores: modality -> the dataset's stored features; samples are encoded anew if None.
        config: settings of `removal` and `explain`; the run's own if None.
        samples: how many samples of each story in which its label holds and is predicted.
        progress: shows the stages.

    Returns:
        Rows for each story of the run's labels; none for a story that the model never predicts.
    """
    config = config or run.config
    settings = config.explain.model_copy(update={"methods": ()})  # claims rest on no attribution
    predictor = TrainedPredictor(run, encoders, config, stores)
    rows = []
    for label in [label for label in run.card.labels if label in STORIES]:
        holding = [s for s in dataset.split("test") if label in s.evidence]
        checked: list[tuple[Kind, Kind, bool]] = []
        advance, most = progress.stage(f"Check claims of {label}"), min(samples, len(holding))
        for sample in holding:
            advance(len(checked), most)
            if len(checked) == most:
                break
            opened = predictor.open(sample)
            logits = opened.logits(np.ones((1, len(opened.features)), dtype=bool))[0, -1]  # the mixture's come last
            if run.card.task.probabilities(torch.from_numpy(logits))[run.card.labels.index(label)] < 0.5:
                continue
            explanation = explain_opened(
                predictor, opened, sample.id, settings=settings, target=label, seed=config.seed
            )
            found, evidence = claim(explanation), sample.evidence[label]
            right = is_right(found, explanation, STORIES[label], evidence)
            checked.append((true_kind(STORIES[label], evidence), found.kind, right))
        rows += summarise_claims(label, checked)
    return rows
