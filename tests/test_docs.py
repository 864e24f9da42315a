"""What the documentation names exists: sections of the method, files behind links, commands, names; the site builds."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
from PIL import Image

import interplay
import interplay.interactions
from interplay import check_dataset, open_dataset
from interplay.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SECTIONS = {int(number) for number in re.findall(r"^## (\d+)\. ", (ROOT / "docs/method.md").read_text("utf-8"), re.M)}
# METHOD 7 / METHOD 7, 9 / METHOD 7-10 / METHOD 9 and 6
REFERENCE = re.compile(r"METHOD\s+(\d+(?:(?:\s*,\s*|\s*-\s*|\s+and\s+)\d+)*)")


def numbers(reference: str) -> set[int]:
    """The sections that `7, 9-11 and 2` names."""
    found: set[int] = set()
    for part in re.split(r",|\band\b", reference):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def commands(page: Path) -> list[list[str]]:
    """Each `interplay ...` line of the page's shell blocks, in words, and without its comment."""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text("utf-8"), re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("interplay ")]


def parse(words: list[str]) -> None:
    """Parse a command line as the tool would, and run nothing. Raises what the command line would say."""
    command = typer.main.get_command(app)
    context = command.make_context("interplay", list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def test_method_has_its_sections_in_order():
    found = re.findall(r"^## (\d+)\. ", (ROOT / "docs/method.md").read_text("utf-8"), re.M)
    assert found == [str(number) for number in range(1, 15)]


def test_every_method_in_the_code_is_a_section():
    named = {
        (str(path.relative_to(ROOT)), number)
        for path in (ROOT / "src").rglob("*.py")
        for reference in REFERENCE.findall(path.read_text("utf-8"))
        for number in numbers(reference)
    }
    assert len(named) > 20
    assert [one for one in sorted(named) if one[1] not in SECTIONS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_parse(page):
    for words in commands(page):
        parse(words)


def test_a_wrong_option_is_noticed():
    with pytest.raises(Exception, match="no-such"):
        parse(["train", "my-data", "--no-such", "1"])
    assert len(commands(ROOT / "README.md")) >= 10


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 1200


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["citing.md", "llms.md"])
def test_python_of_a_page_runs(name, tmp_path, monkeypatch, capsys):
    """Each block by itself, as a reader would paste it."""
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks(ROOT / "docs" / name)
    assert blocks
    for code in blocks:
        exec(compile(code, name, "exec"), {})
        assert capsys.readouterr().out


def test_the_tutorials_dataset_is_sound(tmp_path, monkeypatch):
    """Its script makes what its text says: notes of glass with a red sticker are `care`, nothing else is."""
    monkeypatch.chdir(tmp_path)
    (code,) = python_blocks(ROOT / "docs/tutorial.md")
    assert code.count("range(600)") == 1
    exec(compile(code.replace("range(600)", "range(40)"), "tutorial.md", "exec"), {})
    assert [problem for problem in check_dataset("parcels") if problem.severity == "error"] == []
    dataset = open_dataset("parcels")
    assert len(dataset.samples) == 40 and dataset.labels == ("care", "heavy")
    for sample in dataset.samples:
        red = (255, 0, 0) in {color for _, color in Image.open(sample.inputs["image"]).getcolors()}
        glass = "glass" in str(sample.inputs["text"]).split()
        assert ("care" in sample.labels) == (red and glass), sample.id


def test_one_page_has_every_name_and_command():
    page = (ROOT / "docs/everything.md").read_text("utf-8")
    named = set(re.findall(r"`([\w -]+)`", page))
    assert set(interplay.__all__) - named == set()
    assert {f"interplay {name}" for name in all_commands()} - named == set()


def all_commands() -> list[str]:
    """Every command, those of a group with its name before them."""
    commands = typer.main.get_command(app).commands.items()
    return [f"{name} {inner}" for name, one in commands if hasattr(one, "commands") for inner in one.commands] + [
        name for name, one in commands if not hasattr(one, "commands")
    ]


def test_signatures_for_language_models_are_those_of_the_code():
    page = (ROOT / "docs/llms.md").read_text("utf-8")
    (listing,) = re.findall(r"```text\n(.*?)```", page, re.S)
    found = dict(re.findall(r"^(\w+)\((.*?)\)(?: ->|\n    \w)", listing, re.M | re.S))
    assert set(interplay.__all__) - set(re.findall(r"^(\w+)", listing, re.M)) == set()
    assert len(found) > 35
    for name, written in found.items():
        names = [part.split("=")[0] for part in re.split(r",\s+", written) if part not in ("*", "")]
        assert names == list(inspect.signature(getattr(interplay, name)).parameters), name


class Page(HTMLParser):
    """What a page of the built site links to, loads, and can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.ids |= {values["id"]} if "id" in values else set()
        if tag == "a":
            self.links += [values["href"]] if "href" in values else []
        elif tag == "link":
            self.loads += [values["href"]]
        elif "src" in values:
            self.loads += [values["src"]]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[Path, Page]:
    """The site as `make docs` builds it, a warning being an error; page -> what is in it."""
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "--fail-on-warning", "--keep-going", "-b", "html"]
    built = subprocess.run(
        [*command, "-d", place / "doctrees", ROOT / "docs", place / "html"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return {path: Page(path) for path in (place / "html").rglob("*.html") if "_downloads" not in path.parts}


@pytest.mark.slow
def test_every_page_is_in_the_site(site):
    built = {path.name for path in site}
    assert {page.with_suffix(".html").name for page in (ROOT / "docs").glob("*.md")} <= built


@pytest.mark.slow
def test_no_link_of_the_site_is_broken(site):
    broken = []
    for path, page in site.items():
        for link in page.links:
            where, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            target = (path.parent / unquote(where)).resolve() if where else path
            known = site.get(target)
            # a table of contents opens its page at the top by an empty anchor
            if not target.is_file() or (anchor and known and unquote(anchor) not in known.ids):
                broken.append((path.name, link))
    assert broken == []


@pytest.mark.slow
def test_every_public_name_has_its_entry(site):
    ids = set().union(*(page.ids for page in site.values()))
    names = {f"interplay.{name}" for name in [*interplay.__all__, "__version__"]}
    shared = set(interplay.__all__)
    names |= {f"interplay.interactions.{name}" for name in interplay.interactions.__all__ if name not in shared}
    assert names - ids == set()


@pytest.mark.slow
def test_the_site_opens_without_a_network(site):
    """Nothing is loaded from elsewhere, neither by pages nor by their styles."""
    assert [(path.name, one) for path, page in site.items() for one in page.loads if "//" in one] == []
    root = next(iter(site)).parent
    styles = {style: style.read_text("utf-8") for style in root.rglob("*.css")}
    assert styles
    imported = r"@import[^;]*//|url\(\s*[\"']?(?:https?:)?//"
    assert [style.name for style, text in styles.items() if re.search(imported, text)] == []
