"""Validate a run: its answers and pair scores against the exact posterior of data whose truth is known."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from interplay.config import Config
from interplay.data.known import SLOTS, STORIES
from interplay.data.plant import plant
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset, Sample
from interplay.data.truth import Truth, carried_by_both, read_truth
from interplay.encoders.frozen import Encoder
from interplay.errors import BadInput, DataError, RunExistsError
from interplay.evaluation.discovery import discoveries
from interplay.evaluation.summaries import calibrations, recovered
from interplay.evaluation.validity import KnownSample, SamplePairs, Stories, measure
from interplay.explanation.game import players_of, value_names
from interplay.explanation.trained.predictor import off_training, provenance_of
from interplay.explanation.trained.prepared import prepare_sample
from interplay.features.store import Features, open_features, store_folder
from interplay.files import write_atomic
from interplay.modalities import MODALITIES, drawn_as
from interplay.models.device import pick_device
from interplay.models.run import Run, open_run
from interplay.pipeline.datasets import refuse_other_data
from interplay.pipeline.encode import DEFAULT_STORE, open_encoders
from interplay.pipeline.train import train
from interplay.progress import SILENT, Progress
from interplay.results import MIXTURE, SCORE_NAMES, Box
from interplay.results.validity import Calibration, Discovery, Recovered, Validity

GOOD_AUROC, GOOD_TOP, GOOD_SIGN = 0.97, 0.9, 0.95


def validate_run(
    run: Run,
    dataset: Dataset,
    *,
    encoders: dict[str, Encoder],
    stores: Mapping[str, Features] | None = None,
    config: Config | None = None,
    samples: int = 50,
    backgrounds: int = 8,
    progress: Progress = SILENT,
) -> Validity:
    """Compare a run with known truth, on the test split; null scores for discoveries come from the val split.

    Players are words and the cells that signs were put into, whatever the encoder's patches, so that the exact
    posterior is known for every subset of them.

    Args:
        run: a trained run.
        dataset: the dataset.
        encoders: modality -> the run's frozen encoder.
        stores: modality -> the dataset's stored features (see `stored_features`); samples are encoded anew if None.
        config: settings of `removal` and `explain`; the run's own if None.
        samples: how many samples of each story whose label holds, carried by both its slots; half as many, and at
            least 20, calibrate discoveries.
        backgrounds: draws behind each pair score, even.
        progress: shows the stages.

    Raises:
        DataError: the dataset has no known truth, is not of the run's labels and modalities, or no sample holds a
            planted pair; or the run's patches do not fit into the cells of the pictures.
        BadInput: backgrounds or samples out of range.
    """
    refuse_numbers(samples, backgrounds)
    refuse_other_data(run, dataset)
    if sorted(run.card.modalities.values()) != ["image", "text"]:
        raise DataError(f"the modalities are {run.card.modalities}", expected="one text and one image")
    config, truth = config or run.config, read_truth(dataset.source)
    run.model.to(pick_device(config.device))
    known = Stories({label: STORIES[label] for label in run.card.labels if label in STORIES}, SLOTS)
    if not any(story.score for story in known.named.values()):
        expected = f"labels of which the truth is known, of {', '.join(STORIES)}"
        raise DataError("the run has no label with a planted pair", file=dataset.source, expected=expected)
    start = time.perf_counter()

    test = [
        _known(run, encoders, stores, s, truth[s.id]) for s in _chosen(dataset.split("test"), truth, known, samples)
    ]
    # Chosen by the same rule: where a label holds, null pairs score otherwise than where it does not.
    calibrating = _chosen(dataset.split("val"), truth, known, max(20, samples // 2))
    nulls = [_known(run, encoders, stores, s, truth[s.id]) for s in calibrating]
    for split, found_there in (("test", test), ("val", nulls)):
        if not found_there:
            raise DataError(
                f"no sample of the split {split!r} has a label that both its slots carry",
                file=dataset.source,
                expected="at least one",
                fix="make more samples",
            )
    ask = partial(
        measure,
        run.model,
        run.card.task,
        stories=known,
        fill=config.removal.fill,
        backgrounds=backgrounds,
    )
    answers, pairs = ask(test, seed=config.seed, progress=progress.stage("Ask test samples"))
    _, reference = ask(nulls, seed=config.seed + 1_000_000, progress=progress.stage("Ask val samples"))
    names = value_names(run.model)
    found = recovered(pairs, names, known.named)
    calibrated = calibrations(answers, pairs, names, list(known.named))
    called = discoveries(reference, pairs, names, known.named)
    return Validity(
        stories={name: story.score for name, story in known.named.items()},
        fill=config.removal.fill,
        players="words and patches" if _grid(truth) is None else f"words and the cells of a grid of {_grid(truth)}",
        backgrounds=backgrounds,
        samples=len(test),
        metrics={k: v if np.isfinite(v) else None for k, v in run.metrics["test"].items()},
        calibrations=calibrated,
        recovered=found,
        discoveries=called,
        evaluations=_evaluations([*pairs, *reference]),
        seconds=time.perf_counter() - start,
        verdicts=_verdicts(calibrated, found, called),
        notes=off_training(run, config),
        provenance=provenance_of(run, config),
    )


def stored_features(
    dataset: Dataset, encoders: dict[str, Encoder], store: str | Path = DEFAULT_STORE
) -> dict[str, Features] | None:
    """The features of a dataset where all of them are stored already; None where one modality is not.

    Args:
        dataset: its files are hashed, so that features of changed ones are never taken.
        encoders: modality -> the encoder they were made by.
        store: the folder of the feature store.

    Raises:
        DataError: a file cannot be read, or stored features are damaged.
    """
    folders = {m: store_folder(dataset, m, encoder, store) for m, encoder in encoders.items()}
    if not all(folder.exists() for folder in folders.values()):
        return None
    return {m: open_features(folder) for m, folder in folders.items()}


def plant_and_train(
    run: Run,
    dataset: Dataset,
    folder: Path,
    *,
    config: Config | None = None,
    samples: int = 3000,
    store: str | Path = DEFAULT_STORE,
    progress: Progress = SILENT,
) -> tuple[Dataset, Run]:
    """Plant known evidence into a copy of a run's data, and train a run of the same settings on the copy.

    What an earlier call with the same data and settings left in `folder`/planted and `folder`/run is used again.

    Args:
        run: a trained run.
        dataset: the dataset.
        folder: the folder.
        config: what to train with; the run's own if None.
        samples: how many the copy has.
        store: folder of the feature store.
        progress: shows the stages.

    Raises:
        DataError: see `interplay.data.plant.plant`; or the dataset has not the run's modalities.
        RunExistsError: what is in `folder` was made of other data, or with other settings.
    """
    config = config or run.config
    # The copy is a table, which has no options; known posteriors are of labels' shares as they are.
    training = config.training.model_copy(update={"class_weights": "none"})
    config = config.model_copy(update={"data": {}, "training": training})
    if dict(dataset.modalities) != run.card.modalities:
        raise DataError(
            f"the modalities are {dict(dataset.modalities)}", file=dataset.source, expected=f"{run.card.modalities}"
        )
    image = next(iter(drawn_as("image", dataset.modalities)), None)
    place = folder / "planted"
    _refuse_other_plant(folder / "planted.json", dataset, config, samples)
    if not place.exists():
        encoders = open_encoders(run, config.device)
        plant(
            dataset,
            place,
            lambda picture: _places(encoders, image, picture),
            samples=samples,
            progress=progress.stage("Plant"),
        )
    copy = open_dataset(place)
    trained = folder / "run"
    if (trained / "metrics.json").exists():
        return copy, open_run(trained)
    return copy, train(copy, config, trained, store=store, overwrite=True, progress=progress)


def _refuse_other_plant(record: Path, dataset: Dataset, config: Config, samples: int) -> None:
    """Write down what is planted into what, or raise RunExistsError if something else was before."""
    ids = hashlib.sha256(json.dumps([[s.id, s.split, str(s.inputs)] for s in dataset.samples]).encode()).hexdigest()
    text = json.dumps({"data": ids, "samples": samples, "config": config.model_dump(mode="json")}, indent=1) + "\n"
    if not record.exists():
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(record, text)
    elif record.read_text(encoding="utf-8") != text:
        raise RunExistsError(
            "evidence was planted here into other data, or with other settings",
            file=record.parent,
            fix="choose another folder by --out (folder= in Python)",
        )


def _places(encoders: dict[str, Encoder], image: str | None, picture: Image.Image) -> list[Box]:
    """The patches that show as much of the picture as any: a sticker on one of them is seen whole."""
    if image is None:
        return []
    boxes = [part.box for part in encoders[image].parts(picture) if part.box is not None]
    areas = np.array([(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes])
    return [box for box, area in zip(boxes, areas, strict=True) if area > 0.9 * areas.max()]


def _known(
    run: Run, encoders: dict[str, Encoder], stores: Mapping[str, Features] | None, sample: Sample, truth: Truth
) -> KnownSample:
    prepared = prepare_sample(run, encoders, sample, stores)
    parts = tuple(prepared.parts.values())
    if truth.grid and not all(_fits(part.box, truth.grid) for part in chain(*parts) if part.box is not None):
        raise DataError(
            f"the patches of the run's image encoder do not fit into the {truth.grid} x {truth.grid} cells of these "
            "pictures, so what a removed cell leaves is not known",
            expected=f"a multiple of {truth.grid} patches a side",
            fix="train with another encoders.image.size or encoders.image.pool",
        )
    kinds = run.card.modalities
    groups = [MODALITIES[kinds[m]].groups(p, token_groups=True, grid=truth.grid) for m, p in prepared.parts.items()]
    players = players_of(prepared.tokens, groups)
    return KnownSample(prepared.tokens, players, parts, truth)


def refuse_numbers(samples: int, backgrounds: int) -> None:
    """Check numbers for `validate_run`: called before the work.

    Args:
        samples: samples of each story.
        backgrounds: draws behind each pair score.

    Raises:
        BadInput: one of them cannot be used.
    """
    if samples < 2 or backgrounds < 4 or backgrounds % 2:
        raise BadInput(f"{samples} samples and {backgrounds} backgrounds", expected="at least 2, and an even 4 or more")


def _grid(truth: dict[str, Truth]) -> int | None:
    return next(iter(truth.values())).grid


def _fits(box: Box, grid: int) -> bool:
    """Whether a patch lies in one cell, but for rounding."""
    sides = zip(box[:2], box[2:], strict=True)
    return all(int(grid * low + 1e-6) == int(np.ceil(grid * high - 1e-6)) - 1 for low, high in sides)


def _chosen(split: Sequence[Sample], truth: dict[str, Truth], stories: Stories, most: int) -> list[Sample]:
    """The first `most` samples of each story with a pair in which it holds and both slots carry it; each once."""
    chosen: dict[str, Sample] = {}
    for story in stories.named.values():
        if story.score is None:
            continue

        whole = [s for s in split if carried_by_both(story, truth[s.id])]
        chosen |= {sample.id: sample for sample in whole[:most]}
    return [sample for sample in split if sample.id in chosen]


def _evaluations(pairs: Sequence[SamplePairs]) -> int:
    return sum(p.evaluations for p in pairs)


def _verdicts(calibrated: Sequence[Calibration], found: Sequence[Recovered], called: Sequence[Discovery]) -> list[str]:
    """One sentence for each story, on the mixture."""
    errors = {c.story: c.error.mean for c in calibrated if c.expert == MIXTURE}
    rates = {(d.story, d.on): d.rate.mean for d in called if d.expert == MIXTURE}
    out = []
    for r in found:
        if r.expert != MIXTURE or r.auroc.mean is None or r.top.mean is None or r.sign.mean is None:
            continue
        good = r.auroc.mean >= GOOD_AUROC and r.top.mean >= GOOD_TOP and r.sign.mean >= GOOD_SIGN
        verdict = "finds" if good else "does not reliably find"
        rate = rates[r.story, r.on]
        called_real = "no pair called real" if rate is None else f"false discoveries {rate:.0%}"
        out.append(
            f"{r.story}: the {SCORE_NAMES[r.score]} of the mixture's {r.on} {verdict} the planted pair. In the "
            f"{r.auroc.samples} samples whose label holds, its AUROC is {r.auroc.mean:.3f}, it is among the first five "
            f"in {r.top.mean:.0%}, its sign right in {r.sign.mean:.0%}; answers miss the exact posterior by "
            f"{errors[r.story]:.3f}; {called_real}"
        )
    return out
