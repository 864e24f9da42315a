"""The desk: its queue, its worker, what is on disk, and what a restart finds there."""

import json
import logging
import threading
from pathlib import Path

import pytest
from tests.serving.conftest import Gate, wait_for

from interplay.errors import BadInput, DiskFullError
from interplay.serving.job import ENDED, Order
from interplay.serving.jobs import Desk
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter
from interplay.serving.wording import Refusal

LIMITS = Limits(queue=2, keep=3)


def order(text: str = "a word", seed: int = 0) -> Order:
    return Order({"text": text}, {"image": ("1.png", b"pixels")}, {"image": "cat.png"}, None, 400, seed)


def desk_on(folder: Path, gate=None, limits: Limits = LIMITS) -> Desk:
    return Desk(gate or Gate(), folder, limits, Meter())


def finish(desk: Desk, gate: Gate, **parts) -> str:
    job = desk.submit(order(**parts))
    gate.go_on.release()
    wait_for(lambda: desk.job(job.id).state in ENDED)
    return job.id


def test_one_after_another_and_no_more_than_the_queue_holds(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate) as desk:
        first = desk.submit(order())
        assert gate.begun.acquire(timeout=60)
        second, third = desk.submit(order()), desk.submit(order())
        with pytest.raises(Refusal) as full:
            desk.submit(order())
        assert full.value.status == 429 and int(full.value.headers["Retry-After"]) >= 1
        assert [desk.job(j.id).state for j in (first, second, third)] == ["running", "queued", "queued"]
        assert len(list(tmp_path.glob("*/job.json"))) == 3, "nothing is left of a job that was refused"
        for _ in range(3):
            gate.go_on.release()
        wait_for(lambda: desk.counts()["done"] == 3)
        started = [desk.job(j.id).started for j in (first, second, third)]
        assert started == sorted(started)
        assert desk.job(first.id).progress.model_dump() == {"done": 5, "most": 10}
        assert [job.id for job in desk.jobs()] == [third.id, second.id, first.id]


def test_a_waiting_job_is_cancelled_at_once_and_frees_its_place(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate, Limits(queue=2)) as desk:
        first = desk.submit(order())
        assert gate.begun.acquire(timeout=60)
        second, third = desk.submit(order()), desk.submit(order())
        assert desk.cancel(second.id).state == "cancelled"
        assert not (tmp_path / second.id / "inputs").exists()
        fourth = desk.submit(order())
        for _ in range(3):
            gate.go_on.release()
        wait_for(lambda: desk.job(fourth.id).state == "done")
        states = [desk.job(j.id).state for j in (first, second, third, fourth)]
        assert states == ["done", "cancelled", "done", "done"]


def test_a_running_job_stops_at_its_next_report(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate) as desk:
        job = desk.submit(order())
        assert gate.begun.acquire(timeout=60)
        told = desk.cancel(job.id)
        assert told.state == "running" and told.cancelling
        gate.go_on.release()
        wait_for(lambda: desk.job(job.id).state in ENDED)
        assert desk.job(job.id).state == "cancelled" and not desk.job(job.id).cancelling
        with pytest.raises(Refusal) as ended:
            desk.cancel(job.id)
        assert ended.value.status == 409
        with pytest.raises(Refusal) as none:
            desk.result(job.id)
        assert none.value.status == 409
        assert sorted(p.name for p in (tmp_path / job.id).iterdir()) == ["job.json"]
        finish(desk, gate)  # the worker lives


def test_a_job_that_takes_too_long_fails(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate, Limits(job_seconds=-1.0)) as desk:
        job_id = finish(desk, gate)
        assert "ran longer than -1 seconds" in desk.job(job_id).fault.error


@pytest.mark.parametrize(
    "error, said",
    [
        (BadInput("'text' holds no feature", expected="a word", file="/srv/secret/x.png"), "'text' holds no feature"),
        (BadInput("cannot read /srv/secret/x.png"), "cannot read a file"),
        (DiskFullError("no room for /srv/secret"), "no room on the disk"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("at /srv/secret/model.py"), "something went wrong here ("),
    ],
)
def test_a_job_that_fails_says_why_and_nothing_of_the_machine(tmp_path, caplog, error, said):
    gate = Gate()
    gate.fails = error
    with desk_on(tmp_path, gate) as desk, caplog.at_level(logging.CRITICAL):
        job = desk.job(finish(desk, gate))
        assert job.state == "failed" and said in job.fault.error and "secret" not in job.model_dump_json()
        gate.fails = None
        assert desk.job(finish(desk, gate)).state == "done"


def test_what_is_not_foreseen_is_in_the_log_under_its_id(tmp_path, caplog):
    gate = Gate()
    gate.fails = RuntimeError("the details")
    with desk_on(tmp_path, gate) as desk:
        key = desk.job(finish(desk, gate)).fault.error.split("(")[1].rstrip(")")
    assert key in caplog.text and "RuntimeError: the details" in caplog.text


