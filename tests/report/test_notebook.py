"""An explanation in a notebook, and without the packages that only training needs."""

import ast
import io
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import numpy as np
from IPython.core.formatters import DisplayFormatter
from packaging.requirements import Requirement
from PIL import Image

from interplay.errors import EXTRAS, needs
from interplay.results import Explanation


def test_a_frame_that_can_do_nothing_but_run_itself(examples):
    html = examples.planted()._repr_html_()
    assert html.startswith("<iframe ") and html.endswith("</iframe>") and html.count("<") == 2
    assert 'sandbox="allow-scripts allow-downloads"' in html


def test_the_picture_is_the_heat_map(examples):
    shown = Image.open(io.BytesIO(examples.planted()._repr_png_()))
    assert shown.size == (960, 600) and len(np.unique(np.asarray(shown.convert("L")))) > 20
    assert examples.planted().model_copy(update={"pairs": [], "more_pairs": []})._repr_png_() is None


def test_pictures_are_shown_and_are_no_part_of_the_document(examples, tmp_path):
    explanation = examples.planted()
    blank = explanation._repr_html_()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    explanation.seen["image"] = tmp_path / "a.png"
    assert "data:image/webp" in explanation._repr_html_() and "data:image/webp" not in blank
    assert str(tmp_path) not in explanation.model_dump_json() + explanation._repr_html_()
    again = Explanation.model_validate_json(explanation.model_dump_json())
    assert again == explanation and not again.seen
    for broken in (tmp_path / "gone.png", tmp_path):
        explanation.seen["image"] = broken
        assert explanation._repr_html_() == blank


def test_jupyter_finds_both(examples):
    formatter = DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html", "image/png"]  # those of a notebook
    data, _ = formatter.format(examples.planted())
    assert {"text/html", "image/png", "text/plain"} <= set(data)


WITHOUT = """
import sys
for name in {modules!r}:
    sys.modules[name] = None  # as if it were not installed
from pathlib import Path
from interplay import Explanation, finding
from interplay.report import write_page
from interplay.report.figures import plot_pairs
explanation = Explanation.model_validate_json(Path(sys.argv[1]).read_text())
page = write_page([explanation], {{}}, sys.argv[2])
assert page.read_text().startswith("<!doctype html>") and "<iframe" in explanation._repr_html_()
assert explanation._repr_png_()[:4] == b"\\x89PNG" and plot_pairs(explanation).images
print(finding(explanation))
try:
    from interplay import train
except ModuleNotFoundError as error:
    print(error)
sys.argv = ["interplay", "train", "data", "--out", "run"]
from interplay.cli.app import main
main()
"""


def test_reports_open_without_what_only_training_needs(examples, tmp_path):
    file = tmp_path / "one.json"
    file.write_text(examples.planted().model_dump_json())
    modules = [m for extra in ("train", "serve", "huggingface", "shapiq") for m in EXTRAS[extra]]
    command = [sys.executable, "-c", WITHOUT.format(modules=modules), file, tmp_path / "page.html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    found, api = done.stdout.splitlines()
    assert found.startswith("scene-0042 is ") and api.endswith("pip install 'interplay[train]'")
    assert done.stderr.startswith("Error: this needs ") and done.stderr.count("\n") == 1


def test_every_extra_is_what_its_errors_name():
    """Installing the extra that an error names brings the module."""
    installed = {
        extra: {r.name for line in requires("interplay") or [] if (r := Requirement(line)) and r.marker is not None
                and r.marker.evaluate({"extra": extra})}
        for extra in EXTRAS
    }  # fmt: skip
    packages = {"PIL": "pillow", "python_multipart": "python-multipart", "prometheus_client": "prometheus-client"}
    packages |= {"efficientnet_lite_pytorch": "efficientnet-lite-pytorch"}
    brought = {
        "fsspec": "huggingface_hub",
        "markupsafe": "jinja2",
        "starlette": "fastapi",
        "tokenizers": "transformers",
    }
    for extra, modules in EXTRAS.items():
        for module in modules:
            assert brought.get(module, packages.get(module, module)) in installed[extra], (extra, module)
    assert needs(ModuleNotFoundError("No module named 'nowhere'", name="nowhere")) is None


def test_the_list_of_what_training_needs_is_whole():
    """Modules named by `import` anywhere in the package, that do not come with the base."""
    source = Path(sys.modules["interplay"].__file__).parent
    nodes = [node for file in source.rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    heads = {name.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for name in node.names}
    heads |= {str(node.module).split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    base = {"interplay", "jaxtyping", "numpy", "pydantic", "rich", "scipy", "threadpoolctl", "tomli_w", "typer"}
    known = {module for modules in EXTRAS.values() for module in modules}
    assert "torch" in heads and heads - base - known - set(sys.stdlib_module_names) == set()
