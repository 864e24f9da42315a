"""Bounds in pyproject.toml, exact versions in constraints.txt, lowest ones in constraints-lowest.txt: they agree."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def requirements(*groups: list[str]) -> list[Requirement]:
    every = [Requirement(line) for group in groups for line in group]
    return [one for one in every if one.name != PROJECT["name"]]


def pins(name: str) -> dict[str, Version]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(line.split("==")[0]): Version(line.split("==")[1]) for line in lines}


def bound(one: Requirement, operator: str) -> Version:
    (found,) = (Version(part.version) for part in one.specifier if part.operator == operator)
    return found


def test_every_dependency_has_a_lowest_version_and_ends_at_a_major_one() -> None:
    for one in requirements(PROJECT["dependencies"], *EXTRAS.values()):
        assert {part.operator for part in one.specifier} == {">=", "<"}, one
        assert len(bound(one, "<").release) == 1, one
        assert bound(one, "<") > bound(one, ">="), one


def test_the_tested_versions_are_within_the_bounds() -> None:
    tested = pins("constraints.txt")
    for one in requirements(PROJECT["dependencies"], *EXTRAS.values()):
        assert one.specifier.contains(tested[canonicalize_name(one.name)]), one


def test_the_lowest_versions_are_those_of_the_bounds() -> None:
    package = requirements(PROJECT["dependencies"], *(lines for extra, lines in EXTRAS.items() if extra != "dev"))
    assert pins("constraints-lowest.txt") == {canonicalize_name(one.name): bound(one, ">=") for one in package}
