"""Wrong tokens are slowed, by client; nobody else waits."""

import asyncio
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from starlette.testclient import TestClient
from tests.serving.conftest import LIMITS, TOKEN, Gate

from interplay.serving import recent
from interplay.serving.recent import Recent

RIGHT, WRONG = {"authorization": f"Bearer {TOKEN}"}, {"authorization": "Bearer wrong"}


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time in seconds, as the tests set it."""
    now = [1000.0]
    monkeypatch.setattr(recent.time, "monotonic", lambda: now[0])
    return now


def test_after_so_many_a_client_waits_for_the_first_to_be_a_minute_ago(clock):
    counted = Recent(3)
    for at in (0, 10, 20):
        clock[0] = 1000.0 + at
        assert counted.wait("a") == 0
        counted.add("a")
    assert counted.wait("a") == 40 and counted.wait("b") == 0
    clock[0] = 1060.0
    assert counted.wait("a") == 0
    counted.add("a")
    assert counted.wait("a") == 10


def test_it_remembers_so_many_clients_and_no_more(clock, monkeypatch):
    monkeypatch.setattr(recent, "MOST_CLIENTS", 2)
    counted = Recent(1)
    for client in ("a", "b", "c"):
        counted.add(client)
    assert [counted.wait(client) for client in "abc"] == [0, 60, 60]


@pytest.fixture
def clients(start):
    """Two clients of one service, at addresses of their own."""
    app = start(Gate(), token=TOKEN, limits=replace(LIMITS, wrong_tokens=3)).client.app
    ports = (("192.0.2.1", 1), ("192.0.2.2", 1))
    return [TestClient(app, base_url="http://127.0.0.1", client=at, follow_redirects=False) for at in ports]


def test_a_guesser_is_refused_without_a_look_at_its_token(clients):
    guesser, other = clients
    assert [guesser.get("/api/run", headers=WRONG).status_code for _ in range(5)] == [401] * 3 + [429] * 2
    response = guesser.get("/api/run", headers=RIGHT)
    assert response.status_code == 429 and 0 < int(response.headers["retry-after"]) <= 60 and response.json()["fix"]
    assert guesser.post("/login", data={"token": TOKEN}).status_code == 429
    assert guesser.get("/health", headers=WRONG).status_code == 200
    assert guesser.get("/api/run").status_code == 401, "no token is no guess"
    assert other.get("/api/run", headers=RIGHT).status_code == 200


def test_the_form_of_the_login_counts_and_a_cookie_does_not(clients):
    browser, other = clients
    for _ in range(5):
        assert browser.get("/api/jobs", headers={"cookie": "interplay=old"}).status_code == 401
    assert [browser.post("/login", data={"token": "x"}).status_code for _ in range(4)] == [401] * 3 + [429]
    cookie = other.post("/login", data={"token": TOKEN}).headers["set-cookie"].partition(";")[0]
    assert browser.get("/api/jobs", headers={"cookie": cookie}).status_code == 200, "who is in stays in"


def test_of_thirty_guesses_at_the_same_time_no_more_are_looked_at(clients):
    app, begun = clients[0].app, []

    async def guesses(token: str) -> list[int]:
        everybody, transport = asyncio.Event(), httpx.ASGITransport(app, client=("192.0.2.3", 1))

        async def body():
            """Each form waits in its midst until all are on their way."""
            yield b"token="
            begun.append(token)
            if len(begun) == 30:
                everybody.set()
            await everybody.wait()
            yield token.encode()

        headers = {"content-type": "application/x-www-form-urlencoded"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            sent = (client.post("/login", content=body(), headers=headers) for _ in range(30))
            return [response.status_code for response in await asyncio.gather(*sent)]

    assert Counter(asyncio.run(guesses("x"))) == {401: 3, 429: 27}
    begun.clear()
    assert Counter(asyncio.run(guesses(TOKEN))) == {429: 30}, "the right one is refused, too"
