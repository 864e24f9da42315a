"""Hold what is said of single predictions against known truth: a part of `interplay validate`."""

from collections import Counter
from itertools import combinations

import numpy as np

from interplay.config import Config, ExplainConfig
from interplay.data.known import STORIES
from interplay.data.sample import Dataset
from interplay.evaluation.claims import is_right, summarise_claims, true_kind
from interplay.explanation.explaining import explain_opened
from interplay.explanation.predictor import Opened, Predictor, to_probabilities
from interplay.explanation.what_if import room_for_pairs
from interplay.interactions.block import block_evaluations
from interplay.progress import SILENT, Progress
from interplay.report.claims import Kind, claim
from interplay.results.explanation import SIDE
from interplay.results.validity import ClaimCheck


def check_claims(
    predictor: Predictor,
    dataset: Dataset,
    *,
    config: Config,
    samples: int = 20,
    progress: Progress = SILENT,
) -> list[ClaimCheck]:
    """What is claimed of single predictions, beside what is true (METHOD 13), on the test split.

    What is checked is what `interplay explain` would say. A claim rests on the model's answers with features removed.
    Pair scores only choose which pairs are removed; where all of them are, the cheapest estimator gives the same claim.

    Args:
        predictor: a trained run, or the mean of several, of labels of which any number may hold.
        dataset: data of known truth, with the evidence of every label that holds.
        config: its settings of `explain` and its seed are used.
        samples: how many samples of each story in which its label holds and is predicted.
        progress: shows the stages.

    Returns:
        Rows for each story of the model's labels; none for a story that it never predicts.
    """
    rows = []
    for at, label in enumerate(predictor.labels):
        if label not in STORIES:
            continue
        holding = [s for s in dataset.split("test") if label in s.evidence]
        checked: list[tuple[Kind, Kind, bool]] = []
        advance, most = progress.stage(f"Check claims of {label}"), min(samples, len(holding))
        for sample in holding:
            advance(len(checked), most)
            if len(checked) == most:
                break
            opened = predictor.open(sample)
            whole = opened.logits(np.ones((1, len(opened.features)), dtype=bool))[:, -1]  # the mixture's come last
            if to_probabilities(whole, predictor.label_kind)[0, at] < SIDE:
                continue
            explanation = explain_opened(
                predictor, opened, sample.id, settings=least_settings(config, opened), target=label, seed=config.seed
            )
            found, evidence = claim(explanation), sample.evidence[label]
            right = is_right(found, explanation, STORIES[label], evidence)
            checked.append((true_kind(STORIES[label], evidence), found.kind, right))
        rows += summarise_claims(label, checked)
    return rows


def least_settings(config: Config, opened: Opened) -> ExplainConfig:
    """The settings of `explain` at which a claim costs least and stays the same.

    Args:
        config: the settings that would be used.
        opened: the sample.
    """
    settings = config.explain.model_copy(update={"methods": ()})  # claims rest on no attribution
    sizes = Counter(feature.modality for feature in opened.features)
    most = [min(size, settings.candidates) for size in sizes.values()]
    pairs = [a * b for a, b in combinations(most, 2)]
    if not pairs or sum(pairs) > room_for_pairs(len(opened.features), len(sizes)):
        return settings
    budget = len(pairs) * max(block_evaluations(a, b, 2) for a, b in combinations(most, 2))
    return settings.model_copy(update={"estimator": "block", "budget": budget, "max_interval_width": None})
