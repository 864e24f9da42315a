"""Services in this process: with the small run, or with a job whose steps the test decides."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from interplay.serving.app import make_app
from interplay.serving.explainer import Explainer
from interplay.serving.job import ENDED, Explained, JobRequest
from interplay.serving.jobs import JobQueue
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter

TEXT = "what a wonderful thunder over the town"
LIMITS = Limits(budget=400, most_budget=2_000, keep=500)
TOKEN = "a-token-of-24-characters"


def picture(size: tuple[int, int] = (96, 64), kind: str = "PNG") -> bytes:
    """Noise as a file."""
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


PICTURE = picture()


def form(text: str = TEXT, content: bytes = PICTURE, name: str = "cat.png", **options: object) -> dict:
    """What httpx sends as a form."""
    return {"data": {"text": text, **{k: str(v) for k, v in options.items()}}, "files": {"image": (name, content)}}


class Gate:
    """Stands in for the model: each job waits until it is let through, and reports as often as it is told to."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.fails: Exception | None = None

    def __call__(self, order: JobRequest, inputs: Path, tell: Callable[[int, int], None]) -> Explained:
        tell(0, 10)
        self.begun.release()
        if not self.go_on.acquire(timeout=60):
            raise TimeoutError("nobody let the job go on")
        tell(5, 10)
        if self.fails:
            raise self.fails
        return Explained('{"text": ' + str(len(order.texts["text"])) + "}", "<!doctype html><title>page</title>")


@dataclass
class Service:
    """A service and somebody who asks it."""

    queue: JobQueue
    client: TestClient

    def post(self, **parts: object) -> str:
        """Send a sample; the id of its job."""
        response = self.client.post("/api/jobs", **form(**parts))
        assert response.status_code == 202, response.text
        assert response.headers["location"] == f"/api/jobs/{response.json()['id']}"
        return response.json()["id"]

    def ended(self, job_id: str) -> dict:
        """The job once it has ended."""
        wait_for(lambda: self.queue.job(job_id).state in ENDED)
        return self.client.get(f"/api/jobs/{job_id}").json()


def wait_for(true: Callable[[], object], seconds: float = 120) -> None:
    """Until something is true; fails if it never is."""
    tick = threading.Event()
    for _ in range(int(seconds * 50)):
        if true():
            return
        tick.wait(0.02)
    raise AssertionError("it never came")


@pytest.fixture(scope="session")
def explainer(small_run) -> Explainer:
    """The small run, opened and warm."""
    explainer = Explainer(small_run.run, small_run.encoders)
    explainer.warm_up()
    return explainer


Starter = Callable[..., Service]


@pytest.fixture
def start(explainer, tmp_path) -> Iterator[Starter]:
    """Starts a service; `explain` and `folder` may be others than the small run and a new folder."""
    with ExitStack() as stack:

        def starter(explain=None, folder=None, limits: Limits = LIMITS, token: str | None = None, **more) -> Service:
            meter = Meter()
            queue = stack.enter_context(JobQueue(explain or explainer, folder or tmp_path / "jobs", limits, meter))
            if isinstance(explain, Gate):
                stack.callback(explain.go_on.release, 1_000)  # nothing is waited for at the end
            app = make_app(explainer, queue, meter, token=token, **more)
            client = TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)
            return Service(queue, stack.enter_context(client))

        yield starter
