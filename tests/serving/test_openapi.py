"""Requests made up from the OpenAPI document: nothing breaks, and every answer is one that is declared."""

import collections

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from tests.serving.conftest import PICTURE, TOKEN, Gate, form

from interplay.serving.limits import Limits

CASES = 30
"""Of each kind, for each of the routes."""


@pytest.mark.parametrize("token", [None, TOKEN])
def test_made_up_requests(start, token):
    gate = Gate()
    for _ in range(100_000):
        gate.go_on.release()
    service = start(gate, limits=Limits(queue=1_000, keep=20), token=token)
    headers = {"Host": "127.0.0.1"} | ({"Authorization": f"Bearer {token}"} if token else {})
    job_id = service.client.post("/api/jobs", **form(), headers=headers).json()["id"]
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.client.app, headers=headers)
    schema.config.update(headers=headers) if False else None
    seen: collections.Counter[tuple[str, int]] = collections.Counter()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for found in schema.get_all_operations():
            operation = found.ok()

            @hypothesis.settings(
                max_examples=CASES,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def ask(case):
                if "job_id" in case.path_parameters and len(seen) % 2:
                    case.path_parameters["job_id"] = job_id
                response = case.call_and_validate(headers=headers)
                seen[case.operation.label, response.status_code] += 1

            ask()
    assert sum(seen.values()) > 200 and not [status for _, status in seen if status >= 500]
    assert PICTURE and seen["GET /api/jobs", 200]
