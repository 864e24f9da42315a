"""The samples a stage works on, and whether a dataset or another run fits a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from interplay.data.registry import layout_of, open_dataset
from interplay.data.sample import SPLITS, Dataset, Options, Sample
from interplay.data.table_columns import TableOptions
from interplay.errors import BadInput, DataError, refuse_unknown, suggestion
from interplay.modalities import MODALITIES

if TYPE_CHECKING:  # a command looks at its dataset before PyTorch is loaded
    from interplay.models.run import Run


def data_of(run: "Run", data: Path | None = None) -> Dataset:
    """The dataset at a path, or the one that the run was trained on.

    It is read with the run's own options.

    Args:
        run: a trained run.
        data: where it is; the run's own dataset if None.

    Raises:
        DataError: it is not there.
    """
    return dataset_at(data, run.origin.source, run.config.data, run.name)


def dataset_at(data: Path | None, source: str, options: Options, name: str) -> Dataset:
    """The dataset at a path, or else the one that a run was trained on, read with the run's options.

    Args:
        data: where it is; the run's own dataset if None.
        source: where the run's own dataset is; empty of an exported run.
        options: of the layout, as the run was trained.
        name: what the run is called.

    Raises:
        DataError: it is not there.
    """
    if data is None and not source:
        raise DataError(
            f"the run {name} was exported without its dataset",
            expected="the dataset's place",
            fix="give it with --data, or a sample of your own with --input (in Python `open_dataset` and `new_sample`)",
        )
    if data is None and not Path(source).exists():
        raise DataError(
            "the dataset this run was trained on is not there any more",
            file=source,
            fix="give its new place with --data (in Python, to `open_dataset`)",
        )
    path = data or Path(source)
    if layout_of(path) != "table":
        return open_dataset(path, options)
    # A run of another layout can be asked about a table, which knows none of its options.
    known = {key: value for key, value in options.items() if key in TableOptions.model_fields}
    return open_dataset(path, known)


def samples_of(dataset: Dataset, split: str) -> list[Sample]:
    """The samples of one split.

    Args:
        dataset: the dataset.
        split: "train", "val" or "test".

    Raises:
        BadInput: there is no such split.
        DataError: it has no samples.
    """
    refuse_unknown("split", split, SPLITS)
    if not (samples := dataset.split(split)):
        raise DataError(f"the split {split!r} has no samples", file=dataset.source, expected="at least one")
    return list(samples)


def find_sample(dataset: Dataset, sample_id: str) -> Sample:
    """One sample by its id.

    Args:
        dataset: the dataset.
        sample_id: the id.

    Raises:
        BadInput: there is none.
    """
    for sample in dataset.samples:
        if sample.id == sample_id:
            return sample
    some = ", ".join(s.id for s in dataset.samples[:3])
    near = suggestion(sample_id, [s.id for s in dataset.samples[:10_000]])
    raise BadInput(f"no sample {sample_id!r}{near}", file=dataset.source, expected=f"an id such as {some}")


def choose_samples(
    run: "Run", data: Path | Dataset | None, ids: Sequence[str], inputs: Sequence[str], split: str, count: int
) -> list[Sample]:
    """The samples that a user asks for.

    Args:
        run: a trained run.
        data: the dataset, or where it is; the run's own if None.
        ids: ids of samples of the dataset.
        inputs: MODALITY=VALUE of one new sample.
        split: without ids and inputs, the first samples of this split.
        count: how many of them.
    """
    if inputs and ids:
        raise BadInput("both --sample and --input are given (ids= and inputs= in Python)", expected="one of them")
    if inputs:
        pairs = [_modality_value(text) for text in inputs]
        if twice := [name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1]:
            raise BadInput(f"the input {twice[0]!r} is given twice", expected="one input for each modality")
        return [new_sample(run, dict(pairs))]
    dataset = data if isinstance(data, Dataset) else data_of(run, data)
    refuse_other_data(run, dataset)
    if ids:
        return [find_sample(dataset, sample_id) for sample_id in ids]
    return samples_of(dataset, split)[:count]


def new_sample(run: "Run", inputs: dict[str, str], sample_id: str = "new") -> Sample:
    """A sample that is in no dataset: the text, or the path of its file, of every modality of a run.

    Args:
        run: a trained run.
        inputs: modality -> the text, or the path of its file.
        sample_id: the id written into its explanation.
    """
    unknown = [name for name in inputs if name not in run.card.modalities]
    if unknown:
        refuse_unknown("modality", unknown[0], list(run.card.modalities))
    kinds = run.card.modalities
    content = {name: Path(value) if MODALITIES[kinds[name]].file else value for name, value in inputs.items()}
    return Sample(id=sample_id, split="", inputs=content, labels=())


def _modality_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"the input is {text!r}", expected="MODALITY=text or MODALITY=file")
    return name.strip(), value


def refuse_other_data(run: "Run", dataset: Dataset) -> None:
    """Check that a dataset has the labels and modalities that a run was trained on.

    Args:
        run: a trained run.
        dataset: the dataset.

    Raises:
        DataError: it has others.
    """
    for what, here, there in (
        ("labels", list(dataset.labels), run.card.labels),
        ("modalities", dict(dataset.modalities), run.card.modalities),
    ):
        if here != there:
            raise DataError(f"the {what} are {here}", file=dataset.source, expected=f"{there}, those of the run")


def refuse_other_run(run: "Run", other: "Run") -> None:
    """Check that two runs answer the same question about the same samples.

    Args:
        run: a trained run.
        other: another trained run.

    Raises:
        BadInput: their labels or modalities differ.
    """
    for what, here, there in (
        ("labels", other.card.labels, run.card.labels),
        ("modalities", dict(other.card.modalities), dict(run.card.modalities)),
    ):
        if here != there:
            raise BadInput(f"the {what} of the run {other.name} are {here}", expected=f"{there}, those of {run.name}")
