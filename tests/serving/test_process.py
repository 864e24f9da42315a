"""`interplay serve` as a process: slow and endless bodies, restarts, Ctrl-C, and how it refuses to start."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
import uvicorn
from tests.serving.conftest import TOKEN, form, wait_for

from interplay.errors import BadInput
from interplay.serving.limits import Limits
from interplay.serving.protocol import TimedProtocol
from interplay.serving.server import bind, choose_token, refuse_public_host, server_of

COMMAND = """
import signal
from interplay.cli.app import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""Ctrl-C is heeded even where a shell runs the tests in the background."""

Serve = Callable[..., "Process"]


class Process:
    """A service of its own, asked over the network of this machine."""

    def __init__(self, *arguments: object, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-c", COMMAND, "serve", *map(str, arguments), "--port", "0", "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, **pipes)
        assert self.process.stdout is not None
        lines = []
        while (line := self.process.stdout.readline()) and line != "}\n":
            lines.append(line)
        assert line, self.process.communicate()[1]
        told = json.loads("".join([*lines, line]))
        self.url, self.token = told["url"], told["token"]
        self.port = int(self.url.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.url.replace("0.0.0.0", "127.0.0.1"), timeout=120)

    def post(self, **parts: object) -> str:
        response = self.client.post("/api/jobs", **form(**parts))
        assert response.status_code == 202, response.text
        return response.json()["id"]

    def state(self, job_id: str) -> str:
        return self.client.get(f"/api/jobs/{job_id}").json()["state"]

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; the exit code and what was said on standard error."""
        self.client.close()
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=120)
        return self.process.returncode, said

    def raw(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Send pieces over a bare connection; all that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except OSError:  # it was closed on us
                    break
                time.sleep(pause)
            answer = b""
            try:
                while chunk := connection.recv(65536):
                    answer += chunk
            except ConnectionResetError:
                pass
            return answer


@pytest.fixture
def serve(small_run, tmp_path) -> Iterator[Serve]:
    """Starts processes on the small run; what still runs at the end is killed."""
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    started: list[Process] = []

    def starter(*arguments: object, **more) -> Process:
        started.append(Process(tmp_path / "run", *arguments, **more))
        return started[-1]

    yield starter
    for one in started:
        one.client.close()
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def processes_below(pid: int) -> list[int]:
    """The children of a process."""
    return [int(n) for task in Path(f"/proc/{pid}/task").glob("*/children") for n in task.read_text().split()]


HEAD = b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n'


@pytest.mark.slow
def test_bodies_that_come_slowly_or_never_end(serve):
    service = serve("--upload-seconds", 1, "--upload-bytes", 200_000)
    slow = service.raw(HEAD + b"Content-Length: 5000\r\n\r\n" + PART, b"a")
    assert slow.startswith(b"HTTP/1.1 408 ") and b"took too long" in slow and b"nosniff" in slow
    drip = service.raw(HEAD + b"Content-Length: 5000\r\n\r\n", PART, *[b"a"] * 30, pause=0.1)
    assert drip.startswith(b"HTTP/1.1 408 "), "a byte now and then is not enough"
    declared = service.raw(HEAD + b"Content-Length: 900000000\r\n\r\n")
    assert declared.startswith(b"HTTP/1.1 413 ")
    part = PART.replace(b'"text"', b'"image"; filename="x.png"')
    begins = b"%x\r\n" % len(part) + part + b"\r\n"
    chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    endless = service.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + begins, *[chunk] * 40)
    assert endless.startswith(b"HTTP/1.1 413 ") and b"at most 200000 bytes" in endless
    for answer in (slow, drip, declared, endless):
        fault = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert set(fault) == {"error", "expected", "fix"} and fault["fix"]
    for malformed in (
        [b"nonsense\r\n\r\n"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nabc"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + begins, b"-5\r\nabc"],
        [HEAD + b"Content-Length: five\r\n\r\n"],
    ):
        answer = service.raw(*malformed, pause=0.1)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"nosniff" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["fix"], answer
    # The answer to too much is on its way when a chunk is malformed.
    late = service.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + begins, *[chunk] * 8, b"zz\r\n", pause=0.05)
    assert late.startswith(b"HTTP/1.1 413 ")
    assert service.client.get("/health").json()["ready"] and service.client.get("/api/jobs").json() == []
    code, said = service.end(signal.SIGTERM)
    assert code == 0 and "Traceback" not in said and "Loading the encoders" in said


@pytest.mark.slow
def test_a_restart_keeps_results_and_tells_what_broke(serve, tmp_path):
    first = serve("--most-budget", 4_000)
    done = first.post()
    wait_for(lambda: first.state(done) == "done")
    result, page = (first.client.get(f"/api/jobs/{done}/{what}").content for what in ("result", "page"))
    waiting = [first.post(budget=4_000) for _ in range(4)]
    children = processes_below(first.process.pid)
    assert children, "what reads uploads"
    code, _ = first.end(signal.SIGKILL)  # as if the power went
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    assert code == -signal.SIGKILL
    left = {job_id: json.loads((tmp_path / "run" / "served" / job_id / "job.json").read_text()) for job_id in waiting}
    broken = [job_id for job_id, job in left.items() if job["state"] in ("queued", "running")]
    assert broken, "all of them were done before the kill"

    second = serve()
    assert second.client.get(f"/api/jobs/{done}/result").content == result
    assert second.client.get(f"/api/jobs/{done}/page").content == page
    for job_id in broken:
        job = second.client.get(f"/api/jobs/{job_id}").json()
        assert job["state"] == "failed" and job["fault"]["error"] == "interrupted by a restart"
    running = second.post()
    code, said = second.end(signal.SIGINT)
    assert code == 0 and said.strip().endswith("Stopped. Ended jobs are kept.") and "Traceback" not in said
    kept = json.loads((tmp_path / "run" / "served" / running / "job.json").read_text())
    assert kept["state"] in ("done", "failed") and not list((tmp_path / "run" / "served").glob("*/inputs"))


