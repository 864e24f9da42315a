"""A training beside the other models: each trained on the same data with the same seeds [ours]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.features.store import Features
from interplay.files import only_writer
from interplay.files.checksums import write_summed
from interplay.files.run_folder import COMPARED_FOLDER, COMPARISON_FILE, METRICS_FILE
from interplay.models.designs import MODELS
from interplay.models.run import Run, open_run, refuse_taken
from interplay.models.task import Headline, Task
from interplay.pipeline.encode import DEFAULT_STORE, encode, encoders_for
from interplay.pipeline.seeds import mean_answer, refuse_taken_seeds, seed_folders, train_seeds
from interplay.pipeline.train import finished_run, label_counts, prepare_baselines, refuse_bad_splits, splits_of, train
from interplay.progress import SILENT, Progress
from interplay.results.baselines import Difference, or_none
from interplay.results.comparison import ComparedModel, Comparison
from interplay.training.baselines import paired_difference
from interplay.training.calibration import calibrate, cut
from interplay.training.data import FeatureData
from interplay.training.processes import refuse_several


def train_beside_others(
    dataset: Dataset,
    config: Config,
    out: str | Path,
    *,
    seeds: int | None = None,
    store: str | Path = DEFAULT_STORE,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> list[Run]:
    """Train the model of the configuration, then the other models, and write how they differ to comparison.json.

    The others are `out`/compared/MODEL/seed<n>, with the same settings but for `fusion.kind`. What is finished is not
    trained again, and what was interrupted goes on.

    Args:
        dataset: the dataset.
        config: the configuration.
        out: the run folder, or with `seeds` the folder of the run folders.
        seeds: how many trainings of each model; one, in `out` itself, if None.
        store: folder of the feature store.
        overwrite: whether what is there already is replaced.
        progress: shows how encoding and trainings go.

    Returns:
        The runs of the configuration's own model, by seed.

    Raises:
        DataError: if a split has no samples. RunExistsError: if a folder holds something else.
        InUseError: another process trains there.
        CheckpointError: if a finished run that is there is damaged.
    """
    out, count = Path(out), seeds or 1
    others = {
        kind: config.model_copy(update={"fusion": config.fusion.model_copy(update={"kind": kind})})
        for kind in MODELS
        if kind != config.fusion.kind
    }
    folders = {kind: out / COMPARED_FOLDER / kind for kind in others}
    refuse_several()
    refuse_bad_splits(dataset)
    if seeds is None and (overwrite or not (out / METRICS_FILE).exists() or open_run(out).config != config):
        refuse_taken(out, config, overwrite)
    for kind, other in others.items():
        refuse_taken_seeds(seed_folders(folders[kind], other, count), overwrite)
    if overwrite:
        progress.note(
            "If this is interrupted, go on without --overwrite (overwrite= in Python): what is finished is kept."
        )
    with only_writer(out):  # a second process is refused before the work
        encoders = encoders_for(dataset, config)
        stores = encode(dataset, config, store=store, encoders=encoders, progress=progress)
        task, splits = splits_of(dataset, stores)
        baselines = prepare_baselines(splits, task, config.seed, progress)
        if seeds is None:
            before = None if overwrite else finished_run(out, dataset, config, stores)
            runs = [
                before
                or train(
                    dataset,
                    config,
                    out,
                    encoders=encoders,
                    stores=stores,
                    baselines=baselines,
                    overwrite=overwrite,
                    progress=progress,
                )
            ]
        else:
            runs = train_seeds(
                dataset,
                config,
                out,
                seeds,
                encoders=encoders,
                stores=stores,
                baselines=baselines,
                overwrite=overwrite,
                progress=progress,
            )
        beside = {
            kind: train_seeds(  # whatever was to be replaced is gone by now
                dataset,
                other,
                folders[kind],
                count,
                encoders=encoders,
                stores=stores,
                baselines=baselines,
                progress=progress.prefixed(f"{kind}: "),
            )
            for kind, other in others.items()
        }
        compared = compare_trainings(runs, beside, dataset, stores, out)
        write_summed(out / COMPARISON_FILE, compared.model_dump_json(indent=2) + "\n")
        return runs


@dataclass(frozen=True)
class TestAnswers:
    """What one model answers on the test split.

    Attributes:
        logits: (N, C).
        at_thresholds: (N, C), the same moved so that labels are predicted above 0 at the thresholds of the validation
            split; None where a sample has one label.
        metrics: of the logits; None where undefined.
        macro_f1_cut: macro F1 at the thresholds.
    """

    logits: Tensor
    at_thresholds: Tensor | None
    metrics: dict[str, float | None]
    macro_f1_cut: float | None


def compare_trainings(
    runs: Sequence[Run],
    others: Mapping[str, Sequence[Run]],
    dataset: Dataset,
    stores: Mapping[str, Features],
    folder: Path,
) -> Comparison:
    """How much better the mean of some runs' logits is than that of other models' runs, on the test split.

    Args:
        runs: of one model, by seed.
        others: name of another model -> its runs, on the same data.
        dataset: the dataset.
        stores: modality -> its features.
        folder: what the other models' run folders are named from.
    """
    config = runs[0].config
    task, splits = splits_of(dataset, stores)
    data, counts = FeatureData(splits, config.training.batch_size, config.seed), label_counts(splits["train"])

    def answers(some: Sequence[Run]) -> tuple[TestAnswers, Tensor]:
        both = {split: mean_answer(some, data, split) for split in ("val", "test")}
        logits, target = both["test"]
        metrics = {name: or_none(value) for name, value in task.metrics(logits, target).items()}
        if task.kind == "single":
            return TestAnswers(logits, None, metrics, None), target
        calibration = calibrate(both, counts, task, config.seed)
        moved = cut(logits, calibration, task)
        return TestAnswers(logits, moved, metrics, calibration.at_thresholds["test"]["macro_f1"]), target

    ours, target = answers(runs)
    compared = []
    for kind, some in others.items():
        theirs, _ = answers(some)
        by_cut = None
        if ours.at_thresholds is not None and theirs.at_thresholds is not None:
            by_cut = _difference(ours.at_thresholds, theirs.at_thresholds, target, task, config.seed, "macro_f1")
        compared.append(
            ComparedModel(
                model=kind,
                runs=[run.folder.relative_to(folder).as_posix() for run in some],
                test=theirs.metrics,
                macro_f1_cut=theirs.macro_f1_cut,
                difference=_difference(ours.logits, theirs.logits, target, task, config.seed, task.headline),
                difference_cut=by_cut,
            )
        )
    return Comparison(
        headline=task.headline,
        model=config.fusion.kind,
        trainings=len(runs),
        value=ours.metrics[task.headline],
        macro_f1_cut=ours.macro_f1_cut,
        others=compared,
    )


def _difference(ours: Tensor, theirs: Tensor, target: Tensor, task: Task, seed: int, score: Headline) -> Difference:
    a, b = (each.double().numpy() for each in (ours, theirs))
    return paired_difference(a, b, target.numpy() == 1, task, seed, score=score)
