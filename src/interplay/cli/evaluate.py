"""`interplay evaluate`: the metrics of a run on a split."""

from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Data, Device, Json, RunPath, Store


def evaluate(
    run: RunPath,
    data: Data = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    store: Store = DEFAULT_STORE,
    device: Device = None,
    json: Json = False,
) -> None:
    """Measure a trained run on one split."""
    with console.working() as progress:
        opened, settings, dataset = options.run_and_data(run, data, device)
        from interplay.pipeline.evaluate import evaluate

        metrics = evaluate(opened, dataset, split=split, store=store, device=settings.device, progress=progress)
    if json:
        return console.print_json({"run": run, "split": split, "metrics": metrics})
    console.out.print(console.metrics_table(str(run), {split: metrics}))
    return None
