"""The service as somebody meets who asks it: the whole way, every refusal, and what is on every answer."""

import asyncio
import io
import re
import shutil
import struct
import sys
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.datastructures import UploadFile
from starlette.testclient import TestClient
from tests.serving.conftest import LIMITS, PICTURE, TEXT, TOKEN, Gate, form, picture, wait_for
from tests.serving.hostile import MEGABYTE_WORD

from interplay.pipeline.datasets import new_sample
from interplay.pipeline.explain import explain
from interplay.pipeline.report import report_run
from interplay.report import write_page
from interplay.results import Explanation
from interplay.serving import uploads
from interplay.serving.accepted import Accepted
from interplay.serving.app import make_app
from interplay.serving.errors import ApiError
from interplay.serving.lanes import file_reader
from interplay.serving.limits import Limits
from interplay.serving.meter import Meter
from interplay.serving.uploads import file_name

PLACES = {str(Path(place)) for place in (tempfile.gettempdir(), Path.home(), Path.cwd(), sys.prefix)} - {"/"}
"""Where this machine keeps what the service works with."""
LEAKS = re.compile("|".join([r"Traceback|File \"|site-packages|\.py\b|Errno|0x[0-9a-f]{6}", *map(re.escape, PLACES)]))


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_path_of_this_machine_would_be_seen(place):
    assert LEAKS.search(f'{{"error": "cannot read {place}/run/model"}}') and not LEAKS.search('{"error": "no page"}')


