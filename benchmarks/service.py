"""What the service of a run stands: requests made up from its OpenAPI document, many at one time, and pictures that
are bombs, clients that never read, kills - against a real process, whose memory is watched with its children's.

    python benchmarks/service.py [--run RUN] [--cases 2000] [--jobs 200] [--seconds 60] [--pace 1] [--kills 10]
    python benchmarks/service.py --parts attack kills --seconds 15      what an attack does, shorter

Without --run a small one is trained on scenes first. A last table has what must hold; exit code 1 if any does not.
"""

import argparse
import collections
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import hypothesis
import schemathesis
import service_bombs
from hypothesis import strategies as st
from markdown_table import markdown
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from service_attack import attack, kills, never_read, wrong_tokens
from service_process import HEADERS, Bound, Service, picture

MOST_MEMORY = 1.2
"""Gigabytes."""
PARTS = ("made-up", "load", "attack", "kills")
SMALL = {
    "fusion": {"width": 32, "heads": 2},
    "device": "cpu",
    "training": {"epochs": 4, "batch_size": 64, "learning_rate": 3e-3},
    "explain": {"budget": 400, "candidates": 4, "ig_steps": 8},
}
Row = tuple[str, str, str]


def small_run(folder: Path) -> Path:
    """A run that knows little, but answers."""
    from interplay.config import make_config
    from interplay.data.scenes import make_scenes
    from interplay.pipeline.train import train

    scenes = make_scenes(folder / "scenes", samples=240)
    return train(scenes, make_config(SMALL), folder / "run", store=folder / "store").folder


def made_up(service: Service, cases: int) -> list[Row]:
    """Requests from the OpenAPI document, right and wrong ones; every answer is checked against it."""
    schemathesis.openapi.media_type("image/png", st.just(picture()))
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json", headers=HEADERS)
    statuses: collections.Counter[int] = collections.Counter()
    breaches: collections.Counter[str] = collections.Counter()

    def ask(case: schemathesis.Case) -> None:
        response = case.call(headers=HEADERS)
        statuses[response.status_code] += 1
        try:
            # A schema cannot say that all fields of several samples have as many values.
            several = case.operation.label in ("POST /api/predict", "POST /api/jobs/batch")
            case.validate_response(response, excluded_checks=[positive_data_acceptance] if several else [])
        except (schemathesis.errors.SchemathesisError, BaseExceptionGroup) as error:
            breaches[f"{case.operation.label}: {error}"] += 1

    operations = [found.ok() for found in schema.get_all_operations()]
    rounds = 0
    while sum(statuses.values()) < cases and rounds < 20:
        rounds += 1
        for operation in operations:
            weight = 4 if operation.label == "POST /api/jobs" else 1
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                settings = hypothesis.settings(
                    max_examples=weight * max(10, cases // (4 * len(operations))),
                    deadline=None,
                    database=None,
                    suppress_health_check=list(hypothesis.HealthCheck),
                )
                try:
                    asked = hypothesis.given(operation.as_strategy(generation_mode=mode))(ask)
                    settings(hypothesis.seed(rounds)(asked))()
                except hypothesis.errors.Unsatisfiable:  # a request without parameters cannot be wrong
                    continue
        print(f"{sum(statuses.values())} requests", file=sys.stderr, flush=True)
    for breach, count in breaches.most_common(5):
        print(f"{count} x {breach[:1500]}", file=sys.stderr)
    errors = sum(count for status, count in statuses.items() if status >= 500)
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    assert sum(statuses.values()) >= cases and not errors and not breaches, "the service broke its own description"
    return [
        ("requests made up from OpenAPI", f"{sum(statuses.values()):,}", answers),
        ("of them 5xx; not as described", f"{errors}; {breaches.total()}", "all checks of schemathesis"),
    ]


def load(service: Service, jobs: int) -> list[Row]:
    """As many jobs at one time, each over a connection of its own."""
    slowest, stop = [0.0], threading.Event()

    def watch() -> None:
        with httpx.Client(base_url=service.url, timeout=300) as client:
            while not stop.is_set():
                started = time.perf_counter()
                assert client.get("/health").status_code == 200
                slowest[0] = max(slowest[0], time.perf_counter() - started)
                stop.wait(0.05)

    watching = threading.Thread(target=watch)
    watching.start()
    started = time.perf_counter()
    content = picture()
    with ThreadPoolExecutor(jobs) as pool:
        answers = list(pool.map(lambda n: service.post(content, seed=str(n)), range(jobs)))
    answered = time.perf_counter() - started
    statuses = collections.Counter(answer.status_code for answer in answers)
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    for job_id in taken[::2]:
        service.client.delete(f"/api/jobs/{job_id}")
    service.quiet()
    stop.set()
    watching.join()
    known = {job["id"]: job["state"] for job in service.client.get("/api/jobs").json()}
    states = collections.Counter(known[job_id] for job_id in taken)
    assert set(statuses) <= {202, 429} and set(states) <= {"done", "cancelled"}, (statuses, states)
    ended = ", ".join(f"{count} {state}" for state, count in states.items())
    return [
        (f"{jobs} jobs at one time", f"{statuses[202]} taken, {statuses[429]} had to wait", f"{answered:.1f} s"),
        ("what became of those taken", ended, "half were cancelled"),
        ("slowest /health meanwhile", f"{slowest[0]:.2f} s", ""),
    ]


def bombs(service: Service) -> list[Row]:
    """Pictures that are small files and large pictures, one by one and many at one time."""
    wide = service_bombs.png(20_000, 20_000)
    rows = []
    tried: dict[str, Callable[[], list[httpx.Response]]] = {
        "20,000 x 20,000 PNG": lambda: [service.post(wide)],
        "the same, 30 at one time": lambda: _at_once(service, wide, 30),
        "15,999 x 1,562 PNG, within bounds": lambda: [service.post(service_bombs.png(15_999, 1_562))],
        "30 of these at one time": lambda: _at_once(service, service_bombs.png(15_999, 1_562), 30),
        "a word of 1 MB": lambda: [service.post(picture(), "w" * 1_000_000)],
        "11 MB that are no picture": lambda: _at_once(service, os.urandom(11_000_000), 16),
        "60 MB": lambda: [service.post(bytes(60_000_000))],
    }
    for name, send in tried.items():
        started = time.perf_counter()
        statuses = collections.Counter(answer.status_code for answer in send())
        assert set(statuses) <= {202, 413, 422, 429}, (name, statuses)
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        rows.append((name, answers, f"{time.perf_counter() - started:.1f} s, peak {service.peak / 1e9:.2f} GB"))
        print(rows[-1], file=sys.stderr, flush=True)
        service.quiet()
    return rows


def _at_once(service: Service, content: bytes, count: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: service.post(content), range(count)))


