"""`interplay study`: the paper's experiments on one dataset."""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Engine, Json, Set, Store, Workers
from interplay.errors import ConfigError
from interplay.files import only_writer

if TYPE_CHECKING:
    from interplay.data.sample import Dataset
    from interplay.study.config import Study
    from interplay.study.cost import Cost


def study(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file: [study], and any sections of a run.")],
    data: Annotated[Path | None, typer.Option(help="A dataset; study.data of the file if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for all of it; studies/<name of CONFIG> if absent.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it will cost, and do none of it.")] = False,
    store: Store = DEFAULT_STORE,
    set_: Set = None,
    engine: Engine = "serial",
    workers: Workers = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace runs of other configurations that are in --out.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare dense, i2moe and fl-i2moe over seeds: task, masking curves, pair scores, pair masking, concentration.

    Leaves CSV files, figures and one page (study.html). Interrupted, it continues with the stage it was in.
    """
    started = time.time()
    with console.working(console.GO_ON) as progress:
        from interplay.config import nested, read_settings
        from interplay.study.config import make_study

        asked = make_study(nested(read_settings(config), options.assigned(set_)), config)
        dataset = _dataset(asked, data, config)
        console.say_notes(dataset.notes)
        folder = out or Path("studies") / config.stem
        if dry_run:
            from interplay.study.cost import estimate_cost, total

            costs = estimate_cost(asked, dataset, store, console.say)
            costs.append(total("all", costs))
        else:
            from interplay.engine import open_engine
            from interplay.study.running import run_study, write_provenance
            from interplay.study.writing import write_study

            with only_writer(folder):
                with open_engine(engine, workers) as by:
                    results = run_study(
                        asked,
                        dataset,
                        folder,
                        store=store,
                        overwrite=overwrite,
                        engine=by,
                        progress=progress,
                        say=console.say,
                    )
                command = shlex.join(["interplay", *sys.argv[1:]])
                page, claims = write_study(results, folder, command, progress)
                write_provenance(results, folder, command, started)
    if dry_run:
        return _print_costs(costs, f"What {config.name} on {dataset.name} will cost, timed on this machine", json)
    if json:
        return console.print_json({"page": page, "claims": [vars(claim) for claim in claims]})
    lines = [f"{claim.claim}: {claim.verdict.upper()} ({claim.evidence})" for claim in claims]
    return console.print_lines(["", *lines, "", f"Open the page:  {page.resolve()}"])


def _dataset(asked: "Study", data: Path | None, config: Path) -> "Dataset":
    """The dataset of a study, read in the one way that its variants read it."""
    from interplay.data.registry import open_dataset

    path = data or (Path(asked.options.data) if asked.options.data else None)
    if path is None:
        raise ConfigError("no dataset is named", file=config, expected="study.data, or --data FOLDER")
    reading, *others = (variant.data for variant in asked.variants.values())
    if any(other != reading for other in others):
        raise ConfigError("variants read the data differently", file=config, fix="name [data] once, for all of them")
    return open_dataset(path, reading)


def _print_costs(costs: "list[Cost]", title: str, json: bool) -> None:
    """What each stage will cost, as JSON or as a table."""
    if json:
        return console.print_json([vars(cost) for cost in costs])
    rows = [
        [c.stage, f"{c.samples:,}", f"{c.evaluations:,}", f"{c.disk / 1e6:,.1f}", console.duration(c.seconds)]
        for c in costs
    ]
    return console.print_table(console.plain_table(title, ["stage", "samples", "evaluations", "MB", "time"], rows))
