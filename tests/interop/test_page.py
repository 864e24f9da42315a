"""The Python of the page about other tools runs as it stands, block after block."""

import re
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt

PAGE = Path(__file__).parents[2] / "docs" / "neighbours.md"
LESS = {"samples=120": "samples=30", '"epochs": 2}': '"epochs": 1}, "explain": {"budget": 2000}'}
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.slow
def test_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    assert all(sum(block.count(much) for block in BLOCKS) == 1 for much in LESS)
    names: dict[str, object] = {}
    printed = []
    for code in BLOCKS:
        if "import quantus" in code and find_spec("quantus") is None:
            continue
        for much, less in LESS.items():
            code = code.replace(much, less)
        exec(compile(code, PAGE.name, "exec"), names)
        printed.append(capsys.readouterr().out)
    plt.close("all")
    assert len(printed) >= len(BLOCKS) - 1 and all(printed)
    assert printed[0].startswith("['storm', 'on', 'the', 'calm', 'sea', (0.0, 0.0, 0.5, 0.5)")
    assert printed[3] == "('dark', 'calm') [1.]\n"
    assert (tmp_path / "captum.html").exists() and (tmp_path / "network.png").exists()
