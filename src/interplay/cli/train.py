"""`interplay train`: a model and its test metrics."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, ConfigFile, DataPath, Device, Json, Preset, Set, Store


def train(
    data: DataPath,
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    config: ConfigFile = None,
    preset: Preset = None,
    model: Annotated[str | None, typer.Option(help="dense, i2moe or fl-i2moe.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides the weights to start from, and every draw.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; training stops early by itself.")] = None,
    mask_aware: Annotated[bool | None, typer.Option(help="Train on samples with features removed, too.")] = None,
    fill: Annotated[str | None, typer.Option(help="What replaces removed features: mean, zero, attention.")] = None,
    device: Device = None,
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
    settings = options.config(config, preset, set_, flags)
    with console.working(console.GO_ON) as progress:
        from interplay.data.registry import open_dataset
        from interplay.pipeline.train import samples_cut, train

        dataset = open_dataset(data, settings.data)
        console.say_notes(dataset.notes)
        run = train(dataset, settings, out, store=store, overwrite=overwrite, progress=progress)
        for modality, cut in samples_cut(run, store).items():
            console.say(f"{modality}: {cut} samples are longer than the encoder takes; the rest of them is cut off")
    if json:
        return console.print_json({"run": out, "metrics": run.metrics})
    console.out.print(console.metrics_table(f"{settings.fusion.kind} in {out}", run.metrics))
    return None
