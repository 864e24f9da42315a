"""What is loaded when: short answers do not wait for PyTorch, and explaining does not load the training loop."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

FROZEN = Path(__file__).parents[1] / "fixtures" / "run-v2" / "run"
PROBE = """
import json, sys
{code}
print(json.dumps([name for name in {asked} if name in sys.modules]))
"""
HEAVY = [
    "captum",
    "fastapi",
    "lightning",
    "matplotlib.pyplot",
    "scipy",
    "scipy.stats",
    "torch",
    "torchmetrics",
    "transformers",
]


def loaded(code: str, cwd: Path, modules: list[str] = HEAVY) -> list[str]:
    """Which of the modules a new process has loaded after `code`."""
    source = PROBE.format(code=code, asked=modules)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=cwd, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def command(*arguments: str) -> str:
    """Code that runs the command line and goes on when it exits."""
    return f"""
from interplay.cli.app import main
sys.argv = ["interplay", *{list(arguments)}]
try:
    main()
except SystemExit:
    pass
"""


def test_the_package_alone_loads_nothing_heavy(tmp_path: Path):
    assert loaded("import interplay", tmp_path) == []


def test_explaining_waits_for_what_is_seldom_used(tmp_path: Path):
    assert loaded("from interplay import explain", tmp_path) == ["scipy", "torch"]


def test_a_command_that_explains_loads_neither_plots_nor_statistics(tmp_path: Path):
    shutil.copytree(FROZEN, tmp_path / "run")
    Image.new("RGB", (112, 112), "navy").save(tmp_path / "new.png")
    inputs = ["--input", "text=A storm near the school.", "--input", f"image={tmp_path / 'new.png'}"]
    asked = command("explain", str(tmp_path / "run"), *inputs, "--out", str(tmp_path))
    assert loaded(asked, tmp_path) == ["scipy", "torch", "transformers"]
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["explain", "--help"],
        *([name, "nosuch"] for name in ("evaluate", "explain", "report", "serve", "validate")),
        ["explain", ".", "--beside", "nosuch"],
    ],
    ids=" ".join,
)
def test_commands_that_end_at_once_load_nothing_heavy(arguments: list[str], tmp_path: Path):
    (tmp_path / "metrics.json").write_text("{}")  # the folder "." passes for a finished run
    assert loaded(command(*arguments), tmp_path) == []


def test_a_table_is_read_and_a_mistake_found_without_arrays_pictures_and_drawing(tmp_path: Path):
    (tmp_path / "samples.csv").write_text("id,text,image,labels\n1,hello,a.png,a\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    mistake = command("train", str(tmp_path), "--out", "new", "--label-column", "lables")
    right = f"from interplay.data.registry import open_dataset; open_dataset({str(tmp_path)!r})"
    for code in (mistake, right):
        assert loaded(code, tmp_path, ["numpy", "PIL", "rich", "torch"]) == []
