"""The README's Python runs as it stands."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_code_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """One block after the other, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    said = []
    for code in BLOCKS:
        exec(compile(code, str(README), "exec"), names)
        said.append(capsys.readouterr().out)
    assert len(said) == 3 and all(said)
    assert "storm" in said[0] and (tmp_path / "runs" / "first" / "explanations" / "page.html").exists()
    assert "paired" in said[1] and int(said[2]) < 16_000


def test_the_packaged_tree_is_the_tree():
    """Every room of src/interplay is in the annotated tree."""
    text = README.read_text(encoding="utf-8")
    package = Path(__file__).parents[2] / "src" / "interplay"
    rooms = [f"{p.name}/" if p.is_dir() else p.name for p in package.iterdir() if not p.name.startswith("_")]
    assert [room for room in rooms if room not in text and room != "py.typed"] == []
