"""The page as text: what is embedded, what is escaped, what it may ask for."""

import base64
import errno
import hashlib
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

from interplay.errors import BadInput, DiskFullError
from interplay.report import render_page, run_page, write_page
from interplay.report.bundle import modules_of
from interplay.report.page import ENTRY, PICTURE_SIDE, _picture, embed
from interplay.results import Explanation

KINDS = (
    *(
        "planted",
        "without_pairs",
        "only_noise",
        "dense",
        "three_modalities",
        "two_images",
        "two_texts",
        "with_features",
        "with_whatif",
        "hostile",
    ),
    pytest.param("large", marks=pytest.mark.slow),
)


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found[-1:] and self.cdata_elem:
            tag, attributes = self.found[-1]
            self.raw.append((tag, attributes, data))

    def blocks(self) -> dict[str, str]:
        parts: dict[str, str] = {}
        for _, attributes, text in self.raw:
            if attributes.get("type") == "application/json":
                parts[str(attributes["id"])] = parts.get(str(attributes["id"]), "") + text
        return parts


def original(block: str) -> dict[str, object]:
    """The explanation's own JSON, with the columns turned back into rows as the page's download does."""

    def rows(columns: dict[str, list[object]]) -> list[dict[str, object]]:
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    data = json.loads(block)["explanation"]
    more = [{"value": t["value"], "pairs": rows(t["pairs"])} for t in data["more_pairs"]]
    return {**data, "pairs": rows(data["pairs"]), "more_pairs": more}


@pytest.mark.parametrize("kind", KINDS)
def test_embedded_json_is_the_explanation(examples, kind):
    explanation = getattr(examples, kind)()
    blocks = Elements(render_page([explanation], {})).blocks()
    assert set(blocks) == {"index", "data-0"}
    assert Explanation.model_validate(original(blocks["data-0"])) == explanation
    (shown,) = json.loads(blocks["index"])["samples"]
    assert (shown["id"], shown["target"]) == (explanation.sample_id, explanation.target)
    assert explanation.provenance.run in shown["by"] and explanation.provenance.model in shown["by"]


@pytest.mark.parametrize("kind", KINDS)
def test_data_adds_no_element(examples, kind):
    """However hostile the data, the page has the elements of its template and no others."""
    plain = Elements(render_page([examples.planted()], {})).found
    page = render_page([getattr(examples, kind)()], {}, details={"<b>": "</script><img src=x onerror=alert(1)>"})
    assert [tag for tag, _ in Elements(page).found] == [tag for tag, _ in plain]


@pytest.mark.parametrize("number", range(50))
def test_fifty_hostile_texts_add_no_element(examples, hostile, number):
    """As text, id, label, feature, expert, method, modality, file, note, title and detail: they stay what they are."""
    text = hostile.TEXTS[number]
    explanation = hostile.hostile_everywhere(text)
    pictures = {text: {"image": examples.picture(32), text: examples.picture(32)}}
    page = render_page([explanation], pictures, title=text[:1000], details={text[:1000]: text[:1000]})
    elements = Elements(page)
    assert [tag for tag, _ in elements.found] == [
        tag for tag, _ in Elements(render_page([examples.planted()], {})).found
    ]
    assert Explanation.model_validate(original(elements.blocks()["data-0"])) == explanation


def test_hostile_texts_are_fifty_different_ones(hostile):
    assert len(set(hostile.TEXTS)) == 50
    assert max(map(len, hostile.TEXTS)) == 1_000_000


@pytest.mark.parametrize("number", range(50))
def test_hostile_ids_stay_in_the_folder(hostile, tmp_path, number):
    pytest.importorskip("torch", reason="the stage that writes explanations needs it")
    from interplay.pipeline.explanations import json_name

    name = json_name(1, hostile.hostile_everywhere(hostile.TEXTS[number]))
    assert re.fullmatch(r"01-[A-Za-z0-9_-]+\.json", name)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    (tmp_path / name).write_text("it can be written")


def test_blur_is_told_to_the_page(examples):
    for blur in (False, True):
        page = render_page([examples.planted()], {}, blur=blur)
        assert json.loads(Elements(page).blocks()["index"])["blur"] is blur