def test_a_restart_finds_what_had_ended_and_tells_what_had_not(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate) as desk:
        done = finish(desk, gate, text="four")
        before = desk.job(done)
    crashed = []
    for state in ("queued", "running"):
        job = before.model_copy(update={"id": f"{len(crashed):016x}", "state": state, "ended": None})
        (tmp_path / job.id / "inputs").mkdir(parents=True)
        (tmp_path / job.id / "inputs" / "1.png").write_bytes(b"pixels")
        (tmp_path / job.id / "job.json").write_text(job.model_dump_json())
        (tmp_path / job.id / "explanation.json").write_text("{}")  # the crash came between result and state
        crashed.append(job.id)
    (tmp_path / ("f" * 16) / "inputs").mkdir(parents=True)  # the crash came before the job was answered for
    with desk_on(tmp_path) as desk:
        assert desk.job(done) == before and json.loads(desk.result(done)) == {"text": 4}
        assert desk.page(done).startswith(b"<!doctype html>")
        for job_id in crashed:
            job = desk.job(job_id)
            assert job.state == "failed" and job.fault.error == "interrupted by a restart"
            assert [p.name for p in (tmp_path / job_id).iterdir()] == ["job.json"]
        assert len(desk.jobs()) == 3 and not (tmp_path / ("f" * 16)).exists()
    with desk_on(tmp_path) as desk:
        assert {j.id: j.state for j in desk.jobs()} == {done: "done"} | dict.fromkeys(crashed, "failed")


def test_stopping_ends_what_runs_and_what_waits(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate) as desk:
        first, second = desk.submit(order()), desk.submit(order())
        assert gate.begun.acquire(timeout=60)
        threading.Timer(0.05, gate.go_on.release).start()
    assert not desk.ready
    with desk_on(tmp_path) as desk:
        for job in (first, second):
            assert desk.job(job.id).fault.error == "interrupted: the service was stopped"


def test_the_oldest_go(tmp_path):
    gate = Gate()
    with desk_on(tmp_path, gate) as desk:
        ids = [finish(desk, gate) for _ in range(5)]
        assert {job.id for job in desk.jobs()} == set(ids[2:])
        with pytest.raises(Refusal) as gone:
            desk.result(ids[0])
        assert gone.value.status == 404
    assert {p.parent.name for p in tmp_path.glob("*/job.json")} == set(ids[2:])
    with desk_on(tmp_path, limits=Limits(keep=1)) as desk:
        assert [job.id for job in desk.jobs()] == ids[4:]


def test_what_is_not_ours_stays(tmp_path, caplog):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    broken = tmp_path / ("a" * 16)
    broken.mkdir()
    (broken / "job.json").write_text("{not json")
    with desk_on(tmp_path, limits=Limits(keep=1)) as desk:
        assert desk.jobs() == [] and "cannot be read" in caplog.text
    assert (tmp_path / "notes" / "mine.txt").exists() and (broken / "job.json").exists()


def test_two_services_do_not_share_a_folder(tmp_path):
    with desk_on(tmp_path), pytest.raises(BadInput, match="another service keeps its jobs there"):
        desk_on(tmp_path)
    with desk_on(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="a file is there"):
        desk_on(tmp_path / "file")


def test_no_room_for_a_job(tmp_path, monkeypatch, caplog):
    def full(path, content):
        raise DiskFullError(f"no room for {path}")

    with desk_on(tmp_path) as desk:
        monkeypatch.setattr("interplay.serving.jobs.write_atomic", full)
        with pytest.raises(Refusal) as refused:
            desk.submit(order())
        assert refused.value.status == 503 and str(tmp_path) not in refused.value.fault.model_dump_json()
        assert desk.jobs() == [] and [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_many_threads_submit_cancel_and_ask(tmp_path):
    gate = Gate()
    for _ in range(1000):
        gate.go_on.release()
    kept, refused, wrong = [], [], []

    def somebody(number: int) -> None:
        for k in range(10):
            try:
                job = desk.submit(order(seed=number))
                kept.append(job.id)
                if k % 3 == 0:
                    desk.cancel(job.id)
                desk.jobs(), desk.counts()
            except Refusal as refusal:
                refused.append(refusal.status)
            except Exception as error:
                wrong.append(error)

    with desk_on(tmp_path, gate, Limits(queue=4, keep=1000)) as desk:
        people = [threading.Thread(target=somebody, args=(n,)) for n in range(20)]
        for one in people:
            one.start()
        for one in people:
            one.join()
        wait_for(lambda: all(job.state in ENDED for job in desk.jobs()))
        assert not wrong and set(refused) <= {429, 409}
        assert sorted(job.id for job in desk.jobs()) == sorted(kept)
        assert {job.state for job in desk.jobs()} <= {"done", "cancelled"}
    assert not list(tmp_path.glob("*/inputs"))
