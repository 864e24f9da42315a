"""`interplay export` and `interplay push`: a run given to others, as a folder and on the Hugging Face hub."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import Json
from interplay.errors import BadInput
from interplay.files.exported import CARD_FILE


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or that of a training with --seeds: one model of all.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    license_: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="Of the model: apache-2.0, ...; if absent, the card says so."),
    ] = None,
    data_license: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of the data, in words; if absent, the card says so.")
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=OWNER/NAME", help="The hub id of an encoder that is a folder here. Repeatable."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an exported run that is there already.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a run as a folder for others: weights, configuration, metrics and a model card, without any data."""
    with console.working():
        options.check_early(run, several=True)
        from interplay.hub.export import save_pretrained
        from interplay.models.run import open_runs

        folder = save_pretrained(
            open_runs(run),
            out,
            license=license_,
            data_license=data_license,
            encoders=dict(_key_and_name(text) for text in encoder or []),
            overwrite=overwrite,
        )
    if json:
        return console.print_json({"folder": folder, "card": folder / CARD_FILE})
    return console.print_lines([f"Read the model card, and complete it:  {folder / CARD_FILE}"])


def push(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder written by `interplay export`.")],
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; made if it is not there.")],
    public: Annotated[
        bool, typer.Option("--public", help="Show a new repository to everybody, not to its owner alone.")
    ] = False,
    json: Json = False,
) -> None:
    """Push an exported run to the Hugging Face hub, with the token of `hf auth login` or HF_TOKEN."""
    with console.working():
        from interplay.hub.push import push_to_hub

        address = push_to_hub(folder, name, private=not public)
    if json:
        return console.print_json({"address": address, "name": name})
    return console.print_lines([f"{address}", f"Explain with it:  interplay explain {name} --input ..."])


def _key_and_name(text: str) -> tuple[str, str]:
    key, equals, name = text.partition("=")
    if not equals:
        raise BadInput(f"--encoder {text}", expected="KEY=OWNER/NAME, such as text=FacebookAI/roberta-base")
    return key.strip(), name.strip()
