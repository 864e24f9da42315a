"""Several trainings that differ in their seed: each a run, and their mean one more model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.features.store import Features
from interplay.files import refuse_blocked, write_atomic
from interplay.files.run_folder import COMPARISON_FILE, ENSEMBLE_FILE, METRICS_FILE
from interplay.models.device import pick_device
from interplay.models.run import Run, open_run, refuse_taken
from interplay.pipeline.encode import DEFAULT_STORE, encode, encoders_for
from interplay.pipeline.train import finished_run, label_counts, refuse_bad_splits, splits_of, train
from interplay.progress import SILENT, Progress
from interplay.results.baselines import or_none
from interplay.results.ensemble import EnsembleScores
from interplay.training.baselines import BaselineAnswers, baseline_answers, compare
from interplay.training.calibration import calibrate
from interplay.training.data import FeatureData
from interplay.training.epochs import warn_of_few
from interplay.training.fit import predict_split


def train_seeds(
    dataset: Dataset,
    config: Config,
    out: str | Path,
    count: int,
    *,
    store: str | Path = DEFAULT_STORE,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> list[Run]:
    """Train one model after another, alike but for the seed: what differs between them, training leaves to chance.

    A finished run of the same configuration and data is not trained again, and an interrupted one is continued. How
    their mean answers is measured last of all, and written to `out`/ensemble.json (`ensemble_scores`).

    Args:
        dataset: the dataset.
        config: the configuration; its seed is the first.
        out: the folder of the run folders seed0, seed1, ...
        count: how many models.
        store: folder of the feature store.
        overwrite: whether runs that are there already are replaced.
        progress: shows how encoding and training go.

    Returns:
        The runs, by seed.

    Raises:
        DataError: if a split has no samples. RunExistsError: if one of the folders holds something else.
        CheckpointError: if a finished run that is there is damaged.
    """
    refuse_bad_splits(dataset)
    seeds = range(config.seed, config.seed + count)
    todo = {Path(out) / f"seed{seed}": config.model_copy(update={"seed": seed}) for seed in seeds}
    refuse_blocked(Path(out))
    for folder, one in todo.items():
        if overwrite or not (folder / METRICS_FILE).exists() or open_run(folder).config != one:
            refuse_taken(folder, one, overwrite)
    encoders = encoders_for(dataset, config)
    stores = encode(dataset, config, store=store, encoders=encoders, progress=progress)
    task, splits = splits_of(dataset, stores)
    counts = dict(zip(task.labels, label_counts(splits["train"]), strict=True))
    warn_of_few(len(splits["train"]), len(splits["val"]), counts, progress)
    baselines = baseline_answers(splits, task, config.seed, progress.stage("Fit a linear probe"))
    for file in (ENSEMBLE_FILE, COMPARISON_FILE):  # they are of these runs, or of none
        (Path(out) / file).unlink(missing_ok=True)
    before = {} if overwrite else {folder: finished_run(folder, dataset, one, stores) for folder, one in todo.items()}
    runs = [
        before.get(folder)
        or train(
            dataset,
            one,
            folder,
            encoders=encoders,
            stores=stores,
            baselines=baselines,
            overwrite=overwrite,
            progress=progress.prefixed(f"seed {one.seed}: "),
        )
        for folder, one in todo.items()
    ]
    scores = ensemble_scores(runs, dataset, stores, baselines)
    write_atomic(Path(out) / ENSEMBLE_FILE, scores.model_dump_json(indent=2) + "\n")
    return runs


def ensemble_scores(
    runs: Sequence[Run], dataset: Dataset, stores: Mapping[str, Features], baselines: BaselineAnswers | None = None
) -> EnsembleScores:
    """Measure the mean of several runs' logits on the validation and test split.

    Args:
        runs: runs on this dataset.
        dataset: the dataset.
        stores: modality -> its features.
        baselines: what both baselines answer; fitted if None.
    """
    task, splits = splits_of(dataset, stores)
    config = runs[0].config
    data = FeatureData(splits, config.training.batch_size, config.seed)
    baselines = baselines or baseline_answers(splits, task, config.seed, lambda done, most: None)
    answers = {split: mean_answer(runs, data, split) for split in ("val", "test")}
    metrics = {
        split: {name: or_none(value) for name, value in task.metrics(*answer).items()}
        for split, answer in answers.items()
    }
    return EnsembleScores(
        runs=[run.folder.name for run in runs],
        metrics=metrics,
        baselines=compare(answers["test"][0], baselines, task, config.seed),
        calibration=calibrate(answers, label_counts(splits["train"]), task, config.seed),
    )


def mean_answer(runs: Sequence[Run], data: FeatureData, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of several runs' logits on a split, in file order.

    Args:
        runs: the runs.
        data: the splits, as batches.
        split: "train", "val" or "test".

    Returns:
        Logits (N, C) and targets (N, C).
    """
    answers = [predict_split(run.model.to(pick_device(run.config.device)), data, split) for run in runs]
    return torch.stack([logits for logits, _ in answers]).mean(0), answers[0][1]
