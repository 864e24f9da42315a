"""The comparison with other estimators (benchmarks/peers): its truths, one run, and the rows of peers that fail."""

import json
import os
import signal
import sys
from dataclasses import replace
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from interplay.interactions import Game, PairScores, exact_pairs

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS), str(BENCHMARKS / "peers")])


@pytest.fixture
def run() -> ModuleType:
    spec = spec_from_file_location("peers_run", BENCHMARKS / "peers" / "run.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small() -> Any:
    """A maximum of 8 players."""
    known_games = import_module("known_games")
    value, sii = known_games.BUILDERS["max n48"](8)
    rows, columns = known_games.block(8)
    return known_games.Known("max n8", 8, value, rows, columns, sii(rows, columns), 1.0)


@pytest.mark.parametrize(
    "name", ["1-nn accuracy n48", "softmax n48", "max n48", "votes n48", "relu n48", "sigmoid n81"]
)
def test_true_scores_of_many_players_are_those_of_enumeration(name: str) -> None:
    known_games = import_module("known_games")
    value, sii = known_games.BUILDERS[name](9)
    rows, columns = [0, 1, 2, 3], [4, 5, 6, 7, 8]
    true = exact_pairs(Game(value, 9), 9, list(product(rows, columns))).sii
    assert np.ptp(true) > 1e-3
    np.testing.assert_allclose(sii(rows, columns), true, atol=1e-12)


def test_true_scores_of_a_support_vector_machine_are_those_of_enumeration() -> None:
    model = import_module("trained_models").Model("cancer", "svc", 8)
    rows, columns = [0, 1, 2, 3], [4, 5, 6, 7]
    true = exact_pairs(Game(model, 8), 8, list(product(rows, columns))).sii
    np.testing.assert_allclose(model.sii(rows, columns), true, atol=1e-12)


def test_the_valuation_of_one_digit_is_flat_around_nobody_and_everybody() -> None:
    value, _ = import_module("known_games").BUILDERS["5-nn one digit n16"](16)
    for inside in (False, True):
        base = np.full((1, 16), inside)
        for i, j in product(range(8), range(8, 16)):
            four = np.repeat(base, 4, axis=0)
            four[[1, 3], i] ^= True
            four[[2, 3], j] ^= True
            v = value(four)
            assert abs(v[0] - v[1] - v[2] + v[3]) < 1e-12


def test_runs_are_kept_resumed_and_put_into_tables(run: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    estimators = ["sii alone", "with gaps", "block"]
    asked = ["max n16"], [500], estimators, range(1), file, 60.0
    run.measure(*asked)
    before = run.read(file)
    run.measure(*asked)
    after = run.read(file)
    assert [row["estimator"] for row in before if "game" in row] == estimators
    assert [row for row in after if "game" in row] == [row for row in before if "game" in row]
    assert all(0 < row["error"] < 1 and row["evaluations"] <= 500 for row in before if "game" in row)
    peer = {**before[-1], "estimator": "ProxySHAP", "error": before[1]["error"] * 4}
    text = import_module("peer_tables").report([*before, peer], detail=True)
    assert "| sii alone | 1 of 1 | 1 of 1 | 0 of 1 |" in text and "commit" in text
    other = {**peer, "mark": "other"}
    with pytest.raises(SystemExit, match="other true scores"):
        import_module("peer_tables").report([*before, other])


def _endless(*_: object) -> PairScores:
    while True:
        pass


def _killed(*_: object) -> PairScores:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _missing(*_: object) -> PairScores:
    raise ImportError("no module of that name")


@pytest.mark.parametrize(
    ("estimate", "note"),
    [(_endless, "over 1 s"), (_killed, "ends with exit code -9"), (_missing, "missing: no module of that name")],
)
def test_a_peer_that_fails_is_a_row_that_says_so(
    monkeypatch: pytest.MonkeyPatch, small: Any, estimate: Any, note: str
) -> None:
    playing = import_module("playing")
    monkeypatch.setitem(playing.ESTIMATES, "SHAPIQ", estimate)
    row = playing.as_row(playing.play(small, "SHAPIQ", 100, 0, limit=1.0))
    assert row["note"] == note and "error" not in row and json.loads(json.dumps(row)) == row


def test_figures_are_those_of_their_definitions(small: Any) -> None:
    playing = import_module("playing")
    exact = exact_pairs(Game(small.value, 8), 8, small.pairs)
    found = playing.figures(small, exact)
    assert found["error"] < 1e-20 and (found["top"], found["held"], found["draws"]) == (1, 1, 64)
    assert found["rank"] == pytest.approx(1)
    doubled = playing.figures(small, replace(exact, sii=2 * exact.sii))
    assert doubled["error"] == pytest.approx(1) and doubled["rank"] == pytest.approx(1) and doubled["held"] < 0.5
