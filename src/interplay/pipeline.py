"""The one way through: dataset -> features -> trained run -> metrics -> explanations -> page. One function a stage."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from interplay.config import Config
from interplay.data.sample import SPLITS, Dataset, Sample
from interplay.encoders.frozen import Encoder, load_encoder
from interplay.errors import BadInput, DataError
from interplay.explaining import explain_sample
from interplay.features.store import Features, store_features
from interplay.models.checkpoint import Card, load_model
from interplay.models.fusion import FusionModel, Shape
from interplay.results import Explanation
from interplay.runs import Run, finish_run, origin_of, start_run
from interplay.task import Task
from interplay.training.data import FeatureData, FeatureSet, mean_tokens
from interplay.training.fit import answer, fit

DEFAULT_STORE = Path(".interplay") / "features"
Report = Callable[[str, int, int], None]
"""Progress: what is being done, how much is done, of how much."""


def load_encoders(config: Config, modalities: dict[str, str], device: str = "auto") -> dict[str, Encoder]:
    """The frozen encoder of every modality. Two modalities with equal settings share one."""
    loaded: dict[tuple[str, str], Encoder] = {}
    out = {}
    for modality, kind in modalities.items():
        settings = config.encoder(modality, kind)
        key = (kind, settings.model_dump_json())
        if key not in loaded:
            loaded[key] = load_encoder(settings, kind).to(pick_device(device))
        out[modality] = loaded[key]
    return out


def encode(
    dataset: Dataset,
    config: Config,
    *,
    store: str | Path = DEFAULT_STORE,
    encoders: dict[str, Encoder] | None = None,
    report: Report | None = None,
) -> dict[str, Features]:
    """Features of every modality: read from the store where they are, else encoded and stored."""
    encoders = encoders or load_encoders(config, dict(dataset.modalities), config.training.device)
    return {
        modality: store_features(
            dataset,
            modality,
            encoders[modality],
            store,
            progress=partial(report, f"Encode {modality}") if report else None,
        )
        for modality in dataset.modalities
    }


def train(
    dataset: Dataset,
    config: Config,
    out: str | Path,
    *,
    store: str | Path = DEFAULT_STORE,
    overwrite: bool = False,
    report: Report | None = None,
    progress: bool = False,
) -> Run:
    """Encode what is not stored, train, evaluate the best epoch on val and test, and leave a run folder.

    An interrupted training of the same configuration goes on where it stopped.

    Args:
        out: the run folder.
        report: told how encoding goes.
        progress: show Lightning's progress bar.

    Raises:
        DataError: if a split has no samples. RunExistsError: if `out` holds something else.
    """
    refuse_empty_splits(dataset)
    out = Path(out)
    start_run(out, config, overwrite)
    encoders = load_encoders(config, dict(dataset.modalities), config.training.device)
    stores = encode(dataset, config, store=store, encoders=encoders, report=report)
    task = Task(dataset.labels, dataset.label_kind)
    splits = {name: FeatureSet(dataset.split(name), stores, task) for name in SPLITS}
    card = Card(
        fusion=config.fusion,
        labels=list(dataset.labels),
        label_kind=dataset.label_kind,
        modalities=dict(dataset.modalities),
        widths={m: e.width for m, e in encoders.items()},
        lengths={m: e.max_features for m, e in encoders.items()},
        encoders={m: e.fingerprint for m, e in encoders.items()},
    )
    data = FeatureData(splits, config.training.batch_size, config.seed)
    fit(build_model(card, config.seed, splits["train"]), data, config, card, out, progress)
    model, _ = load_model(out / "model")
    metrics = {split: task.metrics(*answer(model, data, split)) for split in ("val", "test")}
    origin = origin_of(dataset, {m: s.folder.name for m, s in stores.items()}, config)
    return finish_run(out, origin, metrics)


def build_model(card: Card, seed: int, train_split: FeatureSet) -> FusionModel:
    """A fresh model. The seed is set first, so that it decides the weights too."""
    torch.manual_seed(seed)
    model = FusionModel(card.fusion, Shape(card.widths, card.lengths, len(card.labels)))
    model.set_means(mean_tokens(train_split))
    return model


def evaluate(
    run: Run, dataset: Dataset, *, split: str = "test", store: str | Path = DEFAULT_STORE, report: Report | None = None
) -> dict[str, float]:
    """Task metrics of a run on one split of a dataset with the run's labels and modalities."""
    refuse_other_data(run, dataset)
    samples = dataset.split(split)
    if not samples:
        raise DataError(f"the split {split!r} has no samples", file=dataset.source, expected="at least one")
    stores = encode(dataset, run.config, store=store, report=report)
    data = FeatureData({split: FeatureSet(samples, stores, run.card.task)}, run.config.training.batch_size, 0)
    return run.card.task.metrics(*answer(run.model, data, split))


def explain(
    run: Run,
    samples: Sequence[Sample],
    *,
    config: Config | None = None,
    target: str | None = None,
    encoders: dict[str, Encoder] | None = None,
    report: Report | None = None,
) -> list[Explanation]:
    """Explain samples of a dataset, or new ones, with a trained run."""
    device = (config or run.config).training.device
    encoders = encoders or open_encoders(run, device)
    run.model.to(pick_device(device))
    out = []
    for number, sample in enumerate(samples, start=1):
        progress = partial(report, f"Explain {sample.id} ({number} of {len(samples)})") if report else None
        out.append(explain_sample(run, encoders, sample, config=config, target=target, progress=progress))
    return out


def open_encoders(run: Run, device: str = "auto") -> dict[str, Encoder]:
    """The run's encoders. Raises BadInput if one of them is not the one the run was trained on."""
    encoders = load_encoders(run.config, run.card.modalities, device)
    for modality, encoder in encoders.items():
        if encoder.fingerprint != run.card.encoders[modality]:
            raise BadInput(
                f"the encoder of {modality!r} ({run.config.encoder(modality, encoder.kind).model}) has other weights "
                f"or settings than the run was trained on",
                expected=f"fingerprint {run.card.encoders[modality][:12]}, got {encoder.fingerprint[:12]}",
                fix="restore the encoder, or train again",
            )
    return encoders


def find_sample(dataset: Dataset, sample_id: str) -> Sample:
    """One sample by its id. Raises BadInput if there is none."""
    for sample in dataset.samples:
        if sample.id == sample_id:
            return sample
    some = ", ".join(s.id for s in dataset.samples[:3])
    raise BadInput(f"no sample {sample_id!r}", file=dataset.source, expected=f"an id such as {some}")


def refuse_empty_splits(dataset: Dataset) -> None:
    """Raise DataError if a split that training needs has no samples."""
    for split in SPLITS:
        if not dataset.split(split):
            raise DataError(
                f"the split {split!r} has no samples",
                file=dataset.source,
                expected="samples in train, val and test",
                fix="fill the column `split`, or leave it out to split by id",
            )


def refuse_other_data(run: Run, dataset: Dataset) -> None:
    """Raise DataError if a dataset has not the labels and modalities that a run was trained on."""
    for what, here, there in (
        ("labels", list(dataset.labels), run.card.labels),
        ("modalities", dict(dataset.modalities), run.card.modalities),
    ):
        if here != there:
            raise DataError(f"the {what} are {here}", file=dataset.source, expected=f"{there}, those of the run")


def pick_device(name: str) -> str:
    """auto -> the accelerator if there is one, else cpu; anything else is taken at its word."""
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"

