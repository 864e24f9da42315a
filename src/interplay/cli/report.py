"""`interplay report`: the page of a run."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Blur, Data, Device, Json, RunPath, Store


def report(
    run: RunPath,
    data: Data = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Whose samples are shown: train, val or test. Repeatable; val and test.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page; RUN/report if absent; RUN-results here if it was exported."),
    ] = None,
    blur: Blur = None,
    store: Store = DEFAULT_STORE,
    device: Device = None,
    json: Json = False,
) -> None:
    """Show a run: metrics, training curves, and every sample with what the model says of it, to filter and sort.

    Leaves a folder whose index.html opens from disk; explanations and a validation of the run are linked.
    """
    with console.working() as progress:
        opened, settings, dataset = options.run_and_data(run, data, device, split or ())
        from interplay.pipeline.report import report_run

        page = report_run(
            opened,
            dataset,
            splits=split or ("test", "val"),
            out=out,
            blur=blur,
            store=store,
            device=settings.device,
            progress=progress,
        )
    if json:
        return console.print_json({"page": page})
    return console.print_lines([f"Open the page:  {page.resolve()}"])