def test_policy_allows_exactly_what_is_there(examples):
    page = Elements(render_page([examples.hostile()], {}))
    policy = next(a["content"] for tag, a in page.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        texts = ["".join(t for g, a, t in page.raw if g == tag and not a.get("type"))]
        hashes = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts]
        assert rules[rule] == " ".join(f"'sha256-{h}'" for h in hashes)
    assert not any(name.startswith("on") or name == "style" for _, a in page.found for name in a)


def test_names_no_address(examples):
    page = render_page([examples.planted()], {"scene-0042": {"image": examples.picture()}})
    page = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//cdn|@import|url\(|srcset|<link(?! rel=\"icon\" href=\"data:)", page)
    sources = [a[name] or "" for _, a in Elements(page).found for name in ("src", "href") if name in a]
    assert all(s.startswith(("data:", "#")) for s in sources)


def test_title_and_details_are_text(examples):
    nasty = "</title><script>alert(1)</script>"
    page = render_page([examples.planted()], {}, title=nasty, details={nasty: nasty})
    assert nasty not in page
    assert "&lt;/title&gt;" in page
    assert json.loads(Elements(page).blocks()["index"])["details"] == {nasty: nasty}


@pytest.mark.parametrize(
    "text", ["</script>", "<!--", "]]>", "&lt;", "\u2028\u2029", "é🐱\u202e\x00", "\ud800", "'\"`"]
)
def test_embed_is_ascii_without_markup_and_reads_back(text):
    safe = str(embed({text: [text]}))
    assert safe.isascii()
    assert not set(safe) & set("<>&")
    assert json.loads(safe) == {text: [text]}


def test_scripts_write_no_markup(examples):
    page = render_page([examples.planted()], {})
    here = files("interplay.report").joinpath("assets")
    scripts = {p.name: p.read_text(encoding="utf-8") for p in here.iterdir() if p.name.endswith(".js")}
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert word not in page and not any(word in text for text in scripts.values())
    asks = [name for name, text in scripts.items() if "fetch(" in text]
    assert asks == ["start.js"]  # the form of the service asks it for jobs; pages ask for nothing
    every = {*modules_of(ENTRY), *modules_of(run_page.ENTRY), "run-chunk.js", "start.js"}
    assert sorted(every) == sorted(scripts), "every script is on a page"


def test_several_explanations_keep_their_order(examples):
    both = [examples.three_modalities(), examples.planted()]
    blocks = Elements(render_page(both, {})).blocks()
    assert [s["id"] for s in json.loads(blocks["index"])["samples"]] == [e.sample_id for e in both]
    assert original(blocks["data-1"])["sample_id"] == "scene-0042"


def test_pictures_are_bounded_and_carry_only_pixels(examples, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    big = Image.effect_noise((2000, 1000), 40).convert("RGB")
    big.save(tmp_path / "big.jpg", exif=exif)
    with Image.open(tmp_path / "big.jpg") as opened:
        made = _picture(opened)
    data = base64.b64decode(str(made["uri"]).partition(",")[2])
    assert b"secret" not in data
    with Image.open(io.BytesIO(data)) as again:
        assert again.size == (PICTURE_SIDE, PICTURE_SIDE // 2)
    assert (made["width"], made["height"]) == (2000, 1000)


def test_small_pictures_keep_every_pixel(examples):
    seen = examples.picture()
    with Image.open(io.BytesIO(base64.b64decode(str(_picture(seen)["uri"]).partition(",")[2]))) as again:
        assert list(again.convert("RGB").tobytes()) == list(seen.tobytes())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "CMYK", "I", "F"])
def test_every_mode_of_picture_is_taken(mode):
    assert str(_picture(Image.new("RGB", (8, 6), "red").convert(mode))["uri"]).startswith("data:image/")


def test_transparent_is_white():
    made = str(_picture(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))["uri"])
    with Image.open(io.BytesIO(base64.b64decode(made.partition(",")[2]))) as again:
        assert again.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.slow
def test_large_page_is_of_reasonable_size(examples):
    page = render_page([examples.large()], {})
    assert len(page) < 8_000_000


def test_nothing_to_show_is_an_error():
    with pytest.raises(BadInput, match="no explanation"):
        render_page([], {})


def test_write_is_whole_or_nothing(examples, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    assert write_page([examples.planted()], {}, path) == path
    before = path.read_bytes()
    assert b"\r" not in before

    def full(self: Path, *args: object, **kwargs: object) -> None:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DiskFullError, match="no room"):
        write_page([examples.dense()], {}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_report_opens_without_torch():
    code = "import sys, interplay.report, interplay.report.figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
