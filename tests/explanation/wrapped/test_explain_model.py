"""`interplay explain-model`, from a folder to a page; the Python of docs/any-model.md runs as it stands."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.explanation.wrapped.small_models import ALL, TEXT

from interplay import write_page
from interplay.cli import app as cli
from interplay.errors import BadInput
from interplay.explanation.wrapped.wrap import wrap

DOCS = Path(__file__).parents[3] / "docs" / "any-model.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Each small model saved as a folder, and a wide picture."""
    root = tmp_path_factory.mktemp("models")
    for name, make in ALL.items():
        model, processor = make()
        model.save_pretrained(root / name)
        if name == "llava":
            processor.save_pretrained(root / name)
            continue
        for part in ("tokenizer", "image_processor"):
            getattr(processor, part, processor).save_pretrained(root / name)
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "cats.png")
    return root


def run(monkeypatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["interplay", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code


@pytest.mark.parametrize("name", ALL)
def test_each_model_is_explained_by_one_command(name, folder, tmp_path, monkeypatch, capsys):
    given = (["--text", TEXT] if name != "vit" else []) + (
        ["--image", str(folder / "cats.png")] if name != "bert" else []
    )
    given += ["--answer", "cats"] if name == "blip_vqa" else []  # of its own accord it writes nothing
    run(monkeypatch, "explain-model", str(folder / name), *given, "--budget", "1500", "--out", str(tmp_path / "out"))
    said = capsys.readouterr().out
    subject = "sample" if name == "bert" else "cats"
    assert f"  {subject} " in said and (tmp_path / "out" / "page.html").exists()
    (file,) = (tmp_path / "out").glob("*.json")
    found = json.loads(file.read_text("utf-8"))
    assert found["value"]["level"] == "input" and found["provenance"]["run"] == name
    pairs = len(found["pairs"])
    assert (pairs > 0) == (name not in ("bert", "vit"))


def test_labels_of_the_command_line(folder, tmp_path, monkeypatch, capsys):
    given = ["--image", str(folder / "cats.png"), "--labels", "a photo of a cat, a photo of a dog", "--grid", "2"]
    run(monkeypatch, "explain-model", str(folder / "clip"), *given, "--out", str(tmp_path / "out"), "--json")
    (found,) = json.loads(capsys.readouterr().out)
    assert list(found["prediction"]) == ["a photo of a cat", "a photo of a dog"] and len(found["features"]) == 4


def test_answers_of_a_model_that_writes(folder, tmp_path, monkeypatch, capsys):
    given = ["--text", TEXT, "--image", str(folder / "cats.png"), "--budget", "800", "--json"]
    given += ["--out", str(tmp_path / "out")]
    run(monkeypatch, "explain-model", str(folder / "llava"), *given, "--answer", "two cats")
    assert list(json.loads(capsys.readouterr().out)[0]["prediction"]) == ["two cats"]
    run(monkeypatch, "explain-model", str(folder / "llava"), *given, "--removal", "drop", "--removal", "grey")
    first, second = json.loads(capsys.readouterr().out)
    assert list(first["prediction"]) == list(second["prediction"]) and first["target"] == second["target"]


def test_bad_use_ends_in_one_line(folder, monkeypatch, capsys):
    image = ["--image", str(folder / "cats.png")]
    (folder / "broken.png").write_bytes(b"no picture")
    for words, message in (
        (["llava", "--text", "what is <image>", *image], "Error: the text holds <image>, the model's sign"),
        (
            ["llava", "--text", TEXT, *image, "--labels", "a,b", "--answer", "c"],
            "Error: --labels and --answer were both",
        ),
        (["vit", *image, "--text", TEXT], "Error: a text was given, which this model does not take"),
        (
            ["vit", "--image", "nowhere.png"],
            "Error: nowhere.png: the picture is missing; expected a picture file; corr",
        ),
        (["vit", "--image", str(folder / "broken.png")], "AVIF); replace the file"),
        (
            ["bert", "--text", TEXT, "--words", "drop"],
            "Error: words are to be removed by 'drop'; expected one of mask, delete",
        ),
        (
            ["qwen", "--text", TEXT, *image, "--words", "delete"],
            "Error: words are to be removed by 'delete'; expected mask: tokens of a",
        ),
        (["nowhere"], "cannot be loaded"),
    ):
        monkeypatch.setattr("sys.argv", ["interplay", "explain-model", str(folder / words[0]), *words[1:]])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().err.strip()
        assert ended.value.code == 2 and message in said and len(said.splitlines()) == 1
        assert " row" not in said, "there is no table"


def test_several_ways_of_removing_are_held_together(folder, tmp_path, monkeypatch, capsys):
    given = [
        "--image",
        str(folder / "cats.png"),
        "--removal",
        "drop",
        "--removal",
        "mean",
        "--out",
        str(tmp_path / "out"),
    ]
    run(monkeypatch, "explain-model", str(folder / "vit"), *given)
    said = capsys.readouterr().out
    assert said.count("cats ") >= 2 and "ways of removing" in said
    assert "(vit): cats " in said and "(vit, mean in place of patches): cats " in said
    assert len(list((tmp_path / "out").glob("*.json"))) == 2
    assert "ways of removing" in (tmp_path / "out" / "page.html").read_text("utf-8")


def test_several_ways_share_the_budget_that_seconds_made(folder, tmp_path, monkeypatch):
    given = ["--text", TEXT, "--image", str(folder / "cats.png"), "--grid", "2", "--removal", "drop"]
    given += ["--removal", "mean", "--seconds", "2", "--out", str(tmp_path / "out")]
    run(monkeypatch, "explain-model", str(folder / "vilt"), *given)
    one, other = (json.loads(file.read_text("utf-8")) for file in sorted((tmp_path / "out").glob("*.json")))
    known = {**one["provenance"]["settings"], **other["provenance"]["settings"]}
    assert one["evaluations"] == other["evaluations"] > 0 and known["budget"] >= one["evaluations"]


@pytest.mark.parametrize(
    ("name", "ways", "runs"),
    [
        ("bert", ["--words", "mask", "--words", "delete"], {"bert", "bert, words deleted"}),
        (
            "naflex",
            ["--words", "mask", "--words", "delete", "--removal", "drop", "--removal", "inpaint", "--grid", "2"],
            {
                "naflex",
                "naflex, words deleted",
                "naflex, inpaint in place of patches",
                "naflex, inpaint in place of patches, words deleted",
            },
        ),
        ("qwen", ["--removal", "drop", "--removal", "inpaint"], {"qwen", "qwen, inpaint in place of patches"}),
    ],
)
def test_words_deleted_and_patches_inpainted_are_ways_of_removing(
    name, ways, runs, folder, tmp_path, monkeypatch, capsys
):
    given = ["--text", "two grey cats", "--out", str(tmp_path / "out"), "--budget", "400"]
    given += ["--image", str(folder / "cats.png")] if name != "bert" else []
    run(monkeypatch, "explain-model", str(folder / name), *given, *ways)
    files = [json.loads(file.read_text("utf-8")) for file in (tmp_path / "out").glob("*.json")]
    assert "ways of removing" in capsys.readouterr().out and {one["provenance"]["run"] for one in files} == runs
    assert len({one["target"] for one in files}) == 1


def test_the_python_of_the_page_runs(folder, monkeypatch, capsys, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), flags=re.DOTALL)
    shutil.copytree(folder / "clip", tmp_path / "openai" / "clip-vit-base-patch32")  # a folder of the hub's name
    shutil.copy(folder / "cats.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "any-model", "exec"), {})
    assert "match" in capsys.readouterr().out and (tmp_path / "page.html").exists()


def test_weights_that_are_missing_or_broken_are_refused(folder, tmp_path):
    """A head that is not there would be drawn at random, and its answers explained as if they were trained."""
    shutil.copytree(folder / "bert", tmp_path / "bert")
    file = tmp_path / "bert" / "model.safetensors"
    weights = {name: value for name, value in load_file(file).items() if not name.startswith("classifier")}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(BadInput, match=r"bert lacks weights: classifier.bias, classifier.weight; expected a whole"):
        wrap(tmp_path / "bert")
    file.write_bytes(b"\0" * 100)
    with pytest.raises(BadInput, match=r"bert cannot be loaded: "):
        wrap(tmp_path / "bert")
    shutil.copytree(folder / "vit", tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").unlink()
    with pytest.raises(BadInput, match=r"vit cannot be loaded: "):
        wrap(tmp_path / "vit")


def test_a_photo_is_shown_as_it_is_explained(tmp_path):
    """Upright, though only its metadata says how it lies."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "x.jpg", exif=exif)
    found = wrap(*ALL["vit"]()).explain(image=tmp_path / "x.jpg", budget=400)
    page = write_page([found], {"sample": {"image": Image.open(tmp_path / "x.jpg")}}, tmp_path / "page.html")
    assert re.search(r'"width": ?40, ?"height": ?60', page.read_text("utf-8"))


def test_a_pickle_and_an_unknown_class_are_refused(folder, tmp_path):
    model, _ = ALL["bert"]()
    model.config.architectures = ["BertForSequenceClassification"]
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"cannot be loaded: .*; expected a folder or hub id .* in safetensors"):
        wrap(tmp_path)
    model.config.architectures = ["SomethingOfMyOwn"]
    model.config.save_pretrained(tmp_path)
    with pytest.raises(BadInput, match=r"is of the class SomethingOfMyOwn, which transformers does not have"):
        wrap(str(tmp_path))
    with pytest.raises(BadInput, match=r"nowhere cannot be loaded"):
        wrap(str(tmp_path / "nowhere"))
