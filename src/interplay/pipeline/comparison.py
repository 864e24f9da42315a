"""A training beside the other models: each trained on the same data with the same seeds [ours]."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.files import write_atomic
from interplay.files.run_folder import COMPARED_FOLDER, COMPARISON_FILE
from interplay.models.designs import MODELS
from interplay.models.run import Run
from interplay.pipeline.encode import DEFAULT_STORE, encode
from interplay.pipeline.seeds import mean_answer, train_seeds
from interplay.pipeline.train import finished_run, label_counts, refuse_bad_splits, splits_of, train
from interplay.progress import SILENT, Progress
from interplay.results.baselines import or_none
from interplay.results.comparison import ComparedModel, Comparison
from interplay.training.baselines import paired_difference
from interplay.training.calibration import calibrate, cut
from interplay.training.data import FeatureData


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
        CheckpointError: if a finished run that is there is damaged.
    """
    out = Path(out)
    if seeds is None:
        refuse_bad_splits(dataset)
        stores = encode(dataset, config, store=store, progress=progress)
        before = None if overwrite else finished_run(out, dataset, config, stores)
        runs = [before or train(dataset, config, out, stores=stores, overwrite=overwrite, progress=progress)]
    else:
        runs = train_seeds(dataset, config, out, seeds, store=store, overwrite=overwrite, progress=progress)
    others = {}
    for kind in (kind for kind in MODELS if kind != config.fusion.kind):
        one = config.model_copy(update={"fusion": config.fusion.model_copy(update={"kind": kind})})
        folder, shown = out / COMPARED_FOLDER / kind, progress.prefixed(f"{kind}: ")
        others[kind] = train_seeds(dataset, one, folder, len(runs), store=store, overwrite=overwrite, progress=shown)
    compared = compare_trainings(runs, others, dataset, store=store)
    write_atomic(out / COMPARISON_FILE, compared.model_dump_json(indent=2) + "\n")
    return runs


def compare_trainings(
    runs: Sequence[Run], others: Mapping[str, Sequence[Run]], dataset: Dataset, *, store: str | Path = DEFAULT_STORE
) -> Comparison:
    """How much better the mean of some runs' logits is than that of other models' runs, on the test split.

    Args:
        runs: of one model, by seed.
        others: name of another model -> its runs, on the same data.
        dataset: the dataset.
        store: folder of the feature store.
    """
    config = runs[0].config
    stores = encode(dataset, config, store=store)
    task, splits = splits_of(dataset, stores)
    data, counts = FeatureData(splits, config.training.batch_size, config.seed), label_counts(splits["train"])
    several = task.kind == "multi"

    def asked(some: Sequence[Run]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits on the test split, the same cut by the validation split, and targets."""
        answers = {split: mean_answer(some, data, split) for split in ("val", "test")}
        logits, target = answers["test"]
        return logits, cut(logits, calibrate(answers, counts, task, config.seed), task), target

    logits, moved, target = asked(runs)
    truth, compared = target.numpy() == 1, []
    for kind, some in others.items():
        theirs, theirs_moved, _ = asked(some)
        pairs = [(logits, theirs, task.headline), (moved, theirs_moved, "macro_f1")]
        differences = [
            paired_difference(a.double().numpy(), b.double().numpy(), truth, task, config.seed, score=score)
            for a, b, score in pairs[: 1 + several]
        ]
        compared.append(
            ComparedModel(
                model=kind,
                runs=[str(run.folder.relative_to(run.folder.parents[2])) for run in some],
                test={name: or_none(value) for name, value in task.metrics(theirs, target).items()},
                difference=differences[0],
                cut=differences[1] if several else None,
            )
        )
    return Comparison(
        headline=task.headline,
        model=config.fusion.kind,
        trainings=len(runs),
        value=or_none(task.metrics(logits, target)[task.headline]),
        others=compared,
    )
