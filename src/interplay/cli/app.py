"""The command line. Each command is one stage of `interplay.pipeline`; results go to standard output."""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from interplay.cli import console, options
from interplay.cli.data import app as data_app
from interplay.cli.options import DEFAULT_STORE, DataPath, Json, Set, Store, epilog
from interplay.cli.report import report
from interplay.cli.serve import serve
from interplay.cli.study import study
from interplay.errors import BadInput, InterplayError, needs
from interplay.files import NO_ROOM
from interplay.run_folder import require_finished_run

app = typer.Typer(
    help="Train multimodal classifiers and show which words and image patches act together, act alone, or back each "
    "other up. Start with `interplay demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Example:  interplay demo --out demo",
)
app.add_typer(data_app, name="data")

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder written by `interplay train`.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML configuration.")]
Preset = Annotated[str | None, typer.Option(help="Settings to start from: default, or paper (the published ones).")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
PATH_ERRORS = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
)


@app.command(**epilog("interplay demo --out demo"))
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the data, the run and the page.")] = Path("demo"),
    samples: Annotated[int, typer.Option(min=200, help="Scenes to make.")] = 2400,
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
    console.out.print(console.metrics_table("How well fl-i2moe knows the labels of scenes", result["metrics"]))
    return _print_findings(result["findings"], result["page"])


@app.command(**epilog("interplay encode my-data"))
def encode(
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="A dataset, as `interplay train` takes.")] = None,
    config: ConfigFile = None,
    preset: Preset = None,
    set_: Set = None,
    store: Store = DEFAULT_STORE,
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
        from interplay.pipeline.encode import encode

        if data is None:
            lines = (f"{n} ({k})" for n, k in PACKAGED.items())
            return console.print_json(PACKAGED) if json else console.print_lines(lines)
        stored = encode(open_dataset(data, settings.data), settings, store=store, progress=progress)
    result = {m: {"folder": f.folder, "width": f.width, "cut": sum(map(bool, f.truncated))} for m, f in stored.items()}
    if json:
        return console.print_json(result)
    return console.print_lines(
        f"{m}: {r['folder']} (width {r['width']}, {r['cut']} samples cut to the encoder's length)"
        for m, r in result.items()
    )


@app.command(**epilog("interplay train my-data --out runs/first --model fl-i2moe"))
def train(
    data: DataPath,
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    config: ConfigFile = None,
    preset: Preset = None,
    model: Annotated[str | None, typer.Option(help="dense, i2moe or fl-i2moe.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides the weights to start from, and every draw.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; training stops early by itself.")] = None,
    mask_aware: Annotated[bool | None, typer.Option(help="Train on samples with features removed, too.")] = None,
    fill: Annotated[str | None, typer.Option(help="What stands for removed features: mean, zero, attention.")] = None,
    device: Device = None,
    set_: Set = None,
    store: Store = DEFAULT_STORE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there already.")] = False,
    json: Json = False,
) -> None:
    """Train a model and evaluate its best epoch. An interrupted training goes on when called again."""
    flags = {
        "fusion.kind": model,
        "seed": seed,
        "training.epochs": epochs,
        "training.device": device,
        "removal.mask_aware": mask_aware,
        "removal.fill": fill,
    }
    settings = options.config(config, preset, set_, flags)
    with console.working(console.GO_ON) as progress:
        from interplay.data.registry import open_dataset
        from interplay.pipeline.train import samples_cut, train

        dataset = open_dataset(data, settings.data)
        console.say_notes(dataset.notes)
        run = train(dataset, settings, out, store=store, overwrite=overwrite, progress=progress)
        for modality, cut in samples_cut(run, store).items():
            console.say(f"{modality}: {cut} samples are longer than the encoder takes; the rest of them is cut off")
    if json:
        return console.print_json({"run": out, "metrics": run.metrics})
    console.out.print(console.metrics_table(f"{settings.fusion.kind} in {out}", run.metrics))
    return None


