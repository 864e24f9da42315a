"""The command line: its commands, and how it ends. Each command is one stage of `interplay.pipeline`."""

import errno
import io
import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from interplay.cli import console
from interplay.cli.data import app as data_app
from interplay.cli.demo import demo
from interplay.cli.encode import encode
from interplay.cli.evaluate import evaluate
from interplay.cli.explain import explain
from interplay.cli.explain_model import explain_model
from interplay.cli.export import export, push
from interplay.cli.options import epilog
from interplay.cli.report import report
from interplay.cli.serve import serve
from interplay.cli.study import study
from interplay.cli.train import train
from interplay.cli.validate import validate
from interplay.errors import InterplayError, needs
from interplay.files import NO_ROOM

PATH_ERRORS = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
)

app = typer.Typer(
    help="Train multimodal classifiers and show which words and image patches act together, act alone, or back each "
    "other up. Start with `interplay demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Example:  interplay demo --out demo",
)


def _print_version(asked: bool) -> bool:
    if asked:
        from importlib.metadata import version

        console.print_lines([version("interplay")])
        raise typer.Exit
    return asked


@app.callback()
def _before_any_command(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and stop.")
    ] = False,
) -> None:
    """What stands before the name of a command."""


app.add_typer(data_app, name="data")
app.command(**epilog("interplay demo --out demo"))(demo)
app.command(**epilog("interplay encode my-data"))(encode)
app.command(**epilog("interplay train my-data --out runs/first --model fl-i2moe"))(train)
app.command(**epilog("interplay evaluate runs/first --split test"))(evaluate)
app.command(**epilog("interplay explain runs/first --input text='what a lovely day' --input image=face.png"))(explain)
app.command(
    "explain-model",
    **epilog("interplay explain-model openai/clip-vit-base-patch32 --text 'a cat asleep' --image cat.jpg"),
)(explain_model)
app.command(**epilog("interplay validate runs/first --samples 50"))(validate)
app.command(**epilog("interplay study configs/scenes.toml --data scenes --dry-run"))(study)
app.command(**epilog("interplay serve runs/first --port 8000"))(serve)
app.command(**epilog("interplay report runs/first --split test"))(report)
app.command(**epilog("interplay export runs/first --out first --license apache-2.0"))(export)
app.command(**epilog("interplay push first owner/first"))(push)


def main() -> None:
    """Run the command line: exit 0, 1 (failed), 2 (bad input) or 130 (interrupted); every error is one line."""
    # Threads that wait must not keep a busy machine's cores from those that work: several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal cannot show is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # Not standalone: typer's own endings take three lines for one error, and none for Ctrl-C.
        code = app(prog_name="interplay", standalone_mode=False)
        sys.stdout.flush()
    except InterplayError as error:
        code = _fail(str(error), error.exit_code)
    except TyperException as error:
        code = _fail_usage(error)
    except console.CommandInterrupted as interrupted:
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
