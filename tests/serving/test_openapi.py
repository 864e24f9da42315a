"""Requests made up from the OpenAPI document: nothing breaks, and every answer is one that is declared."""

import collections

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.serving.conftest import PICTURE, TOKEN, Gate, form, picture

from interplay.serving.job import Explained, JobRequest
from interplay.serving.limits import Limits

CASES = 12
"""Of each kind, for each route; there are 15 routes and 2 kinds."""


class Repeated(Gate):
    """Every job leaves what one real job has left."""

    def __init__(self, explained: Explained) -> None:
        super().__init__()
        self.explained = explained

    def __call__(self, order: JobRequest, inputs, tell) -> Explained:
        tell(10, 10)
        return self.explained


@pytest.fixture(scope="module")
def explained(explainer, tmp_path_factory) -> Explained:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "1.png").write_bytes(PICTURE)
    order = JobRequest({"text": "thunder"}, {"image": ("1.png", b"")}, {"image": "cat.png"}, None, 400, 0)
    return explainer(order, folder, lambda done, most: None)


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, TOKEN])
def test_made_up_requests(start, explained, token):
    service = start(Repeated(explained), limits=Limits(queue=1_000, keep=1_000, wrong_tokens=10_000), token=token)
    headers = {"Host": "127.0.0.1"} | ({"Authorization": f"Bearer {token}"} if token else {})
    sent = service.client.post("/api/jobs", **form(), headers=headers)
    done = service.ended(sent.json()["id"]) if token is None else sent.json()
    schemathesis.openapi.media_type("image/png", st.sampled_from([PICTURE, picture((30, 40))]))
    schema = schemathesis.openapi.from_asgi("/openapi.json", service.client.app, headers=headers)
    refused = schema.config.checks.negative_data_rejection.expected_statuses
    assert isinstance(refused, list)
    refused.append("413")  # a text that is too long
    seen: collections.Counter[tuple[str, int]] = collections.Counter()
    settings = hypothesis.settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    def ask(case: schemathesis.Case) -> None:
        if case.meta.generation.mode.is_positive and "job_id" in case.path_parameters:
            case.path_parameters["job_id"] = done["id"]
        # Forms of several samples: a schema cannot say that all fields have as many values, and arrays of files are
        # made up as arrays of texts.
        several = case.operation.label in ("POST /api/predict", "POST /api/jobs/batch")
        skipped = [positive_data_acceptance] if several else []
        response = case.call_and_validate(headers=headers, excluded_checks=skipped)
        seen[case.operation.label, response.status_code] += 1

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for found in schema.get_all_operations():
            cases = found.ok().as_strategy(generation_mode=mode)
            try:
                settings(hypothesis.given(cases)(ask))()
            except hypothesis.errors.Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, found.ok().label  # nothing can be wrong with it
    assert sum(seen.values()) >= 100 and not [status for _, status in seen if status >= 500], seen
    assert seen["POST /api/jobs", 202] and seen["POST /api/jobs", 422] and seen["GET /api/jobs/{job_id}/result", 200]
