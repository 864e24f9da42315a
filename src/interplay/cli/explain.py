"""`interplay explain`: why a run decided as it did."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import Blur, Data, Device, Engine, Fill, Json, Set, Workers
from interplay.errors import BadInput
from interplay.files import only_writer
from interplay.files.fetching import hub_name
from interplay.files.run_folder import results_folder

if TYPE_CHECKING:
    from interplay.results import Explanation

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="The folder of a run, or OWNER/NAME of one on the Hugging Face hub. Of several, or of a training with "
        "--seeds, the same samples by each of them, after their mean if they differ in the seed alone.",
    ),
]


def explain(
    runs: Runs,
    sample: Annotated[list[str] | None, typer.Option(metavar="ID", help="A sample of the dataset. Repeatable.")] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="MODALITY=VALUE", help="A new sample: a text, or a file's path. One each."),
    ] = None,
    split: Annotated[str, typer.Option(help="Without --sample and --input: explain the first of this split.")] = "test",
    count: Annotated[
        int | None, typer.Option(min=1, help="How many of them; 3 if absent, with --parquet all of the split.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The label to explain; the most probable if absent.")] = None,
    on: Annotated[str | None, typer.Option(help="What is explained: logit or probability.")] = None,
    expert: Annotated[str | None, typer.Option(help="Whose answer is explained: mixture, or an expert's name.")] = None,
    fill: Fill = None,
    budget: Annotated[int | None, typer.Option(help="Most evaluations a sample: more, narrower intervals.")] = None,
    estimator: Annotated[
        str | None, typer.Option(help="auto, exact, paired, hybrid, block, or naive (pair by pair, as in the paper).")
    ] = None,
    set_: Set = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="One more RUN. Repeatable."),
    ] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for page and JSON; explanations in the first RUN, or RUN-results, if absent."),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For very many samples: a row each in Parquet files in FOLDER, and no page. Called again, it goes on.",
        ),
    ] = None,
    blur: Blur = None,
    device: Device = None,
    engine: Engine = "serial",
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Explain predictions: one page to look at, and one JSON file a sample."""
    flags = {
        "explain.scale": on,
        "explain.expert": expert,
        "explain.budget": budget,
        "explain.estimator": estimator,
        "removal.fill": fill,
        "device": device,
    }
    assignments = options.assigned(set_) | options.given(flags)
    with console.working(console.GO_ON) as progress:
        if parquet:
            refuse_unused({"--out": out is not None, "--blur": blur is not None, "--input": bool(input_)})
        sources = [*runs, *(beside or [])]
        options.check_early(*sources, several=True)
        options.check_names(runs[0], target, split, None if sample else input_)
        named = options.dataset_with(runs[0], data, sample) if sample and not input_ else None
        out = out or results_folder(runs[0], hub_name(runs[0])) / "explanations"
        from interplay.engine import open_engine
        from interplay.models.run import open_runs
        from interplay.pipeline import explain as stage
        from interplay.pipeline import unfinished
        from interplay.pipeline.datasets import choose_samples
        from interplay.pipeline.explanations import explanations_folder, write_explanations

        opened, *more = [run for source in sources for run in open_runs(source)]
        settings = stage.explain_config(opened, assignments)
        others = [(other, stage.explain_config(other, assignments)) for other in more]
        most = count or (sys.maxsize if parquet else 3)
        chosen = choose_samples(opened, named or data, sample or [], input_ or [], split, most)
        if parquet:
            from interplay.pipeline.parquet import explain_to_parquet

            with open_engine(engine, workers) as by:
                done = explain_to_parquet(
                    opened, chosen, parquet, config=settings, target=target, beside=others, engine=by, progress=progress
                )
            if json:
                return console.print_json({"explained": done, "samples": len(chosen), "folder": parquet})
            return console.print_lines([f"{done} of {len(chosen)} samples explained; all of them are in {parquet}"])
        explanations_folder(opened, out)
        with only_writer(out):
            with open_engine(engine, workers) as by:
                each = unfinished.explain_into(
                    out, opened, chosen, config=settings, target=target, engine=by, progress=progress, beside=others
                )
                explanations, stopped = _until_interrupted(each)
            page = write_explanations(opened, explanations, chosen, out, blur=blur)
            if not stopped:
                unfinished.finish(out)
    if stopped:
        samples = len({explanation.sample_id for explanation in explanations})
        raise console.CommandInterrupted(
            f"Interrupted. Explanations of {samples} of {len(chosen)} samples are there: {page}"
        )
    if json:
        return console.print_json([e.model_dump(mode="json", by_alias=True) for e in explanations])
    return console.print_findings(said(explanations, several=bool(others)), page)


def refuse_unused(options: dict[str, bool]) -> None:
    """Refuse what --parquet would ignore: called before the work.

    Args:
        options: option -> whether it is given.

    Raises:
        BadInput: one is.
    """
    for option in (name for name, given in options.items() if given):
        raise BadInput(
            f"both {option} and --parquet are given",
            expected="samples of a dataset, whose explanations go into the folder of --parquet, without a page",
            fix="leave one of the two out",
        )


def said(explanations: "list[Explanation]", *, several: bool) -> list[str]:
    """What each explanation found; of several models, or ways of removing, also whose it is, and in how many it holds.

    Args:
        explanations: in the order in which they are printed.
        several: whether there are several of one sample.
    """
    from interplay.report.addresses import whose
    from interplay.report.agreement import agreement_lines
    from interplay.report.findings import finding

    who = [f"{whose(e)}: " if several else "" for e in explanations]
    return [*(one + finding(e) for one, e in zip(who, explanations, strict=True)), *agreement_lines(explanations)]


def _until_interrupted(each: "Iterable[Explanation]") -> "tuple[list[Explanation], bool]":
    """The explanations that were ready at the end, or at Ctrl-C, and whether that came. It is raised if none was."""
    ready = []
    try:
        for one in each:
            ready.append(one)
    except KeyboardInterrupt:
        if not ready:
            raise
        return ready, True
    return ready, False
