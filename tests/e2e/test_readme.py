"""The README's Python runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_there_is_code_to_run():
    assert len(BLOCKS) == 2


@pytest.mark.parametrize("code", BLOCKS, ids=["pipeline", "estimators"])
def test_code_of_the_readme_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {})
    printed = capsys.readouterr().out
    assert printed
    if "write_explanations" in code:
        assert "storm" in printed and (tmp_path / "runs" / "first" / "explanations" / "page.html").exists()


def test_the_packaged_tree_is_the_tree():
    """Every room of src/interplay is in the annotated tree."""
    text = README.read_text(encoding="utf-8")
    package = Path(__file__).parents[2] / "src" / "interplay"
    rooms = [f"{p.name}/" if p.is_dir() else p.name for p in package.iterdir() if not p.name.startswith("_")]
    assert [room for room in rooms if room not in text and room != "py.typed"] == []
