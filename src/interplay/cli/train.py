"""`interplay train`: a model and its test metrics."""

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interplay.cli import console, options
from interplay.cli.options import (
    DEFAULT_STORE,
    ConfigFile,
    DataPath,
    Device,
    IdColumn,
    ImageColumn,
    Json,
    LabelColumn,
    Preset,
    Set,
    SplitColumn,
    Store,
    TextColumn,
)
from interplay.files.run_folder import COMPARISON_FILE, ENSEMBLE_FILE, refuse_finished

if TYPE_CHECKING:
    from interplay.models.run import Run


def train(
    data: DataPath,
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    config: ConfigFile = None,
    preset: Preset = None,
    model: Annotated[str | None, typer.Option(help="dense, i2moe or fl-i2moe.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides the weights to start from, and every draw.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, help="Train so many models, in OUT/seed<n>, to compare them.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Train the other models, too, in OUT/compared; say if this one is better.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; training stops early by itself.")] = None,
    mask_aware: Annotated[bool | None, typer.Option(help="Train on samples with features removed, too.")] = None,
    fill: Annotated[str | None, typer.Option(help="What replaces removed features: mean, zero, attention.")] = None,
    device: Device = None,
    label_column: LabelColumn = None,
    text_column: TextColumn = None,
    image_column: ImageColumn = None,
    id_column: IdColumn = None,
    split_column: SplitColumn = None,
    set_: Set = None,
    store: Store = DEFAULT_STORE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there already.")] = False,
    json: Json = False,
) -> None:
    """Train a model and evaluate its best epoch. An interrupted training goes on when called again."""
    flags = {
        "fusion.kind": model,
        "seed": seed,
        "training.epochs": epochs,
        "device": device,
        "removal.mask_aware": mask_aware,
        "removal.fill": fill,
    }
    flags |= options.columns(label_column, text_column, image_column, id_column, split_column)
    settings = options.config(config, preset, set_, flags)
    with console.working(console.GO_ON) as progress:
        if not (overwrite or seeds or compare):
            refuse_finished(out)
        from interplay.data.registry import open_dataset

        dataset = open_dataset(data, settings.data)  # before PyTorch is loaded: most mistakes are seen here
        from interplay.data.twins import twin_problems
        from interplay.pipeline.seeds import train_seeds
        from interplay.pipeline.train import samples_cut, train

        console.say_notes([*dataset.notes, *(f"{p.problem}; {p.fix}." for p in twin_problems(dataset))])
        if compare:
            from interplay.pipeline.comparison import train_beside_others

            runs = train_beside_others(
                dataset, settings, out, seeds=seeds, store=store, overwrite=overwrite, progress=progress
            )
        elif seeds is None:
            runs = [train(dataset, settings, out, store=store, overwrite=overwrite, progress=progress)]
        else:
            runs = train_seeds(dataset, settings, out, seeds, store=store, overwrite=overwrite, progress=progress)
        for modality, cut in samples_cut(runs[0], store).items():
            console.say(f"{modality}: {cut} samples are longer than the encoder takes; the rest of them is cut off")
    if seeds is None:
        compared = runs[0].comparison
        if json:
            return console.print_json(of_run(runs[0]) | {"comparison": compared.model_dump() if compared else None})
        console.print_lines(runs[0].against)
        return console.print_table(
            console.metrics_table(f"{settings.fusion.kind} in {out}", {**runs[0].metrics, **runs[0].beside})
        )
    from interplay.models.kept import read_kept
    from interplay.results.comparison import Comparison
    from interplay.results.ensemble import EnsembleScores

    together = read_kept(out / ENSEMBLE_FILE, EnsembleScores)
    compared = read_kept(out / COMPARISON_FILE, Comparison) if compare else None
    if json:
        plain = {"runs": [of_run(run) for run in runs], "ensemble": together.model_dump()}
        return console.print_json(plain | {"comparison": compared.model_dump() if compared else None})
    beaten = {run.folder.name: run.baselines for run in runs} | {f"mean of all {len(runs)}": together.baselines}
    console.print_lines(f"{name}: {b.sentence()}" for name, b in beaten.items() if b)
    console.print_lines([f"mean of all {len(runs)}: {together.calibration.sentence()}"])
    console.print_lines(compared.sentences() if compared else [])
    each = {run.folder.name: run.metrics["test"] for run in runs}
    columns = each | spread(each) | {"mean of all": together.metrics["test"]}
    if together.calibration.thresholds:
        columns |= {"mean, cut by val": together.calibration.at_thresholds["test"]}
    columns |= {"linear probe": together.baselines.linear_probe["test"]}
    columns |= {other.model: other.test for other in compared.others} if compared else {}
    console.print_table(console.metrics_table(f"{settings.fusion.kind} in {out}, test", columns))
    console.print_lines(["", f"Explain with all of them:  interplay explain {shlex.quote(str(out))}"])
    return None


def of_run(run: "Run") -> dict[str, Any]:
    """A run for machines."""
    kept = {"baselines": run.baselines, "calibration": run.calibration}
    plain = {name: None if one is None else one.model_dump() for name, one in kept.items()}
    return {"run": run.folder, "metrics": run.metrics, **plain}


def spread(columns: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float | None]]:
    """Each metric's average and standard deviation over the models."""
    each = list(columns.values())
    values = {name: [column[name] for column in each] for name in each[0]}
    defined = {name: v for name, v in values.items() if not any(map(math.isnan, v))}  # stdev takes no NaN
    return {
        "average": {name: mean(defined[name]) if name in defined else math.nan for name in values},
        "sd": {name: stdev(defined[name]) if name in defined else math.nan for name in values},
    }
