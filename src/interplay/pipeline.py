"""The one way through: dataset -> features -> trained run -> metrics -> explanations -> page. One function a stage."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from interplay.config import Config, make_config, nested
from interplay.data.feature_files import feature_shapes
from interplay.data.pictures import open_picture
from interplay.data.registry import layout_of, offends, open_dataset
from interplay.data.sample import SPLITS, Dataset, Sample
from interplay.data.table import split_problems
from interplay.encoders.frozen import Encoder, load_encoder
from interplay.encoders.precomputed import PrecomputedEncoder
from interplay.errors import BadInput, DataError
from interplay.explaining import explain_sample, refuse_unknown_expert
from interplay.features.store import Features, open_features, store_features
from interplay.models.checkpoint import Card, load_model
from interplay.models.fusion import FusionModel, Shape
from interplay.report.page import write_page
from interplay.results import Explanation
from interplay.runs import Run, finish_run, origin_of, refuse_taken, start_run
from interplay.task import Task
from interplay.training.data import FeatureData, FeatureSet, token_moments
from interplay.training.fit import answer, fit
from interplay.whole import refuse_blocked, write_whole

DEFAULT_STORE = Path(".interplay") / "features"
Report = Callable[[str, int, int], None]
"""Progress: what is being done, how much is done, of how much."""


def load_encoders(
    config: Config,
    modalities: dict[str, str],
    device: str = "auto",
    shapes: dict[str, tuple[int, int]] | None = None,
) -> dict[str, Encoder]:
    """The frozen encoder of every modality. Two modalities with equal settings share one.

    Args:
        shapes: (width, longest sequence) of each modality that is features already.
    """
    loaded: dict[tuple[str, str], Encoder] = {}
    out: dict[str, Encoder] = {}
    for modality, kind in modalities.items():
        settings = config.encoder(modality, kind)
        if kind == "features":
            out[modality] = PrecomputedEncoder(settings, modality, *(shapes or {})[modality])
            continue
        key = (kind, settings.model_dump_json())
        if key not in loaded:
            loaded[key] = load_encoder(settings, kind).to(pick_device(device))
        out[modality] = loaded[key]
    return out


def encoders_for(dataset: Dataset, config: Config) -> dict[str, Encoder]:
    """The frozen encoders of a dataset's modalities."""
    return load_encoders(config, dict(dataset.modalities), config.training.device, feature_shapes(dataset))


def encode(
    dataset: Dataset,
    config: Config,
    *,
    store: str | Path = DEFAULT_STORE,
    encoders: dict[str, Encoder] | None = None,
    report: Report | None = None,
) -> dict[str, Features]:
    """Features of every modality: read from the store where they are, else encoded and stored."""
    encoders = encoders or encoders_for(dataset, config)
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
) -> Run:
    """Encode what is not stored, train, evaluate the best epoch on val and test, and leave a run folder.

    An interrupted training of the same configuration goes on where it stopped.

    Args:
        out: the run folder.
        report: told how encoding and training go.

    Raises:
        DataError: if a split has no samples. RunExistsError: if `out` holds something else.
    """
    refuse_bad_splits(dataset)
    out = Path(out)
    refuse_taken(out, config, overwrite)
    encoders = encoders_for(dataset, config)
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
    origin = origin_of(dataset, {m: s.folder.name for m, s in stores.items()}, config)
    start_run(out, config, origin, overwrite)  # only now: an input that cannot be used leaves no folder
    fit(build_model(card, config.seed, splits["train"]), data, config, card, out, report)
    model, _ = load_model(out / "model")
    metrics = {split: task.metrics(*answer(model, data, split)) for split in ("val", "test")}
    return finish_run(out, metrics)


def samples_cut(run: Run, store: str | Path = DEFAULT_STORE) -> dict[str, int]:
    """Modality -> samples of the run's dataset longer than its encoder takes; modalities without any are left out."""
    stored = {m: open_features(Path(store) / name) for m, name in run.origin.stores.items()}
    return {m: n for m, features in stored.items() if (n := sum(map(bool, features.truncated)))}


def build_model(card: Card, seed: int, train_split: FeatureSet) -> FusionModel:
    """A fresh model. The seed is set first, so that it decides the weights too."""
    torch.manual_seed(seed)
    model = FusionModel(card.fusion, Shape(card.widths, card.lengths, len(card.labels)))
    model.set_moments(token_moments(train_split))
    return model


