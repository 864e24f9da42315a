"""The house in numbers: rooms, floors, arrows and circles between them, long functions and long files of src.

    python benchmarks/structure.py [--root CHECKOUT]

A room is a module or package directly below the package. An arrow is a room that imports another, however often. A
circle is a set of rooms each of which reaches the others. A room's floor is one above the highest room that it imports.
"""

import argparse
import ast
import os
import sys
from pathlib import Path

PACKAGE, LONG_FUNCTION, LONG_FILE = "interplay", 60, 320


def arrows_between_rooms(source: Path) -> dict[str, set[str]]:
    """Room -> the rooms that it imports, imports inside of functions among them."""
    import grimp

    sys.path.insert(0, str(source))
    os.chdir(source)  # grimp finds the package on the path
    graph = grimp.build_graph(PACKAGE, cache_dir=None)

    def room(module: str) -> str:
        return [*module.split("."), PACKAGE][1]

    arrows: dict[str, set[str]] = {room(m): set() for m in graph.modules if m not in (PACKAGE, f"{PACKAGE}.__main__")}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if {room(module), room(imported)} <= set(arrows) and room(module) != room(imported):
                arrows[room(module)].add(room(imported))
    return arrows


def reach(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    reached = {room: set(to) for room, to in arrows.items()}
    for middle in arrows:
        for room in arrows:
            if middle in reached[room]:
                reached[room] |= reached[middle]
    return reached


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    reached = reach(arrows)
    within = {room: tuple(sorted(o for o in reached[room] if room in reached[o])) for room in arrows}
    return [list(found) for found in sorted({w for w in within.values() if len(w) > 1})]


def floors(arrows: dict[str, set[str]]) -> list[list[str]]:
    reached = reach(arrows)
    height: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in height:
            below = {o for o in reached[room] if room not in reached[o]}
            height[room] = 1 + max((floor(o) for o in below), default=0)
        return height[room]

    highest = max(map(floor, arrows))
    return [sorted(r for r in arrows if height[r] == n) for n in range(highest, 0, -1)]


def long_functions(files: list[Path]) -> list[tuple[int, str]]:
    found = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONG_FUNCTION:
                    found.append((lines, f"{file.name}:{node.name}"))
    return sorted(found, reverse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent, help="Another checkout.")
    source = (parser.parse_args().root / "src").resolve()
    files = sorted((source / PACKAGE).rglob("*.py"))
    arrows = arrows_between_rooms(source)
    storeys, around, functions = floors(arrows), circles(arrows), long_functions(files)
    lengths = sorted(((len(f.read_text().splitlines()), f.name) for f in files), reverse=True)
    long_files = [(n, name) for n, name in lengths if n > LONG_FILE]
    print(f"rooms     {len(arrows)}")
    print(f"floors    {len(storeys)}")
    for rooms in storeys:
        print(f"            {' | '.join(rooms)}")
    print(f"arrows    {sum(map(len, arrows.values()))}")
    print(f"circles   {len(around)}   {'; '.join(' - '.join(c) for c in around)}".rstrip())
    print(f"functions of more than {LONG_FUNCTION} lines: {len(functions)}   {functions or ''}".rstrip())
    print(f"files of more than {LONG_FILE} lines: {len(long_files)}   {long_files or ''}".rstrip())
    print(f"files {len(files)}, lines {sum(n for n, _ in lengths)}")


if __name__ == "__main__":
    main()
