"""Options that several commands have, and what they say, as a configuration."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interplay.cli import console
from interplay.engine import ENGINES
from interplay.errors import BadInput, CheckpointError, ConfigError, refuse_missing, refuse_unknown, suggestion
from interplay.files.fetching import hub_name
from interplay.files.run_folder import CARD_FILE, CONFIG_FILE, ORIGIN_FILE, require_finished_run, runs_in

if TYPE_CHECKING:
    from interplay.config import Config
    from interplay.data.sample import Dataset
    from interplay.models.run import Run

DEFAULT_STORE = Path(".interplay") / "features"
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Store = Annotated[Path, typer.Option(help="Where encoded features are kept, to be used again.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Any one setting: training.epochs=5. Repeatable."),
]

RunPath = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="A run folder written by `interplay train`, or OWNER/NAME of one on the Hugging Face hub."
    ),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML configuration.")]
Preset = Annotated[str | None, typer.Option(help="Settings to start from: default, or paper (the published ones).")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Data = Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")]
Fill = Annotated[str | None, typer.Option(help="What replaces removed features: attention, mean, zero.")]


def _engine(name: str) -> str:
    """The engine's name, refused before anything is loaded where there is no such engine."""
    if name not in ENGINES:
        raise BadInput(f"--engine {name}", expected=" or ".join(ENGINES))
    return name


Engine = Annotated[
    str,
    typer.Option(
        callback=_engine,
        help="Who does the work: serial (this process), or ray: workers on this machine, or of the cluster that "
        "RAY_ADDRESS names.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="With --engine ray: how many workers; one for each GPU, or CPU, if absent."),
]
Blur = Annotated[
    bool | None,
    typer.Option("--blur/--no-blur", help="Blur pictures and texts until asked; by itself for hate speech."),
]
DataPath = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A dataset: a table (.csv, .tsv, .jsonl, .parquet, .arrow), its folder, or one of a published layout.",
    ),
]

LabelColumn = Annotated[
    list[str] | None,
    typer.Option("--label-column", metavar="COLUMN", help="Labels; repeat it for columns of zeros and ones."),
]
TextColumn = Annotated[list[str] | None, typer.Option("--text-column", metavar="COLUMN", help="Texts. Repeatable.")]
ImageColumn = Annotated[
    list[str] | None, typer.Option("--image-column", metavar="COLUMN", help="Paths of pictures. Repeatable.")
]
IdColumn = Annotated[str | None, typer.Option("--id-column", metavar="COLUMN", help="Ids.")]
SplitColumn = Annotated[str | None, typer.Option("--split-column", metavar="COLUMN", help="train, val or test.")]


def columns(
    label: list[str] | None, text: list[str] | None, image: list[str] | None, id_: str | None, split: str | None
) -> dict[str, Any]:
    """The columns of a table that were named, as settings."""
    several = {"label_column": label, "text_column": text, "image_column": image}
    named = {key: ",".join(names) for key, names in several.items() if names}
    return {f"data.{key}": value for key, value in (named | given({"id_column": id_, "split_column": split})).items()}


def epilog(example: str) -> dict[str, Any]:
    """Every command's help ends with an example."""
    return {"epilog": f"Example:  {example}"}


def config(file: Path | None, preset: str | None, texts: list[str] | None, flags: dict[str, Any] | None = None) -> Any:
    """The configuration of a command: the file, then --set, then the flags that were given."""
    from interplay.config import PRESETS, make_config, nested, read_settings

    settings = read_settings(file) if file else {}
    if preset is not None:
        if preset not in PRESETS:
            raise ConfigError(
                f"unknown preset {preset!r}{suggestion(preset, PRESETS)}", expected=f"one of {', '.join(PRESETS)}"
            )
        settings["preset"] = preset
    all_given = assigned(texts) | given(flags or {})
    sources = [str(file)] * (file is not None) + ["the options given"] * bool(all_given or not file)
    return make_config(nested(settings, all_given), " and ".join(sources))


