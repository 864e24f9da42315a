"""A real Ray cluster on this machine, of two workers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interplay.engine import Engine, open_engine

os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)


@pytest.fixture(scope="session")
def on_ray() -> Iterator[Engine]:
    pytest.importorskip("ray")
    with open_engine("ray", 2) as engine:
        yield engine
