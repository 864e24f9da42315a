"""Can pair scores be trusted? A model's answers and pair scores held against the ideal of known-truth data [ours].

Two things are measured of each sample: the model's answers to subsets of every size (compared with the exact
posterior), and its pair scores (compared with those of the exact posterior, and with which pair was planted).
`interplay validate` puts the two together; `summaries` turns them into the numbers of its report.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interplay.config import Fill
from interplay.data.truth import Slot, Story, Truth, carried_by_both
from interplay.encoders.parts import Part
from interplay.evaluation.ideal import carriers, ideal_pairs, ideal_value
from interplay.explanation.game import model_value
from interplay.explanation.pairs import backgrounds
from interplay.explanation.players import SCALES, Players
from interplay.explanation.trained.pairs import probe_pairs
from interplay.interactions import interval
from interplay.interactions.scores import PairScores
from interplay.models.fusion import FusionModel
from interplay.models.task import Task
from interplay.models.tokens import Tokens

SCORES = ("sii", "redundancy_gap")
WHOLE = ("everything", "no text", "no image", "nothing")


@dataclass(frozen=True)
class KnownSample:
    """One sample of known truth, ready to be probed: its tokens (batch of 1) and players, and what they are."""

    tokens: Tokens
    players: Players
    parts: tuple[list[Part], ...]
    truth: Truth


@dataclass(frozen=True)
class Stories:
    """The labels that are probed: name -> story, in the order of every L axis, and the slots they are made of."""

    named: dict[str, Story]
    slots: Mapping[str, Slot]


@dataclass(frozen=True)
class SampleAnswers:
    """What a model answers when features are removed, beside the exact posterior.

    Attributes:
        share: (K,) of the players, how many are there.
        model: (K, L, E + 1) probabilities of every expert and of the mixture.
        ideal: (K, L) the posterior.
        whole: (4, L, E + 1) and ideal_whole (4, L): the same for whole modalities, in the order of `WHOLE`.
    """

    share: np.ndarray
    model: np.ndarray
    ideal: np.ndarray
    whole: np.ndarray
    ideal_whole: np.ndarray


@dataclass(frozen=True)
class SamplePairs:
    """The scores of one sample's cross-modal pairs, beside the exact ones.

    Attributes:
        scores: score -> (P, L, 2, E + 1).
        ideal: score -> (P, L, 2).
        outside: score -> (P, L, 2, E + 1) whether its own 95% interval excludes 0.
        planted: (P, L) whether the pair is that of the story's two slots.
        holds: (L,) whether the label holds and both its slots carry it.
        evaluations: coalitions asked.
    """

    scores: dict[str, np.ndarray]
    outside: dict[str, np.ndarray]
    ideal: dict[str, np.ndarray]
    planted: np.ndarray
    holds: np.ndarray
    evaluations: int


def ask_answers(
    model: FusionModel, task: Task, known: KnownSample, stories: Stories, *, fill: Fill, draws: int, seed: int
) -> SampleAnswers:
    """The model's answers to random subsets of one sample's features, and the exact ones.

    Subset sizes are spread evenly over 0 .. n; the subsets without a whole modality are added.

    Args:
        model: the fusion model, in evaluation mode.
        task: the labels and their kind.
        known: a sample of known truth, encoded.
        stories: story -> its definition.
        fill: what takes the place of removed features: "mean", "zero" or "attention".
        draws: how many subsets.
        seed: decides every random draw.
    """
    n, rng = len(known.players), np.random.default_rng(seed)
    sizes = np.round(np.linspace(0, n, draws)).astype(int)
    subsets = np.array([rng.permutation(n) < size for size in sizes])
    reads = [bool(parts) and parts[0].span is not None for parts in known.parts]
    text = np.array(reads)[known.players.modality]
    whole = np.stack([np.ones(n, dtype=bool), ~text, text, np.zeros(n, dtype=bool)])
    labels = [task.labels.index(name) for name in stories.named]
    value = model_value(model, task, known.tokens, labels, fill, known.players)
    answers = value(np.concatenate([whole, subsets]))[:, :, SCALES.index("probability")]
    carried = carriers(known.truth, known.players, known.parts)
    exact = [ideal_value(story, stories.slots, known.truth, carried) for story in stories.named.values()]
    ideal = np.stack([v(np.concatenate([whole, subsets])) for v in exact], axis=1)
    return SampleAnswers(sizes / n, answers[4:], ideal[4:], answers[:4], ideal[:4])


def ask_pairs(
    model: FusionModel, task: Task, known: KnownSample, stories: Stories, *, fill: Fill, samples: int, seed: int
) -> SamplePairs:
    """Score every cross-modal pair for every story, from the same evaluations.

    Args:
        model: the fusion model, in evaluation mode.
        task: the labels and their kind.
        known: a sample of known truth, encoded.
        stories: story -> its definition.
        fill: what takes the place of removed features: "mean", "zero" or "attention".
        samples: backgrounds behind each pair score.
        seed: decides every random draw.
    """
    labels = [task.labels.index(name) for name in stories.named]
    probe = probe_pairs(
        model, task, known.tokens, labels, fill=fill, estimate=backgrounds(samples, seed), players=known.players
    )
    pairs = np.concatenate([block.pairs for block in probe.blocks])
    scores = {name: np.concatenate([getattr(b, name) for b in probe.blocks]) for name in SCORES}
    outside = {name: np.concatenate([_outside(b, name) for b in probe.blocks]) for name in SCORES}
    carried = carriers(known.truth, known.players, known.parts)
    ideal = {name: np.zeros((len(pairs), len(labels), len(SCALES))) for name in SCORES}
    planted = np.zeros((len(pairs), len(labels)), dtype=bool)
    holds = np.zeros(len(labels), dtype=bool)
    for k, story in enumerate(stories.named.values()):
        for o, on in enumerate(SCALES):
            exact = ideal_pairs(story, stories.slots, known.truth, carried, pairs, on)
            ideal["sii"][:, k, o], ideal["redundancy_gap"][:, k, o] = exact
        if len(story.slots) == 2:
            first, second = (np.isin(pairs, carried.slots[name]).any(axis=1) for name in story.slots)
            planted[:, k] = first & second
            holds[k] = carried_by_both(story, known.truth) and planted[:, k].any()
    return SamplePairs(scores, outside, ideal, planted, holds, probe.evaluations)


def _outside(scores: PairScores, name: str) -> np.ndarray:
    bounds = interval(scores)
    return (getattr(bounds, f"{name}_low") > 0) | (getattr(bounds, f"{name}_high") < 0)


def measure(
    model: FusionModel,
    task: Task,
    samples: Sequence[KnownSample],
    stories: Stories,
    *,
    fill: Fill,
    backgrounds: int,
    draws: int = 32,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[SampleAnswers], list[SamplePairs]]:
    """Answers and pair scores of every sample, each with a seed of its own.

    Args:
        model: the fusion model, in evaluation mode.
        task: the labels and their kind.
        samples: samples of known truth, encoded.
        stories: story -> its definition.
        fill: what takes the place of removed features: "mean", "zero" or "attention".
        backgrounds: draws behind each pair score.
        draws: how many subsets of features are answered, for each sample.
        seed: decides every random draw.
        progress: called with (done, total) samples.
    """
    answers, pairs = [], []
    for k, known in enumerate(samples):
        answers.append(ask_answers(model, task, known, stories, fill=fill, draws=draws, seed=seed + k))
        pairs.append(ask_pairs(model, task, known, stories, fill=fill, samples=backgrounds, seed=seed + k))
        if progress:
            progress(k + 1, len(samples))
    return answers, pairs
