"""Whatever people write or call their files comes out as just that: text, on a page of the same shape as any other."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.serving.conftest import LIMITS, PICTURE, form
from tests.serving.hostile import NAMES, TEXTS

from interplay.pipeline.explain import explain_config
from interplay.serving.limits import Limits
from interplay.serving.uploads import file_name

NUMBER_OF_INPUTS = 50


class Shape(HTMLParser):
    """The elements of a page with their attributes, and what lies in its blocks of data."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.data, self._id = list[str](), dict[str, str](), ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        named = dict(attrs)
        self._id = named.get("id", "") if named.get("type") == "application/json" else ""
        self.elements.append(f"{tag} {sorted(named.items())}")

    def handle_endtag(self, tag) -> None:
        self._id = ""

    def handle_data(self, data) -> None:
        if self._id:
            self.data[self._id] = self.data.get(self._id, "") + data


def on_the_wire(name: str) -> str:
    """A file name as HTML says that forms write it: these characters would end the header."""
    return name.replace('"', "%22").replace("\0", "%00")


@pytest.mark.slow
def test_fifty_hostile_inputs_come_out_as_they_went_in(start, explainer):
    assert len(TEXTS) >= NUMBER_OF_INPUTS
    little = {"explain.estimator": "naive", "explain.candidates": 1, "explain.ig_steps": 2}
    quick = replace(explainer, run=replace(explainer.run, config=explain_config(explainer.run, little)))
    service = start(quick, limits=Limits(budget=LIMITS.budget, most_budget=LIMITS.most_budget, queue=100))
    plain = service.post(name="plain.png")
    sent = {service.post(text=t, name=NAMES[n % len(NAMES)]): (t, NAMES[n % len(NAMES)]) for n, t in enumerate(TEXTS)}
    service.ended(plain)
    shape = Shape(service.client.get(f"/api/jobs/{plain}/page").text).elements
    listed = {job["id"]: job for job in service.client.get("/api/jobs").json()}
    for job_id, (text, name) in sent.items():
        job = service.ended(job_id)
        assert job["state"] == "done", (text[:80], job["fault"])
        kept = file_name(on_the_wire(name)) or "image"
        assert listed[job_id]["inputs"] == {"text": text[:80], "image": kept}
        got = service.client.get(f"/api/jobs/{job_id}/result").json()["inputs"]
        assert got["text"]["text"] == text and got["image"]["path"] == kept
        page = Shape(service.client.get(f"/api/jobs/{job_id}/page").text)
        assert page.elements == shape, f"{text[:80]!r} changed the page"
        assert json.loads(page.data["data-0"])["explanation"]["inputs"]["text"]["text"] == text


def test_names_lose_their_folders_and_what_is_not_seen():
    for name in NAMES:
        kept = file_name(name)
        assert not set(kept) & set("/\\\0\u202e") and len(kept) <= 120 and kept not in (".", "..")


def test_a_hostile_target_or_field_is_named_in_json_alone(start):
    service = start()
    for text in TEXTS[:30]:
        for parts in (form(target=text), {"data": {text: "a"}, "files": {"image": ("x.png", PICTURE)}}):
            response = service.client.post("/api/jobs", **parts)
            assert response.status_code in (400, 422), text
            assert response.headers["content-type"] == "application/json" and len(response.text) < 1500
            assert set(response.json()) == {"error", "expected", "fix"}
