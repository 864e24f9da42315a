"""`interplay report`: the page of a run."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Device, Json, RunPath, Store
from interplay.files.run_folder import require_finished_run


def report(
    run: RunPath,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Whose samples are shown: train, val or test. Repeatable; val and test.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page; RUN/report if absent.")] = None,
    blur: Annotated[
        bool | None,
        typer.Option("--blur/--no-blur", help="Blur pictures and texts until asked; by itself for hate speech."),
    ] = None,
    store: Store = DEFAULT_STORE,
    device: Device = None,
    json: Json = False,
) -> None:
    """Show a run: metrics, training curves, and every sample with what the model says of it, to filter and sort.

    Leaves a folder whose index.html opens from disk; explanations and a validation of the run are linked.
    """
    with console.working() as progress:
        require_finished_run(run)
        from interplay.models.run import open_run
        from interplay.pipeline.datasets import data_of
        from interplay.pipeline.explain import explain_config
        from interplay.pipeline.report import report_run

        opened = open_run(run)
        settings = explain_config(opened, options.given({"device": device}))
        dataset = data_of(opened, data)
        console.say_notes(dataset.notes)
        page = report_run(
            opened,
            dataset,
            splits=split or ("val", "test"),
            out=out,
            blur=blur,
            store=store,
            device=settings.device,
            progress=progress,
        )
    if json:
        return console.print_json({"page": page})
    return console.print_lines([f"Open the page:  {page.resolve()}"])
