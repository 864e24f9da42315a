"""An explanation in a notebook, and without the packages that only training needs."""

import ast
import io
import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from packaging.requirements import Requirement
from PIL import Image

from interplay.errors import EXTRAS, DataError, needs
from interplay.modalities.pictures import open_picture
from interplay.report import read_explanation
from interplay.report.notebook import as_html, as_png, register, show
from interplay.results import Explanation, Explanations, Input


def test_a_frame_that_can_do_nothing_but_run_itself(examples):
    html = as_html(examples.planted())
    assert html.startswith("<iframe ") and html.endswith("</iframe>") and html.count("<") == 2
    assert 'sandbox="allow-scripts allow-downloads"' in html


def test_the_picture_is_the_heat_map(examples):
    shown = Image.open(io.BytesIO(as_png(examples.planted())))
    assert shown.size == (960, 600) and len(np.unique(np.asarray(shown.convert("L")))) > 20


def test_pictures_are_shown_and_are_no_part_of_the_document(examples, tmp_path):
    explanation = examples.planted()
    blank = as_html(explanation)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    explanation.remember_pictures({"image": tmp_path / "a.png"})
    assert "data:image/webp" in as_html(explanation) and "data:image/webp" not in blank
    assert str(tmp_path) not in explanation.model_dump_json() + as_html(explanation) + repr(explanation)
    again = Explanation.model_validate_json(explanation.model_dump_json())
    assert again == explanation and not again.pictures
    assert again != explanation.model_copy(update={"target": "neutral"})
    for broken in (tmp_path / "gone.png", tmp_path):
        explanation.remember_pictures({"image": broken})
        assert as_html(explanation) == blank


def test_pictures_are_given_or_looked_for(examples, tmp_path):
    explanation = examples.planted()
    (tmp_path / "scenes" / "images").mkdir(parents=True)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "scenes" / "images" / "0042.png")
    found = show(explanation, folder=tmp_path / "scenes").html
    assert "data:image/webp" in found and "data:image/webp" not in show(explanation, folder=tmp_path).html
    assert show(explanation, {"image": Image.new("RGB", (64, 64), "red")})._repr_html_() == found


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_frame_shows_the_picture_as_the_encoder_saw_it(examples, tmp_path, orientation):
    """cases.md A: a stored picture that EXIF turns is shown upright, where the boxes lie."""
    stored = Image.new("RGB", (80, 48), "red")
    stored.paste("blue", (0, 0, 40, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = open_picture(tmp_path / "turned.jpg")
    explanation = examples.planted()
    expected = show(explanation, {"image": upright}).html
    assert show(explanation, {"image": tmp_path / "turned.jpg"}).html == expected
    with Image.open(tmp_path / "turned.jpg") as opened:
        assert show(explanation, {"image": opened}).html == expected
    explanation.remember_pictures({"image": tmp_path / "turned.jpg"})
    assert as_html(explanation) == expected


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "RGBA", "LA", "P", "1", "CMYK"])
def test_the_frame_shows_pictures_of_every_mode_as_the_encoder_saw_them(examples, tmp_path, mode):
    levels = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    if mode == "I;16":
        picture = Image.fromarray((levels * 65535).astype(np.uint16))
    elif mode == "I":
        picture = Image.fromarray((levels * 90_000 - 9).astype(np.int32))
    elif mode == "F":
        picture = Image.fromarray(levels.astype(np.float32))
    elif mode in ("1", "CMYK"):
        picture = Image.fromarray((levels * 255).astype(np.uint8)).convert("RGB").convert(mode)
    else:
        picture = Image.fromarray((levels * 255).astype(np.uint8)).convert("RGBA")
        picture.putalpha(120)
        picture = picture.convert(mode)
    picture.save(tmp_path / "a.tif")
    explanation = examples.planted()
    expected = show(explanation, {"image": open_picture(tmp_path / "a.tif")}).html
    assert "data:image/webp" in expected
    assert show(explanation, {"image": tmp_path / "a.tif"}).html == expected
    with Image.open(tmp_path / "a.tif") as opened:
        assert show(explanation, {"image": opened}).html == expected


