import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def load(name: str) -> ModuleType:
    """A module beside this file; tests are no package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location(f"report_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def examples() -> ModuleType:
    """The made-up explanations of examples.py."""
    return load("examples")


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The texts of hostile.py."""
    return load("hostile")
