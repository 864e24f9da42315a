"""A process that works on a Ray cluster is interrupted, or its cluster is gone: it ends, and says why."""

import signal
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from interplay.engine import open_engine
from interplay.errors import EngineError

WORK = """
import signal
from functools import partial
from interplay.engine import open_engine
from interplay.errors import EngineError
from tests.engine.work import sleeps
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
try:
    with open_engine("ray", 2) as engine:
        for item in engine.map(partial(float, "1"), sleeps, range(200), name="Sleep"):
            print(item, flush=True)
except EngineError as error:
    print(f"EngineError: {error}", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
HANGS = 300
"""Seconds after which the work does not end at all."""


def last_words(meddle: Callable[[subprocess.Popen[str], list[psutil.Process]], None]) -> tuple[str, list[str]]:
    """What the work says last when somebody meddles after its first result, and which of its processes still run."""
    process = subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    children = psutil.Process(process.pid).children(recursive=True)
    meddle(process, children)
    said = process.communicate(timeout=HANGS)[0].splitlines()
    _, left = psutil.wait_procs(children, timeout=20)
    return said[-1], [one.name() for one in left]


@pytest.mark.slow
def test_at_ctrl_c_work_ends_and_leaves_no_process():
    said, left = last_words(lambda process, _: process.send_signal(signal.SIGINT))
    assert said == "interrupted" and not left


@pytest.mark.slow
def test_a_cluster_that_is_gone_is_named():
    def all_of_it(_: subprocess.Popen[str], children: list[psutil.Process]) -> None:
        for child in children:
            child.kill()

    said, left = last_words(all_of_it)
    assert said.startswith("EngineError: the Ray cluster is gone (") and "run the same command again to go on" in said
    assert not left


def test_a_cluster_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch):
    ray = pytest.importorskip("ray")
    stopped = list[bool]()

    def too_slow(**_: object) -> None:
        raise Exception("The current node timed out during startup. This could happen because of load.")

    monkeypatch.setattr(ray, "init", too_slow)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: stopped.append(True))
    with (
        pytest.raises(EngineError, match="the Ray cluster cannot be used: The current node timed out"),
        open_engine("ray"),
    ):
        pass
    assert stopped
