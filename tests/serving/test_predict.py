"""Predictions without explanations, several samples in one request, and those that wait answered together."""

import asyncio
import threading
from dataclasses import replace

import pytest
from tests.serving.conftest import LIMITS, PICTURE, Gate, form, picture

from interplay.errors import BadInput
from interplay.serving import predicting
from interplay.serving.errors import ApiError
from interplay.serving.job import JobRequest
from interplay.serving.predicting import Prediction, Predictor

TEXTS = ("a wonderful thunder", "rain and a storm over the town", "sun")


def several(*texts: str, pictures: int | None = None) -> dict:
    """What httpx sends as a form of several samples."""
    count = len(texts) if pictures is None else pictures
    images = [("image", (f"{n}.png", picture((64 + 8 * n, 64)))) for n in range(count)]
    return {"data": {"text": list(texts)}, "files": images}


def request(text: str = TEXTS[0]) -> JobRequest:
    return JobRequest({"text": text}, {"image": ("1.png", PICTURE)}, {}, None, 400, 0)


def test_a_prediction_is_that_of_the_explanation(start):
    service = start()
    response = service.client.post("/api/predict", **form())
    assert response.status_code == 200
    (found,) = response.json()["predictions"]
    job = service.ended(service.post())
    wanted = service.client.get(f"/api/jobs/{job['id']}/result").json()["prediction"]
    assert found["probabilities"] == pytest.approx(wanted, abs=1e-5)
    assert found["labels"] == [max(wanted, key=wanted.get)]


def test_several_samples_are_answered_in_their_order(start):
    client = start(Gate()).client
    together = client.post("/api/predict", **several(*TEXTS)).json()["predictions"]
    assert len(together) == 3
    for n, text in enumerate(TEXTS):
        alone = client.post("/api/predict", **form(text=text, content=picture((64 + 8 * n, 64)))).json()["predictions"]
        assert together[n]["probabilities"] == pytest.approx(alone[0]["probabilities"], abs=1e-4)


@pytest.mark.parametrize(
    "parts, status, message",
    [
        (several("a", "b", pictures=1), 422, "2 of 'text', 1 of 'image'"),
        (several(*["a"] * 5), 422, "5 samples"),
        (several("a", " "), 422, "'text' is empty"),
        (form(target="storm"), 422, "unknown field 'target'"),
        ({"data": {"text": "a"}, "files": {"image": ("x.png", b"no picture")}}, 422, "not a picture"),
        ({"json": {"text": "a"}}, 415, "multipart/form-data"),
    ],
)
def test_what_cannot_be_predicted(start, parts, status, message):
    response = start(Gate(), limits=replace(LIMITS, samples=4)).client.post("/api/predict", **parts)
    assert response.status_code == status and message in response.text and response.json()["fix"]


def test_a_sample_without_a_feature_is_named_and_costs_the_others_nothing(explainer):
    found = predicting.predict_each(explainer, [request(), request(""), request(TEXTS[1])])
    assert isinstance(found[0], Prediction) and isinstance(found[2], Prediction)
    assert isinstance(found[1], BadInput) and "'text' holds no feature" in str(found[1])

    async def steps() -> None:
        predictor = Predictor(explainer, 10)
        other = asyncio.create_task(predictor.predict([request()]))
        with pytest.raises(ApiError, match="sample 2: 'text' holds no feature") as refused:
            await predictor.predict([request(), request("")])
        assert refused.value.status == 422 and len(await other) == 1

    asyncio.run(steps())


def test_what_waits_at_one_time_is_one_batch(explainer, monkeypatch):
    sizes, begun, go_on = [], threading.Event(), threading.Event()
    answer = Prediction(labels=[], probabilities={})

    def slowly(_, requests):
        sizes.append(len(requests))
        begun.set()
        assert go_on.wait(60)
        return [answer] * len(requests)

    monkeypatch.setattr(predicting, "predict_each", slowly)

    async def steps() -> None:
        predictor = Predictor(explainer, 6)
        first = asyncio.create_task(predictor.predict([request()]))
        await asyncio.to_thread(begun.wait, 60)
        others = [asyncio.create_task(predictor.predict([request()])) for _ in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await predictor.predict([request()])
        assert refused.value.status == 429
        others[5].cancel()  # its client has gone
        go_on.set()
        assert await asyncio.gather(first, *others[:5]) == [[answer]] * 6

    asyncio.run(steps())
    assert sizes == [1, predicting.TOGETHER, 6 - predicting.TOGETHER]


def test_several_samples_are_explained_each_as_a_job_or_none_of_them(start):
    service = start(Gate(), limits=replace(LIMITS, queue=3))
    response = service.client.post("/api/jobs/batch", **several(*TEXTS))
    assert response.status_code == 202
    jobs = response.json()
    assert [job["inputs"]["text"] for job in jobs] == list(TEXTS)
    assert {job["id"] for job in jobs} == {job["id"] for job in service.client.get("/api/jobs").json()}
    response = service.client.post("/api/jobs/batch", **several(*TEXTS))
    assert response.status_code == 429 and int(response.headers["retry-after"]) >= 1
    assert len(service.client.get("/api/jobs").json()) == 3 and len(list(service.queue.folder.glob("*/job.json"))) == 3


def test_more_samples_than_can_ever_wait_are_refused(start):
    service = start(Gate(), limits=replace(LIMITS, queue=2))
    response = service.client.post("/api/jobs/batch", **several(*TEXTS))
    assert response.status_code == 422 and "at most 2" in response.json()["expected"]


def test_a_job_says_how_many_are_before_it(start):
    gate = Gate()
    service = start(gate)
    first, second, third = service.post(), service.post(), service.post()
    assert gate.begun.acquire(timeout=60)
    ahead = [service.client.get(f"/api/jobs/{job_id}").json()["ahead"] for job_id in (first, second, third)]
    assert ahead == [None, 1, 2]