def png(width: int, height: int, rows: int = 0) -> bytes:
    """A PNG whose header promises so many pixels; so many of its rows, all black, are there and take nearly nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes((1 + 3 * width) * rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(5_000_000))
    return out.getvalue()


def told(response: httpx.Response) -> str:
    """The fault of a refused answer, which is never more than a fault."""
    assert set(response.json()) == {"error", "expected", "fix"} and response.json()["fix"], response.text
    assert not LEAKS.search(response.text + str(response.headers)), response.text
    return response.text


@pytest.mark.slow
def test_the_whole_way(start, explainer, small_run):
    service = start()
    job_id = service.post(target="storm", seed=3, name="my cat.png")
    job = service.ended(job_id)
    assert job["state"] == "done" and job["progress"]["done"] == job["progress"]["most"] > 100
    assert job["inputs"] == {"text": TEXT, "image": "my cat.png"} and job["created"] <= job["started"] <= job["ended"]
    result = service.client.get(f"/api/jobs/{job_id}/result")
    explanation = Explanation.model_validate_json(result.content)
    assert explanation.target == "storm" and explanation.provenance.seed == 3 and explanation.evaluations <= 400
    assert explanation.inputs["image"].path == "my cat.png" and explanation.inputs["text"].text == TEXT
    assert not LEAKS.search(result.text), "no path of this machine"
    page = service.client.get(f"/api/jobs/{job_id}/page")
    assert page.headers["content-type"].startswith("text/html") and TEXT in page.text
    assert [one["id"] for one in service.client.get("/api/jobs").json()] == [job_id]


def test_it_says_what_the_command_line_says(start, small_run, tmp_path):
    """The picture is decoded and written anew on its way, and that changes nothing."""
    (tmp_path / "cat.jpg").write_bytes(picture((1500, 700), "JPEG"))
    sample = new_sample(small_run.run, {"text": TEXT, "image": str(tmp_path / "cat.jpg")})
    (wanted,) = explain(small_run.run, [sample], encoders=small_run.encoders)
    service = start()
    job = service.ended(service.post(content=(tmp_path / "cat.jpg").read_bytes(), name="cat.jpg"))
    got = Explanation.model_validate_json(service.client.get(f"/api/jobs/{job['id']}/result").content)
    assert got == wanted


BAD = [
    ("bomb", form(content=png(10_000, 8_001, 8_001)), 413, "too many pixels"),
    ("20,000 px", form(content=png(20_000, 20_000)), 413, "too many pixels"),
    ("20,000 px wide", form(content=png(20_000, 1)), 413, "too many pixels"),
    ("2^31 px", form(content=png(2**31 - 1, 2**31 - 1)), 413, "too many pixels"),
    ("zip", form(content=zipped()), 422, "not a picture"),
    ("zip called png", form(content=zipped(), name="cat.png"), 422, "not a picture"),
    ("text as picture", form(content=b"hello"), 422, "not a picture: it begins with 'hello'"),
    ("svg", form(content=b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 422, "not a picture"),
    ("nothing", form(content=b""), 422, "empty"),
    ("half a picture", form(content=PICTURE[: len(PICTURE) // 2]), 422, "corrupt or cut short"),
    ("broken picture", form(content=PICTURE[:200] + bytes(200) + PICTURE[400:]), 422, "corrupt or cut short"),
    ("header alone", form(content=png(100, 100)), 422, "corrupt or cut short"),
    ("no picture", {"data": {"text": "a"}, "files": {"image ": ("x", b"")}}, 422, "unknown field"),
    ("no text", {"files": {"image": ("x.png", PICTURE)}}, 422, "'text' is missing"),
    ("picture as text", {"data": {"text": "a", "image": "b"}, "files": {"x": ("x", b"")}}, 422, "unknown field"),
    ("text as file", {"files": {"text": ("t", b"a"), "image": ("x.png", PICTURE)}}, 422, "'text' is a file"),
    ("empty text", form(text=""), 422, "'text' is empty"),
    ("blank text", form(text=" \n\t "), 422, "'text' is empty"),
    ("unseen text", form(text="\u200b\u200d\u2066"), 422, "'text' is empty"),
    ("variation selector alone", form(text="\ufe0f"), 422, "'text' is empty"),
    ("a mark alone", form(text="\u0301"), 422, "'text' is empty"),
    ("fillers, drawn as blanks", form(text="\u3164\u2800"), 422, "'text' is empty"),
    ("NBSP and soft hyphen", form(text="\xa0\xad"), 422, "'text' is empty"),
    ("1 MB word", form(text=MEGABYTE_WORD), 413, "text is too long"),
    ("text one too long", form(text="a" * (LIMITS.characters + 1)), 413, "text is too long"),
    ("unknown target", form(target="rain"), 422, "unknown target 'rain'"),
    ("hostile target", form(target="<script>" * 99), 422, "unknown target"),
    ("no target", form(target=""), 422, "unknown target ''"),
    ("budget of 0", form(budget=0), 422, "budget is '0'"),
    ("budget too large", form(budget=2_001), 422, "from 16 to 2000"),
    ("budget of words", form(budget="many"), 422, "budget is 'many'"),
    ("budget of a point", form(budget="1e3"), 422, "budget is '1e3'"),
    ("budget of other digits", form(budget="٤٠٠"), 422, "budget"),
    ("budget without end", form(budget="9" * 5000), 422, "budget"),
    ("seed below 0", form(seed=-1), 422, "seed is '-1'"),
    ("unknown field", form(speed=3), 422, "unknown field 'speed'"),
    ("twice", {**form(), "data": {"text": ["a", "b"]}}, 422, "there twice"),
    ("twice a picture", {"data": {"text": "a"}, "files": [("image", ("x", PICTURE))] * 2}, 422, "/api/jobs/batch"),
    ("many parts", {"data": {f"x{n}": "1" for n in range(40)}, "files": {"image": ("x", b"")}}, 400, "too many parts"),
    ("many files", {"files": [(f"x{n}", ("x", b"")) for n in range(40)]}, 400, "too many parts"),
    ("json", {"json": {"text": "a"}}, 415, "multipart/form-data"),
    ("url encoded", {"data": {"text": "a"}}, 415, "multipart/form-data"),
    ("no body", {}, 415, "multipart/form-data"),
    ("too large", form(content=bytes(LIMITS.upload_bytes)), 413, "body is too large"),
]


@pytest.fixture(scope="module")
def refusing(explainer, tmp_path_factory):
    """One service for all that is refused; nothing of it may reach the queue."""
    from starlette.testclient import TestClient

    from interplay.serving.app import make_app
    from interplay.serving.jobs import JobQueue
    from interplay.serving.meter import Meter

    meter = Meter()
    with JobQueue(Gate(), tmp_path_factory.mktemp("refusing"), LIMITS, meter) as queue:
        yield queue, TestClient(make_app(explainer, queue, meter, token=None), base_url="http://127.0.0.1")


@pytest.mark.parametrize("parts, status, message", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(refusing, parts, status, message):
    queue, client = refusing
    response = client.post("/api/jobs", **parts)
    assert response.status_code == status and message in told(response), response.text
    assert queue.jobs() == [] and [p.name for p in queue.folder.iterdir()] == [".lock"]
    assert client.get("/health").json() == {"alive": True, "ready": True, "queued": 0}


@pytest.mark.parametrize(
    "kind, body, status",
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"", 422),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", 400),
        ("multipart/form-data; boundary=x; charset=utf-7", b"--x--\r\n", 415),
        ("multipart/form-data; boundary=" + "x" * 3000, b"--x--\r\n", 400),
        ("text/plain", b"hello", 415),
        ("\x7f;;;=", b"", 415),
    ],
)
def test_bodies_that_are_no_forms(refusing, kind, body, status):
    _, client = refusing
    response = client.post("/api/jobs", content=body, headers={"content-type": kind})
    assert response.status_code == status, response.text
    told(response)


def test_a_body_without_length_is_refused_as_it_comes(start):
    gate = Gate()
    service = start(gate, limits=Limits(upload_bytes=300_000))
    sent = 0

    def body():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
        for _ in range(100):
            sent += 1
            yield bytes(50_000)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    response = service.client.post("/api/jobs", content=body(), headers=kind)
    assert response.status_code == 413 and "at most 300000 bytes" in told(response)
    assert service.queue.jobs() == []


def test_pictures_of_every_kind_and_side_up_to_the_limit(start):
    service = start(Gate(), limits=Limits(pixels=100_000, side=1_000, queue=50))
    for size, status in (((250, 400), 202), ((251, 400), 413), ((1_000, 100), 202), ((1_001, 10), 413)):
        assert service.client.post("/api/jobs", **form(content=picture(size))).status_code == status, size
    for kind in ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        assert service.client.post("/api/jobs", **form(content=picture((90, 80), kind))).status_code == 202, kind


def test_a_full_queue(start):
    gate = Gate()
    service = start(gate, limits=Limits(queue=2))
    service.post()
    assert gate.begun.acquire(timeout=60)
    waiting = [service.post(), service.post()]
    response = service.client.post("/api/jobs", **form())
    assert response.status_code == 429 and "2 jobs wait already" in told(response)
    assert int(response.headers["retry-after"]) >= 1
    assert service.client.get("/health").json()["queued"] == 2
    cancelled = service.client.delete(f"/api/jobs/{waiting[0]}")
    assert cancelled.status_code == 200 and cancelled.json()["state"] == "cancelled"
    service.post()
    metrics = service.client.get("/metrics").text
    assert "interplay_queue_length 2.0" in metrics and 'interplay_refusals_total{reason="queue"} 1.0' in metrics
    assert 'interplay_jobs{state="running"} 1.0' in metrics and 'interplay_jobs{state="cancelled"} 1.0' in metrics


def test_cancel_a_running_job_of_the_model(start):
    """The real thing: it stops at one of its own reports."""
    service = start(limits=Limits(most_budget=60_000, budget=60_000))
    job_id = service.post(budget=60_000)
    wait_for(lambda: service.queue.job(job_id).progress.done > 0 or service.queue.job(job_id).state != "running")
    response = service.client.delete(f"/api/jobs/{job_id}")
    if response.status_code == 200:
        assert service.ended(job_id)["state"] == "cancelled"
    else:  # a budget above all coalitions is asked at once
        assert response.status_code == 409


def test_a_job_that_cannot_be_explained_says_what_to_do(start):
    service = start()
    job = service.ended(service.post(budget=16))
    assert job["state"] == "failed" and "budget of 16 evaluations is too small" in job["fault"]["error"]
    response = service.client.get(f"/api/jobs/{job['id']}/result")
    assert response.status_code == 409 and "the job is failed" in told(response)


def test_states_of_a_job_that_has_not_ended(start):
    gate = Gate()
    service = start(gate)
    job_id = service.post()
    assert gate.begun.acquire(timeout=60)
    for what in ("result", "page"):
        response = service.client.get(f"/api/jobs/{job_id}/{what}")
        assert response.status_code == 409 and "the job is running" in told(response)
    gate.go_on.release()
    service.ended(job_id)
    response = service.client.delete(f"/api/jobs/{job_id}")
    assert response.status_code == 409 and "ended already: done" in told(response)


@pytest.mark.parametrize(
    "method, address, status",
    [
        ("GET", "/api/jobs/0123456789abcdef", 404),
        ("DELETE", "/api/jobs/0123456789abcdef", 404),
        ("GET", "/api/jobs/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/api/jobs/%00/page", 404),
        ("GET", "/pages/explanations/..%2fconfig.toml", 404),
        ("GET", "/pages/../config.toml", 404),
        ("GET", "/pages/explanations/none.html", 404),
        ("GET", "/pages/model/card.json", 404),
        ("GET", "/pages/%2e%2e/config.toml", 404),
        ("GET", "/redoc", 404),
        ("GET", "/api/jobs/", 404),
        ("PUT", "/api/jobs", 405),
        ("TRACE", "/api/jobs", 405),
        ("POST", "/health", 405),
    ],
)
def test_addresses_that_are_not_there(refusing, method, address, status):
    _, client = refusing
    response = client.request(method, address)
    assert response.status_code == status
    told(response)


def test_a_token(start):
    service = start(Gate(), token=TOKEN, limits=replace(LIMITS, wrong_tokens=1_000))
    client = service.client
    for address in ("/api/jobs", "/api/run", "/metrics", "/openapi.json", "/api/pages", "/nowhere"):
        for headers in (
            {},
            {"authorization": f"Bearer {TOKEN}x"},
            {"authorization": f"Basic {TOKEN}"},
            {"authorization": "Bearer é".encode("latin-1")},
            {"cookie": f"interplay={TOKEN}"},
            {"cookie": "interplay=\xff; =;;".encode("latin-1")},
        ):
            response = client.get(address, headers=headers)
            assert response.status_code == 401 and "token" in told(response), (address, headers)
            assert response.headers["www-authenticate"] == "Bearer" and TOKEN not in response.text
    assert client.post("/api/jobs", **form()).status_code == 401 and service.queue.jobs() == []
    assert client.get("/api/run", headers={"authorization": f"bearer {TOKEN}"}).status_code == 200
    assert client.get("/health").status_code == 200


def test_a_browser_shows_the_token_once(start):
    client = start(Gate(), token=TOKEN).client
    first = client.get("/")
    assert first.status_code == 401 and 'name="token"' in first.text and "storm" not in first.text
    wrong = client.post("/login", data={"token": "another"})
    assert wrong.status_code == 401 and "another token" in wrong.text and "set-cookie" not in wrong.headers
    for body in (
        {"data": {"token": ""}},
        {"data": {"tokens": TOKEN}},
        {"json": {"token": TOKEN}},
        {"data": {"a": "b"}},
    ):
        assert client.post("/login", **body).status_code in (400, 401, 415)
    right = client.post("/login", data={"token": f" {TOKEN} "}, headers={"origin": "null"})
    assert right.status_code == 303 and right.headers["location"] == "/"
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and TOKEN not in cookie
    assert client.get("/").status_code == 200 and client.get("/api/jobs").status_code == 200
    assert client.post("/api/jobs", **form()).status_code == 202
    other = {"origin": "http://evil.example"}
    assert client.post("/api/jobs", **form(), headers=other).status_code == 403, "the cookie is there, but not ours"


@pytest.mark.parametrize(
    "host, status",
    [
        ("127.0.0.1", 200),
        ("localhost:9000", 200),
        ("[::1]:80", 200),
        ("127.8.8.8", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example", 400),
        ("evil.example@localhost", 400),
        ("user:evil.example@127.0.0.1", 400),
        ("localhost#.evil.example", 400),
        ("localhost/evil.example", 400),
        ("localhost\\evil.example", 400),
        ("127.0.0.1, evil.example", 400),
        ("127.0.0.1:80:90", 400),
        ("localhost:", 400),
        ("[::1]evil.example", 400),
        ("LOCALHOST:8000", 200),
        ("localhost@evil.example", 400),
        ("", 400),
        ("[", 400),
        ("0.0.0.0", 400),
    ],
)
def test_the_host_named(refusing, host, status):
    _, client = refusing
    response = client.get("/api/jobs", headers={"host": host})
    assert response.status_code == status
    if status == 400:
        assert "another host" in told(response)


def test_offered_to_others_it_takes_any_host_with_the_token(start):
    client = start(Gate(), token=TOKEN, loopback=False).client
    headers = {"host": "interplay.example", "authorization": f"Bearer {TOKEN}"}
    assert client.get("/api/jobs", headers=headers).status_code == 200
    assert client.get("/api/jobs", headers={"host": "interplay.example"}).status_code == 401


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 202),
        ({"origin": "http://127.0.0.1:8000"}, 202),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 202),
    ],
)
def test_pages_of_other_sites_cannot_send_jobs(start, headers, status):
    service = start(Gate())
    response = service.client.post("/api/jobs", **form(), headers=headers)
    assert response.status_code == status and len(service.queue.jobs()) == (status == 202)


def test_headers_of_every_answer(start, small_run):
    service = start()
    job_id = service.ended(service.post())["id"]
    asked = ["/", "/health", "/metrics", "/openapi.json", "/api/run", "/api/jobs", f"/api/jobs/{job_id}"]
    asked += [f"/api/jobs/{job_id}/result", f"/api/jobs/{job_id}/page", "/nowhere", "/pages/x/y", "/api/jobs/x"]
    for address in asked:
        headers = service.client.get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none';") and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
        assert not any(name.startswith("access-control") for name in headers) and "server" not in headers


def test_pages_of_the_run(start, explainer, tmp_path):
    service = start()
    job_id = service.ended(service.post())["id"]
    explanation = Explanation.model_validate_json(service.queue.result(job_id).read_bytes())
    folder = tmp_path / "run"
    (folder / "explanations").mkdir(parents=True)
    write_page([explanation], {}, folder / "explanations" / "page.html")
    (folder / "explanations" / "01-new.json").write_text("{}")
    (folder / "config.toml").write_text("secret")
    (folder / "validation").mkdir()
    (folder / "validation" / "old.html").write_text("<!doctype html><head><script>alert(1)</script></head>")
    other = replace(explainer, run=replace(explainer.run, folder=folder))
    client = TestClient(make_app(other, service.queue, Meter(), token=None), base_url="http://localhost")
    pages = client.get("/api/pages").json()
    assert [p["href"] for p in pages] == ["/pages/explanations/page.html", "/pages/validation/old.html"]
    assert all(p["href"] in client.get("/").text for p in pages)
    page = client.get(pages[0]["href"])
    hashes = re.findall(r"'sha256-[^']+'", page.headers["content-security-policy"])
    assert len(hashes) == 2, "its own style and script, and no other"
    old = client.get(pages[1]["href"])
    assert "script-src" not in old.headers["content-security-policy"], "what names no policy runs nothing"
    assert client.get("/pages/explanations/01-new.json").status_code == 404


def test_the_page_of_the_run_and_what_it_loads(start, explainer, small_run, tmp_path):
    run = replace(small_run.run, folder=tmp_path / "run")
    shutil.copytree(small_run.run.folder, run.folder)
    report_run(run, small_run.dataset, splits=["val"], store=small_run.store)
    client = TestClient(
        make_app(replace(explainer, run=run), start().queue, Meter(), token=None), base_url="http://localhost"
    )
    assert [p["href"] for p in client.get("/api/pages").json()] == ["/pages/report/index.html"]
    policy = client.get("/pages/report/index.html").headers["content-security-policy"]
    assert "frame-src 'self'" in policy and "frame-ancestors 'none'" in policy and "script-src 'sha256-" in policy
    samples = client.get("/pages/report/data/000.html")
    assert "frame-ancestors 'self'" in samples.headers["content-security-policy"]
    assert samples.headers["x-frame-options"] == "SAMEORIGIN"
    thumbnail = client.get("/pages/report/pictures/000/00000.webp")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/webp")
    (run.folder / "report" / "data" / "secret.txt").write_text("secret")
    for beside in ("data/secret.txt", "data/999.html", "data/..%2Findex.html", "pictures/000/secret.webp"):
        assert client.get(f"/pages/report/{beside}").status_code == 404


def test_openapi_says_which_answers_there_are(start):
    document = start(Gate()).client.get("/openapi.json").json()
    post = document["paths"]["/api/jobs"]["post"]
    assert set(post["responses"]) == {"202", "400", "401", "403", "408", "413", "415", "422", "429", "500", "503"}
    schema = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["text", "image"] and "storm" in schema["properties"]["target"]["enum"]
    fault = {"$ref": "#/components/schemas/ErrorBody"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400" and (path, status) not in (("/", "401"), ("/login", "401"), ("/health", "503")):
                    assert response["content"]["application/json"]["schema"] == fault, (path, status)
    assert "securitySchemes" not in document["components"]


def test_openapi_tells_of_the_token_where_one_is_asked_for(start):
    client = start(Gate(), token=TOKEN).client
    document = client.get("/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path not in ("/", "/health", "/login"))


def test_what_goes_wrong_inside_is_told_by_a_number_alone(start, monkeypatch, caplog):
    service = start(Gate())
    monkeypatch.setattr(service.queue, "jobs", lambda: 1 / 0)
    response = service.client.get("/api/jobs")
    assert response.status_code == 500
    key = re.search(r"\((\w+)\)", told(response)).group(1)
    assert key in caplog.text and "ZeroDivisionError" in caplog.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_features_that_were_computed_beforehand(tmp_path):
    accepted = Accepted({"sound": "features", "target": "text"}, ("a", "b"), {"sound": 3}, LIMITS)
    assert accepted.options == {"target": "explain_target", "budget": "budget", "seed": "seed"}
    assert accepted.schema()["required"] == ["sound", "target"]
    reader = file_reader(LIMITS)

    def read(values, name: str) -> bytes:
        out = io.BytesIO()
        np.save(out, values)
        out.seek(0)
        fields = {"sound": [UploadFile(out, filename=name)], "target": ["a word"]}
        files, _ = asyncio.run(uploads._files(fields, accepted, reader, 0, "somebody"))
        return files["sound"][1]

    kept = np.load(io.BytesIO(read(np.ones((4, 3)), "x.npy")))
    assert kept.shape == (4, 3) and kept.dtype == np.float32
    for values, name, message in (
        (np.ones((4, 2)), "x.npy", "2 columns"),
        (np.ones(4), "x.npy", "shape"),
        (np.ones((4, 3)), "x.pkl", "'.pkl'"),
        (np.full((4, 3), np.nan), "x.npy", "nan"),
    ):
        with pytest.raises(ApiError, match=message) as refused:
            read(values, name)
        assert refused.value.status == 422 and not LEAKS.search(refused.value.body.model_dump_json())


def body_of(text: bytes, name: bytes = b"cat.png") -> dict:
    """A form written by hand: any bytes as text."""
    head = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n' + text + b"\r\n"
    file = b'--x\r\nContent-Disposition: form-data; name="image"; filename="' + name + b'"\r\n\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"}
    return {"content": head + file + PICTURE + b"\r\n--x--\r\n", "headers": kind}


@pytest.mark.parametrize(
    "text, problem",
    [
        ("h\xe9llo storm".encode("latin-1"), "byte 1 is 0xe9"),
        ("storm".encode("utf-16"), "byte 0 is 0xff"),
        ("storm \u2019".encode("cp1252"), "byte 6 is 0x92"),
        (b"storm \xed\xa0\x80", "byte 6 is 0xed"),
        (b"\xc0\xafstorm", "byte 0 is 0xc0"),
    ],
)
@pytest.mark.parametrize("address", ["/api/jobs", "/api/jobs/batch", "/api/predict"])
def test_a_text_that_is_not_utf_8_is_refused(refusing, text, problem, address):
    response = refusing[1].post(address, **body_of(text))
    assert response.status_code == 422 and problem in told(response) and "iconv" in response.json()["fix"]


@pytest.mark.parametrize("text", ["\U0001f44d", "\U0001f3f3\ufe0f\u200d\U0001f308", "!", "\u6f22", "\ufeffstorm", "é"])
def test_a_text_of_any_visible_character_is_taken_as_it_is(start, text):
    response = start(Gate()).client.post("/api/jobs", **body_of(text.encode(), "Zoë \u6f22.png".encode()))
    assert response.status_code == 202 and response.json()["inputs"] == {"text": text, "image": "Zoë \u6f22.png"}


def test_behind_a_reverse_proxy_its_name_is_answered_and_no_other(start):
    client = start(Gate(), token=TOKEN, public_host="interplay.example").client
    headers = {"authorization": f"Bearer {TOKEN}"}
    for host, status in (
        ("interplay.example", 200),
        ("interplay.example:8443", 200),
        ("127.0.0.1", 200),
        ("interplayXexample", 400),
        ("x.interplay.example", 400),
        ("interplay.example@evil.example", 400),
    ):
        assert client.get("/api/run", headers=headers | {"host": host}).status_code == status, host
    own = {"host": "interplay.example", "origin": "https://interplay.example"}
    assert client.post("/api/jobs", **form(), headers=headers | own).status_code == 202


def test_the_docs_describe_every_address_and_load_nothing(start):
    client = start(Gate(), token=TOKEN).client
    assert client.get("/docs").status_code == 401
    headers = {"authorization": f"Bearer {TOKEN}"}
    page = client.get("/docs", headers=headers)
    assert page.status_code == 200 and "script-src" not in page.headers["content-security-policy"]
    for path, operations in client.get("/openapi.json", headers=headers).json()["paths"].items():
        for method in operations:
            assert f"<code>{method.upper()} {path}</code>" in page.text
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page.text) and "<script" not in page.text
    assert "one of " in page.text and "Authorization: Bearer" in page.text


@pytest.mark.parametrize("name, kept", [("../../etc/passwd", "passwd"), ("a\x00b.png", "ab.png"), ("..", ""), ("", "")])
def test_names_of_files(name, kept):
    assert file_name(name) == kept and len(file_name("x" * 999)) == 120
