"""Shapes and types in signatures are enforced while the tests run, and nothing may reach a network."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait make room for those that work

from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("interplay", "beartype.beartype")
settings.register_profile("any machine", deadline=None)  # a busy one is slow now and then
settings.load_profile("any machine")

pytest_plugins = ["tests.small_models", "tests.small_runs", "tests.small_study"]
