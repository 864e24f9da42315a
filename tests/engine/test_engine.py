"""Engines do the same work: in order, each item once, whoever dies; Ray is a real one."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from interplay.engine import SERIAL, Engine, open_engine
from interplay.errors import BadInput, DataError, EngineError
from interplay.progress import Progress
from tests.engine.work import dies, double, fails, kept_by, times


class Seen(Progress):
    """What was shown."""

    def __init__(self) -> None:
        self.stages: dict[str, list[tuple[int, int]]] = {}
        self.notes: list[str] = []

    def stage(self, name: str):
        return lambda done, total: self.stages.setdefault(name, []).append((done, total))

    def note(self, line: str) -> None:
        self.notes.append(line)


@pytest.fixture(params=["serial", "ray"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return SERIAL if request.param == "serial" else request.getfixturevalue("on_ray")


def test_results_come_in_order_each_once_as_many_as_an_item_has(engine: Engine):
    found = list(engine.map(partial(int, "10"), times, range(20), name="Multiply"))
    assert found == [10 * item for item in range(20) for _ in range(item % 3)]


def test_no_item_is_no_result(engine: Engine):
    assert list(engine.map(partial(int, "10"), times, [], name="Multiply")) == []


def test_an_error_comes_at_the_turn_of_its_item_as_it_was_raised(engine: Engine):
    results = engine.map(partial(int, "4"), fails, range(9), name="Fail")
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"a.csv, row 4: bad; expected good; remove it") as caught:
        next(results)
    assert (caught.value.row, caught.value.fix, caught.value.exit_code) == (4, "remove it", 2)


def test_an_error_of_setup_is_raised(engine: Engine):
    with pytest.raises(ValueError, match="invalid literal"):
        list(engine.map(partial(int, "no number"), times, [1], name="Multiply"))


def test_a_dead_worker_costs_its_item_alone(on_ray: Engine, tmp_path: Path):
    seen = Seen()
    found = list(on_ray.map(partial(str, tmp_path), dies, range(8), name="Die", progress=seen))
    assert found == list(range(8))
    begun = (tmp_path / "begun").read_text().split()
    assert sorted(begun) == sorted([*map(str, range(8)), "3"])  # the third worker died at it: it alone was done again
    assert seen.stages == {"Die": [(n, 8) for n in range(1, 9)]}
    assert seen.notes == ["A worker died at item 4 of 8: another does it again (1 of 3)."]


def test_workers_that_die_at_every_try_end_the_work(on_ray: Engine, tmp_path: Path):
    (tmp_path / "always").touch()
    with pytest.raises(EngineError, match=r"a worker died at item 4 of 8, 4 times .* run the same command again"):
        list(on_ray.map(partial(str, tmp_path), dies, range(8), name="Die"))
    assert (tmp_path / "begun").read_text().split().count("3") == 4


def test_workers_of_another_version_are_refused(on_ray: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("interplay.engine.on_ray.own_version", lambda: "99.0")
    here = re.escape(version("interplay"))
    with pytest.raises(EngineError, match=rf"a worker has Interplay {here}, the process that called it has 99\.0"):
        list(on_ray.map(partial(int, "10"), times, [1], name="Multiply"))


def test_few_items_are_held_while_the_first_is_not_ready(on_ray: Engine, tmp_path: Path):
    """Results are used one by one, and no more of them are made than a few ahead: memory does not grow with items."""
    results = on_ray.map(partial(str, tmp_path), kept_by, range(100), name="Keep")
    assert next(results) == 0
    assert len((tmp_path / "begun").read_text().split()) <= 2 * 4 + 3
    results.close()


def test_a_caller_who_stops_early_leaves_no_worker(on_ray: Engine):
    pids = on_ray.map(partial(int, "1"), double, range(50), name="Double")
    pid = next(pids)
    pids.close()
    for _ in range(100):
        if not _runs(pid):
            return
        signal.sigtimedwait([], 0.1)
    raise AssertionError("the worker still runs after ten seconds")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0]


@pytest.mark.parametrize(
    ("name", "workers", "problem"),
    [
        ("spark", None, "there is no engine 'spark'; expected serial or ray"),
        ("serial", 2, "2 workers of the serial engine; expected 1; choose the engine ray"),
        ("ray", 0, "0 workers; expected at least 1"),
    ],
)
def test_unknown_engines_are_refused(name: str, workers: int | None, problem: str):
    with pytest.raises(BadInput) as caught, open_engine(name, workers):
        pass
    assert str(caught.value) == problem


def test_serial_shows_what_the_work_shows():
    seen = Seen()

    def shown(state: int, item: int, progress: Progress) -> Iterator[int]:
        progress.note(f"{state} {item}")
        yield item

    assert list(SERIAL.map(lambda: 7, shown, [1, 2], name="unused", progress=seen)) == [1, 2]
    assert (seen.notes, seen.stages) == (["7 1", "7 2"], {})


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "interplay.engine.on_ray", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'interplay\[ray\]'"), open_engine("ray"):
        pass
