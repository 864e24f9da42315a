"""`interplay serve`: a trained run over HTTP."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import Json, RunPath

LOOPBACK = "127.0.0.1"


def serve(
    run: RunPath,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine need a token.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="INTERPLAY_TOKEN", show_envvar=True, help="Ask for this token; without, one may be made."),
    ] = None,
    public_host: Annotated[
        str | None,
        typer.Option(help="Name under which a reverse proxy on this machine offers it; then a token is required."),
    ] = None,
    jobs: Annotated[
        Path | None, typer.Option(help="Folder of the jobs; RUN/served if absent; RUN-results here if it was exported.")
    ] = None,
    queue: Annotated[int, typer.Option(min=1, max=10_000, help="Jobs that may wait.")] = 16,
    keep: Annotated[int, typer.Option(min=1, help="Ended jobs that are kept; the oldest go.")] = 200,
    budget: Annotated[
        int | None, typer.Option(min=16, help="Evaluations of a job that asks for no number; the run's own if absent.")
    ] = None,
    most_budget: Annotated[int, typer.Option(min=16, help="The most evaluations a job may ask for.")] = 65_536,
    job_seconds: Annotated[float, typer.Option(min=0.1, help="A job that runs longer fails.")] = 600.0,
    upload_bytes: Annotated[int, typer.Option(min=1000, help="Largest body of a request.")] = 12_000_000,
    upload_seconds: Annotated[float, typer.Option(min=0.1, help="Time for a body to arrive.")] = 30.0,
    pixels: Annotated[int, typer.Option(min=1000, max=80_000_000, help="Largest picture, in pixels.")] = 25_000_000,
    characters: Annotated[int, typer.Option(min=1, max=10_000_000, help="Longest text.")] = 20_000,
    json: Json = False,
) -> None:
    """Explain new samples over HTTP: a page with a form, and an API. Ctrl-C stops it; ended jobs are kept.

    Listens on this machine alone unless --host says otherwise. See docs/service.md.
    """
    with console.working() as progress:
        options.check_early(run)
        from interplay.serving import server

        address = server.bind(host, port)
        server.refuse_public_host(public_host)
        secret = server.choose_token(token, address.loopback and public_host is None)

        from interplay.serving.app import make_app
        from interplay.serving.explainer import open_explainer
        from interplay.serving.jobs import JobQueue
        from interplay.serving.lanes import file_reader
        from interplay.serving.limits import Limits
        from interplay.serving.meter import Meter

        explainer = open_explainer(run, progress)
        limits = Limits(
            upload_bytes=upload_bytes,
            upload_seconds=upload_seconds,
            characters=characters,
            queue=queue,
            keep=keep,
            job_seconds=job_seconds,
            budget=budget or explainer.run.config.explain.budget,
            most_budget=most_budget,
        ).with_pixels(pixels)
        reader = file_reader(limits)
        reader.warm_up()
        meter = Meter()
        logging.getLogger("interplay.serving").setLevel(logging.WARNING)
        with JobQueue(explainer, jobs or explainer.run.results / "served", limits, meter) as job_queue:
            app = make_app(
                explainer,
                job_queue,
                meter,
                token=secret,
                loopback=address.loopback,
                public_host=public_host,
                reader=reader,
            )
            address.socket.listen(256)
            _announce(address.url, secret if token is None else None, json)
            server.serve(app, address, limits, proxied=public_host is not None)
    console.say("Stopped. Ended jobs are kept.")


def _announce(url: str, made: str | None, json: bool) -> None:
    """The address of the service; and the token if it was newly made, which is shown nowhere else."""
    if json:
        console.print_json({"url": url, "token": made})
    else:
        console.print_lines([f"Open {url} (Ctrl-C stops)", *([f"Token: {made}"] if made else [])])
    sys.stdout.flush()  # whoever started it may read a pipe