@pytest.mark.slow
def test_offered_to_others_it_makes_a_token(serve):
    service = serve("--host", "0.0.0.0")
    assert service.token and len(service.token) >= 24
    assert service.client.get("/api/jobs").status_code == 401
    allowed = service.client.get("/api/jobs", headers={"authorization": f"Bearer {service.token}"})
    assert allowed.status_code == 200
    assert service.client.get("/health").status_code == 200


@pytest.mark.slow
def test_a_token_of_ones_own_is_not_printed(serve):
    service = serve(environment={"INTERPLAY_TOKEN": TOKEN})
    assert service.token is None
    assert service.client.get("/api/jobs").status_code == 401
    assert service.client.get("/api/jobs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@contextmanager
def answering(app, limits: Limits) -> Iterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """A server in a thread of this process: these bounds are no options of the command."""
    address = bind("127.0.0.1", 0)
    address.socket.listen()
    server = server_of(app, limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [address.socket]})
    thread.start()
    try:
        yield server, address.socket.getsockname()
    finally:
        server.should_exit = True
        thread.join(timeout=60)


def read_whole(connection: socket.socket) -> bytes:
    answer = bytearray()
    while chunk := connection.recv(1 << 20):
        answer += chunk
    return bytes(answer)


@pytest.mark.slow
def test_headers_that_never_end_and_connections_that_say_nothing():
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    with answering(app, Limits(header_seconds=0.3)) as (_, where):
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"):
            with socket.create_connection(where, timeout=60) as connection:
                connection.sendall(sent)
                answer = b""
                while chunk := connection.recv(4096):
                    answer += chunk
            assert answer.endswith(b"ok") == (b"\r\n\r\n" in sent), "it is closed, answered or not"


async def much(scope, receive, send) -> None:
    """An app whose answer does not fit into the buffers of a connection."""
    body = b"x" * 20_000_000
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_clients_that_never_read_are_closed_and_others_are_not():
    with answering(much, Limits(read_seconds=0.2)) as (server, where):
        silent = [socket.create_connection(where, timeout=60) for _ in range(20)]
        for one in silent:
            one.sendall(GET * 3)
        wait_for(lambda: len(server.server_state.connections) == 20)
        wait_for(lambda: not server.server_state.connections)
        for one in silent:
            one.close()
        with socket.create_connection(where, timeout=60) as reader:
            reader.sendall(GET)
            assert len(read_whole(reader)) > 20_000_000


def test_too_many_connections_are_told_what_to_do():
    with answering(much, Limits(connections=2)) as (_, where):
        first, second = (socket.create_connection(where, timeout=60) for _ in range(2))
        with first, second, socket.create_connection(where, timeout=60) as third:
            third.sendall(GET)
            answer = read_whole(third)
            assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in answer.lower()
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["fix"]


class Transport:
    """A connection of which so much is not read yet."""

    def __init__(self) -> None:
        self.unread, self.aborted = 0, False

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize(
    "unread, aborted",
    [
        ([0, 0, 0], False),
        ([500_000, 480_000, 460_000], False),  # slow, but it reads
        ([500_000, 0, 500_000], False),  # the next answer
        ([500_000, 499_000], True),  # a byte now and then
        ([500_000, 500_000], True),
        ([0, 3, 3], True),  # closed, but the last bytes are never read
    ],
)
def test_who_reads_too_little_between_two_looks_is_cut_off(unread, aborted):
    one = object.__new__(TimedProtocol)
    one.transport, one.loop, one.limits = Transport(), Mock(), Limits(read_seconds=10)
    for size in unread:
        assert not one.transport.aborted
        one.transport.unread = size
        one._look_at_reader()
    assert one.transport.aborted == aborted


@pytest.mark.parametrize("name", ["https://x.example", "x.example:80", "x.example/", "*", "", "a b", "-x", "é.example"])
def test_names_of_a_proxy_that_are_none(name):
    with pytest.raises(BadInput, match="is no name of a host"):
        refuse_public_host(name)
    refuse_public_host("interplay.example")
    refuse_public_host(None)


@pytest.mark.parametrize("token", ["short", "with a blank in its midst", "é" * 20, ""])
def test_tokens_that_are_none(token):
    with pytest.raises(BadInput, match="at least 16"):
        choose_token(token, loopback=False)


def test_a_token_is_made_where_one_is_needed():
    assert choose_token(None, loopback=True) is None
    made = {choose_token(None, loopback=False) for _ in range(5)}
    assert len(made) == 5 and all(re.fullmatch(r"[\w-]{32}", token) for token in made)


def test_addresses():
    first = bind("127.0.0.1", 0)
    port = first.socket.getsockname()[1]
    first.socket.listen()
    assert first.loopback and first.url == f"http://127.0.0.1:{port}"
    with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1 port {port}.*another --port"):
        bind("127.0.0.1", port)
    first.socket.close()
    everywhere = bind("0.0.0.0", 0)
    assert not everywhere.loopback
    everywhere.socket.close()
    with pytest.raises(BadInput, match="cannot listen on 192"):
        bind("192.0.2.1", 0)


@pytest.mark.slow
def test_a_run_that_is_none_is_refused_before_it_listens(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "interplay", "serve", str(tmp_path), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "the run is not there" in done.stderr and not done.stdout
    assert not (Path(tmp_path) / "served").exists()
