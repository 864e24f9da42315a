"""How much of a run's answers rests on one modality and how much on several: measures in print, on one split."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from interplay.data.sample import Dataset, Sample
from interplay.errors import BadInput
from interplay.evaluation.estimates import jackknife
from interplay.evaluation.masking import CountMetric, metric_drop, scores_of
from interplay.evaluation.multimodality import (
    additive_projection,
    cooperation,
    intershap,
    modality_shapley,
    modality_share,
)
from interplay.explanation.predictor import Opened
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.features.batches import collate
from interplay.interactions.shapley import shapley_values
from interplay.models.device import pick_device
from interplay.models.run import Run
from interplay.models.tokens import Tokens
from interplay.pipeline.datasets import refuse_other_data, samples_of
from interplay.pipeline.encode import DEFAULT_STORE, encode, open_encoders
from interplay.progress import SILENT, Progress
from interplay.results.validity import Estimate
from interplay.training.data import FeatureSet

TOGETHER = 256  # samples, or pairings of two, that are answered at once
WALKED, ORDERS = 20, 8  # MM-SHAP: samples, and random orders of a sample's features, each gone through twice


@dataclass(frozen=True)
class Measure:
    """One number about how a model uses its modalities.

    Attributes:
        name: of the measure.
        of: what it is of: a modality, several, or the metric.
        value: its mean with the standard error over samples.
    """

    name: str
    of: str
    value: Estimate


def measure_modalities(
    run: Run,
    dataset: Dataset,
    *,
    split: str = "test",
    samples: int = 100,
    store: str | Path = DEFAULT_STORE,
    device: str | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Measure]:
    """How much of a run's answers rests on one modality and how much on several, by measures in print.

    Each is defined in `interplay.evaluation.multimodality`. Modalities are removed by the fill of the run. InterSHAP
    and MM-SHAP are of each sample's most probable label, on its probability.

    Args:
        run: a trained run.
        dataset: with the labels and modalities of the run.
        split: train, val or test.
        samples: how many of its first samples; EMAP answers all their pairings.
        store: where encoded features are kept.
        device: where encoders and model run; the run's own if None.
        seed: of the orders of features that MM-SHAP draws.
        progress: shows the stages.

    Returns:
        The measures, with errors over samples, which do not cover what training again would change.

    Raises:
        BadInput: the run has one modality, or an unknown split or device.
        DataError: another dataset than the run's, an empty split, or an input that cannot be read.
    """
    if len(run.card.modalities) < 2:
        raise BadInput("the run has one modality", expected="at least two, to tell their shares apart")
    if samples < 1:
        raise BadInput(f"samples is {samples}", expected="at least 1")
    refuse_other_data(run, dataset)
    chosen, device = samples_of(dataset, split)[:samples], device or run.config.device
    run.model.to(pick_device(device))
    encoders = open_encoders(run, device)
    stores = encode(dataset, run.config, store=store, encoders=encoders, progress=progress)
    features = FeatureSet(chosen, stores, run.card.task)
    batch = collate([features[at] for at in range(len(features))]).to(next(run.model.parameters()).device)
    with torch.inference_mode():
        tokens = run.model.project(batch.features, batch.valid)
    truth = batch.target.cpu().numpy() > 0
    name, score = next(iter(scores_of(run.card.label_kind == "single").items()))
    logits = coalition_logits(run, tokens, progress)
    out = [*_of_metric(logits, truth, run, name, score), *_emap(run, tokens, logits[-1], truth, name, score, progress)]
    probabilities = run.card.task.probabilities(torch.from_numpy(logits)).numpy()
    explained = np.arange(len(truth)), logits[-1].argmax(axis=1)
    out.append(Measure("InterSHAP", "interactions", intershap(probabilities[:, *explained])))
    predictor = TrainedPredictor(run, encoders, run.config, stores)
    return out + _mm_shap(predictor, chosen[:WALKED], explained[1], seed, progress)


@torch.inference_mode()
def coalition_logits(run: Run, tokens: Tokens, progress: Progress = SILENT) -> Float[np.ndarray, "S N C"]:
    """Logits with only the modalities of each coalition left, in the order of `interplay.evaluation.multimodality`.

    Args:
        run: a trained run.
        tokens: N samples, projected.
        progress: shows how many coalitions are answered.
    """
    M, advance, out = len(tokens.values), progress.stage("Remove modalities"), []
    for place in range(2**M):
        rows = []
        for part in _parts(len(tokens.valid[0])):
            some = tokens.index(part)
            keep = tuple(torch.full_like(valid, bool(place >> m & 1)) for m, valid in enumerate(some.valid))
            rows.append(run.model.fuse(run.model.remove(some, keep, run.config.removal.fill)).logits.cpu().numpy())
        out.append(np.concatenate(rows))
        advance(place + 1, 2**M)
    return np.stack(out)


@torch.inference_mode()
def pairing_logits(run: Run, tokens: Tokens, progress: Progress = SILENT) -> Float[np.ndarray, "N N C"]:
    """Logits of each sample's first modality with each other's second.

    Args:
        run: a trained run of two modalities.
        tokens: N samples, projected.
        progress: shows how many pairings are answered.
    """
    N, advance, out = len(tokens.valid[0]), progress.stage("Pair samples"), []
    sides = torch.arange(N).repeat_interleave(N), torch.arange(N).repeat(N)
    for part in _parts(N * N):
        both = zip(tokens.values, tokens.valid, sides, strict=True)
        values, valid = zip(*((value[side[part]], mask[side[part]]) for value, mask, side in both), strict=True)
        out.append(run.model.fuse(Tokens(values, valid)).logits.cpu().numpy())
        advance(part.stop, N * N)
    return np.concatenate(out).reshape(N, N, -1)


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, TOGETHER):
        yield slice(start, min(start + TOGETHER, count))


def _of_metric(
    logits: Float[np.ndarray, "S N C"], truth: Bool[np.ndarray, "N C"], run: Run, name: str, score: CountMetric
) -> list[Measure]:
    """The metric with each coalition of modalities, and SHAPE."""
    modalities, places = list(run.card.modalities), range(len(logits))
    rows = np.concatenate([score.counts(some, truth) for some in logits], axis=1)
    there = [" + ".join(m for k, m in enumerate(modalities) if place >> k & 1) for place in places]

    def metric(sums: np.ndarray) -> np.ndarray:
        return np.array([score.of(part) for part in np.split(sums, len(logits))])

    def alone(place: int, sums: np.ndarray) -> float:
        return float(metric(sums)[place])

    def contribution(k: int, sums: np.ndarray) -> float:
        return float(modality_shapley(metric(sums))[k])

    return [
        *(Measure(name, there[at] or "nothing", jackknife(partial(alone, at), rows)) for at in places),
        *(
            Measure("SHAPE, contribution", of, jackknife(partial(contribution, m), rows))
            for m, of in enumerate(modalities)
        ),
        Measure("SHAPE, cooperation", "all", jackknife(lambda sums: cooperation(metric(sums)), rows)),
    ]


def _emap(
    run: Run,
    tokens: Tokens,
    whole: Float[np.ndarray, "N C"],
    truth: Bool[np.ndarray, "N C"],
    name: str,
    score: CountMetric,
    progress: Progress,
) -> list[Measure]:
    """What the metric loses if the modalities only add up; defined for two of them."""
    if len(tokens.values) != 2:
        return []
    projected = additive_projection(pairing_logits(run, tokens, progress))
    kept = jackknife(score.of, score.counts(projected, truth))
    return [
        Measure(f"EMAP, {name}", "the sum of both", kept),
        Measure("EMAP, what more than the sum adds", name, metric_drop(score, whole, projected, truth)),
    ]


def _mm_shap(
    predictor: TrainedPredictor,
    samples: list[Sample],
    explained: Int[np.ndarray, " N"],
    seed: int,
    progress: Progress,
) -> list[Measure]:
    """Each modality's share of the sizes of the Shapley values of all features."""
    modalities, advance, sizes = list(predictor.run.card.modalities), progress.stage("Shapley values"), []
    for number, sample in enumerate(samples):
        opened, label = predictor.open(sample), int(explained[number])

        def value(coalitions: Bool[np.ndarray, "m n"], opened: Opened = opened, label: int = label) -> np.ndarray:
            mixture = torch.from_numpy(opened.logits(coalitions)[:, -1])
            return predictor.run.card.task.probabilities(mixture)[:, label].numpy()

        shapley, _ = shapley_values(value, len(opened.features), ORDERS, np.random.default_rng([seed, number]))
        of = [feature.modality for feature in opened.features]
        sizes.append([sum(abs(v) for v, m in zip(shapley, of, strict=True) if m == name) for name in modalities])
        advance(number + 1, len(samples))
    shares = modality_share(np.array(sizes))
    return [Measure("MM-SHAP", modality, share) for modality, share in zip(modalities, shares, strict=True)]
