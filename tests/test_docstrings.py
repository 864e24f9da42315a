"""Examples in docstrings do what they show, and every argument of a public function is described."""

import ast
import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
FILES = [path for path in SOURCE.rglob("*.py") if path.stem not in {"__init__", "__main__", "kinds"}]
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted, "none of the examples was run"
    assert not result.failed, "see the captured output"


def test_there_are_examples() -> None:
    assert "interplay.interactions" in MODULES


ROOMS = sorted({path.relative_to(SOURCE / "interplay").parts[0].removesuffix(".py") for path in FILES} - {"cli"})
"""All but the commands: their docstrings are the help in the terminal, where each option has a text of its own."""


def public_functions(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(dotted name, definition) of every public function and method, but for stubs of overloads."""
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_functions(child, f"{prefix}.{child.name}")
        if not isinstance(child, ast.FunctionDef) or child.name.startswith("_"):
            continue
        if not any("overload" in ast.unparse(decorator) for decorator in child.decorator_list):
            yield f"{prefix}.{child.name}", child


def undescribed(function: ast.FunctionDef) -> list[str]:
    """The arguments that the section `Args:` of a docstring does not name."""
    arguments = function.args
    taken = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    taken += [a.arg for a in (arguments.vararg, arguments.kwarg) if a]
    section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", ast.get_docstring(function) or "", re.MULTILINE)
    entries = re.findall(r"^    ([\w*][\w*, ]*):", section[1], re.MULTILINE) if section else []
    described = {name.strip(" *") for entry in entries for name in entry.split(",")}
    return [name for name in taken if name not in {"self", "cls"} | described and not name.startswith("_")]


@pytest.mark.parametrize("room", ROOMS)
def test_every_argument_is_described(room: str) -> None:
    place = SOURCE / "interplay" / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    functions = [f for file in files for f in public_functions(ast.parse(file.read_text()), file.stem)]
    assert not {name: missing for name, function in functions if (missing := undescribed(function))}
