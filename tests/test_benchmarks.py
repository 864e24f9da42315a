"""Measurements are run rarely: here each is imported, which does nothing else, and what it imports later exists."""

import ast
import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
FILES = sorted([*BENCHMARKS.glob("*.py"), *BENCHMARKS.glob("peers/*.py")])


@pytest.fixture(autouse=True)
def beside_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Python finds the files that they share: last, so that they hide no package."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS), str(BENCHMARKS / "peers")])
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_importing_one_does_nothing(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    spec = spec_from_file_location(f"benchmark_{file.stem}", file)
    assert spec and spec.loader
    try:
        spec.loader.exec_module(module_from_spec(spec))
    except ModuleNotFoundError as error:  # `make lowest` does without these
        if (error.name or "").partition(".")[0] not in ("playwright", "schemathesis"):
            raise
        pytest.skip(f"{error.name} is not installed")
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir()) and dict(os.environ) == before


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_one_imports_inside_of_functions_exists(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("interplay"):
            home = import_module(node.module or "")
            assert not [name.name for name in node.names if not hasattr(home, name.name)], node.module


def test_check_and_train_agree_about_datasets_of_every_format() -> None:
    """A small part of what benchmarks/inputs.py measures."""
    inputs = import_module("inputs")
    tokenizer = inputs.minilm_tokenizer()
    for form in inputs.FORMATS:
        found = inputs.compare(form, 4, 1, tokenizer)
        assert (found.agree, found.tracebacks, found.broken_spans, found.broken_labels) == (4, 0, 0, 0), form


def test_the_picture_reader_takes_whatever_comes() -> None:
    """A small part of what benchmarks/inputs.py measures: no crash, no other error than a refusal."""
    found = import_module("inputs").fuzz(150, seed=1)
    assert found.results.keys() <= {"read", "refused"} and sum(found.results.values()) == 150
    assert found.crashes == 0 and found.peak <= 600e6


def test_renewing_a_section_keeps_all_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = import_module("run")
    results = tmp_path / "RESULTS.md"
    before = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    results.write_text(before, encoding="utf-8")
    monkeypatch.setattr(run, "RESULTS", results)
    monkeypatch.setattr(run, "measure", lambda name, arguments: f"## {name} anew, {' '.join(arguments)}")
    monkeypatch.setattr(sys, "argv", ["run.py", "service", "--", "--kills", "2"])
    kept = run.sections()
    run.main()
    renewed = run.sections()
    assert renewed.pop("service") == "## service anew, --kills 2" and kept.pop("service").startswith("## What the")
    assert renewed == kept and next(iter(renewed)) == "" and {*renewed} >= {"mistakes", "any_model", "agreement"}
    assert {*kept, "service"} - {""} <= {*run.SECTIONS}
    assert all(line in results.read_text(encoding="utf-8") for line in kept["interactions"].splitlines())