def evaluate(
    run: Run,
    dataset: Dataset,
    *,
    split: str = "test",
    store: str | Path = DEFAULT_STORE,
    device: str | None = None,
    report: Report | None = None,
) -> dict[str, float]:
    """Task metrics of a run on one split of a dataset with the run's labels and modalities."""
    refuse_other_data(run, dataset)
    samples = samples_of(dataset, split)
    encoders = open_encoders(run, device or run.config.training.device)
    stores = encode(dataset, run.config, store=store, encoders=encoders, report=report)
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
    return list(explain_each(run, samples, config=config, target=target, encoders=encoders, report=report))


def explain_each(
    run: Run,
    samples: Sequence[Sample],
    *,
    config: Config | None = None,
    target: str | None = None,
    encoders: dict[str, Encoder] | None = None,
    report: Report | None = None,
    beside: Sequence[tuple[Run, Config]] = (),
) -> Iterator[Explanation]:
    """`explain`, one by one as they are ready; after each come those of the same sample and target by the runs beside.

    Raises:
        BadInput: also where a run beside has other labels, modalities, or not the expert asked about.
    """
    everyone = [(run, config or run.config), *beside]
    folders = [one.folder.resolve() for one, _ in everyone]
    if twice := [folder for folder in folders if folders.count(folder) > 1]:
        raise BadInput(f"the run {twice[0].name} is put beside itself", expected="other runs, each once")
    for one, settings in everyone:  # before the work: what is explained already would be lost
        refuse_other_run(run, one)
        refuse_unknown_expert(one, settings)
    asked = []
    for one, settings in everyone:
        device = settings.training.device
        given = encoders if one is run else None
        asked.append((one, settings, given or open_encoders(one, device)))
        one.model.to(pick_device(device))
    for number, sample in enumerate(samples, start=1):
        label = target
        for one, settings, opened in asked:
            who = f" by {one.name}" if beside else ""
            progress = partial(report, f"Explain {sample.id} ({number} of {len(samples)}){who}") if report else None
            explanation = explain_sample(one, opened, sample, config=settings, target=label, progress=progress)
            if progress:
                progress(explanation.evaluations, explanation.evaluations)  # it was told an upper bound before
            label = explanation.target
            yield explanation


def open_encoders(run: Run, device: str = "auto") -> dict[str, Encoder]:
    """The run's encoders. Raises BadInput if one of them is not the one the run was trained on."""
    shapes = {m: (run.card.widths[m], run.card.lengths[m]) for m in run.card.modalities}
    encoders = load_encoders(run.config, run.card.modalities, device, shapes)
    for modality, encoder in encoders.items():
        if encoder.fingerprint != run.card.encoders[modality]:
            raise BadInput(
                f"the encoder of {modality!r} ({run.config.encoder(modality, encoder.kind).model}) has other weights "
                f"or settings than the run was trained on",
                expected=f"fingerprint {run.card.encoders[modality][:12]}, got {encoder.fingerprint[:12]}",
                fix="restore the encoder, or train again",
            )
    return encoders


def explain_config(run: Run, settings: dict[str, Any]) -> Config:
    """The run's configuration with dotted settings laid over `explain`, `removal` and the like."""
    return make_config(nested(run.config.model_dump(exclude_none=True), settings), "the options given")


def choose_samples(
    run: Run, data: Path | None, ids: Sequence[str], inputs: Sequence[str], split: str, count: int
) -> list[Sample]:
    """The samples a user asks for: by id, as a new MODALITY=text or MODALITY=file, or the first of a split."""
    if inputs and ids:
        raise BadInput("both --sample and --input are given", expected="one of them")
    if inputs:
        pairs = [_modality_value(text) for text in inputs]
        if twice := [name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1]:
            raise BadInput(f"--input {twice[0]}=... is given twice", expected="one --input for each modality")
        return [new_sample(run, dict(pairs))]
    dataset = data_of(run, data)
    refuse_other_data(run, dataset)
    if ids:
        return [find_sample(dataset, sample_id) for sample_id in ids]
    return samples_of(dataset, split)[:count]


def data_of(run: Run, data: Path | None = None) -> Dataset:
    """The dataset at a path; without one, that which the run was trained on. Raises DataError if it is not there.

    It is read with the run's own options; a table, which has none, as it stands.
    """
    if data is None and not Path(run.origin.source).exists():
        raise DataError(
            "the dataset this run was trained on is not there any more",
            file=run.origin.source,
            fix="give its new place with --data",
        )
    path = data or Path(run.origin.source)
    return open_dataset(path, {} if layout_of(path) == "table" else run.config.data)


