"""What the documentation names exists: sections of the method, files behind links, commands and their options."""

import re
import shlex
from pathlib import Path

import pytest
import typer

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
