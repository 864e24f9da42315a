"""Task metrics of a run on one split of a dataset."""

from pathlib import Path

from interplay.data.sample import Dataset
from interplay.engine import SERIAL, Engine
from interplay.models.device import pick_device
from interplay.models.run import Run
from interplay.pipeline.datasets import refuse_other_data, samples_of
from interplay.pipeline.encode import DEFAULT_STORE, encode, open_encoders
from interplay.progress import SILENT, Progress
from interplay.training.data import FeatureData, FeatureSet
from interplay.training.fit import predict_split


def evaluate(
    run: Run,
    dataset: Dataset,
    *,
    split: str = "test",
    store: str | Path = DEFAULT_STORE,
    device: str | None = None,
    engine: Engine = SERIAL,
    progress: Progress = SILENT,
) -> dict[str, float]:
    """Task metrics of a run on one split of a dataset with the run's labels and modalities.

    Args:
        run: a trained run.
        dataset: with the labels and modalities of the run.
        split: train, val or test.
        store: where encoded features are kept.
        device: where encoders and model run; the run's own if None.
        engine: who encodes what is not stored yet.
        progress: shows how far that is.

    Returns:
        metric -> value, of `Task.metrics`; undefined ones are NaN.

    Raises:
        BadInput: an unknown split or device, or other encoders than the run's.
        DataError: another dataset than the run's, an empty split, or an input that cannot be read.
    """
    refuse_other_data(run, dataset)
    samples = samples_of(dataset, split)
    device = device or run.config.device
    run.model.to(pick_device(device))
    encoders = open_encoders(run, device)
    stores = encode(dataset, run.config, store=store, encoders=encoders, engine=engine, progress=progress)
    data = FeatureData({split: FeatureSet(samples, stores, run.card.task)}, run.config.training.batch_size, 0)
    return run.card.task.metrics(*predict_split(run.model, data, split))
