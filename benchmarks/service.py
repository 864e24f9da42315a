"""What the service of a run stands: requests made up from its OpenAPI document, many at one time, and pictures that
are bombs - against a real process, whose peak memory is told.

    python benchmarks/service.py [--run RUN] [--cases 2000] [--jobs 200]

Without --run a small one is trained on scenes first.
"""

import argparse
import collections
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import hypothesis
import schemathesis
from hypothesis import strategies as st
from markdown_table import markdown
from PIL import Image
from schemathesis import GenerationMode

TOKEN = "the-token-of-the-benchmark"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
MOST_MEMORY = 2e9
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


def picture(size: int = 96) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(out, "PNG")
    return out.getvalue()


def bomb(width: int, height: int, mode: int = 2) -> bytes:
    """A whole PNG of black pixels (colour, or grey if mode is 0): a thousandth of its size once decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer, row = zlib.compressobj(9), bytes(1 + (3 if mode == 2 else 1) * width)
    body = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, 8, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class Service:
    """The process under test."""

    def __init__(self, run: Path, jobs: Path, queue: int) -> None:
        command = [sys.executable, "-m", "interplay", "serve", run, "--port", "0", "--json", "--jobs", jobs]
        environment = {**os.environ, "INTERPLAY_TOKEN": TOKEN}
        self.process = subprocess.Popen(
            [*map(str, command), "--budget", "400", "--most-budget", "1000", "--queue", str(queue), "--keep", "300"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        told = ""
        while not told.endswith("}\n"):
            told += self.process.stdout.readline()
        self.url = json.loads(told)["url"]
        self.client = httpx.Client(
            base_url=self.url, headers=HEADERS, timeout=300, limits=httpx.Limits(max_connections=250)
        )

    def post(self, content: bytes, text: str = "a wonderful thunder", **data: str) -> httpx.Response:
        files = {"image": ("x.png", content)}
        return self.client.post("/api/jobs", data={"text": text, **data}, files=files)

    def quiet(self) -> None:
        """Until nothing waits or runs."""
        while any(job["state"] in ("queued", "running") for job in self.client.get("/api/jobs").json()):
            time.sleep(0.5)

    def peak(self) -> float:
        """The most memory the process ever held, bytes (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def stop(self) -> int:
        self.client.close()
        self.process.terminate()
        self.process.communicate(timeout=60)
        return self.process.returncode


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
            case.validate_response(response)
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
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    return [
        (f"{jobs} jobs at one time", f"{statuses[202]} taken, {statuses[429]} told to wait", f"{answered:.1f} s"),
        ("what became of those taken", told, "half were cancelled"),
        ("slowest /health meanwhile", f"{slowest[0]:.2f} s", ""),
    ]


def bombs(service: Service) -> list[Row]:
    """Pictures that are small files and large pictures, one by one and many at one time."""
    wide = bomb(20_000, 20_000)
    rows = []
    tried: dict[str, Callable[[], list[httpx.Response]]] = {
        "20,000 x 20,000 PNG": lambda: [service.post(wide)],
        "the same, 30 at one time": lambda: _at_once(service, wide, 30),
        "15,999 x 1,562 PNG, within bounds": lambda: [service.post(bomb(15_999, 1_562))],
        "30 of these at one time": lambda: _at_once(service, bomb(15_999, 1_562), 30),
        "a word of 1 MB": lambda: [service.post(picture(), "w" * 1_000_000)],
        "11 MB that are no picture": lambda: _at_once(service, os.urandom(11_000_000), 16),
        "60 MB": lambda: [service.post(bytes(60_000_000))],
    }
    for name, send in tried.items():
        started = time.perf_counter()
        statuses = collections.Counter(answer.status_code for answer in send())
        assert set(statuses) <= {202, 413, 422, 429}, (name, statuses)
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        rows.append((name, answers, f"{time.perf_counter() - started:.1f} s, peak {service.peak() / 1e9:.2f} GB"))
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
    given = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or small_run(Path(folder))
        service = Service(run, Path(folder) / "made-up", queue=5_000)  # a full queue would refuse most of them unread
        try:
            rows = [("memory once warm", f"{service.peak() / 1e9:.2f} GB", ""), *made_up(service, given.cases)]
            peaks = [service.peak()]
        finally:
            codes = [service.stop()]
        service = Service(run, Path(folder) / "jobs", queue=16)
        try:
            rows += load(service, given.jobs)
            rows += bombs(service)
            peaks.append(service.peak())
        finally:
            codes.append(service.stop())
        assert max(peaks) < MOST_MEMORY, f"{max(peaks) / 1e9:.2f} GB"
        rows.append(("most memory of all", f"{max(peaks) / 1e9:.2f} GB", f"bound {MOST_MEMORY / 1e9:.0f} GB"))
        rows.append(("exit code at SIGTERM", " and ".join(map(str, codes)), ""))
    print(markdown(["what", "result", "how"], rows))


if __name__ == "__main__":
    main()
