"""Fifty clients with bombs among good uploads, clients that never read, wrong tokens, and kills."""

import http.client
import json
import math
import os
import random
import select
import shutil
import signal
import socket
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service_bombs import bombs
from service_process import HEADERS, TOKEN, Bound, Service, picture

Row = tuple[str, str, str]
GOOD, BAD = 25, 25
"""Clients; a fifth of the good ones have their samples explained, the others predicted."""

THINK = {"good": 10.0, "bad": 2.0}
"""Seconds between two requests of one client, on average: the good ones alone must not fill two cores."""


def multipart(content: bytes, text: str = "a wonderful thunder") -> tuple[bytes, dict[str, str]]:
    """A form and its headers."""
    head = (
        f'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n{text}\r\n'
        '--x\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
    )
    return head.encode() + content + b"\r\n--x--\r\n", HEADERS | {"Content-Type": "multipart/form-data; boundary=x"}


class Client:
    """One client with an address of its own, which notes how long each answer took."""

    def __init__(self, service: Service, number: int) -> None:
        self.service, self.address = service, f"127.0.{1 + number // 250}.{1 + number % 250}"
        self.connection: http.client.HTTPConnection | None = None

    def send(self, method: str, where: str, body: bytes = b"", headers: dict[str, str] = HEADERS) -> tuple[int, bytes]:
        """The status and body of an answer; a connection that was closed is opened anew."""
        for attempt in (0, 1):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.service.port, timeout=120, source_address=(self.address, 0)
                )
            try:
                self.connection.request(method, where, body, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if attempt:
                    raise
        raise AssertionError


class Load:
    """Clients that send until they are stopped, and what they saw."""

    def __init__(self, service: Service, seconds: float, bad: dict[str, bytes], pace: float) -> None:
        self.think = {who: pace * seconds for who, seconds in THINK.items()}
        self.service, self.bad, self.until = service, list(bad.items()), time.monotonic() + seconds
        before, begun = service.cpu(), time.monotonic()
        self.times: dict[str, list[float]] = {"predict": [], "job": [], "health": []}
        self.good: Counter[int] = Counter()
        self.answers: dict[str, Counter[int]] = {name: Counter() for name in bad}
        clients = [(self._good, n) for n in range(GOOD)] + [(self._bad, GOOD + n) for n in range(BAD if bad else 0)]
        with ThreadPoolExecutor(len(clients) + 1) as pool:
            for one in [pool.submit(run, n) for run, n in [*clients, (self._health, 99)]]:
                one.result()
        self.cpu = [b - a for a, b in zip(before, service.cpu(), strict=True)]
        self.lasted = time.monotonic() - begun  # until the last answer came

    def _good(self, number: int) -> None:
        client, draw = Client(self.service, number), random.Random(number)
        body, headers = multipart(picture(300))
        name, where = ("job", "/api/jobs") if number % 5 == 0 else ("predict", "/api/predict")
        time.sleep(draw.uniform(0, self.think["good"]))
        while time.monotonic() < self.until:
            started = time.perf_counter()
            status, _ = client.send("POST", where, body, headers)
            self.good[status] += 1
            if status in (200, 202):
                self.times[name].append(time.perf_counter() - started)
            time.sleep(draw.uniform(0.5, 1.5) * self.think["good"] * (2 if name == "job" else 1))

    def _bad(self, number: int) -> None:
        client, draw = Client(self.service, number), random.Random(number)
        while time.monotonic() < self.until:
            name, content = draw.choice(self.bad)
            status, _ = client.send("POST", draw.choice(["/api/jobs", "/api/predict"]), *multipart(content))
            self.answers[name][status] += 1
            time.sleep(draw.uniform(0.5, 1.5) * self.think["bad"])

    def _health(self, number: int) -> None:
        client = Client(self.service, number)
        while time.monotonic() < self.until:
            started = time.perf_counter()
            assert client.send("GET", "/health")[0] == 200
            self.times["health"].append(time.perf_counter() - started)
            time.sleep(0.05)


def attack(service: Service, bounds: list[Bound], seconds: float, pace: float = 1.0) -> list[Row]:
    """Good clients alone, then as many with bombs beside them."""
    bad = bombs()
    quiet = Load(service, seconds, {}, pace)
    service.quiet(cancel=True)
    loud = Load(service, seconds, bad, pace)
    service.quiet(cancel=True)
    refused = sum((answers for answers in loud.answers.values()), Counter[int]())
    statuses = quiet.good + loud.good + refused
    broken = sum(count for status, count in statuses.items() if status >= 500)
    bounds.append(Bound(f"5xx of {statuses.total()} answers", broken, 0))
    rows = [
        ("clients", f"{GOOD} good, {BAD} with bombs", f"{seconds:.0f} s quiet, then {seconds:.0f} s together"),
        ("each sends", f"a sample in {THINK['good'] * pace:g} s, a bomb in {THINK['bad'] * pace:g} s", "on average"),
        ("processes that want 2 cores, meanwhile", f"{os.getloadavg()[0]:.0f}", "all jobs of this machine"),
        ("good answers", _counts(loud.good), f"quiet: {_counts(quiet.good)}"),
        ("answers to bombs", _counts(refused), f"of {len(bad)} kinds"),
        *(_cpu(name, load) for name, load in (("alone", quiet), ("with bombs", loud))),
    ]
    for name in ("predict", "job"):
        before, after = quiet.times[name], loud.times[name]
        for q, share in (("median", 0.5), ("95%", 0.95)):
            a, b = _quantile(before, share), _quantile(after, share)
            rows.append((f"{name}, {q}", f"{1000 * b:.0f} ms, {b / a:.1f} times", f"quiet: {1000 * a:.0f} ms"))
            bounds.append(Bound(f"good answers, {name}, {q}: with bombs, in quiet times", b / a, 3, "times"))
    quiet_health, health = (_quantile(load.times["health"], 0.99) for load in (quiet, loud))
    rows.append(("/health p99, with bombs", f"{health:.3f} s", f"quiet: {quiet_health:.3f} s"))
    bounds.append(Bound(f"/health p99 of {len(loud.times['health'])}, with bombs", health, 0.3, "s"))
    rows += [(f"bomb: {name}", _counts(answers), f"{len(bad[name]):,} bytes") for name, answers in loud.answers.items()]
    return rows


def _cpu(name: str, load: Load) -> Row:
    own, readers = load.cpu
    answers = sum(load.good.values())
    return (
        f"CPU-s of the service, {name}",
        f"{own:.1f} itself, {readers:.1f} readers of files",
        f"in {load.lasted:.0f} s; {answers} good answers",
    )


def _counts(statuses: Counter[int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))


def _quantile(values: list[float], share: float) -> float:
    if len(values) < 2:  # a busy machine, and a short time
        return values[0] if values else math.nan
    return statistics.quantiles(values, n=100)[round(100 * share) - 1]


def never_read(service: Service, bounds: list[Bound], count: int = 500) -> list[Row]:
    """Connections that ask for a page again and again, and never read a byte."""
    answer = service.post(picture())
    service.quiet()
    where = f"/api/jobs/{answer.json()['id']}/page"
    assert service.client.get(where).status_code == 200
    time.sleep(6)  # connections of before are closed
    before = service.connections()
    request = f"GET {where} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    opened = []
    started = time.monotonic()
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", service.port))
        one.sendall(request * 4)
        opened.append(one)
    connecting = time.monotonic() - started
    time.sleep(2)
    held = service.connections() - before
    while service.connections() > before and time.monotonic() - started < 120:
        time.sleep(0.2)
    seconds = time.monotonic() - started
    left = service.connections() - before
    closed = select.poll()
    for one in opened:
        closed.register(one, 0)
    reset = len(closed.poll(0))
    for one in opened:
        one.close()
    assert service.client.get("/health").status_code == 200
    bounds += [
        Bound(f"{count} connections that never read: all closed after", seconds, 30, "s"),
        Bound("connections of these left", left, 0),
    ]
    return [
        (
            f"{count} connections that never read",
            f"{held} held after {connecting + 2:.0f} s",
            "a page of a job, 4 times",
        ),
        ("all of them closed", f"after {seconds:.1f} s, {left} left", f"{reset} see it themselves"),
    ]


def wrong_tokens(service: Service, clients: int = 40, seconds: float = 10.0) -> list[Row]:
    """Clients of one address guess as fast as they can; somebody else has the right token."""
    until, statuses, times = time.monotonic() + seconds, Counter[int](), []

    def guess(number: int) -> None:
        client = Client(service, 200)
        while time.monotonic() < until:
            statuses[client.send("GET", "/api/run", headers={"Authorization": f"Bearer wrong-{number}"})[0]] += 1

    def right() -> None:
        client = Client(service, 201)
        while time.monotonic() < until:
            started = time.perf_counter()
            assert client.send("GET", "/api/run")[0] == 200
            times.append(time.perf_counter() - started)
            time.sleep(0.05)

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(clients)] + [threading.Thread(target=right)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return [
        (
            f"{clients} clients of one address guess for {seconds:.0f} s",
            _counts(statuses),
            "401: a token was looked at",
        ),
        (
            "the right token from elsewhere, meanwhile",
            f"p99 {1000 * _quantile(times, 0.99):.0f} ms",
            f"{len(times)} x 200",
        ),
    ]


def kills(run: Path, folder: Path, bounds: list[Bound], count: int) -> list[Row]:
    """Kill the service again and again while jobs run: what was done is there afterwards, byte for byte."""
    done: dict[str, bytes] = {}
    lost, orphans, states = 0, 0, Counter[str]()
    for number in range(count + 1):
        service = Service(run, folder, queue=16)
        for job_id, result in done.items():
            answer = service.client.get(f"/api/jobs/{job_id}/result")
            lost += answer.status_code != 200 or answer.content != result
        if number == count:
            states.update(job["state"] for job in service.client.get("/api/jobs").json())
            service.stop()
            break
        sent = [service.post(picture(), seed=str(n)).json()["id"] for n in range(6)]
        until = time.monotonic() + 120  # a kill before the first is done would try nothing
        while service.client.get(f"/api/jobs/{sent[0]}").json()["state"] != "done" and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(random.Random(number).uniform(0, 1.5))
        for job in service.client.get("/api/jobs").json():
            if job["id"] in sent and job["state"] == "done":
                done[job["id"]] = service.client.get(f"/api/jobs/{job['id']}/result").content
        children = service.tree()[1:]
        service.stop(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while (alive := [p for p in children if Path(f"/proc/{p}").exists()]) and time.monotonic() < deadline:
            time.sleep(0.1)
        orphans += len(alive)
    json_files = sum(json.loads(path.read_text())["state"] == "done" for path in folder.glob("*/job.json"))
    shutil.rmtree(folder)
    bounds += [
        Bound(f"finished jobs lost of {len(done)}, after {count} kills", lost, 0),
        Bound("processes that outlived a kill", orphans, 0),
        Bound("services that finished no job before they were killed", float(not done), 0),
    ]
    kept = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
    return [
        (
            f"finished jobs after {count} kills (SIGKILL)",
            f"{len(done) - lost} of {len(done)} there, unchanged",
            f"{kept}",
        ),
        ("processes that outlived a kill", f"{orphans}", f"{json_files} jobs done on disk"),
    ]
