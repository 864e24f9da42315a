"""Shapes and types in signatures are enforced while the tests run, and nothing may reach a network."""

import os
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait make room for those that work

import jaxtyping
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

from tests import shape_checks

settings.register_profile("any machine", deadline=None)  # a busy one is slow now and then
settings.load_profile("any machine")

FIXTURES = ("tests.small_models", "tests.small_runs", "tests.small_study")
SLOW = ("browser/", "e2e/", "study/test_study.py")  # each test drives a browser, a whole command or a study
WHOLE = ("browser/", "e2e/", "study/", "serving/", "engine/test_stages.py")
"""Tests of the whole: shapes are checked by those of its parts, and checks would double the time of these."""
FIRST = (
    *("study/", "browser/test_study.py", "e2e/test_cli.py", "e2e/", "training/"),
    *("report/test_page.py", "interactions/test_paired.py", "serving/", "browser/"),
)
"""Files that take longest, so that no worker is left with one of them at the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Load what the tests stand on, but not in the process that only hands tests to workers."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        return
    install_import_hook("interplay", f"{shape_checks.__name__}.checked")
    if find_spec("torch"):  # without it (scripts/check-pythons) only the tests of rooms that need none run
        for name in FIXTURES:
            config.pluginmanager.import_plugin(name)


def _name(item: pytest.Item) -> str:
    """The file of a test below tests/."""
    here = Path(__file__).parent
    return item.path.relative_to(here).as_posix() if item.path.is_relative_to(here) else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Check shapes, but not in tests of the whole nor in what they set up."""
    jaxtyping.config.update("jaxtyping_disable", _name(item).startswith(WHOLE))
    try:
        return (yield)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make quick` leaves out whole rooms, besides the tests marked slow one by one; long files come first."""
    order = {}
    for item in items:
        name = _name(item)
        if name.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
        order[item] = next((n for n, first in enumerate(FIRST) if name.startswith(first)), len(FIRST))
    items.sort(key=order.__getitem__)


@pytest.fixture
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few backgrounds as the hybrid estimator's surrogate answers for large blocks, for small ones too.

    Standard errors count them, so intervals and decisions must hold as well; and one estimate takes a third of the
    time where every call has its shapes checked. Tests of how small errors are, and some of the others, go without it.
    """
    monkeypatch.setattr("interplay.interactions.hybrid.CONTROLS", (128, 128))
