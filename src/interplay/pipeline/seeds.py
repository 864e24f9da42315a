"""Several trainings that differ in their seed: each a run, and their mean one more model."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.encoders.frozen import Encoder
from interplay.errors import OTHER_FOLDER, RunExistsError
from interplay.features.store import Features
from interplay.files import only_writer, refuse_blocked
from interplay.files.checksums import write_summed
from interplay.files.run_folder import COMPARED_FOLDER, COMPARISON_FILE, CONFIG_FILE, ENSEMBLE_FILE, METRICS_FILE
from interplay.models.device import pick_device
from interplay.models.run import Run, open_run, refuse_taken
from interplay.pipeline.encode import DEFAULT_STORE, encode, encoders_for
from interplay.pipeline.train import finished_run, label_counts, prepare_baselines, refuse_bad_splits, splits_of, train
from interplay.progress import SILENT, Progress
from interplay.results.baselines import or_none
from interplay.results.ensemble import EnsembleScores
from interplay.training.baselines import BaselineAnswers, baseline_answers, compare
from interplay.training.calibration import calibrate
from interplay.training.data import FeatureData
from interplay.training.fit import predict_split
from interplay.training.processes import refuse_several


def train_seeds(
    dataset: Dataset,
    config: Config,
    out: str | Path,
    count: int,
    *,
    store: str | Path = DEFAULT_STORE,
    encoders: dict[str, Encoder] | None = None,
    stores: Mapping[str, Features] | None = None,
    baselines: BaselineAnswers | None = None,
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
        encoders: modality -> the frozen encoder of `config`; loaded if None.
        stores: modality -> its features, if they are open already; else they are read from `store` or encoded.
        baselines: what both baselines answer on this data, if they are fitted already.
        overwrite: whether runs that are there already are replaced, and what they were compared with is removed.
        progress: shows how encoding and training go.

    Returns:
        The runs, by seed.

    Raises:
        DataError: if a split has no samples. RunExistsError: if one of the folders holds something else.
        InUseError: another process trains there.
        CheckpointError: if a finished run that is there is damaged.
    """
    refuse_several()
    refuse_bad_splits(dataset)
    out = Path(out)
    todo = seed_folders(out, config, count)
    refuse_taken_seeds(todo, overwrite)
    with only_writer(out):  # a second process is refused before the work
        encoders = encoders or encoders_for(dataset, config)
        stores = stores or encode(dataset, config, store=store, encoders=encoders, progress=progress)
        task, splits = splits_of(dataset, stores)
        baselines = baselines or prepare_baselines(splits, task, config.seed, progress)
        if overwrite:
            shutil.rmtree(out / COMPARED_FOLDER, ignore_errors=True)  # it is of the runs that were there
        for file in (ENSEMBLE_FILE, COMPARISON_FILE):  # they are of these runs, or of none
            (out / file).unlink(missing_ok=True)
        before = (
            {} if overwrite else {folder: finished_run(folder, dataset, one, stores) for folder, one in todo.items()}
        )
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
        write_summed(out / ENSEMBLE_FILE, scores.model_dump_json(indent=2) + "\n")
        return runs


def seed_folders(out: Path, config: Config, count: int) -> dict[Path, Config]:
    """The run folder of each training, and its configuration.

    Args:
        out: the folder of the run folders.
        config: the configuration; its seed is the first.
        count: how many trainings.
    """
    seeds = range(config.seed, config.seed + count)
    return {out / f"seed{seed}": config.model_copy(update={"seed": seed}) for seed in seeds}


def refuse_taken_seeds(todo: Mapping[Path, Config], overwrite: bool) -> None:
    """Refuse folders that runs cannot go into; those that hold the very runs, finished, are used.

    Args:
        todo: of `seed_folders`.
        overwrite: whether runs that are there may be replaced.

    Raises:
        RunExistsError: a folder is taken.
        BadInput: one cannot be a folder.
        CheckpointError: a finished run that is there is damaged.
    """
    out = next(iter(todo)).parent
    refuse_blocked(out)
    if (out / CONFIG_FILE).exists():
        raise RunExistsError(
            "a run is there already, and several seeds make one folder each", file=out, fix=OTHER_FOLDER
        )
    for folder, one in todo.items():
        if overwrite or not (folder / METRICS_FILE).exists() or open_run(folder).config != one:
            refuse_taken(folder, one, overwrite)


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
