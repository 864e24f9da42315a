"""The page of a run: asks the model about every sample of some splits, and gathers what the run folder holds."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from interplay.data.registry import is_sensitive
from interplay.data.sample import Dataset, Sample
from interplay.encoders.sources import public_name
from interplay.errors import BadInput
from interplay.features.store import Features
from interplay.files import only_writer
from interplay.files.checksums import check_sum
from interplay.modalities import drawn_as
from interplay.models.device import pick_device
from interplay.models.origin import origin_of
from interplay.models.run import Run
from interplay.pipeline.datasets import refuse_other_data, samples_of
from interplay.pipeline.encode import DEFAULT_STORE, encode, open_encoders
from interplay.progress import SILENT, Progress
from interplay.report.addresses import page_addresses, whose
from interplay.report.run_page import Chart, RunReport, Table, refuse_other, write_report
from interplay.report.run_rows import Row
from interplay.results import Explanation
from interplay.results.validity import Validity
from interplay.training.data import FeatureData, FeatureSet
from interplay.training.fit import predict_split

CHARTS = {
    "Loss": ("train/task", "train/removed", "val/loss", "val/removed_loss"),
    "On val": ("val/accuracy", "val/macro_f1", "val/auroc", "val/map"),
    "Role loss": ("train/interaction", "train/ownership"),
}


def make_report(
    run: Run,
    dataset: Dataset,
    *,
    splits: Sequence[str] = ("test", "val"),
    blur: bool | None = None,
    store: str | Path = DEFAULT_STORE,
    device: str | None = None,
    progress: Progress = SILENT,
) -> RunReport:
    """Ask a run about every sample of some splits, and gather what its folder holds.

    Args:
        run: a trained run.
        dataset: with the labels and modalities of the run.
        splits: whose samples are shown.
        blur: blur pictures and texts until asked to show them; where its labels are of hate speech if None.
        store: where encoded features are kept.
        device: where encoders and model run; the run's own if None.
        progress: shows how far encoding is.

    Returns:
        What the page of the run shows; `write_report` writes it.

    Raises:
        BadInput: an unknown split, none, or other encoders than the run's.
        DataError: the dataset is not one of the run's labels and modalities, a split is empty, or a file is broken.
    """
    refuse_other_data(run, dataset)
    samples = {split: samples_of(dataset, split) for split in dict.fromkeys(splits)}
    if not samples:
        raise BadInput("no split is named", expected="at least one of train, val, test")
    device = device or run.config.device
    run.model.to(pick_device(device))
    encoders = open_encoders(run, device)
    stores = encode(dataset, run.config, store=store, encoders=encoders, progress=progress)
    rows, metrics = _answers(run, samples, stores)
    here = origin_of(dataset, {m: store.folder.name for m, store in stores.items()}, run.config)
    same = here.data_hash == run.origin.data_hash  # else what was measured in training is of other samples
    explanations, copies, notes = explained_before(run)
    validity = run.validity_file
    if validity and (page := validity.with_suffix(".html")).is_file():
        copies["validity.html"] = page
    return RunReport(
        title=f"{run.name}: {run.config.fusion.kind} on {dataset.name}",
        labels=run.card.labels,
        label_kind=run.card.label_kind,
        rows=rows,
        facts=_facts(run, dataset),
        metrics=metrics,
        against=run.against if same else (),
        beside=run.beside if same and "test" in metrics else {},
        charts=charts_of(run.folder / "logs"),
        best_epoch=run.card.epoch + 1,
        tables=list(_validity(validity, copies)),
        explanations=explanations,
        copies=copies,
        notes=notes,
        study=_study(run.folder),
        blur=is_sensitive(run.card.labels) if blur is None else blur,
    )


def report_run(
    run: Run,
    dataset: Dataset,
    *,
    splits: Sequence[str] = ("test", "val"),
    out: str | Path | None = None,
    blur: bool | None = None,
    store: str | Path = DEFAULT_STORE,
    device: str | None = None,
    progress: Progress = SILENT,
) -> Path:
    """`make_report` and `write_report` in one; a folder that holds something else is refused before the work.

    Args:
        run: a trained run.
        dataset: with the labels and modalities of the run.
        splits: whose samples are shown.
        out: the folder; `run.results`/report if None.
        blur: blur pictures and texts until asked to show them; where its labels are of hate speech if None.
        store: where encoded features are kept.
        device: where encoders and model run; the run's own if None.
        progress: shows how far it is.

    Returns:
        The path of the page.

    Raises:
        BadInput: a folder that holds something else; and see `make_report`.
        InUseError: another process writes the report.
        DataError: see `make_report`.
    """
    folder = report_folder(run, out)
    with only_writer(folder):  # from here on: a second process is refused before the work
        report = make_report(run, dataset, splits=splits, blur=blur, store=store, device=device, progress=progress)
        return write_report(report, folder, progress)


def report_folder(run: Run, out: str | Path | None = None) -> Path:
    """Where the page of a run goes: to be asked before the work, not after.

    Args:
        run: a trained run.
        out: the folder; `run.results`/report if None.

    Returns:
        The folder.

    Raises:
        BadInput: the page cannot be written there.
    """
    folder = Path(out) if out is not None else run.results / "report"
    refuse_other(folder)
    return folder


def _answers(
    run: Run, samples: Mapping[str, Sequence[Sample]], stores: Mapping[str, Features]
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """Every sample with what the model says of it, and the metrics of each split from these very answers."""
    rows: list[Row] = []
    metrics = {}
    kinds = run.card.modalities
    for split, some in samples.items():
        data = FeatureData({split: FeatureSet(some, stores, run.card.task)}, run.config.training.batch_size, 0)
        logits, target = predict_split(run.model, data, split)
        metrics[split] = run.card.task.metrics(logits, target)
        for sample, probabilities in zip(some, run.card.task.probabilities(logits).tolist(), strict=True):
            texts = {m: str(sample.inputs[m]) for m in drawn_as("text", kinds)}
            pictures = {m: Path(sample.inputs[m]) for m in drawn_as("image", kinds)}
            rows.append(Row(sample.id, split, sample.labels, tuple(probabilities), texts, pictures))
    return rows, metrics


def charts_of(logs: Path) -> list[Chart]:
    """Training curves: the mean over each epoch, counted from 1, of what TensorBoard's own reader finds in a folder.

    The CSV beside it is begun anew when an interrupted training goes on; the event files are not.

    Args:
        logs: the folder of TensorBoard's event files.
    """
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    if not logs.is_dir():
        return []
    events = EventAccumulator(str(logs), size_guidance={"scalars": 0}).Reload()
    there = events.Tags()["scalars"]
    if "epoch" not in there:
        return []
    epochs = {event.step: int(event.value) + 1 for event in events.Scalars("epoch")}
    charts = []
    for title, names in CHARTS.items():
        series = {}
        for name in names:
            values: dict[int, list[float]] = {}
            for event in events.Scalars(name) if name in there else []:
                if event.step in epochs and event.value == event.value:
                    values.setdefault(epochs[event.step], []).append(event.value)
            if values:
                series[name] = [(float(epoch), sum(v) / len(v)) for epoch, v in sorted(values.items())]
        if series:
            charts.append(Chart(title, series))
    return charts


def _facts(run: Run, dataset: Dataset) -> dict[str, str]:
    """What the run is. No path: the page is handed on."""
    config, card = run.config, run.card
    removal = config.removal
    aware = f"trained with features removed, fill {removal.fill}" if removal.mask_aware else "never trained so"
    counts = ", ".join(f"{len(dataset.split(name)):,} {name}" for name in ("train", "val", "test"))
    modalities = ", ".join(f"{m} ({kind})" for m, kind in card.modalities.items())
    kind = "exactly one holds" if card.label_kind == "single" else "any number holds"
    alike = "; counted alike in training, however rare" if config.training.class_weights == "balanced" else ""
    return {
        "Run": run.name,
        "Model": f"{config.fusion.kind}, width {config.fusion.width}, {config.fusion.layers} layers",
        "Data": f"{dataset.name} ({run.origin.data_hash}): {counts}",
        "Modalities": modalities,
        "Encoders": ", ".join(_encoder(run, m, k) for m, k in card.modalities.items()),
        "Labels": f"{', '.join(card.labels)} ({kind}{alike})",
        "Training": f"at most {config.training.epochs} epochs, the best is {card.epoch + 1}; batches of "
        f"{config.training.batch_size}, learning rate {config.training.learning_rate}",
        "Removal": aware,
        "Preset": config.preset,
        "Seed": str(config.seed),
        "Versions": ", ".join(f"{name} {version}" for name, version in run.origin.versions.items()),
    }


def _encoder(run: Run, modality: str, kind: str) -> str:
    return f"{modality}: {public_name(run.config.encoder(modality, kind).model)}"


def explained_before(run: Run) -> tuple[list[tuple[Explanation, str | None]], dict[str, Path], list[str]]:
    """What `interplay explain` left, with its place in its page; files to copy; what could not be read.

    Args:
        run: a trained run. If it was exported, explanations that do not name its weights are left out.
    """
    folder = run.results / "explanations"
    page = folder / "page.html"
    addresses, copies, notes = {}, {}, []
    if page.is_file():
        try:
            addresses, copies = page_addresses(page), {"explanations.html": page}
        except (ValueError, KeyError, TypeError):
            notes.append("explanations/page.html is not a page of explanations, and is left out.")
    found: dict[tuple[str, str], tuple[Explanation, str | None]] = {}
    for file in sorted(folder.glob("*.json"), key=lambda file: (len(file.name.partition("-")[0]), file.name)):
        try:
            check_sum(folder, file.name)
            one = Explanation.model_validate_json(file.read_bytes())
        except (ValidationError, BadInput, OSError):
            notes.append(f"explanations/{file.name} is not shown: it is of another version, damaged, or was changed.")
            continue
        ours = one.provenance.model in ("", run.config.fusion.kind)  # not of a model that was put beside
        if run.exported and one.provenance.weights != run.weights:  # of another export of that name
            continue
        if ours and one.truth is not None:  # else an input of its own, no sample of the dataset
            asked = one.sample_id, one.target
            # Pages of earlier versions do not say whose answer it is.
            address = addresses.get((*asked, whose(one))) or addresses.get((*asked, ""))
            own = one.provenance.run == run.name  # a folder may have got another name: else the first of the same kind
            if asked not in found or (own and found[asked][0].provenance.run != run.name):
                found[asked] = one, address
    return list(found.values()), {} if run.exported and not found else copies, notes


def _validity(file: Path | None, copies: Mapping[str, Path]) -> Iterator[Table]:
    if file is None:
        return
    check_sum(file.parent, file.name)
    from interplay.report.validity import SHORT, short_rows

    try:
        found = Validity.model_validate_json(file.read_bytes())
    except (ValidationError, BadInput):
        return
    yield Table(
        "Can the pair scores be trusted?",
        " ".join([*found.notes, *found.verdicts]),
        SHORT,
        short_rows(found),
        "validity.html" if "validity.html" in copies else "",
    )


def _study(run: Path) -> Path | None:
    """The page of the study that a run is part of."""
    page = run.resolve().parent.parent.parent / "study.html"
    return page if page.is_file() else None
