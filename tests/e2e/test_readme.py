"""The Python of the README and of the estimators' page runs as it stands."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "estimators.md"]
BLOCKS = [
    block for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
]


LESS = {"samples=150": "samples=60", '"epochs": 4': '"epochs": 1'}


def test_code_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """One block after the other, as a reader would type them, but for how much is made and learned."""
    assert all(BLOCKS[0].count(much) == 1 for much in LESS)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    said = []
    for code in BLOCKS:
        for much, less in LESS.items():
            code = code.replace(much, less)
        exec(compile(code, "README", "exec"), names)
        said.append(capsys.readouterr().out)
    assert len(said) == 4 and all(said)
    assert "storm" in said[0] and (tmp_path / "runs" / "first" / "explanations" / "page.html").exists()
    assert "storms" in said[1] and (tmp_path / "function.html").exists()
    assert "paired" in said[2] and int(said[3]) < 16_000


def test_the_packaged_tree_is_the_tree():
    """Every room of src/interplay is in the annotated tree."""
    text = (ROOT / "docs" / "house.md").read_text("utf-8")
    package = ROOT / "src" / "interplay"
    rooms = [f"{p.name}/" if p.is_dir() else p.name for p in package.iterdir() if p.is_file() or any(p.glob("*.py"))]
    assert [room for room in rooms if room not in text and room not in ("py.typed", "__init__.py", "__main__.py")] == []
