"""Fixtures: one small study on scenes, run once a session."""

import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from interplay.data.sample import Dataset
from interplay.study import running
from interplay.study.claims import Claim
from interplay.study.config import Study, make_study
from interplay.study.measured import Results
from interplay.study.running import write_provenance
from interplay.study.writing import write_study
from tests.small_runs import SMALL, made_once

ASKED = {
    "seeds": [0, 1],
    "models": ["dense", "fl-i2moe"],
    "samples": 6,
    "random_draws": 2,
    "pair_samples": 3,
    "candidates": 4,
    "backgrounds": 4,
    "budgets": [1, 2],
    "draws": 2,
}
SETTINGS = {**SMALL, "training": {**SMALL["training"], "epochs": 2}, "removal": {"warmup": 0.0}}


def quiet(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Done:
    """A finished study, and where it is."""

    study: Study
    dataset: Dataset
    results: Results
    out: Path
    page: str
    claims: list[Claim]

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.out / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def small_study(tmp_path_factory, scenes, store) -> Iterator[Done]:
    study, command = make_study({"study": ASKED, **SETTINGS}), "interplay study scenes.toml --data scenes"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(running, "STORY_BACKGROUNDS", 4)  # stories take half of the time
        measured = made_once(
            tmp_path_factory, "study", lambda to: running.run_study(study, scenes, to, store=store, say=quiet)
        )
        out = Path(shutil.copytree(measured, tmp_path_factory.mktemp("study") / "s"))
        results = running.run_study(study, scenes, out, store=store, say=quiet)  # reads what was measured
        page, claims = write_study(results, out, command)
        write_provenance(results, out, command, 0.0)
        yield Done(study, scenes, results, out, page.read_text("utf-8"), claims)
