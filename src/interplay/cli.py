"""The command line. Each command is one stage of `interplay.pipeline`; results go to standard output."""

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from interplay import console
from interplay.errors import BadInput, ConfigError, InterplayError

app = typer.Typer(
    help="Train multimodal classifiers and show which words and image patches act together, act alone, or back each "
    "other up. Start with `interplay demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Make and check datasets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
DataPath = Annotated[Path, typer.Argument(help="A dataset: a folder with samples.csv or samples.jsonl.")]
RunPath = Annotated[Path, typer.Argument(help="A run folder written by `interplay train`.")]
Store = Annotated[Path, typer.Option(help="Where encoded features are kept.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML configuration.")]
Preset = Annotated[str | None, typer.Option(help="default, or paper for the published settings.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="One setting, as section.key=value. Repeatable.")]
DEFAULT_STORE = Path(".interplay") / "features"


def _epilog(example: str) -> dict[str, Any]:
    """Every command's help ends with an example."""
    return {"epilog": f"Example:  {example}"}


@app.command(**_epilog("interplay demo --out demo"))
def demo(
    out: Annotated[Path, typer.Option(help="A new folder for the data, the run and the page.")] = Path("demo"),
    samples: Annotated[int, typer.Option(min=200, help="Scenes to make.")] = 2400,
    overwrite: Annotated[bool, typer.Option(help="Replace what an earlier demo left in --out.")] = False,
    json: Json = False,
) -> None:
    """Make scenes, train, explain, and leave a page: the whole path on generated data, in minutes."""
    from interplay.demo import run_demo

    with console.working("Run the same command again to go on.") as bars:
        result = run_demo(out, samples=samples, overwrite=overwrite, report=bars, say=console.say)
    if json:
        return console.print_json(result)
    console.out.print(console.metrics_table("fl-i2moe on scenes", result["metrics"]))
    console.out.print("\nWhat the page shows first, with 95% intervals:", highlight=False)
    for line in result["findings"]:
        console.out.print(f"  {line}", markup=False, highlight=False)
    console.out.print(f"\nOpen the page:  {result['page']}", markup=False, highlight=False, soft_wrap=True)
    return None


@data_app.command("make-scenes", **_epilog("interplay data make-scenes scenes --samples 3000"))
def make_scenes(
    folder: Annotated[Path, typer.Argument(help="A new folder for the dataset.")],
    samples: Annotated[int, typer.Option(min=10, help="How many scenes.")] = 3000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    stories: Annotated[
        str, typer.Option(help="Comma-separated: sarcasm, storm, urgent, animal, mismatch.")
    ] = "sarcasm,storm,urgent,animal",
    overwrite: Annotated[bool, typer.Option(help="Replace a dataset that is there already.")] = False,
    json: Json = False,
) -> None:
    """Generate scenes: pictures and captions whose evidence is known."""
    from interplay.data.sample import SPLITS
    from interplay.data.scenes import make_scenes as make

    names = tuple(name.strip() for name in stories.split(",") if name.strip())
    with console.working():
        dataset = make(folder, samples=samples, seed=seed, stories=names, overwrite=overwrite)
    splits = {split: len(dataset.split(split)) for split in SPLITS}
    if json:
        return console.print_json({"folder": folder, "labels": dataset.labels, "splits": splits})
    counts = ", ".join(f"{n} {split}" for split, n in splits.items())
    console.out.print(f"{len(dataset.samples)} scenes in {folder} ({counts})", markup=False, highlight=False)
    return None


@data_app.command("check", **_epilog("interplay data check my-data"))
def data_check(path: DataPath, json: Json = False) -> None:
    """Say what is wrong with each bad row of a dataset. Exit code 2 if it cannot be used as it is."""
    from functools import partial

    from interplay.data.table import check_table

    with console.working() as bars:
        problems = check_table(path, progress=partial(bars, "Check rows"))
    errors = [p for p in problems if p.severity == "error"]
    if json:
        console.print_json({"usable": not errors, "problems": [vars(p) for p in problems]})
    else:
        for problem in problems:
            console.out.print(f"{problem.severity}: {problem.error()}", markup=False, highlight=False, soft_wrap=True)
        verdict = "can be used" if not errors else "cannot be used as it is"
        warnings = len(problems) - len(errors)
        console.out.print(
            f"{path}: {len(errors)} errors, {warnings} warnings; it {verdict}", markup=False, highlight=False
        )
    if errors:
        raise typer.Exit(BadInput.exit_code)


@app.command(**_epilog("interplay encode my-data"))
def encode(
    data: Annotated[Path | None, typer.Argument(help="A dataset.")] = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    store: Store = DEFAULT_STORE,
    list_: Annotated[bool, typer.Option("--list", help="Name the packaged encoders and stop.")] = False,
    json: Json = False,
) -> None:
    """Run the frozen encoders once and keep their tokens and patches (train does this by itself)."""
    from interplay import pipeline
    from interplay.data.registry import open_dataset
    from interplay.encoders.packaged import PACKAGED

    if list_:
        return console.print_json(PACKAGED) if json else _print_lines(f"{n} ({k})" for n, k in PACKAGED.items())
    if data is None:
        raise BadInput("no dataset given", expected="its path, or --list")
    settings = _config(config, preset, set_)
    with console.working("Run the same command again to go on.") as bars:
        stored = pipeline.encode(open_dataset(data), settings, store=store, report=bars)
    result = {m: {"folder": f.folder, "width": f.width, "cut": sum(map(bool, f.truncated))} for m, f in stored.items()}
    if json:
        return console.print_json(result)
    return _print_lines(
        f"{m}: {r['folder']} (width {r['width']}, {r['cut']} samples cut to the encoder's length)"
        for m, r in result.items()
    )


@app.command(**_epilog("interplay train my-data --out runs/first --model fl-i2moe"))
def train(
    data: DataPath,
    out: Annotated[Path, typer.Option(help="A new run folder.")],
    config: ConfigFile = None,
    preset: Preset = None,
    model: Annotated[str | None, typer.Option(help="dense, i2moe or fl-i2moe.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; training stops early by itself.")] = None,
    mask_aware: Annotated[
        bool | None, typer.Option("--mask-aware/--no-mask-aware", help="Train with features removed, too.")
    ] = None,
    fill: Annotated[str | None, typer.Option(help="What stands for removed features: mean, zero, attention.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    set_: Set = None,
    store: Store = DEFAULT_STORE,
    overwrite: Annotated[bool, typer.Option(help="Replace a run that is there already.")] = False,
    json: Json = False,
) -> None:
    """Train a model and evaluate its best epoch. An interrupted training goes on when called again."""
    from interplay import pipeline
    from interplay.data.registry import open_dataset

    flags = {
        "fusion.kind": model,
        "seed": seed,
        "training.epochs": epochs,
        "training.device": device,
        "removal.mask_aware": mask_aware,
        "removal.fill": fill,
    }
    settings = _config(config, preset, set_, flags)
    with console.working("Run the same command again to go on.") as bars:
        run = pipeline.train(open_dataset(data), settings, out, store=store, overwrite=overwrite, report=bars)
    if json:
        return console.print_json({"run": out, "metrics": run.metrics})
    console.out.print(console.metrics_table(f"{settings.fusion.kind} in {out}", run.metrics))
    return None


@app.command(**_epilog("interplay evaluate runs/first --split test"))
def evaluate(
    run: RunPath,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Measure a trained run on one split."""
    from interplay import pipeline
    from interplay.data.registry import open_dataset
    from interplay.runs import open_run

    opened = open_run(run)
    with console.working() as bars:
        dataset = open_dataset(data or opened.origin.source)
        metrics = pipeline.evaluate(opened, dataset, split=split, store=store, report=bars)
    if json:
        return console.print_json({"run": run, "split": split, "metrics": metrics})
    console.out.print(console.metrics_table(str(run), {split: metrics}))
    return None


@app.command(**_epilog("interplay explain runs/first --input text='what a lovely day' --input image=face.png"))
def explain(
    run: RunPath,
    sample: Annotated[list[str] | None, typer.Option(help="A sample of the dataset, by id. Repeatable.")] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", help="A new sample: MODALITY=text or MODALITY=picture file.")
    ] = None,
    split: Annotated[str, typer.Option(help="Without --sample and --input: explain the first of this split.")] = "test",
    count: Annotated[int, typer.Option(min=1, help="... this many of them.")] = 3,
    target: Annotated[str | None, typer.Option(help="The label to explain; the most probable if absent.")] = None,
    on: Annotated[str | None, typer.Option(help="Value function: logit or probability.")] = None,
    expert: Annotated[str | None, typer.Option(help="Value function: mixture or an expert's name.")] = None,
    fill: Annotated[str | None, typer.Option(help="Removal: attention, mean or zero.")] = None,
    samples: Annotated[int | None, typer.Option(help="Backgrounds behind each pair score, an even number.")] = None,
    set_: Set = None,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for page and JSON; RUN/explanations if absent.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    json: Json = False,
) -> None:
    """Explain predictions: one page to look at, and one JSON file a sample."""
    from interplay import pipeline
    from interplay.runs import open_run

    opened = open_run(run)
    flags = {
        "explain.on": on,
        "explain.expert": expert,
        "explain.samples": samples,
        "removal.fill": fill,
        "training.device": device,
    }
    settings = pipeline.explain_config(opened, _assignments(set_) | {k: v for k, v in flags.items() if v is not None})
    chosen = pipeline.choose_samples(opened, data, sample or [], input_ or [], split, count)
    with console.working() as bars:
        explanations = pipeline.explain(opened, chosen, config=settings, target=target, report=bars)
        page = pipeline.write_explanations(opened, explanations, chosen, out)
    if json:
        return console.print_json([e.model_dump(mode="json") for e in explanations])
    return _print_lines([*(pipeline.finding(e) for e in explanations), f"Open the page:  {page}"])


def _config(
    file: Path | None, preset: str | None, assignments: list[str] | None, flags: dict[str, Any] | None = None
) -> Any:
    """The configuration of a command: the file, then --set, then the flags that were given."""
    from interplay.config import PRESETS, make_config, nested, read_settings

    settings = read_settings(file) if file else {}
    if preset is not None:
        if preset not in PRESETS:
            raise ConfigError(f"unknown preset {preset!r}", expected=f"one of {', '.join(PRESETS)}")
        settings["preset"] = preset
    given = _assignments(assignments) | {k: v for k, v in (flags or {}).items() if v is not None}
    return make_config(nested(settings, given), file or "the options given")


def _assignments(texts: list[str] | None) -> dict[str, Any]:
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


def _print_lines(lines: Any) -> None:
    for line in lines:
        console.out.print(line, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line: exit 0, 1 (failed), 2 (bad input) or 130 (interrupted)."""
    try:
        app()
    except InterplayError as error:
        console.say(f"Error: {error}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
