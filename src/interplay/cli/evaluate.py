"""`interplay evaluate`: the metrics of a run on a split."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Device, Json, RunPath, Store
from interplay.files.run_folder import require_finished_run


def evaluate(
    run: RunPath,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    store: Store = DEFAULT_STORE,
    device: Device = None,
    json: Json = False,
) -> None:
    """Measure a trained run on one split."""
    with console.working() as progress:
        require_finished_run(run)
        from interplay.models.run import open_run
        from interplay.pipeline.datasets import data_of
        from interplay.pipeline.evaluate import evaluate
        from interplay.pipeline.explain import explain_config

        opened = open_run(run)
        settings = explain_config(opened, options.given({"device": device}))
        dataset = data_of(opened, data)
        console.say_notes(dataset.notes)
        metrics = evaluate(opened, dataset, split=split, store=store, device=settings.device, progress=progress)
    if json:
        return console.print_json({"run": run, "split": split, "metrics": metrics})
    console.out.print(console.metrics_table(str(run), {split: metrics}))
    return None
