"""Two hundred at one time: each is taken or told to come again, and the service lives on."""

import asyncio
import collections

import httpx
import pytest
from tests.serving.conftest import LIMITS, Gate, Service, form, wait_for

from interplay.serving.job import ENDED
from interplay.serving.limits import Limits


def _all_at_once(service: Service, count: int) -> list[httpx.Response]:
    """The answers to so many samples sent together, on the loop the service itself runs on."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=service.client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=300) as client:
            return await asyncio.gather(*(client.post("/api/jobs", **form(seed=n)) for n in range(count)))

    return service.client.portal.call(send)


@pytest.mark.slow
def test_two_hundred_jobs_at_once(start):
    service = start(limits=Limits(budget=LIMITS.budget, most_budget=LIMITS.most_budget, queue=8))
    answers = _all_at_once(service, 200)
    states = collections.Counter(answer.status_code for answer in answers)
    assert set(states) <= {202, 429} and states[202] >= 8 and states.total() == 200
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers if a.status_code == 429)
    assert service.client.get("/health").json()["ready"]
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert len(set(taken)) == len(taken) == len(service.queue.jobs())
    for job_id in taken[::2]:  # half of them are not wanted any more
        assert service.client.delete(f"/api/jobs/{job_id}").status_code in (200, 409)
    for job_id in taken:
        assert service.ended(job_id)["state"] in ("done", "cancelled")
    assert service.ended(service.post())["state"] == "done"
    counted = service.client.get("/metrics").text
    refused = sum(
        float(line.split()[-1])
        for line in counted.splitlines()
        if line.startswith("interplay_refusals_total") and ('"queue"' in line or '"uploads"' in line)
    )
    assert refused == states[429]


def test_uploads_at_one_time_are_bounded(start):
    gate = Gate()
    for _ in range(100):
        gate.go_on.release()
    service = start(gate, limits=Limits(uploads=2, queue=100))
    answers = _all_at_once(service, 50)
    refused = [a for a in answers if a.status_code == 429]
    assert refused and all("uploads come in" in a.json()["error"] for a in refused)
    wait_for(lambda: all(job.state in ENDED for job in service.queue.jobs()))
    assert len(service.queue.jobs()) == 50 - len(refused) >= 2
