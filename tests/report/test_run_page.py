"""The page of a run as files: what is written, what is not, and what its numbers are."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from tests.run_pages import LABELS, made_report, made_rows, small_pictures

from interplay.errors import BadInput
from interplay.progress import Advance, Progress
from interplay.report import write_page
from interplay.report.addresses import page_addresses, whose
from interplay.report.ranking import strong_pairs
from interplay.report.run_page import IN_A_CHUNK, write_report
from interplay.report.run_rows import Row, confidence, mistake, per_label, predicted_indices


def block(page: str, name: str):
    """The JSON of one block of the page."""
    return json.loads(re.search(f'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)[1])


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    return small_pictures(tmp_path / "somewhere secret", 7)


class Noted(Progress):
    """Keeps what it is told: (stage, done, total)."""

    def __init__(self, told: list[tuple[str, int, int]]) -> None:
        self.told = told

    def stage(self, name: str) -> Advance:
        return lambda done, total: self.told.append((name, done, total))


def test_what_is_written(tmp_path, pictures):
    rows = made_rows(IN_A_CHUNK + 3, pictures)
    told = []
    page = write_report(made_report(rows), tmp_path / "report", Noted(told))
    folder = page.parent
    assert sorted(p.name for p in folder.iterdir()) == ["data", "index.html", "pictures"]
    assert sorted(p.name for p in (folder / "data").iterdir()) == ["000.html", "001.html"]
    index = block(page.read_text(encoding="utf-8"), "index")
    assert index["columns"]["id"] == [row.id for row in rows]
    assert index["labels"] == list(LABELS) and index["splits"] == ["val", "test"]
    last = block((folder / "data/001.html").read_text(encoding="utf-8"), "data")
    assert last["chunk"] == 1 and len(last["rows"]) == 3
    texts, probabilities = last["rows"][0]
    assert texts == dict(rows[IN_A_CHUNK].texts)
    assert probabilities == pytest.approx(rows[IN_A_CHUNK].probabilities, abs=1e-4)
    assert told == [("Thumbnails", n + 1, 7) for n in range(7)], "each picture once, however many samples show it"
    assert index["columns"]["thumbs"][9] == [2]


def test_thumbnails_are_small_and_hold_nothing_but_pixels(tmp_path, pictures):
    folder = write_report(made_report(made_rows(7, pictures)), tmp_path / "report").parent
    files = sorted((folder / "pictures").rglob("*.*"))
    assert [f.relative_to(folder).as_posix() for f in files][:2] == [
        "pictures/000/00000.webp",
        "pictures/000/00001.webp",
    ]
    for file, original in zip(files, pictures, strict=True):
        assert b"SECRET" in original.read_bytes() and b"SECRET" not in file.read_bytes()
        with Image.open(file) as small, Image.open(original) as large:
            assert small.size == (96, 72) and not small.getexif()
            assert abs(sum(small.convert("RGB").getpixel((5, 5))) - sum(large.getpixel((8, 8)))) < 40


def test_no_path_is_told(tmp_path, pictures):
    folder = write_report(made_report(made_rows(20, pictures)), tmp_path / "report").parent
    for file in (f for f in folder.rglob("*") if f.is_file()):
        assert b"secret" not in file.read_bytes() and str(tmp_path).encode() not in file.read_bytes(), file


def test_policy_allows_the_own_script_alone(tmp_path):
    rows = made_rows(3)
    folder = write_report(made_report(rows), tmp_path / "report").parent
    for file in (folder / "index.html", folder / "data/000.html"):
        text = file.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
        scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
        assert len(scripts) == 1
        digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
        assert policy.startswith("default-src 'none'") and f"script-src 'sha256-{digest}'" in policy
        assert "unsafe" not in policy and not re.search(
            r"<[^>]+ on\w+=", re.sub(r"<script.*?</script>", "", text, flags=re.S)
        )


def test_an_earlier_page_is_replaced_and_nothing_else_is(tmp_path, pictures):
    out = tmp_path / "report"
    write_report(made_report(made_rows(2 * IN_A_CHUNK, pictures)), out)
    write_report(made_report(made_rows(4, pictures[:2])), out)
    assert [p.name for p in (out / "data").iterdir()] == ["000.html"]
    assert len(list((out / "pictures/000").iterdir())) == 2
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("<p>mine")
    (other / "data").mkdir()
    with pytest.raises(BadInput, match="something else than a page of a run"):
        write_report(made_report(made_rows(4)), other)
    assert (other / "index.html").read_text() == "<p>mine" and (other / "data").is_dir()
    with pytest.raises(BadInput, match="no sample"):
        write_report(made_report([]), tmp_path / "empty")


def test_hostile_texts_stay_data(tmp_path, examples):
    rows = [
        Row(f"../{text}", text, (LABELS[0],), (1.0, 0.0, 0.0), {text: text, "__proto__": "x"})
        for text in examples.HOSTILE
    ]
    report = made_report(rows, title=examples.HOSTILE[0], facts={t: t for t in examples.HOSTILE})
    out = tmp_path / "report"
    page = write_report(report, out).read_text(encoding="utf-8")
    assert {p.relative_to(out).parts[0] for p in out.rglob("*")} == {"index.html", "data"}
    assert block(page, "index")["columns"]["id"] == [row.id for row in rows]
    assert page.count("<script") == 3 and "<img/src" not in page and "<svg/onload" not in page
    chunk = (out / "data/000.html").read_text(encoding="utf-8")
    assert chunk.count("<script") == 2 and [r[0] for r in block(chunk, "data")["rows"]] == [dict(r.texts) for r in rows]


def test_numbers_of_a_row():
    assert predicted_indices([0.2, 0.5, 0.3], "single") == [1]
    assert predicted_indices([0.5, 0.49, 0.9], "multi") == [0, 2] and predicted_indices([0.1, 0.2], "multi") == []
    assert confidence([0.6, 0.05], "multi") == pytest.approx(0.6)
    assert mistake([0.6, 0.05], [1], "multi") == pytest.approx(0.95)
    assert mistake([0.2, 0.8], [0], "single") == pytest.approx(0.8)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_scores_of_each_label(kind):
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.classification import multilabel_f1_score, multilabel_precision, multilabel_recall

    rows = [row for row in made_rows(60, kind=kind) if row.split == "test"]
    given = torch.tensor([[c in predicted_indices(row.probabilities, kind) for c in range(3)] for row in rows]).int()
    true = torch.tensor([[name in row.truth for name in LABELS] for row in rows]).int()
    found = per_label(rows, LABELS, kind)
    assert [line[:2] for line in found] == [["test", name] for name in LABELS]
    assert [line[2:5] for line in found] == [
        [int(true[:, c].sum()), int(given[:, c].sum()), int((true & given)[:, c].sum())] for c in range(3)
    ]
    for column, metric in ((5, multilabel_precision), (6, multilabel_recall), (7, multilabel_f1_score)):
        expected = metric(given, true, num_labels=3, average="none").tolist()
        assert [line[column] for line in found] == pytest.approx(expected)


def test_a_label_that_never_occurs_has_no_score():
    rows = [Row("a", "test", ("cat",), (0.9, 0.1, 0.0))]
    assert per_label(rows, LABELS, "single")[1] == ["test", "dog", 0, 0, 0, None, None, None]


def test_strong_pairs_exclude_0(examples):
    explanation = examples.planted()
    found = strong_pairs(explanation)
    assert (found[0].score, found[0].i, found[0].j) == ("sii", 2, 24)
    assert found[0].value > 2 and "wonderful" in found[0].words
    gaps = [p for p in found if p.score == "redundancy_gap"]
    assert gaps and all(p.value > p.half > 0 for p in gaps) and gaps[0].j == 24
    assert all(abs(p.value) > p.half for p in found)
    assert strong_pairs(examples.only_noise()) == []


def test_explanations_are_found_in_their_page(tmp_path, examples):
    other = examples.planted().model_copy(update={"target": "neutral"})
    odd = examples.planted(sample_id="a b/é~😀#")
    page = write_page([examples.planted(), odd, other], {}, tmp_path / "page.html")
    who = whose(examples.planted())
    assert page_addresses(page) == {
        ("scene-0042", "sarcastic", who): "scene-0042",
        ("scene-0042", "neutral", who): "scene-0042~2",
        ("a b/é~😀#", "sarcastic", who): "a%20b%2F%C3%A9~%F0%9F%98%80%23",
    }
    rows = [Row("scene-0042", "test", ("cat",), (1.0, 0.0, 0.0))]
    report = made_report(
        rows, explanations=[(examples.planted(), "scene-0042"), (odd, None)], copies={"explanations.html": page}
    )
    written = write_report(report, tmp_path / "report")
    (told,) = block(written.read_text(encoding="utf-8"), "index")["explained"]["0"]["explanations"]
    assert told["address"] == "scene-0042" and told["target"] == "sarcastic" and told["pairs"][0]["i"] == 2
    assert (written.parent / "explanations.html").read_bytes() == page.read_bytes()
