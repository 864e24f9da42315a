"""Predictions alone, without an explanation: samples that wait at the same time are answered in one batch."""

import asyncio
import tempfile
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, Field

from interplay.errors import BadInput
from interplay.metrics import predicted_labels
from interplay.serving.errors import ApiError, error_body_of
from interplay.serving.explainer import Explainer
from interplay.serving.job import JobRequest

TOGETHER = 4
"""Samples of one batch; of more, the activations of the encoders would take memory and save no time on a processor."""


class Prediction(BaseModel):
    """What the model predicts of one sample."""

    labels: list[str] = Field(description="the most probable one; or, where several may hold, all from one half on")
    probabilities: dict[str, float] = Field(description="label -> its probability")


class Predictor:
    """Answers requests for predictions, in batches. Its methods are called on the event loop.

    Args:
        explainer: the run with its encoders.
        waiting: samples that may wait.
    """

    def __init__(self, explainer: Explainer, waiting: int) -> None:
        self._explainer, self._most = explainer, waiting
        self._waiting: deque[tuple[JobRequest, asyncio.Future[Prediction]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._working: asyncio.Task[None] | None = None

    async def predict(self, requests: Sequence[JobRequest]) -> list[Prediction]:
        """The predictions of some samples, in their order.

        Args:
            requests: the samples.

        Raises:
            ApiError: one of them cannot be used (422), or too many wait (429).
        """
        if len(self._waiting) + len(requests) > self._most:
            raise ApiError(
                429,
                f"{len(self._waiting)} samples wait to be predicted",
                expected=f"at most {self._most}",
                fix="try again later",
                reason="predictions",
                headers={"Retry-After": "1"},
            )
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in requests]
        self._waiting.extend(zip(requests, answers, strict=True))
        if self._working is None or self._working.done():
            self._working = loop.create_task(self._work())
        found = await asyncio.gather(*answers, return_exceptions=True)
        for number, one in enumerate(found, start=1):
            if isinstance(one, BadInput):
                body = error_body_of(one)
                which = f"sample {number}: " if len(found) > 1 else ""
                raise ApiError(422, which + body.error, expected=body.expected, fix=body.fix, reason="input")
            if isinstance(one, BaseException):
                raise one
        return [one for one in found if isinstance(one, Prediction)]

    async def _work(self) -> None:
        """Answer until nothing waits; what came in meanwhile is the next batch."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            requests = [request for request, _ in batch]
            found = await loop.run_in_executor(self._thread, predict_each, self._explainer, requests)
            for (_, answer), one in zip(batch, found, strict=True):
                if answer.cancelled():  # its client is gone
                    continue
                if isinstance(one, Exception):
                    answer.set_exception(one)
                else:
                    answer.set_result(one)

    def close(self) -> None:
        """Answer no more requests."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def predict_each(explainer: Explainer, requests: Sequence[JobRequest]) -> list[Prediction | Exception]:
    """Each sample's prediction, or why there is none: one that cannot be used costs the others nothing.

    Args:
        explainer: the run with its encoders.
        requests: the samples.
    """
    try:
        return list(_predictions(explainer, requests))
    except Exception as error:
        if len(requests) == 1:
            return [error]
        return [one for request in requests for one in predict_each(explainer, [request])]


def _predictions(explainer: Explainer, requests: Sequence[JobRequest]) -> list[Prediction]:
    card = explainer.run.card
    p = probabilities(explainer, requests)
    chosen = predicted_labels(p, card.label_kind)
    return [
        Prediction(
            labels=[label for label, holds in zip(card.labels, row, strict=True) if holds],
            probabilities=dict(zip(card.labels, values, strict=True)),
        )
        for row, values in zip(chosen, p.tolist(), strict=True)
    ]


def probabilities(explainer: Explainer, requests: Sequence[JobRequest]) -> Float[np.ndarray, "N C"]:
    """The probability of each label for each sample, (N, C).

    Args:
        explainer: the run with its encoders.
        requests: the samples.

    Raises:
        BadInput: one of them cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="interplay-predict-") as folder:
        samples = []
        for number, request in enumerate(requests):
            inputs = Path(folder) / str(number)
            inputs.mkdir()
            for name, content in request.files.values():
                (inputs / name).write_bytes(content)
            samples.append(explainer.sample(request, inputs))
        batch = explainer.encode(samples)
    run = explainer.run
    with torch.inference_mode():
        logits = run.model(batch.features, batch.valid).logits.double()
    return np.asarray(run.card.task.probabilities(logits).numpy())
