"""Shapes and types in signatures are enforced while the tests run, and nothing may reach a network."""

import os
from importlib.util import find_spec
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait make room for those that work

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("interplay", "beartype.beartype")
settings.register_profile("any machine", deadline=None)  # a busy one is slow now and then
settings.load_profile("any machine")

# Without PyTorch (scripts/check-pythons) only the tests of rooms that need none run.
pytest_plugins = ["tests.small_models", "tests.small_runs", "tests.small_study"] if find_spec("torch") else []

SLOW_ROOMS = {"browser", "e2e"}  # each of their tests drives a browser or whole commands


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make quick` leaves out whole rooms, besides the tests marked slow one by one."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in SLOW_ROOMS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few backgrounds as the hybrid estimator's surrogate answers for large blocks, for small ones too.

    Standard errors count them, so intervals and decisions must hold as well; and one estimate takes a third of the
    time where every call has its shapes checked. Tests of how small errors are, and some of the others, go without it.
    """
    monkeypatch.setattr("interplay.interactions.hybrid.CONTROLS", (128, 128))
