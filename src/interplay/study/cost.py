"""What a study will cost before any of it is done: samples, model evaluations, disk and time of each stage.

Times are measured on this machine, a moment each: a few samples through every encoder, a few training steps,
attributions and answers with features removed of a fresh model of every variant. They count every epoch, though
training may stop earlier, and say nothing of what else the machine will be doing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from interplay.config import Config
from interplay.data.known import STORIES
from interplay.data.sample import Dataset
from interplay.data.truth import read_truth
from interplay.encoders.frozen import Encoded, Encoder
from interplay.errors import DataError
from interplay.explanation.attribution.methods import METHODS, Request
from interplay.explanation.attribution.target import Target
from interplay.explanation.game import model_logits, players_of, tokens_of, value_names
from interplay.features.batches import Item, collate
from interplay.features.store import encode_one, read_input, store_folder
from interplay.interactions import block_evaluations
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel
from interplay.models.task import Task
from interplay.pipeline.encode import encoders_for
from interplay.study.config import Study, StudyConfig
from interplay.study.pair_stages import pair_masked_evaluations, rankings_of
from interplay.study.running import STORY_BACKGROUNDS
from interplay.study.stages import MAPS, masked_evaluations
from interplay.training.module import FusionTraining

PROBED = 6  # samples that are encoded, to see how long and how costly they are
ASKED = 64  # coalitions that are timed
FLOAT, DOUBLE = 4, 8
STAGES = ("encode", "train", "attribute", "mask", "pairs", "mask pairs", "stories")


@dataclass(frozen=True)
class Cost:
    """One stage of a study, or a sum of several.

    Attributes:
        samples: samples that go through it, once a run (and an epoch).
        evaluations: answers asked of a model: passes of samples in training, coalitions in masking and probing.
        disk: bytes it leaves.
        seconds: estimated.
    """

    stage: str
    samples: int
    evaluations: int
    disk: int
    seconds: float


@dataclass(frozen=True)
class StageTimes:
    """What one variant's model takes on samples of middling length.

    Attributes:
        step, attribution, answer: seconds of a training step, of one sample's maps, of one coalition.
        outputs: experts and the mixture.
        modality: of each player of a sample.
        weights: of the model.
    """

    step: float
    attribution: float
    answer: float
    outputs: list[str]
    modality: np.ndarray
    weights: int


def estimate_cost(study: Study, dataset: Dataset, store: str | Path, say: Callable[[str], None]) -> list[Cost]:
    """The expected cost of every stage, over all variants and seeds. Nothing is written.

    Args:
        study: the study.
        dataset: the dataset.
        store: folder of the feature store.
        say: called with a sentence as each variant is timed.
    """
    found: list[Cost] = []
    encoded: dict[str, dict[str, list[Encoded]]] = {}
    for variant, config in study.variants.items():
        say(f"{variant}: timing a moment of each stage")
        encoders = encoders_for(dataset, config)
        key = str([encoder.fingerprint for encoder in encoders.values()])
        if key not in encoded:
            encoded[key] = {}
            for modality, encoder in encoders.items():
                some, cost = _encoding(dataset, modality, encoder, store)
                encoded[key][modality] = some
                found.append(cost)
        moments = _moments(config, dataset, encoders, encoded[key])
        found += [*_training(study.options, config, dataset, moments), *_measuring(study.options, dataset, moments)]
    return [total(stage, [cost for cost in found if cost.stage == stage]) for stage in STAGES]


def total(name: str, costs: Sequence[Cost]) -> Cost:
    """The sum of several costs.

    Args:
        name: name of the sum.
        costs: what to sum.
    """
    return Cost(
        name,
        sum(c.samples for c in costs),
        sum(c.evaluations for c in costs),
        sum(c.disk for c in costs),
        sum(c.seconds for c in costs),
    )


def _encoding(dataset: Dataset, modality: str, encoder: Encoder, store: str | Path) -> tuple[list[Encoded], Cost]:
    """A few samples of the training split encoded, and what all will cost; nothing where they are stored."""
    samples = dataset.split("train")[:PROBED]
    start = time.perf_counter()
    some = [encode_one(encoder, read_input(sample, modality, encoder.kind)) for sample in samples]
    seconds = (time.perf_counter() - start) / len(some)
    size = np.mean([one.features.numel() * FLOAT // 2 for one in some])
    n = 0 if store_folder(dataset, modality, encoder, store).exists() else len(dataset.samples)
    return some, Cost("encode", n, 0, int(n * size), n * seconds)


def _moments(
    config: Config, dataset: Dataset, encoders: dict[str, Encoder], encoded: dict[str, list[Encoded]]
) -> StageTimes:
    """Time a fresh model of one variant."""
    task = Task(dataset.labels, dataset.label_kind)
    torch.manual_seed(0)
    shape = Shape(
        {m: e.width for m, e in encoders.items()},
        {m: e.max_features for m, e in encoders.items()},
        len(task.labels),
        {m: e.neighbours for m, e in encoders.items()},
    )
    model = FusionModel(config.fusion, shape)
    rows = range(config.training.batch_size)
    middling = {m: sorted(some, key=lambda one: int(one.valid.sum()))[len(some) // 2] for m, some in encoded.items()}
    step = _timed(lambda: _step(model, config, task, [_item(encoded, task, row) for row in rows]))

    model.eval()
    some = middling.values()
    tokens = tokens_of(model, tuple(one.features for one in some), tuple(one.valid for one in some))
    players = players_of(tokens)
    ask = model_logits(model, tokens, config.removal.fill, players)
    rng = np.random.default_rng(0)
    coalitions = rng.random((ASKED, len(players))) < rng.random((ASKED, 1))
    request = Request(model, tokens, Target((0,)), config.removal.fill, config.explain.ig_steps)
    return StageTimes(
        step=step,
        attribution=_timed(lambda: [METHODS[name](request) for name in MAPS]),
        answer=_timed(lambda: ask(coalitions)) / ASKED,
        outputs=value_names(model),
        modality=players.modality,
        weights=sum(p.numel() for p in model.parameters()),
    )


def _item(encoded: dict[str, list[Encoded]], task: Task, row: int) -> Item:
    own = [some[row % len(some)] for some in encoded.values()]
    target = torch.zeros(len(task.labels))
    target[row % len(task.labels)] = 1
    return tuple(one.features for one in own), tuple(one.valid for one in own), target


def _step(model: FusionModel, config: Config, task: Task, items: list[Item]) -> None:
    """One training step past the warm-up, without moving the weights."""
    training = FusionTraining(model.train(), config, task)
    training.log = lambda *_, **__: None
    training._warms_up = lambda: False  # type: ignore[method-assign]
    training.training_step(collate(items), 0).backward()
    model.zero_grad()


def _timed(work: Callable[[], object]) -> float:
    """Seconds of the second time: the first sets up."""
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _training(options: StudyConfig, config: Config, dataset: Dataset, moments: StageTimes) -> list[Cost]:
    n, seeds = len(dataset.split("train")), len(options.seeds)
    steps = -(-n // config.training.batch_size) * config.training.epochs
    passes = 1.0
    losses = config.fusion.roles == "losses" and config.roles.weight and config.roles.losses
    if len(moments.outputs) > 2 and losses:  # more than one expert: each modality is replaced once
        passes += len(dataset.modalities)
    if config.removal.mask_aware:
        passes += config.removal.copies * (1 - config.removal.warmup)
    seen = seeds * n * config.training.epochs
    return [Cost("train", seen, int(seen * passes), seeds * moments.weights * FLOAT, seeds * steps * moments.step)]


def _measuring(options: StudyConfig, dataset: Dataset, moments: StageTimes) -> list[Cost]:
    """The stages of `interplay.study.stages`, over the seeds."""
    asked = min(options.samples, len(dataset.split(options.split)))
    probed = min(options.pair_samples, asked)
    runs, outputs, labels = len(options.seeds), len(moments.outputs), len(dataset.labels)
    players = np.unique(moments.modality, return_counts=True)[1]
    sizes = list(combinations(np.minimum(players, options.candidates).tolist(), 2))
    block = sum(block_evaluations(a, b, options.backgrounds) for a, b in sizes)
    masked = masked_evaluations(options, outputs)
    rankings = len(rankings_of(moments.outputs))
    without = pair_masked_evaluations(options, rankings)
    logits = outputs * labels * FLOAT
    rows = (len(MAPS) + options.random_draws) * len(options.shares) * 2
    sets = rankings * 3 * options.draws * len(options.budgets) * 6
    maps = len(MAPS) * outputs * len(moments.modality) * DOUBLE
    scores = sum(a * b for a, b in sizes) * 9 * outputs * DOUBLE

    def cost(stage: str, samples: int, evaluations: int, disk: int, seconds: float) -> Cost:
        n = runs * samples
        return Cost(stage, n, n * evaluations, n * disk, n * seconds)

    stories = _stories(options, dataset)
    every = sum(block_evaluations(a, b, STORY_BACKGROUNDS) for a, b in combinations(players.tolist(), 2))
    return [
        cost("attribute", asked, 0, maps, moments.attribution),
        cost("mask", asked, masked, rows * logits, masked * moments.answer),
        cost("pairs", probed, block, scores, block * moments.answer),
        cost("mask pairs", probed, without, sets * 2 * outputs * FLOAT, without * moments.answer),
        cost("stories", stories, every, 0, every * moments.answer),
    ]


def _stories(options: StudyConfig, dataset: Dataset) -> int:
    """Samples whose pair scores are held against the known truth, about; 0 where it is not known."""
    try:
        read_truth(dataset.source)
    except DataError:
        return 0
    paired = sum(STORIES[label].score is not None for label in dataset.labels if label in STORIES)
    # Besides those in which a story holds, half as many calibrate what counts as a discovery.
    return min(len(dataset.split("test")), paired * options.pair_samples) * 3 // 2