def samples_of(dataset: Dataset, split: str) -> list[Sample]:
    """The samples of one split. Raises BadInput for an unknown one, DataError for one that has none."""
    if split not in SPLITS:
        raise BadInput(f"unknown split {split!r}", expected=f"one of {', '.join(SPLITS)}")
    if not (samples := dataset.split(split)):
        raise DataError(f"the split {split!r} has no samples", file=dataset.source, expected="at least one")
    return list(samples)


def new_sample(run: Run, inputs: dict[str, str], sample_id: str = "new") -> Sample:
    """A sample that is in no dataset: the text, or the path of its file, of every modality of a run."""
    unknown = [name for name in inputs if name not in run.card.modalities]
    if unknown:
        raise BadInput(f"unknown modality {unknown[0]!r}", expected=f"one of {', '.join(run.card.modalities)}")
    kinds = run.card.modalities
    content = {name: value if kinds[name] == "text" else Path(value) for name, value in inputs.items()}
    return Sample(id=sample_id, split="", inputs=content, labels=())


def _modality_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--input {text}", expected="MODALITY=text or MODALITY=file")
    return name.strip(), value


def write_explanations(
    run: Run,
    explanations: Sequence[Explanation],
    samples: Sequence[Sample],
    out: Path | None = None,
    *,
    blur: bool | None = None,
) -> Path:
    """Write page.html and one JSON file per explanation; returns the page's path.

    Args:
        samples: those explained; more do no harm.
        blur: hide pictures and texts on the page until they are asked for; where the labels are of hate speech if None.
    """
    out = explanations_folder(run, out)
    out.mkdir(parents=True, exist_ok=True)
    for number, explanation in enumerate(explanations, start=1):
        write_whole(out / json_name(number, explanation), explanation.model_dump_json(indent=1) + "\n")
    images = [m for m, kind in run.card.modalities.items() if kind == "image"]
    explained = {explanation.sample_id for explanation in explanations}
    pictures = {s.id: {m: open_picture(s.inputs[m]) for m in images} for s in samples if s.id in explained}
    models = dict.fromkeys(explanation.provenance.model for explanation in explanations)
    title = f"{run.origin.data}: why {' and '.join(models)} decided so"
    return write_page(
        explanations,
        pictures,
        out / "page.html",
        title=title,
        blur=offends(run.card.labels) if blur is None else blur,
    )


def json_name(number: int, explanation: Explanation) -> str:
    """The file of one explanation: its sample and target as far as every file system takes them."""
    safe = re.sub(r"[^\w-]+", "_", f"{explanation.sample_id}-{explanation.target}", flags=re.ASCII)[:80]
    return f"{number:02d}-{safe}.json"


def explanations_folder(run: Run, out: Path | None = None) -> Path:
    """Where explanations go. Raises BadInput if that cannot be a folder: to be asked before the work, not after."""
    out = out or run.folder / "explanations"
    refuse_blocked(out)
    return out


def find_sample(dataset: Dataset, sample_id: str) -> Sample:
    """One sample by its id. Raises BadInput if there is none."""
    for sample in dataset.samples:
        if sample.id == sample_id:
            return sample
    some = ", ".join(s.id for s in dataset.samples[:3])
    raise BadInput(f"no sample {sample_id!r}", file=dataset.source, expected=f"an id such as {some}")


def refuse_bad_splits(dataset: Dataset) -> None:
    """Raise DataError if a split is empty, or if all samples of the training split have the same labels."""
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


def refuse_other_data(run: Run, dataset: Dataset) -> None:
    """Raise DataError if a dataset has not the labels and modalities that a run was trained on."""
    for what, here, there in (
        ("labels", list(dataset.labels), run.card.labels),
        ("modalities", dict(dataset.modalities), run.card.modalities),
    ):
        if here != there:
            raise DataError(f"the {what} are {here}", file=dataset.source, expected=f"{there}, those of the run")


def refuse_other_run(run: Run, other: Run) -> None:
    """Raise BadInput if two runs do not answer the same question about the same samples."""
    for what, here, there in (
        ("labels", other.card.labels, run.card.labels),
        ("modalities", dict(other.card.modalities), dict(run.card.modalities)),
    ):
        if here != there:
            raise BadInput(f"the {what} of the run {other.name} are {here}", expected=f"{there}, those of {run.name}")


def pick_device(name: str) -> str:
    """auto -> the accelerator if there is one, else cpu. Raises BadInput for an accelerator that is not there."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if gpus else "mps" if mps else "cpu"
    there = ["auto", "cpu", *(["cuda"] if gpus else []), *(f"cuda:{n}" for n in range(gpus)), *(["mps"] if mps else [])]
    if name not in there:
        raise BadInput(f"there is no device {name!r} here", expected=f"one of {', '.join(there)}")
    return name
