"""`interplay demo`: the whole way on made-up scenes."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console
from interplay.cli.options import Json

PLANTED = {
    True: "So it was planted.",
    False: "Not what was planted: the model has learned something else, or not enough.",
}


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the data, the run and the page.")] = Path("demo"),
    samples: Annotated[int, typer.Option(min=200, help="Scenes to make.")] = 1200,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier demo left in --out.")] = False,
    json: Json = False,
) -> None:
    """See it work: make scenes, train on them, explain one prediction of each label, leave a page. Takes minutes.

    A second call goes on where the first was interrupted, or explains again with the model that is there.
    """
    with console.working(console.GO_ON) as progress:
        from interplay.pipeline.demo import run_demo

        result = run_demo(out, samples=samples, overwrite=overwrite, progress=progress, say=console.say)
    if json:
        return console.print_json(result)
    console.print_table(console.metrics_table("How well fl-i2moe knows the labels of scenes", result["metrics"]))
    said = [f"{line}. {PLANTED[right]}" for line, right in zip(result["findings"], result["right"], strict=True)]
    return console.print_findings(said, result["page"])
