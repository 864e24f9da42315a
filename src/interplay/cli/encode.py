"""`interplay encode`: the frozen encoders alone."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, ConfigFile, Engine, Json, Preset, Set, Store, Workers
from interplay.errors import BadInput


def encode(
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="A dataset, as `interplay train` takes.")] = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    store: Store = DEFAULT_STORE,
    engine: Engine = "serial",
    workers: Workers = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the packaged encoders and stop.")] = False,
    json: Json = False,
) -> None:
    """Run the frozen encoders once and keep their tokens and patches (train does this by itself)."""
    if data is None and not list_:
        raise BadInput("no dataset given", expected="its path, or --list")
    settings = options.config(config, preset, set_)
    with console.working(console.GO_ON) as progress:
        from interplay.data.registry import open_dataset
        from interplay.encoders.packaged import PACKAGED
        from interplay.engine import open_engine
        from interplay.pipeline.encode import encode

        if data is None:
            lines = (f"{n} ({k})" for n, k in PACKAGED.items())
            return console.print_json(PACKAGED) if json else console.print_lines(lines)
        with open_engine(engine, workers) as by:
            stored = encode(open_dataset(data, settings.data), settings, store=store, engine=by, progress=progress)
    result = {m: {"folder": f.folder, "width": f.width, "cut": sum(map(bool, f.truncated))} for m, f in stored.items()}
    if json:
        return console.print_json(result)
    return console.print_lines(
        f"{m}: {r['folder']} (width {r['width']}, {r['cut']} samples cut to the encoder's length)"
        for m, r in result.items()
    )