@pytest.mark.parametrize("where", ["beside", "of the run", "given", "nowhere", "no run"])
def test_an_explanation_read_back_finds_its_picture(examples, tmp_path, where):
    explanation, run, data = examples.planted(), tmp_path / "run", tmp_path / "data"
    for folder in (run / "explanations", data / "images"):
        folder.mkdir(parents=True)
    file = run / "explanations" / "one.json"
    file.write_text(explanation.model_dump_json())
    picture = (file.parent if where == "beside" else data / "images") / "0042.png"
    if where != "nowhere":
        Image.new("RGB", (64, 64), "red").save(picture)
    if where != "no run":
        (run / "provenance.json").write_text(json.dumps({"source": str(data if where == "of the run" else run)}))
    read = read_explanation(file, folder=data if where == "given" else None)
    assert read == explanation
    assert read.pictures == ({} if where in ("nowhere", "no run") else {"image": picture})


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/hostname", "..", ""])
def test_a_document_names_no_folder_to_look_into(examples, tmp_path, name):
    explanation = examples.planted()
    inputs = {**explanation.inputs, "image": Input(kind="image", path=name)}
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "a" / "b").mkdir(parents=True)
    file = tmp_path / "a" / "b" / "one.json"
    file.write_text(explanation.model_copy(update={"inputs": inputs}).model_dump_json())
    assert read_explanation(file).pictures == {}


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"schema": "interplay/explanation/99"}'])
def test_what_is_no_explanation_is_refused_by_name(tmp_path, text):
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(DataError, match=r"one\.json.*write_explanations"):
        read_explanation(tmp_path / "one.json")
    with pytest.raises(DataError, match="No such file"):
        read_explanation(tmp_path / "gone.json")


def test_jupyter_finds_both(examples):
    formatter = DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html", "image/png"]  # those of a notebook
    assert set(formatter.format(examples.planted())[0]) == {"text/plain"}
    register(formatter)
    data, _ = formatter.format(examples.planted())
    assert {"text/html", "image/png", "text/plain"} <= set(data)
    assert len(data["text/plain"]) < 200
    assert "image/png" not in formatter.format(examples.without_pairs())[0]


def test_a_list_of_explanations_is_one_page_and_a_line_each(examples):
    formatter = DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html"]
    register(formatter)
    data, _ = formatter.format(Explanations([examples.planted(), examples.three_modalities()]))
    assert data["text/html"].count("<iframe") == 1 and "screens/7" in data["text/html"]
    lines = data["text/plain"].splitlines()
    assert lines[0] == "2 explanations" and lines[1].startswith("<Explanation of 'scene-0042': 'sarcastic' at 0.871")
    assert len(lines) == 3 and "text/html" not in formatter.format(Explanations())[0]


SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import interplay
loaded = {"interplay.report.page", "interplay.results", "PIL", "jinja2", "torch"} & set(sys.modules)
assert not loaded, loaded
from interplay.results import Explanation
formatter = shell.display_formatter.formatters["text/html"]
one = Explanation.model_validate_json(open(sys.argv[1]).read())
assert formatter(one).startswith("<iframe ")
"""


def test_importing_in_a_notebook_registers_and_loads_nothing_else(examples, tmp_path):
    file = tmp_path / "one.json"
    file.write_text(examples.planted().model_dump_json())
    done = subprocess.run([sys.executable, "-c", SHELL, file], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    code = "import sys, interplay; sys.exit('IPython' in sys.modules or 'interplay.report' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WITHOUT = """
import sys
for name in {modules!r}:
    sys.modules[name] = None  # as if it were not installed
from pathlib import Path
from interplay import Explanation, finding
from interplay.report import write_page
from interplay.report.notebook import as_html, as_png
from interplay.report.figures import plot_pairs
explanation = Explanation.model_validate_json(Path(sys.argv[1]).read_text())
page = write_page([explanation], {{}}, sys.argv[2])
assert page.read_text().startswith("<!doctype html>") and "<iframe" in as_html(explanation)
assert as_png(explanation)[:4] == b"\\x89PNG" and plot_pairs(explanation).images
print(finding(explanation))
try:
    from interplay import train
except ModuleNotFoundError as error:
    print(error)
sys.argv = ["interplay", "train", {scenes!r}, "--out", "run"]
from interplay.cli.app import main
main()
"""


def test_reports_open_without_what_only_training_needs(examples, tmp_path):
    file = tmp_path / "one.json"
    file.write_text(examples.planted().model_dump_json())
    modules = [m for extra in ("train", "serve", "huggingface", "shapiq", "sklearn") for m in EXTRAS[extra]]
    scenes = str(Path(__file__).parents[1] / "fixtures" / "run-v1" / "scenes")
    without = WITHOUT.format(modules=modules, scenes=scenes)
    command = [sys.executable, "-c", without, file, tmp_path / "page.html"]
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
    packages |= {"efficientnet_lite_pytorch": "efficientnet-lite-pytorch", "sklearn": "scikit-learn"}
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
    base = {"interplay", "filelock", "jaxtyping", "numpy", "pydantic", "rich", "scipy", "threadpoolctl", "tomli_w"}
    base |= {"typer", "pydantic_core"}  # the second is pydantic's own, of one release with it
    known = {module for modules in EXTRAS.values() for module in modules}
    assert "torch" in heads and heads - base - known - set(sys.stdlib_module_names) == set()
