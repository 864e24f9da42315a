"""Dataset -> run folder: encode what is not stored, fit, keep the best epoch, measure it."""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import torch

from interplay.config import Config
from interplay.data.sample import SPLITS, Dataset
from interplay.data.table import split_problems
from interplay.encoders.frozen import Encoder
from interplay.errors import DataError, DivergedError
from interplay.features.store import Features, open_features
from interplay.files import only_writer
from interplay.files.run_folder import METRICS_FILE
from interplay.models.checkpoint import Card, load_model
from interplay.models.device import pick_device
from interplay.models.fusion import FusionModel
from interplay.models.origin import origin_of
from interplay.models.run import (
    Run,
    finish_run,
    open_run,
    refuse_taken,
    remove_run,
    remove_state,
    start_run,
)
from interplay.models.task import Task
from interplay.pipeline.encode import DEFAULT_STORE, encode, encoders_for
from interplay.progress import SILENT, Progress
from interplay.training.baselines import BaselineAnswers, baseline_answers, compare
from interplay.training.calibration import calibrate
from interplay.training.data import FeatureData, FeatureSet, token_moments
from interplay.training.epochs import warn_of_few
from interplay.training.fit import fit, predict_split
from interplay.training.processes import joined


def train(
    dataset: Dataset,
    config: Config,
    out: str | Path,
    *,
    store: str | Path = DEFAULT_STORE,
    encoders: dict[str, Encoder] | None = None,
    stores: Mapping[str, Features] | None = None,
    baselines: BaselineAnswers | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Run:
    """Encode what is not stored, train, evaluate the best epoch on val and test, and leave a run folder.

    An interrupted training of the same configuration is continued. Where torchrun started several processes, all of
    them call this: they train one model together, the first writes, and each returns the run.

    Args:
        dataset: the dataset.
        config: the configuration.
        out: the run folder.
        store: folder of the feature store.
        encoders: modality -> the frozen encoder of `config`; loaded if None.
        stores: modality -> its features, if they are open already; else they are read from `store` or encoded.
        baselines: what both baselines answer on this data, if they are fitted already.
        overwrite: whether something that is there already is replaced.
        progress: shows how encoding and training go.

    Returns:
        The finished run.

    Raises:
        DataError: if a split has no samples. RunExistsError: if `out` holds something else.
        InUseError: another process trains there. DivergedError: the training diverged; nothing of it is left.
    """
    refuse_bad_splits(dataset)
    out = Path(out)
    with joined(pick_device(config.device)) as group, only_writer(out) if group.first else nullcontext():
        if group.first:
            refuse_taken(out, config, overwrite)
        encoders = encoders or encoders_for(dataset, config)
        stores = stores or encode(dataset, config, store=store, encoders=encoders, progress=progress)
        task, splits = splits_of(dataset, stores)
        card = Card(
            fusion=config.fusion,
            labels=list(dataset.labels),
            label_kind=dataset.label_kind,
            modalities=dict(dataset.modalities),
            widths={m: e.width for m, e in encoders.items()},
            lengths={m: e.max_features for m, e in encoders.items()},
            encoders={m: e.fingerprint for m, e in encoders.items()},
            neighbours={m: e.neighbours for m, e in encoders.items()},
        )
        data = FeatureData(splits, config.training.batch_size, config.seed)
        origin = origin_of(dataset, {m: s.folder.name for m, s in stores.items()}, config)
        if group.first:
            start_run(out, config, origin, overwrite)  # only now: an input that cannot be used leaves no folder
            baselines = baselines or prepare_baselines(splits, task, config.seed, progress)
        else:
            baselines = None
        group.wait()
        balanced = config.training.class_weights == "balanced"
        try:
            fit(build_model(card, config.seed, splits["train"], balanced), data, config, card, out, progress)
        except DivergedError:
            if group.first:
                remove_run(out)  # else the same command would go on with it, and other settings would be refused
            raise
        run = measure_trained(out, data, task, config, baselines) if baselines else None
        group.wait()
    return run or open_run(out)


def measure_trained(out: Path, data: FeatureData, task: Task, config: Config, baselines: BaselineAnswers) -> Run:
    """Measure a trained model beside the baselines and calibrate it, which finishes its run.

    Args:
        out: the run folder.
        data: the splits, as batches.
        task: the labels and their kind.
        config: the run's configuration.
        baselines: what both baselines answer on this data.

    Returns:
        The finished run.
    """
    model = load_model(out / "model")[0].to(pick_device(config.device))
    answers = {split: predict_split(model, data, split) for split in ("val", "test")}
    metrics = {split: task.metrics(*answer) for split, answer in answers.items()}
    calibration = calibrate(answers, label_counts(data.splits["train"]), task, config.seed)
    return finish_run(out, metrics, compare(answers["test"][0], baselines, task, config.seed), calibration)


def prepare_baselines(
    splits: Mapping[str, FeatureSet], task: Task, seed: int, progress: Progress = SILENT
) -> BaselineAnswers:
    """Warn of a tiny validation split and of labels with hardly any training samples, then fit both baselines.

    Args:
        splits: "train", "val" and "test".
        task: what targets mean.
        seed: decides which samples fit the linear probe where there are very many.
        progress: shows both.
    """
    counts = dict(zip(task.labels, label_counts(splits["train"]), strict=True))
    warn_of_few(len(splits["train"]), len(splits["val"]), counts, progress)
    return baseline_answers(splits, task, seed, progress.stage("Fit a linear probe"))


def label_counts(split: FeatureSet) -> list[int]:
    """How many samples of a split each label holds for.

    Args:
        split: the split.
    """
    counts = Counter(name for sample in split.samples for name in set(sample.labels))
    return [counts[name] for name in split.task.labels]


def splits_of(dataset: Dataset, stores: Mapping[str, Features]) -> tuple[Task, dict[str, FeatureSet]]:
    """The task of a dataset (its labels and their kind), and the features of each split.

    Args:
        dataset: the dataset.
        stores: modality -> its features.
    """
    task = Task(dataset.labels, dataset.label_kind)
    return task, {name: FeatureSet(dataset.split(name), stores, task) for name in SPLITS}


def finished_run(folder: Path, dataset: Dataset, config: Config, stores: Mapping[str, Features]) -> Run | None:
    """The run in a folder, if it is finished and of this configuration and data; else None.

    Args:
        folder: the run folder, which may be missing.
        dataset: the dataset.
        config: the configuration.
        stores: modality -> the dataset's stored features.
    """
    if not (folder / METRICS_FILE).exists():
        return None
    run = open_run(folder)
    origin = origin_of(dataset, {m: s.folder.name for m, s in stores.items()}, config)
    if run.config != config or run.origin.data_hash != origin.data_hash:
        return None
    remove_state(folder)
    return run


def samples_cut(run: Run, store: str | Path = DEFAULT_STORE) -> dict[str, int]:
    """How many samples of the run's dataset are longer than the encoder takes, by modality; without modalities of none.

    Args:
        run: a trained run.
        store: folder of the feature store.
    """
    stored = {m: open_features(Path(store) / name) for m, name in run.origin.stores.items()}
    return {m: n for m, features in stored.items() if (n := sum(map(bool, features.truncated)))}


def build_model(card: Card, seed: int, train_split: FeatureSet, balanced: bool = False) -> FusionModel:
    """A freshly initialized model, the same for the same seed.

    With roles by construction the bias is what the mixture answers where nothing is left. It starts at what labels'
    shares in training say, since a weight that starts at 0 gets there too slowly.

    Args:
        card: what the model is for.
        seed: decides the weights.
        train_split: gives the mean and deviation of tokens, and labels' shares.
        balanced: whether all labels count as if they were as frequent (`training.class_weights`): then it starts at 0.
    """
    torch.manual_seed(seed)
    model = FusionModel(card.fusion, card.shape)
    model.set_moments(token_moments(train_split))
    if model.bias is not None and not balanced:
        model.bias.data.copy_(train_split.task.prior_logits([sample.labels for sample in train_split.samples]))
    return model


def refuse_bad_splits(dataset: Dataset) -> None:
    """Check that every split has samples, and that labels differ within the training split.

    Args:
        dataset: the dataset.

    Raises:
        DataError: they do not.
    """
    for split in SPLITS:
        if not dataset.split(split):
            raise DataError(
                f"the split {split!r} has no samples",
                file=dataset.source,
                expected="samples in train, val and test",
                fix="fill the column `split`, or leave it out to split by id",
            )
    for problem in split_problems(dataset):
        if problem.severity == "error":
            raise problem.error()
