"""The stages of one run of a study: what its model is attributed, masked and probed for. One function a stage.

Each takes the bench and returns arrays that say everything later stages need; none reads the model's files. Random
numbers come from the seed of the stage and the sample alone, so that all runs of a study meet the same controls.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from interplay.config import Config
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoder
from interplay.evaluation.masking import Ask, ask_masked
from interplay.explanation.attribution.methods import METHODS
from interplay.explanation.game import model_logits, value_names
from interplay.explanation.players import Players
from interplay.explanation.trained.prepared import Prepared, attribute, players_in, prepare_sample
from interplay.features.store import Features
from interplay.metrics import predicted_labels
from interplay.models.run import Run
from interplay.progress import SILENT, Advance
from interplay.study.arrays import Arrays
from interplay.study.config import StudyConfig

MAPS = tuple(name for name in METHODS if name != "random")
"""Attribution methods that are measured; random rankings are drawn apart."""
ATTRIBUTE, MASK, PAIRS, PAIR_MASK = range(4)


@dataclass(frozen=True)
class Bench:
    """One trained run with the samples it is measured on."""

    run: Run
    encoders: dict[str, Encoder]
    stores: Mapping[str, Features]
    samples: list[Sample]
    options: StudyConfig
    advance: Advance = field(default=SILENT.stage(""))

    @property
    def config(self) -> Config:
        """The run's own."""
        return self.run.config

    @property
    def names(self) -> list[str]:
        """The experts, and the mixture."""
        return value_names(self.run.model)

    def rng(self, stage: int, number: int) -> np.random.Generator:
        """The random generator of one sample in one stage, the same for every run.

        Args:
            stage: number of the stage.
            number: index of the sample.
        """
        return np.random.default_rng([stage, number])

    def prepared(self, most: int) -> Iterator[tuple[int, Prepared, Players]]:
        """The first samples, encoded, with their players; advances the stage's progress.

        Args:
            most: how many samples.

        Yields:
            (index, encoded sample, players).
        """
        count = min(most, len(self.samples))
        for number in range(count):
            one = prepare_sample(self.run, self.encoders, self.samples[number], self.stores)
            yield number, one, players_in(one, self.config)
            self.advance(number + 1, count)

    def ask(self, prepared: Prepared, players: Players) -> Ask:
        """The function from coalitions of players to logits of every expert and the mixture.

        Args:
            prepared: the encoded sample.
            players: its players.
        """
        return model_logits(self.run.model, prepared.tokens, self.config.removal.fill, players)

    def on_scales(self, logits: Float[np.ndarray, "*V E1 C"], label: int) -> Float[np.ndarray, "*V 2 E1"]:
        """One label's logit and probability, as on SCALES.

        Args:
            logits: (*V, E1, C).
            label: index of the label.
        """
        probabilities = self.run.card.task.probabilities(torch.from_numpy(logits)).numpy()
        return np.stack([logits[..., label], probabilities[..., label]], axis=-2)


def attribute_samples(bench: Bench) -> Arrays:
    """Every method's map of every expert and the mixture, for the mean logit of the predicted labels.

    Args:
        bench: one run and its samples.

    Returns:
        full (N, E1, C): logits of the intact samples. truth, target (N, C): labels that hold, and that are explained.
        offsets (N + 1,): where each sample's players begin along the last axis of the others. modality (n,).
        scores (R, E1, n): raw scores by MAPS. completeness (N, E1): error of integrated gradients, on the logit.
    """
    start, task = time.perf_counter(), bench.run.card.task
    full, target, sizes, modality, scores, errors = [], [], [], [], [], []
    for _, one, players in bench.prepared(bench.options.samples):
        with torch.inference_mode():
            output = bench.run.model.fuse(one.tokens)
        logits = torch.cat([output.expert_logits[0], output.logits])
        chosen = predicted_labels(task.probabilities(output.logits).numpy(), task.kind, at_least_one=True)[0]
        maps = attribute(bench.run, bench.config, one.tokens, players, tuple(np.flatnonzero(chosen).tolist()))
        full.append(logits.cpu().numpy())
        target.append(chosen)
        sizes.append(len(players))
        modality.append(players.modality)
        scores.append(np.stack([[maps[name].scores[expert] for expert in bench.names] for name in MAPS]))
        errors.append([maps["integrated_gradients"].completeness_error[expert] for expert in bench.names])
    truth = np.stack([task.target(s.labels).numpy() > 0 for s in bench.samples[: len(full)]])
    return Arrays(
        {
            "full": np.stack(full),
            "truth": truth,
            "target": np.stack(target),
            "offsets": np.concatenate([[0], np.cumsum(sizes)]),
            "modality": np.concatenate(modality),
            "scores": np.concatenate(scores, axis=-1),
            "completeness": np.array(errors),
        },
        about(bench, len(full), start, 0),
    )


def of_sample(attributions: Arrays, number: int) -> tuple[Float[np.ndarray, "R E1 n"], Int[np.ndarray, " n"]]:
    """One sample's attribution maps (R, E1, n), and its players' modalities (n,).

    Args:
        attributions: what `attribute_samples` returned.
        number: index of the sample.
    """
    part = slice(*attributions["offsets"][number : number + 2])
    return attributions["scores"][..., part], attributions["modality"][part]


def mask_samples(bench: Bench, attributions: Arrays) -> Arrays:
    """Logits (N, R + D, E1, K, 2, C) with the top K% removed, and with them alone (METHOD 8).

    Args:
        bench: one run and its samples.
        attributions: what `attribute_samples` returned.
    """
    start, options, logits, asked = time.perf_counter(), bench.options, [], 0
    for number, one, players in bench.prepared(options.samples):
        maps, modality = of_sample(attributions, number)
        rng = bench.rng(MASK, number)
        ask = bench.ask(one, players)
        logits.append(ask_masked(ask, maps, modality, options.shares, options.random_draws, rng))
        asked += masked_evaluations(options, len(bench.names))
    return Arrays({"logits": np.stack(logits)}, about(bench, len(logits), start, asked))


def masked_evaluations(options: StudyConfig, outputs: int) -> int:
    """How many evaluations `mask_samples` makes for one sample.

    Args:
        options: the study's options.
        outputs: experts and the mixture.
    """
    return (len(MAPS) * outputs + options.random_draws) * len(options.shares) * 2


def about(bench: Bench, samples: int, start: float, evaluations: int) -> dict[str, object]:
    """What a stage's arrays are of.

    Args:
        bench: one run and its samples.
        samples: how many were measured.
        start: when the stage began, by `time.perf_counter`.
        evaluations: how many it made.
    """
    return {
        "samples": [s.id for s in bench.samples[:samples]],
        "experts": bench.names,
        "labels": list(bench.run.card.labels),
        "evaluations": evaluations,
        "seconds": round(time.perf_counter() - start, 2),
    }