def check_early(*runs: Path, several: bool = False) -> None:
    """Refuse what is no run, or not one, before PyTorch is loaded; those of the hub are fetched when opened."""
    for run in runs:
        if hub_name(run):
            continue
        try:
            (runs_in if several else require_finished_run)(run, hashes=False)  # read when opened, once
        except CheckpointError:
            refuse_dataset(run)
            raise


def check_names(run: Path, target: str | None, split: str, inputs: list[str] | None) -> None:
    """Refuse names that a run does not know before PyTorch is loaded, as its card has them."""
    from interplay.data.sample import SPLITS

    refuse_unknown("split", split, SPLITS)
    if hub_name(run):
        return
    try:
        card = json.loads((runs_in(run, hashes=False)[0] / CARD_FILE).read_text(encoding="utf-8"))
        labels, modalities = list(card["labels"]), list(card["modalities"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # it is damaged, which is reported when it is opened
    if target is not None:
        refuse_unknown("target", target, labels)
    names = [text.partition("=")[0].strip() for text in inputs or () if "=" in text]
    for name in names:
        refuse_unknown("modality", name, modalities)
    if inputs and len(set(names)) == len(inputs):  # else one of them is refused when it is read
        refuse_missing("new", names, modalities)


def dataset_with(run: Path, data: Path | None, ids: list[str]) -> "Dataset | None":
    """The dataset, if it has the samples that are named, before PyTorch is loaded; None of what cannot be opened yet.

    Raises:
        BadInput: there is no such sample.
        DataError: the dataset cannot be read.
    """
    from interplay.config import read_run_config
    from interplay.models.origin import read_origin
    from interplay.pipeline.datasets import dataset_at, find_sample

    if hub_name(run):
        return None
    try:
        folder = runs_in(run, hashes=False)[0]
        settings, origin = read_run_config(folder / CONFIG_FILE), read_origin(folder / ORIGIN_FILE)
    except (CheckpointError, ConfigError):
        return None  # it is damaged, which the opening reports
    dataset = dataset_at(data, origin.source, settings.data, folder.name)
    for sample_id in ids:
        find_sample(dataset, sample_id)
    return dataset


def refuse_dataset(path: Path) -> None:
    """Refuse a dataset that was given where a run is wanted."""
    if not path.exists():
        return
    from interplay.data.registry import layout_of

    try:
        layout = layout_of(path)
    except BadInput:
        return
    if path.is_dir() or path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".tar"):
        what = "a dataset (a table)" if layout == "table" else f"a dataset ({layout})"
        fix = (
            f"train on it first, `interplay train {path} --out runs/first`, and give runs/first; a run's data is --data"
        )
        raise BadInput(
            f"{what} lies here, no run", expected="a folder written by `interplay train`", fix=fix, file=path
        )


def run_and_data(
    run: Path, data: Path | None, device: str | None, splits: Sequence[str] = ()
) -> "tuple[Run, Config, Dataset]":
    """A finished run, its configuration with the device that was given, and the dataset, whose notes are shown."""
    check_early(run)
    for split in splits:
        check_names(run, None, split, None)
    from interplay.models.run import open_run
    from interplay.pipeline.datasets import data_of
    from interplay.pipeline.explain import explain_config

    opened = open_run(run)
    settings = explain_config(opened, given({"device": device}))
    dataset = data_of(opened, data)
    console.say_notes(dataset.notes)
    return opened, settings, dataset


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given: None is one that was not."""
    return {key: value for key, value in flags.items() if value is not None}


def assigned(texts: list[str] | None) -> dict[str, Any]:
    """section.key=value -> value, read as TOML where it is TOML and as text where it is not."""
    out: dict[str, Any] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {text}", expected="section.key=value, such as training.epochs=5")
        try:
            out[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            out[key.strip()] = value
    return out
