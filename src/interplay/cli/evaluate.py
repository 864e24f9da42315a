"""`interplay evaluate`: the metrics of a run on a split."""

from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Data, Device, Engine, Json, RunPath, Store, Workers


def evaluate(
    run: RunPath,
    data: Data = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    store: Store = DEFAULT_STORE,
    device: Device = None,
    engine: Engine = "serial",
    workers: Workers = None,
    modalities: Annotated[
        bool, typer.Option("--modalities", help="How much rests on one modality, how much on several: SHAPE, EMAP, ...")
    ] = False,
    samples: Annotated[int, typer.Option(min=2, help="With --modalities: the split's first samples.")] = 100,
    json: Json = False,
) -> None:
    """Measure a trained run on one split."""
    with console.working() as progress:
        opened, settings, dataset = options.run_and_data(run, data, device, [split])
        from interplay.engine import open_engine
        from interplay.pipeline.evaluate import evaluate
        from interplay.pipeline.modalities import measure_modalities

        device = settings.device
        measures = []
        if modalities:  # first: a run of one modality is refused before the work
            measures = measure_modalities(
                opened, dataset, split=split, samples=samples, store=store, device=device, progress=progress
            )
        with open_engine(engine, workers) as by:
            metrics = evaluate(opened, dataset, split=split, store=store, device=device, engine=by, progress=progress)
    if json:
        found = [{"measure": m.name, "of": m.of, **m.value.model_dump()} for m in measures]
        result = {"run": run, "split": split, "metrics": metrics}
        asked = {"fill": opened.config.removal.fill, "seed": 0, "modalities": found}
        return console.print_json(result | asked if modalities else result)
    console.print_table(console.metrics_table(str(run), {split: metrics}))
    if measures:
        from interplay.report.validity import with_interval

        rows = [[m.name, m.of, with_interval(m.value, 3), str(m.value.samples)] for m in measures]
        fill = opened.config.removal.fill
        title = (
            f"What rests on which modality (fill {fill}, seed 0; errors do not cover what training again would change)"
        )
        header = ["measure", "of", "value ± 95% over samples", "samples"]
        console.print_table(console.plain_table(title, header, rows))
    return None