@app.command(**epilog("interplay evaluate runs/first --split test"))
def evaluate(
    run: RunPath,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    store: Store = DEFAULT_STORE,
    device: Device = None,
    json: Json = False,
) -> None:
    """Measure a trained run on one split."""
    with console.working() as progress:
        require_finished_run(run)
        from interplay.models.run import open_run
        from interplay.pipeline.datasets import data_of
        from interplay.pipeline.evaluate import evaluate
        from interplay.pipeline.explain import explain_config

        opened = open_run(run)
        settings = explain_config(opened, options.given({"training.device": device}))
        dataset = data_of(opened, data)
        console.say_notes(dataset.notes)
        metrics = evaluate(
            opened, dataset, split=split, store=store, device=settings.training.device, progress=progress
        )
    if json:
        return console.print_json({"run": run, "split": split, "metrics": metrics})
    console.out.print(console.metrics_table(str(run), {split: metrics}))
    return None


@app.command(**epilog("interplay explain runs/first --input text='what a lovely day' --input image=face.png"))
def explain(
    run: RunPath,
    sample: Annotated[list[str] | None, typer.Option(metavar="ID", help="A sample of the dataset. Repeatable.")] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="MODALITY=VALUE", help="A new sample: a text, or a file's path. One each."),
    ] = None,
    split: Annotated[str, typer.Option(help="Without --sample and --input: explain the first of this split.")] = "test",
    count: Annotated[int, typer.Option(min=1, help="How many of them.")] = 3,
    target: Annotated[str | None, typer.Option(help="The label to explain; the most probable if absent.")] = None,
    on: Annotated[str | None, typer.Option(help="What is explained: logit or probability.")] = None,
    expert: Annotated[str | None, typer.Option(help="Whose answer is explained: mixture, or an expert's name.")] = None,
    fill: Annotated[str | None, typer.Option(help="What stands for removed features: attention, mean, zero.")] = None,
    budget: Annotated[
        int | None, typer.Option(help="Most evaluations of the model a sample: more, narrower intervals.")
    ] = None,
    estimator: Annotated[
        str | None, typer.Option(help="auto, exact, paired, hybrid, block, or naive (pair by pair, as in the paper).")
    ] = None,
    set_: Set = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="Another run, to see the same samples side by side. Repeatable."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for page and JSON; RUN/explanations if absent.")] = None,
    blur: Annotated[
        bool | None,
        typer.Option("--blur/--no-blur", help="Hide pictures and text until asked for; data of hate speech does."),
    ] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Explain predictions: one page to look at, and one JSON file a sample."""
    flags = {
        "explain.on": on,
        "explain.expert": expert,
        "explain.budget": budget,
        "explain.estimator": estimator,
        "removal.fill": fill,
        "training.device": device,
    }
    assignments = options.assigned(set_) | options.given(flags)
    with console.working() as progress:
        for folder in (run, *(beside or [])):
            require_finished_run(folder)
        from interplay.models.run import open_run
        from interplay.pipeline.explain import (
            choose_samples,
            explain_config,
            explain_each,
            explanations_folder,
            write_explanations,
        )
        from interplay.report.findings import finding

        opened = open_run(run)
        settings = explain_config(opened, assignments)
        others = [(other, explain_config(other, assignments)) for other in map(open_run, beside or [])]
        chosen = choose_samples(opened, data, sample or [], input_ or [], split, count)
        explanations_folder(opened, out)
        explanations, stopped = [], False
        try:
            each = explain_each(opened, chosen, config=settings, target=target, progress=progress, beside=others)
            for one in each:
                explanations.append(one)
        except KeyboardInterrupt:
            if not explanations:
                raise
            stopped = True  # what is ready is kept
        page = write_explanations(opened, explanations, chosen, out, blur=blur)
    if stopped:
        raise console.Interrupted(
            f"Interrupted. {len(explanations)} of {len(chosen) * (1 + len(others))} explanations are there: {page}"
        )
    if json:
        return console.print_json([e.model_dump(mode="json", by_alias=True) for e in explanations])
    who = [f"{e.provenance.model} ({e.provenance.run}): " if others else "" for e in explanations]
    return _print_findings([one + finding(e) for one, e in zip(who, explanations, strict=True)], page)


@app.command(**epilog("interplay validate runs/first --samples 50"))
def validate(
    run: RunPath,
    samples: Annotated[int, typer.Option(min=2, help="Test samples of each label whose pair is known.")] = 50,
    backgrounds: Annotated[int, typer.Option(min=4, help="Draws behind each pair score, even.")] = 8,
    plant: Annotated[
        bool, typer.Option("--plant", help="Plant evidence into a copy of the run's data, and train on that first.")
    ] = False,
    planted: Annotated[int, typer.Option(min=200, help="With --plant: samples of the copy.")] = 3000,
    fill: Annotated[str | None, typer.Option(help="What stands for removed features: attention, mean, zero.")] = None,
    data: Annotated[Path | None, typer.Option(help="A dataset; the one trained on if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the report; RUN/validation if absent.")] = None,
    store: Store = DEFAULT_STORE,
    device: Device = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Test whether pair scores find the truth where it is known: on scenes, or on your own data with --plant.

    Leaves a page and a JSON file: how far answers are from the exact posterior when features are removed, and how
    often the planted pair is found, by story, expert and value function.
    """
    assignments = options.assigned(set_) | options.given({"removal.fill": fill, "training.device": device})
    with console.working(console.GO_ON) as progress:
        require_finished_run(run)
        from interplay.models.run import open_run
        from interplay.pipeline.datasets import data_of
        from interplay.pipeline.encode import open_encoders
        from interplay.pipeline.explain import explain_config, explanations_folder
        from interplay.pipeline.validate import plant_and_train, refuse_numbers, validate_run

        refuse_numbers(samples, backgrounds)
        opened = open_run(run)
        settings = explain_config(opened, assignments)
        folder = explanations_folder(opened, out or run / "validation")
        dataset = data_of(opened, data)
        if plant:
            dataset, opened = plant_and_train(
                opened, dataset, folder, config=settings, samples=planted, store=store, progress=progress
            )
        encoders = open_encoders(opened, settings.training.device)
        found = validate_run(
            opened,
            dataset,
            encoders=encoders,
            config=settings,
            samples=samples,
            backgrounds=backgrounds,
            progress=progress,
        )
        from interplay.report.validity import SHORT, short_rows, write_validity

        page = write_validity(found, folder)
    if json:
        return console.print_json(found.model_dump(mode="json", by_alias=True))
    console.out.print(console.plain_table("The planted pairs, by the mixture", SHORT, short_rows(found)))
    return console.print_lines(["", *found.notes, *found.verdicts, "", f"Open the page:  {page}"])


