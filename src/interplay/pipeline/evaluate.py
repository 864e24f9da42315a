"""Task metrics of a run on one split of a dataset."""

from pathlib import Path

from interplay.data.sample import Dataset
from interplay.models.run import Run
from interplay.pipeline.datasets import refuse_other_data, samples_of
from interplay.pipeline.encode import DEFAULT_STORE, encode, open_encoders
from interplay.progress import SILENT, Progress
from interplay.training.data import FeatureData, FeatureSet
from interplay.training.fit import answer


def evaluate(
    run: Run,
    dataset: Dataset,
    *,
    split: str = "test",
    store: str | Path = DEFAULT_STORE,
    device: str | None = None,
    progress: Progress = SILENT,
) -> dict[str, float]:
    """Task metrics of a run on one split of a dataset with the run's labels and modalities."""
    refuse_other_data(run, dataset)
    samples = samples_of(dataset, split)
    encoders = open_encoders(run, device or run.config.training.device)
    stores = encode(dataset, run.config, store=store, encoders=encoders, progress=progress)
    data = FeatureData({split: FeatureSet(samples, stores, run.card.task)}, run.config.training.batch_size, 0)
    return run.card.task.metrics(*answer(run.model, data, split))
