"""Messages of the library reach people who have no command line: a flag is named together with its argument."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import interplay

HOME = Path(interplay.__file__).parent
COMMANDS_ALONE = ("cli", "serving")
"""The commands themselves, and the service, which `interplay serve` alone starts."""
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
AS_COMMAND = re.compile(r"`interplay [^`]*`|interplay export .*|sha256sum --check")
"""Whole commands, to be typed as they are."""


def texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of each string, formatted ones as one; without docstrings and the like."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in child.values)
            yield child.lineno, "".join(map(str, parts))
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.lineno, child.value
        else:
            yield from texts(child)


def flags_alone(source: str) -> list[tuple[int, str]]:
    """What names a flag, and not what it is called in Python."""
    found = ((line, AS_COMMAND.sub("", text)) for line, text in texts(ast.parse(source)))
    return [(line, text) for line, text in found if FLAG.search(text) and "in Python" not in text]


def test_what_is_looked_for_is_found() -> None:
    assert flags_alone("raise BadInput('x', fix='give --out')") == [(1, "give --out")]
    assert flags_alone("f'give --set {key}'") == [(1, "give --set {}")]
    assert not flags_alone("'''About --out.'''\nx = 'by --out (out= in Python), or `interplay demo --out x`'")


def test_no_message_of_the_library_names_a_flag_alone() -> None:
    known = {
        "--id-column", "--split-column", "--label-column",  # arguments of `_flag`, which names both
        "--input {}={}",  # of the command on the card of a model
    }  # fmt: skip
    found = [
        f"{path.relative_to(HOME)}:{line}: {text}"
        for path in sorted(HOME.rglob("*.py"))
        if path.relative_to(HOME).parts[0] not in COMMANDS_ALONE
        for line, text in flags_alone(path.read_text(encoding="utf-8"))
        if text not in known
    ]
    assert not found, "\n".join(found)
