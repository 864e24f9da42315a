"""`interplay data`: make, bring in and check datasets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from interplay.cli import console, options
from interplay.cli.options import (
    DataPath,
    IdColumn,
    ImageColumn,
    Json,
    LabelColumn,
    Set,
    SplitColumn,
    TextColumn,
    epilog,
)
from interplay.errors import BadInput

app = typer.Typer(
    help="Make, bring in and check datasets.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example:  interplay data check my-data",
)

Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")]


@app.command("make-scenes", **epilog("interplay data make-scenes scenes --samples 3000"))
def make_scenes(
    folder: Annotated[Path, typer.Argument(help="A new folder for the dataset.")],
    samples: Annotated[int, typer.Option(min=10, help="How many scenes.")] = 3000,
    seed: Seed = 0,
    stories: Annotated[
        str,
        typer.Option(
            help="Labels, comma-separated, of: sarcasm, storm, urgent, animal, mismatch, and, in which no pair acts "
            "together, outing, reachable, lively."
        ),
    ] = "sarcasm,storm,urgent,animal",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a dataset that is there already.")] = False,
    json: Json = False,
) -> None:
    """Generate scenes: pictures and captions whose evidence is known."""
    names = tuple(name.strip() for name in stories.split(",") if name.strip())
    with console.working() as progress:
        from interplay.data.scenes import write_scenes

        advance = progress.stage("Draw scenes")
        splits = write_scenes(folder, samples=samples, seed=seed, stories=names, overwrite=overwrite, progress=advance)
    if json:
        return console.print_json({"folder": folder, "labels": names, "splits": splits})
    counts = ", ".join(f"{n} {split}" for split, n in splits.items())
    return console.print_lines([f"{samples} scenes in {folder} ({counts})"])


@app.command("check", **epilog("interplay data check my-data --fix cleaned"))
def data_check(
    path: DataPath,
    label_column: LabelColumn = None,
    text_column: TextColumn = None,
    image_column: ImageColumn = None,
    id_column: IdColumn = None,
    split_column: SplitColumn = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="OUT", help="Write a copy without the rows that are wrong or leak, to OUT."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is at OUT already.")] = False,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Say what is wrong with each bad row of a dataset, and what else should be known. Exit code 2 if unusable."""
    named = options.columns(label_column, text_column, image_column, id_column, split_column)
    settings = options.config(None, None, set_, named)
    with console.working() as progress:
        from interplay.data.check import look_over
        from interplay.data.fix import write_clean

        check = look_over(path, settings.data, settings, progress=progress.stage("Check rows"))
        done = write_clean(check, fix, overwrite)[1] if fix else []
    errors, problems = check.errors, check.problems
    if json:
        table = [dict(zip(check.header, row, strict=True)) for row in check.rows]
        usable = {"usable": not errors, "trainable": check.trainable}
        found: dict[str, Any] = usable | {"problems": [vars(p) for p in problems], "table": table}
        console.print_json(found | ({"fixed": fix, "changes": done} if fix else {}))
    else:
        verdict = (
            "cannot be used as it is"
            if errors
            else "is sound"
            if check.trainable
            else "can be evaluated on, not trained on"
        )
        console.print_lines(f"{p.severity}: {p.error()}" for p in problems)
        if check.rows:
            console.print_table(console.plain_table("", check.header, check.rows, names=1))
        console.print_lines([f"{path} {verdict} ({len(errors)} errors, {len(problems) - len(errors)} warnings)"])
        console.print_lines([*done, f"Written: {fix} (its changes.txt names every row)"] if fix else [])
    if errors and not fix:
        raise typer.Exit(BadInput.exit_code)


@app.command("import", **epilog("interplay data import owner/name my-data --text caption --image image"))
def data_import(
    source: Annotated[
        str, typer.Argument(help="A Hugging Face dataset: its folder (as by save_to_disk), or its hub id.")
    ],
    folder: Annotated[Path, typer.Argument(help="A new folder for the dataset.")],
    labels: Annotated[str, typer.Option(metavar="COLUMN", help="The column of the labels.")] = "label",
    text: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="A column of texts. Repeatable.")] = None,
    image: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="A column of pictures. Repeatable.")] = None,
    subset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one, of a dataset that has several.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a dataset that is there already.")] = False,
    json: Json = False,
) -> None:
    """Copy a Hugging Face dataset into a folder that `train` takes. Needs `pip install "interplay[huggingface]"`."""
    with console.working() as progress:
        from interplay.data.huggingface import import_huggingface
        from interplay.data.sample import SPLITS

        dataset = import_huggingface(
            source,
            folder,
            text=text or [],
            image=image or [],
            labels=labels,
            subset=subset,
            overwrite=overwrite,
            progress=progress.stage("Copy rows"),
        )
        console.say_notes(dataset.notes)
    splits = {split: len(dataset.split(split)) for split in SPLITS}
    if json:
        return console.print_json({"folder": folder, "labels": dataset.labels, "splits": splits})
    counts = ", ".join(f"{n} {split}" for split, n in splits.items())
    return console.print_lines([f"{len(dataset.samples)} samples in {folder} ({counts})"])
