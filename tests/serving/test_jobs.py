"""The queue: its queue, its worker, what is on disk, and what a restart finds there."""

import json
import logging
import sys
import threading
from pathlib import Path

import pytest
from tests.serving.conftest import Gate, wait_for

from interplay.errors import BadInput, DiskFullError
from interplay.serving.errors import ApiError
from interplay.serving.job import ENDED, JobRequest
from interplay.serving.jobs import NICE, JobQueue
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter

LIMITS = Limits(queue=2, keep=3)


def order(text: str = "a word", seed: int = 0) -> JobRequest:
    return JobRequest({"text": text}, {"image": ("1.png", b"pixels")}, {"image": "cat.png"}, None, 400, seed)


def queue_on(folder: Path, gate=None, limits: Limits = LIMITS) -> JobQueue:
    return JobQueue(gate or Gate(), folder, limits, Meter())


def finish(queue: JobQueue, gate: Gate, **parts) -> str:
    job = queue.submit(order(**parts))
    gate.go_on.release()
    wait_for(lambda: queue.job(job.id).state in ENDED)
    return job.id


def test_one_after_another_and_no_more_than_the_queue_holds(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        first = queue.submit(order())
        assert gate.begun.acquire(timeout=60)
        second, third = queue.submit(order()), queue.submit(order())
        with pytest.raises(ApiError) as full:
            queue.submit(order())
        assert full.value.status == 429 and int(full.value.headers["Retry-After"]) >= 1
        assert [queue.job(j.id).state for j in (first, second, third)] == ["running", "queued", "queued"]
        assert len(list(tmp_path.glob("*/job.json"))) == 3, "nothing is left of a job that was refused"
        for _ in range(3):
            gate.go_on.release()
        wait_for(lambda: queue.counts()["done"] == 3)
        started = [queue.job(j.id).started for j in (first, second, third)]
        assert started == sorted(started)
        assert queue.job(first.id).progress.model_dump() == {"done": 5, "most": 10}
        assert [job.id for job in queue.jobs()] == [third.id, second.id, first.id]


def test_a_waiting_job_is_cancelled_at_once_and_frees_its_place(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate, Limits(queue=2)) as queue:
        first = queue.submit(order())
        assert gate.begun.acquire(timeout=60)
        second, third = queue.submit(order()), queue.submit(order())
        assert queue.cancel(second.id).state == "cancelled"
        assert not (tmp_path / second.id / "inputs").exists()
        fourth = queue.submit(order())
        for _ in range(3):
            gate.go_on.release()
        wait_for(lambda: queue.job(fourth.id).state == "done")
        states = [queue.job(j.id).state for j in (first, second, third, fourth)]
        assert states == ["done", "cancelled", "done", "done"]


def test_a_running_job_stops_at_its_next_report(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        job = queue.submit(order())
        assert gate.begun.acquire(timeout=60)
        told = queue.cancel(job.id)
        assert told.state == "running" and told.cancelling
        gate.go_on.release()
        wait_for(lambda: queue.job(job.id).state in ENDED)
        assert queue.job(job.id).state == "cancelled" and not queue.job(job.id).cancelling
        with pytest.raises(ApiError) as ended:
            queue.cancel(job.id)
        assert ended.value.status == 409
        with pytest.raises(ApiError) as none:
            queue.result(job.id)
        assert none.value.status == 409
        assert sorted(p.name for p in (tmp_path / job.id).iterdir()) == ["job.json"]
        finish(queue, gate)  # the worker lives


def test_a_job_that_takes_too_long_fails(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate, Limits(job_seconds=-1.0)) as queue:
        job_id = finish(queue, gate)
        assert "ran longer than -1 seconds" in queue.job(job_id).fault.error


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
    with queue_on(tmp_path, gate) as queue, caplog.at_level(logging.CRITICAL):
        job = queue.job(finish(queue, gate))
        assert job.state == "failed" and said in job.fault.error and "secret" not in job.model_dump_json()
        gate.fails = None
        assert queue.job(finish(queue, gate)).state == "done"


def test_what_is_not_foreseen_is_in_the_log_under_its_id(tmp_path, caplog):
    gate = Gate()
    gate.fails = RuntimeError("the details")
    with queue_on(tmp_path, gate) as queue:
        key = queue.job(finish(queue, gate)).fault.error.split("(")[1].rstrip(")")
    assert key in caplog.text and "RuntimeError: the details" in caplog.text


def test_a_restart_finds_what_had_ended_and_tells_what_had_not(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        done = finish(queue, gate, text="four")
        before = queue.job(done)
    crashed = []
    for state in ("queued", "running"):
        job = before.model_copy(update={"id": f"{len(crashed):016x}", "state": state, "ended": None})
        (tmp_path / job.id / "inputs").mkdir(parents=True)
        (tmp_path / job.id / "inputs" / "1.png").write_bytes(b"pixels")
        (tmp_path / job.id / "job.json").write_text(job.model_dump_json())
        (tmp_path / job.id / "explanation.json").write_text("{}")  # the crash came between result and state
        crashed.append(job.id)
    (tmp_path / ("f" * 16) / "inputs").mkdir(parents=True)  # the crash came before the job was answered for
    with queue_on(tmp_path) as queue:
        assert queue.job(done) == before and json.loads(queue.result(done).read_bytes()) == {"text": 4}
        assert queue.page(done).read_bytes().startswith(b"<!doctype html>")
        for job_id in crashed:
            job = queue.job(job_id)
            assert job.state == "failed" and job.fault.error == "interrupted by a restart"
            assert [p.name for p in (tmp_path / job_id).iterdir()] == ["job.json"]
        assert len(queue.jobs()) == 3 and not (tmp_path / ("f" * 16)).exists()
    with queue_on(tmp_path) as queue:
        assert {j.id: j.state for j in queue.jobs()} == {done: "done"} | dict.fromkeys(crashed, "failed")


def test_stopping_ends_what_runs_and_what_waits(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        first, second = queue.submit(order()), queue.submit(order())
        assert gate.begun.acquire(timeout=60)
        threading.Timer(0.05, gate.go_on.release).start()
    assert not queue.ready
    with queue_on(tmp_path) as queue:
        for job in (first, second):
            assert queue.job(job.id).fault.error == "interrupted: the service was stopped"


def test_the_oldest_go(tmp_path):
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        ids = [finish(queue, gate) for _ in range(5)]
        assert {job.id for job in queue.jobs()} == set(ids[2:])
        with pytest.raises(ApiError) as gone:
            queue.result(ids[0])
        assert gone.value.status == 404
    assert {p.parent.name for p in tmp_path.glob("*/job.json")} == set(ids[2:])
    with queue_on(tmp_path, limits=Limits(keep=1)) as queue:
        assert [job.id for job in queue.jobs()] == ids[4:]


def test_what_is_not_ours_stays(tmp_path, caplog):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    broken = tmp_path / ("a" * 16)
    broken.mkdir()
    (broken / "job.json").write_text("{not json")
    with queue_on(tmp_path, limits=Limits(keep=1)) as queue:
        assert queue.jobs() == [] and "cannot be read" in caplog.text
    assert (tmp_path / "notes" / "mine.txt").exists() and (broken / "job.json").exists()


def test_two_services_do_not_share_a_folder(tmp_path):
    with queue_on(tmp_path), pytest.raises(BadInput, match="another service keeps its jobs there"):
        queue_on(tmp_path)
    with queue_on(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="a file is there"):
        queue_on(tmp_path / "file")


def test_no_room_for_a_job(tmp_path, monkeypatch, caplog):
    def full(path, content):
        raise DiskFullError(f"no room for {path}")

    with queue_on(tmp_path) as queue:
        monkeypatch.setattr("interplay.serving.job_folder.write_atomic", full)
        with pytest.raises(ApiError) as refused:
            queue.submit(order())
        assert refused.value.status == 503 and str(tmp_path) not in refused.value.body.model_dump_json()
        assert queue.jobs() == [] and [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_many_threads_submit_cancel_and_ask(tmp_path):
    gate = Gate()
    for _ in range(1000):
        gate.go_on.release()
    kept, refused, wrong = [], [], []

    def somebody(number: int) -> None:
        for k in range(10):
            try:
                job = queue.submit(order(seed=number))
                kept.append(job.id)
                if k % 3 == 0:
                    queue.cancel(job.id)
                queue.jobs(), queue.counts()
            except ApiError as refusal:
                refused.append(refusal.status)
            except Exception as error:
                wrong.append(error)

    with queue_on(tmp_path, gate, Limits(queue=4, keep=1000)) as queue:
        people = [threading.Thread(target=somebody, args=(n,)) for n in range(20)]
        for one in people:
            one.start()
        for one in people:
            one.join()
        wait_for(lambda: all(job.state in ENDED for job in queue.jobs()))
        assert not wrong and set(refused) <= {429, 409}
        assert sorted(job.id for job in queue.jobs()) == sorted(kept)
        assert {job.state for job in queue.jobs()} <= {"done", "cancelled"}
    assert not list(tmp_path.glob("*/inputs"))


def test_a_service_whose_priority_cannot_be_changed_explains_all_the_same(tmp_path, monkeypatch):
    """As one that was started by `nice`: to raise it again is not allowed."""

    def refused(*_: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.setpriority", refused)
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        assert queue.job(finish(queue, gate)).state == "done"


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux alone")
@pytest.mark.parametrize("niceness, low", [(0, NICE), (15, 15)])
def test_explaining_gives_way_and_never_goes_first(tmp_path, monkeypatch, niceness, low):
    given: list[int] = []
    monkeypatch.setattr("os.getpriority", lambda which, who: niceness)
    monkeypatch.setattr("os.setpriority", lambda which, who, priority: given.append(priority))
    gate = Gate()
    with queue_on(tmp_path, gate) as queue:
        finish(queue, gate)
    assert given == [low]