app.command(**epilog("interplay study configs/scenes.toml --data scenes --dry-run"))(study)
app.command(**epilog("interplay serve runs/first --port 8000"))(serve)
app.command(**epilog("interplay report runs/first --split test"))(report)


def _print_findings(findings: list[str], page: Path) -> None:
    console.print_lines(
        [
            "",
            "What stands out (what a pair adds to the score of the label, with its 95% interval):",
            *(f"  {line}" for line in findings),
            "",
            f"Open the page:  {page}",
        ]
    )


def main() -> None:
    """Run the command line: exit 0, 1 (failed), 2 (bad input) or 130 (interrupted); every error is one line."""
    # Threads that wait must not keep a busy machine's cores from those that work: several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        # Not standalone: typer's own endings take three lines for one error, and none for Ctrl-C.
        code = app(prog_name="interplay", standalone_mode=False)
        sys.stdout.flush()
    except InterplayError as error:
        code = _fail(str(error), error.exit_code)
    except TyperException as error:
        code = _fail_usage(error)
    except console.Interrupted as interrupted:
        console.say(str(interrupted))
        code = console.INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        code = _fail_system(error)
    except ModuleNotFoundError as error:
        if (missing := needs(error)) is None:
            raise
        code = _fail(missing, 1)
    except MemoryError:
        code = _fail("there is not enough memory", 1)
    else:
        if code == console.INTERRUPTED:  # pressed before there was any work
            console.say(f"Interrupted. {console.AGAIN}")
    sys.exit(code)


def _fail(message: str, code: int) -> int:
    console.say(f"Error: {' '.join(message.split())}")
    return code


def _fail_usage(error: TyperException) -> int:
    """An option or argument that is unknown, missing or malformed; or no command at all, which asks for help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "interplay"
    if context and error.message == context.get_help():
        console.say(error.message)
        return error.exit_code
    return _fail(f"{error.format_message().rstrip('.')}; see `{command} --help`", error.exit_code)


def _fail_system(error: OSError) -> int:
    """What the system refused: no room is exit code 1, a path that cannot be used is 2."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in NO_ROOM:
        return _fail(f"{where}no room on the disk; free some space and run the same command again", 1)
    return _fail(f"{where}{error.strerror or error}", 2 if error.filename and error.errno in PATH_ERRORS else 1)