def main() -> None:
    parser = argparse.ArgumentParser(description="What the service of a run stands.")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pace", type=float, default=1.0, help="longer pauses of all clients, on a busy machine")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or small_run(Path(folder))
        rows: list[Row] = []
        bounds: list[Bound] = []
        logs: list[str] = []

        def measured(name: str, queue: int, *measures: Callable[[Service], list[Row]]) -> None:
            service = Service(run, Path(folder) / name, queue)
            try:
                rows.append((f"memory once warm, {name}", f"{sum(service.memory()) / 1e9:.2f} GB", "with its children"))
                for measure in measures:
                    rows.extend(measure(service))
                    print(*map(" | ".join, rows[-8:]), sep="\n", file=sys.stderr, flush=True)
                bounds.append(Bound(f"most memory, {name}, with its children", service.peak / 1e9, MOST_MEMORY, "GB"))
                readers = f"{service.peak_of_readers / 1e9:.2f} GB of them readers of files"
                rows.append((f"most memory, {name}", f"{service.peak / 1e9:.2f} GB", readers))
            finally:
                code = service.stop()
                logs.append(service.log())
            rows.append((f"exit code at SIGTERM, {name}", str(code), ""))

        if "made-up" in given.parts:  # a full queue would refuse most of them unread
            measured("made-up", 5_000, lambda s: made_up(s, given.cases))
        if "load" in given.parts:
            measured("load", 16, lambda s: load(s, given.jobs), bombs)
        if "attack" in given.parts:
            under_attack = partial(attack, bounds=bounds, seconds=given.seconds, pace=given.pace)
            measured("attack", 16, under_attack, partial(never_read, bounds=bounds), wrong_tokens)
        if "kills" in given.parts:
            rows += kills(run, Path(folder) / "kills", bounds, given.kills)
        for log in logs:
            print(*(line for line in log.splitlines() if "Traceback" in line), file=sys.stderr)
        bounds.append(Bound("tracebacks in the logs", sum(log.count("Traceback") for log in logs), 0))
    print(f"{os.cpu_count()} cores, shared with the clients and with all else: load {os.getloadavg()[0]:.0f}.\n")
    print(markdown(["what", "result", "how"], rows))
    print("\n" + markdown(["what must hold", "measured", "at most", "holds"], [bound.row() for bound in bounds]))
    sys.exit(0 if all(bound.holds for bound in bounds) else 1)


if __name__ == "__main__":
    main()
