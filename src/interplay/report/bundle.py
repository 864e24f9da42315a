"""The scripts of `assets` as one inline script.

They are ES modules in the source, but a page that is opened from disk may not load modules. Imports and exports are
single lines at the left margin. A bundle is all that the entry needs, each module once and after those it imports,
without its import lines, `export` words and comments on types, inside one function.
"""

import re
from importlib.resources import files

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_IMPORTED = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|let|class|function|async function)\b)", re.MULTILINE)
_TYPES = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_DECLARED = re.compile(r"^(?:export )?(?:const|let|class|(?:async )?function) (\w+|\{[^}]*\}|\[[^\]]*\])", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:const|let|class|(?:async )?function) (\w+|\{[^}]*\}|\[[^\]]*\])", re.MULTILINE)


def asset(name: str) -> str:
    """One file of the folder `assets`.

    Args:
        name: its name there.
    """
    return files("interplay.report").joinpath("assets", name).read_text(encoding="utf-8")


def modules_of(entry: str) -> list[str]:
    """The modules of a bundle in the order in which they run: each after those that it imports.

    Args:
        entry: the file that begins it all, of the folder `assets`.

    Raises:
        ValueError: modules import each other in a circle.
    """
    done: list[str] = []
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in open_:
            raise ValueError(f"modules import each other in a circle: {' -> '.join([*open_, name])}")
        if name in done:
            return
        open_.append(name)
        for needed in _IMPORT.findall(asset(name)):
            visit(needed)
        done.append(open_.pop())

    visit(entry)
    return done


def script_of(entry: str) -> str:
    """The bundle as the text of one script element.

    Args:
        entry: the file that begins it all, of the folder `assets`.

    Raises:
        ValueError: two modules declare one name, an imported name is not exported, or an import or export is written in
            another way than this bundler reads.
    """
    return bundle({name: asset(name) for name in modules_of(entry)})


def bundle(sources: dict[str, str]) -> str:
    """Modules put together in the order given.

    Args:
        sources: name -> text.

    Raises:
        ValueError: as `script_of`.
    """
    owner: dict[str, str] = {}
    parts = []
    for name, text in sources.items():
        for declared in _names(_DECLARED, text):
            if declared in owner:
                raise ValueError(f"{declared} is declared in {owner[declared]} and in {name}")
            owner[declared] = name
        for wanted, source in _IMPORTED.findall(text):
            missing = set(re.findall(r"\w+", wanted)) - set(_names(_EXPORTED, sources[source]))
            if missing or " as " in wanted:
                raise ValueError(f"{name} imports what {source} does not export by this name: {wanted.strip()}")
        part = _EXPORT.sub("", _IMPORT.sub("", _TYPES.sub("", text)))
        if re.search(r"^\s*(import|export)\b", part, re.MULTILINE):
            raise ValueError(f"{name} has an import or export of another form")
        parts.append(part)
    script = '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();\n"
    if "</script" in script or "<!--" in script:
        raise ValueError("the script would end its own element")
    return script


def _names(pattern: re.Pattern[str], text: str) -> list[str]:
    return [name for found in pattern.findall(text) for name in re.findall(r"\w+", found)]
