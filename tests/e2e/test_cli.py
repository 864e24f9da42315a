"""The command line: every command, what it prints where, its exit codes, and how it refuses what it cannot use."""

import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.small_runs import SMALL, rewrite

import interplay.pipeline.explain as explain_stage
from interplay.cli import app as cli
from interplay.cli import options
from interplay.cli.train import spread
from interplay.config import make_config, nested
from interplay.data.scenes_story import DEFAULT_STORIES as STORIES
from interplay.models.run import open_run
from interplay.report.findings import finding
from interplay.results import Explanation
from interplay.training.fit import fit

COMMANDS = [
    *("demo", "data make-scenes", "data import", "data check"),
    *("encode", "train", "evaluate", "explain", "validate", "study", "serve"),
]
FLAT = ["--set", "encoders.image.layer=1"]  # under a quarter of the work of the default encoder of pictures
QUICK = ["--device", "cpu", "--epochs", "1", "--set", "fusion.width=16", "--set", "fusion.heads=2", *FLAT]
BRIEF = ["--budget", "200", "--set", "explain.candidates=2", "--set", "explain.ig_steps=2"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    def error(self) -> str:
        """The one line of an error; progress may stand before it."""
        shown = re.compile(r".+: \d+ of \d+|(Note|Epoch \d+ of \d+): .+|These runs differ .+")
        lines = [line for line in self.err.splitlines() if not shown.fullmatch(line)]
        assert len(lines) == 1 and lines[0].startswith("Error: "), self.err
        assert "Traceback" not in self.err and not self.out
        return lines[0]


Cli = Callable[..., Done]


@pytest.fixture
def run_cli(monkeypatch, capsys) -> Cli:
    """Run a command in this process."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["interplay", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


def _process(*arguments: object, **more) -> subprocess.Popen:
    """The command as a process of its own, which heeds Ctrl-C even where a shell runs the tests in the background."""
    command = [sys.executable, "-m", "interplay", *map(str, arguments)]
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heed, **more)


def _wait_for(found: Callable[[], bool], process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while not found():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)


def _finish(process: subprocess.Popen) -> Done:
    out, err = process.communicate(timeout=200)
    return Done(process.returncode, out, err)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, scenes) -> Path:
    """Thirty scenes as a user's own CSV."""
    folder = tmp_path_factory.mktemp("own") / "tiny"
    (folder / "images").mkdir(parents=True)
    with (folder / "samples.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "split", "text", "image", "labels"])
        for sample in scenes.samples[:30]:
            name = f"images/{sample.id}.png"
            shutil.copy(sample.inputs["image"], folder / name)
            table.writerow([sample.id, sample.split, sample.inputs["text"], name, "|".join(sample.labels)])
    return folder


# Help, usage


@pytest.mark.parametrize("command", ["", "data", *COMMANDS])
def test_help_ends_with_an_example(run_cli, command):
    done = run_cli(*command.split(), "--help")
    assert done.code == 0 and not done.err
    assert f"Example:  interplay {command}".strip() in done.out
    options = re.findall(r"^  (--[\w-]+)(?: / --[\w-]+)?(?: <[\w ]+>| [A-Z.=]+)?\n", done.out, re.M)
    assert not options, f"options without a word of help: {options}"


def test_the_version(run_cli):
    assert run_cli("--version").out == f"{version('interplay')}\n"


def test_nothing_but_the_command_is_loaded_for_help():
    code = "import sys; from interplay.cli.app import app; app(['train', '--help'], standalone_mode=False); "
    code += "sys.exit(1 if {'torch', 'numpy', 'PIL', 'lightning', 'transformers'} & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("command", ["", "data"])
def test_no_command_shows_the_help(run_cli, command):
    done = run_cli(*command.split())
    assert done.code == 2 and "Commands:" in done.err and not done.out


@pytest.mark.parametrize(
    "line, words",
    [
        ("train --out x", "Missing argument 'DATA'; see `interplay train --help`"),
        ("train data", "Missing option '--out'"),
        ("train data --out", "--out"),
        ("train data --out x --modle dense", "No such option: --modle.*--mod"),
        ("train data --out x --epochs many", "--epochs"),
        ("train data --out x --epochs 0", "--epochs"),
        ("demo --samples 3", "--samples"),
        ("data make-scenes x --seed -1", "--seed"),
        ("data make-scenes x --stories rain", "stories are rain.*sarcasm"),
        ("data make-scenes pyproject.toml", "pyproject.toml: something else is there"),
        ("data make-scenes pyproject.toml/x", "pyproject.toml: a file is there; expected a folder"),
        ("trian", "No such command 'trian'"),
        ("encode", "no dataset given.*--list"),
        ("evaluate nowhere", "nowhere: the run is not there"),
        ("explain pyproject.toml", "pyproject.toml: the run is not there"),
    ],
)
def test_what_is_typed_wrong(run_cli, line, words):
    done = run_cli(*line.split())
    assert done.code == 2 and re.search(words, done.error())


def test_the_list_of_encoders(run_cli):
    assert run_cli("encode", "--list", "--json").json["minilm"] == "text"
    assert "vit-s14 (image)" in run_cli("encode", "--list").out


# Bad input: refused in one line, with nothing left behind


def _row(folder: Path, number: int, **changes: str) -> None:
    """Change fields of the row on that line of the table."""
    file = folder / "samples.csv"
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    rows[number - 2] |= changes
    _write(file, rows)


def _all(folder: Path, among: str, **changes: str) -> None:
    file = folder / "samples.csv"
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    _write(file, [row | (changes if row["split"] == among else {}) for row in rows])


def _without(folder: Path, column: str) -> None:
    file = folder / "samples.csv"
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    _write(file, [{k: v for k, v in row.items() if k != column} for row in rows])


def _write(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="") as opened:
        table = csv.DictWriter(opened, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


PICTURE = "images/scene-000003.png"  # on row 5


def _cut(folder: Path) -> None:
    (folder / PICTURE).write_bytes((folder / PICTURE).read_bytes()[:-900])


BAD_DATA = {
    "picture missing": (lambda d: (d / PICTURE).unlink(), r"samples\.csv, row 5: .*image.*missing"),
    "picture corrupt": (
        lambda d: (d / PICTURE).write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 99),
        "3.png, row 5: .*picture",
    ),
    "picture cut short": (_cut, "3.png, row 5: the picture is corrupt or cut short"),
    "picture empty": (lambda d: (d / PICTURE).write_bytes(b""), r"samples\.csv, row 5: .*image.*empty"),
    "picture is a text": (lambda d: (d / PICTURE).write_text("hello"), "3.png, row 5: it is not a picture.*hello"),
    "picture is a folder": (lambda d: _row(d, 5, image="images"), r"samples\.csv, row 5: "),
    "text empty": (lambda d: _row(d, 4, text=" "), r"samples\.csv, row 4: column 'text': the text is empty"),
    "table empty": (lambda d: (d / "samples.csv").write_bytes(b""), r"samples\.csv: the file is empty"),
    "header only": (lambda d: (d / "samples.csv").write_text("id,text,labels\n"), "header and no rows"),
    "not UTF-8": (lambda d: (d / "samples.csv").write_bytes(b"id,text,labels\n1,\xff,a\n"), r"samples\.csv, row 2: "),
    "table a folder": (lambda d: [(d / "samples.csv").unlink(), (d / "samples.csv").mkdir()], "tiny.*table"),
    "nothing there": (lambda d: shutil.rmtree(d), "tiny: there is nothing here"),
    "label unknown": (
        lambda d: (d / "dataset.toml").write_text('labels = ["sarcasm", "storm", "urgent"]'),
        r"samples\.csv, row \d+: column 'labels': the label 'animal' is not known.*one of sarcasm, storm, urgent",
    ),
    "labels not single": (
        lambda d: (d / "dataset.toml").write_text('label_kind = "single"'),
        r"samples\.csv, row \d+: .*labels; expected one label",
    ),
    "no labels": (lambda d: _without(d, "labels"), r"samples\.csv: column 'labels': the column is missing"),
    "id twice": (lambda d: _row(d, 6, id="scene-000001"), r"samples\.csv, row 6: .*'scene-000001' is also on row 3"),
    "split unknown": (lambda d: _row(d, 7, split="holdout"), r"samples\.csv, row 7: .*'holdout'.*train, val or test"),
    "train of one class": (
        lambda d: _all(d, "train", labels="storm"),
        "all 21 rows of the split 'train'.*labels: storm",
    ),
    "val empty": (lambda d: _all(d, "val", split="train"), "tiny: the split 'val' has no samples"),
    "declaration broken": (lambda d: (d / "dataset.toml").write_text("name ="), r"dataset\.toml: the file is not TOML"),
    "declaration typo": (lambda d: (d / "dataset.toml").write_text('label = ["a"]'), r"dataset\.toml: column 'label'"),
}


@pytest.mark.parametrize("damage, words", BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data(run_cli, tmp_path, tiny, damage, words):
    data = tmp_path / "tiny"
    shutil.copytree(tiny, data)
    damage(data)
    done = run_cli("train", data, "--out", tmp_path / "run", "--store", tmp_path / "store", *QUICK)
    assert done.code == 2 and re.search(words, done.error()), done.err
    assert not (tmp_path / "run").exists()
    assert not [p for p in (tmp_path / "store").glob("image-*") if p.suffix not in (".partial", ".lock")]


def test_check_tells_every_problem_at_once(run_cli, tmp_path, tiny):
    data = tmp_path / "tiny"
    shutil.copytree(tiny, data)
    _row(data, 4, text="")
    _row(data, 6, id="scene-000001")
    _cut(data)
    done = run_cli("data", "check", data)
    assert done.code == 2 and "Check rows" in done.err
    assert [int(n) for n in re.findall(r"^error: .*?, row (\d+):", done.out, re.M)] == [4, 6, 5]
    assert "cannot be used as it is (3 errors" in done.out
    done = run_cli("data", "check", data, "--json")
    assert done.code == 2 and not done.json["usable"]
    assert {p["row"] for p in done.json["problems"] if p["severity"] == "error"} == {4, 5, 6}
    done = run_cli("data", "check", tiny)
    assert done.code == 0 and "tiny is sound" in done.out
    _all(data, "test", split="val")
    assert "the split 'test'" in run_cli("data", "check", data).out
    assert run_cli("data", "check", tmp_path / "none").code == 2


@pytest.mark.parametrize(
    "options, words",
    [
        ("--set training.epoch=3", r"the options given: unknown key training\.epoch \(did you mean training\.epochs"),
        ("--set epochs", "--set epochs; expected section.key=value"),
        ("--set =3", "--set =3; expected section.key=value"),
        ("--set seed.x=3", "seed: "),
        ("--set training=3", "training: "),
        ("--set fusion.width=many", "fusion.width: .*many"),
        ("--set fusion.heads=3", "width 64 is not a multiple of heads 3"),
        ("--preset papper", "unknown preset 'papper'; did you mean paper.; expected one of default, paper"),
        ("--model moe", "fusion.kind: .*'dense', 'i2moe' or 'fl-i2moe'.*moe"),
        ("--fill blur", "removal.fill: .*blur"),
        ("--device gpu", "device: .*gpu"),
        ("--device mps", "there is no device 'mps' here; expected one of auto, cpu"),
        ("--config {tmp}/none.toml", "none.toml: cannot read: No such file"),
        ("--config {tmp}", "cannot read: Is a directory"),
        ("--config {tmp}/typo.toml", r"typo\.toml: unknown key training\.epoch \(did you mean training\.epochs"),
        ("--config {tmp}/broken.toml", r"broken\.toml: not valid TOML: .*line 2"),
        ("--set encoders.text.model={tmp}/folder", "folder has no config.json"),
        ("--set encoders.text.model=vit-s14", "vit-s14"),
        ("--set encoders.text.model=minilm --set encoders.text.layer=7", "minilm.*layer.*6"),
        ("--store {tmp}/typo.toml", "typo.toml"),
        ("--out {tmp}/typo.toml", "typo.toml: a file is there; expected a folder"),
        ("--out {tmp}/typo.toml/run", "typo.toml: a file is there; expected a folder"),
        ("--out {tmp}/full", "full: something that is no run is there"),
        ("--out {tmp}/full --overwrite", "full: something that is no run is there"),
        (
            "--out {run}",
            r"a finished run is there already; choose another folder by --out \(out= in Python\)",
        ),
    ],
)
def test_bad_settings(run_cli, tmp_path, tiny, small_run, options, words):
    (tmp_path / "typo.toml").write_text("[training]\nepoch = 3\n")
    (tmp_path / "broken.toml").write_text("seed = 1\nseed = = 2\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    options = options.format(tmp=tmp_path, run=small_run.run.folder).split()
    done = run_cli("train", tiny, "--out", tmp_path / "run", "--store", tmp_path / "store", *options)
    assert done.code == 2 and re.search(words, done.error()), done.err
    assert [p for p in sorted(tmp_path.rglob("*")) if p.name != "store"] == before


@pytest.mark.parametrize(
    "command, words",
    [
        ("evaluate --split nonsense", "unknown split 'nonsense'; expected one of train, val, test"),
        ("evaluate --data {tiny}/none", "there is nothing here"),
        ("evaluate --data {tiny}", "tiny: the labels|tiny: the modalities"),
        ("explain --split nonsense", "unknown split 'nonsense'"),
        ("explain --sample nope", "no sample 'nope'; expected an id such as scene-000000"),
        ("explain --input words", "the input is 'words'; expected MODALITY=text or MODALITY=file"),
        ("explain --input text=a", "sample 'new' has no 'image'"),
        ("explain --input txt=a", r"unknown modality 'txt'; did you mean text\?; expected one of text, image"),
        ("explain --input text=a --input text=b", "the input 'text' is given twice"),
        ("explain --input text=a --sample b", "both --sample and --input"),
        ("explain --input text=a --input image={tiny}/none.png", "none.png: the picture is missing"),
        ("explain --input text=a --input image={tiny}/samples.csv", "samples.csv: it is not a picture"),
        ("explain --input text= --input image={picture}", "'text' of sample 'new' holds no feature"),
        ("explain --budget 0", "explain.budget: .*greater than or equal to 1"),
        ("explain --budget 20", "a budget of 20 evaluations is too small for .* pairs .*expected at least"),
        ("explain --estimator magic", "explain.estimator: .*'auto'.*magic"),
        ("explain --target rain", "unknown target 'rain'; expected one of sarcasm, storm"),
        (
            "explain --expert synergie",
            "unknown expert 'synergie' of small; did you mean synergy.; expected one of unique_text",
        ),
        ("explain --on odds", "explain.scale: .*odds"),
        ("explain --set explain.budgets=8", "unknown key explain.budgets .*explain.budget"),
        ("explain --out {picture}", "scene-000000.png: a file is there; expected a folder"),
        ("explain --out {picture}/out", "scene-000000.png: a file is there; expected a folder"),
        ("explain --device mps", "there is no device 'mps' here"),
    ],
)
def test_bad_requests_to_a_run(run_cli, tiny, small_run, command, words):
    name, *options = command.format(tiny=tiny, picture=tiny / "images" / "scene-000000.png").split()
    if options[:2] == ["--data", str(tiny)]:
        (tiny.parent / "other").mkdir(exist_ok=True)
        shutil.copytree(tiny, tiny.parent / "other" / "tiny", dirs_exist_ok=True)
        _without(tiny.parent / "other" / "tiny", "image")
        options[1] = str(tiny.parent / "other" / "tiny")
    done = run_cli(name, small_run.run.folder, *options)
    assert done.code == 2 and re.search(words, done.error()), done.err
    assert not (small_run.run.folder / "explanations").exists()


def _replace(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def _reshape(run: Path) -> None:
    path = run / "model" / "model.safetensors"
    save_file(load_file(path) | {"projections.1.weight": torch.zeros(3, 3)}, path)


@pytest.mark.parametrize(
    "damage, words",
    [
        (_reshape, r"model\.safetensors: weight projections\.1\.weight does not fit: the file has \(3, 3\);"),
        (lambda run: (run / "model" / "model.safetensors").write_bytes(b"x"), r"model\.safetensors: cannot open"),
        (lambda run: (run / "model" / "model.safetensors").unlink(), r"model\.safetensors: cannot open"),
        (lambda run: (run / "model" / "card.json").write_text("{"), r"card\.json: cannot open"),
        (lambda run: (run / "metrics.json").write_text("{"), r"metrics\.json: cannot read"),
        (lambda run: (run / "provenance.json").write_text("[]"), r"provenance\.json: cannot read"),
        (lambda run: (run / "config.toml").write_text("sed = 1"), r"config\.toml: unknown key sed \(did you mean seed"),
        (lambda run: (run / "metrics.json").unlink(), "the run was interrupted before it finished"),
        (
            lambda run: _replace(run / "config.toml", "layer = 1", "layer = 2"),
            "the encoder of 'image' .vit-s14. has other weights or settings than the run was trained on",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["evaluate", "explain"])
def test_a_damaged_run(run_cli, tmp_path, small_run, damage, words, command):
    """Of a version that kept no SHA256SUMS."""
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    (tmp_path / "run" / "SHA256SUMS").unlink()
    damage(tmp_path / "run")
    done = run_cli(command, tmp_path / "run")
    assert done.code == 2 and re.search(words, done.error()), done.err


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("config.toml", 'fill = "attention"', 'fill = "mean"'),  # else an explanation would say it was trained so
        ("provenance.json", '"seed": 0', '"seed": 1'),
        ("model/card.json", '"animal"', '"animals"'),
        ("metrics.json", "0.", "1."),
    ],
)
def test_a_run_that_was_changed_by_hand(run_cli, tmp_path, small_run, file, old, new):
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    _replace(tmp_path / "run" / file, old, new)
    done = run_cli("explain", tmp_path / "run", "--count", 1)
    assert done.code == 2 and f"run/{file}: the file is not the one that was written" in done.error(), done.err
    assert not (tmp_path / "run" / "explanations").exists()


# What works


def test_scenes_under_an_odd_name(run_cli, tmp_path):
    done = run_cli("data", "make-scenes", tmp_path / "sc é nes [/red]", "--samples", 20, "--json")
    assert done.code == 0 and done.json["splits"] == {"train": 14, "val": 2, "test": 4}
    assert (Path(done.json["folder"]) / "samples.jsonl").exists()
    again = run_cli("data", "make-scenes", tmp_path / "sc é nes [/red]", "--samples", 20)
    assert again.code == 2 and "there is a table already" in again.error()
    assert run_cli("data", "make-scenes", tmp_path / "sc é nes [/red]", "--samples", 10, "--overwrite").code == 0


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """A user's own: three modalities, single labels, JPEGs of odd sizes and other kinds of picture, no split column."""
    folder = tmp_path_factory.mktemp("own") / "my revïews [1]"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(40):
        label = ("good", "bad")[number % 2]
        size = (int(rng.integers(1, 90)), int(rng.integers(1, 300)))
        picture = Image.effect_noise((max(size[0], 2), max(size[1], 2)), 60.0 if number % 2 else 9.0).convert("RGB")
        name = f"photo {number}.jpg"
        picture.save(folder / name)
        title = "a fine day" if label == "good" else "an awful day"
        rows.append({"id": str(number), "title": title, "body": f"page {number}", "photo": name, "labels": label})
    exif = Image.Exif()
    exif[274] = 6
    odd = [Image.effect_noise((64, 40), 40.0) for _ in range(5)]
    odd[0].convert("CMYK").save(folder / "photo 0.jpg")
    odd[1].convert("P").save(folder / "photo 1.png")
    Image.fromarray((np.asarray(odd[2]).astype(np.uint16)) * 257).save(folder / "photo 2.png")
    odd[3].save(folder / "photo 3.gif", save_all=True, append_images=[odd[0]])
    odd[4].convert("RGB").save(folder / "photo 4.jpg", exif=exif)
    Image.new("L", (20_000, 301), 77).save(folder / "photo 5.png")
    for number, name in ((1, "photo 1.png"), (2, "photo 2.png"), (3, "photo 3.gif"), (5, "photo 5.png")):
        rows[number]["photo"] = name
    rows[6]["body"] = "word " * 900
    _write(folder / "samples.csv", rows)
    kinds = '[modalities]\ntitle = "text"\nbody = "text"\nphoto = "image"\n'
    (folder / "dataset.toml").write_text(f'label_kind = "single"\n{kinds}')
    return folder


def test_a_dataset_of_the_users_own(run_cli, tmp_path, reviews):
    store, run = tmp_path / "kept features", tmp_path / "rün 1"
    done = run_cli("encode", reviews, "--store", store, *FLAT, "--json")
    assert done.code == 0 and {m: r["cut"] for m, r in done.json.items()} == {"title": 0, "body": 1, "photo": 0}
    assert "Encode photo: 40 of 40" in done.err
    done = run_cli("train", reviews, "--out", run, "--store", store, *QUICK, "--json")
    assert done.code == 0 and set(done.json["metrics"]) == {"val", "test"}, done.err
    cut = "body: 1 samples are longer than the encoder takes; the rest of them is cut off\n"
    epoch = r"Epoch 1 of 1: training loss .*, the best so far\n"
    few = r"Note: the validation split has \d+ samples. .*\n(Note: of \d+ training samples fewer than 10 .*\n)?"
    told = rf"{few}Fit a linear probe: 9 of 9\n{epoch}Train: 1 of 1\n{re.escape(cut)}"
    assert re.fullmatch(told, done.err), done.err  # and no noise from the libraries
    trained = done.json["metrics"]["test"]
    done = run_cli("evaluate", run, "--store", store, "--json")
    assert done.json == {"run": str(run), "split": "test", "metrics": trained}
    assert "accuracy" in run_cli("evaluate", run, "--store", store, "--split", "val", "--device", "cpu").out
    done = run_cli("evaluate", run, "--store", store, "--modalities", "--samples", 3, "--json")
    assert (done.json["fill"], done.json["seed"]) == ("attention", 0)
    shares = [row for row in done.json["modalities"] if row["measure"] == "MM-SHAP"]
    assert [row["of"] for row in shares] == ["title", "body", "photo"] and {row["samples"] for row in shares} == {3}
    assert not any("EMAP" in row["measure"] for row in done.json["modalities"]), "it is of two modalities"

    done = run_cli("explain", run, "--count", 1, *BRIEF)
    assert done.code == 0 and done.out.rstrip().endswith(f"Open the page:  {run / 'explanations' / 'page.html'}")
    (file,) = (run / "explanations").glob("*.json")
    explanation = Explanation.model_validate_json(file.read_text())
    assert list(explanation.inputs) == ["title", "body", "photo"] and explanation.label_kind == "single"
    experts = {"unique_title", "unique_body", "unique_photo", "synergy", "redundancy"}
    assert set(explanation.contributions) == experts and set(explanation.whatif.only_modality) == {
        "title",
        "body",
        "photo",
    }
    modalities = [f.modality for f in explanation.features]
    assert {tuple(sorted((modalities[p.i], modalities[p.j]))) for p in explanation.pairs} == {
        ("body", "photo"), ("body", "title"), ("photo", "title")
    }  # fmt: skip
    assert finding(explanation) in done.out and "What each prediction rests on" in done.out

    inputs = ("--input", "title=what a day", "--input", "body=<b>", "--input", f"photo={reviews / 'photo 0.jpg'}")
    done = run_cli("explain", run, *inputs, "--target", "bad", "--out", tmp_path / "new öut", *BRIEF, "--json")
    (one,) = done.json
    assert done.code == 0 and one["target"] == "bad" and one["schema"]
    assert {p.suffix or p.name for p in (tmp_path / "new öut").iterdir()} == {".json", ".html", "SHA256SUMS"}


def test_two_models_side_by_side(run_cli, tmp_path, small_run):
    data, dense = ["--data", small_run.dataset.source], tmp_path / "dense"
    source, store = small_run.dataset.source, small_run.store
    done = run_cli("train", source, "--out", dense, "--store", store, *QUICK, "--set", "fusion.kind=dense")
    assert done.code == 0, done.err
    out = tmp_path / "out"
    command = ("explain", small_run.run.folder, "--beside", dense, *data, *BRIEF, "--blur", "--out", out)
    done = run_cli(*command, "--count", 2, "--json")
    assert done.code == 0, done.err
    assert [one["provenance"]["model"] for one in done.json] == ["fl-i2moe", "dense"] * 2
    first, second = done.json[:2]
    assert (first["sample_id"], first["target"]) == (second["sample_id"], second["target"])
    assert first["prediction"] != second["prediction"] and first["features"] == second["features"]
    page = (out / "page.html").read_text()
    assert '"blur":true' in page and "why fl-i2moe and dense decided so" in page and len(list(out.glob("*.json"))) == 4
    assert "by dense: " in done.err
    told = run_cli("explain", small_run.run.folder, dense, *data, *BRIEF, "--out", out, "--count", 1).out
    assert "fl-i2moe (small): " in told and "dense (dense): " in told
    assert re.search(rf"{first['sample_id']}, {first['target']}: what .* says holds in (both models|no other)", told)
    done = run_cli(*command, "--expert", "synergy")
    assert done.code == 2 and "unknown expert 'synergy' of dense; expected one of fusion" in done.err
    assert not re.search(r"Explain .*: \d", done.err), "nothing was explained in vain"


def test_models_of_several_seeds(run_cli, tmp_path, tiny, monkeypatch):
    out = tmp_path / "run"
    command = ("train", tiny, "--out", out, "--store", tmp_path / "store", "--seed", 3, "--seeds", 2, *QUICK)

    def interrupt_the_second(*given):
        if given[4].name == "seed4":
            raise KeyboardInterrupt
        fit(*given)

    with monkeypatch.context() as patched:
        patched.setattr("interplay.pipeline.train.fit", interrupt_the_second)
        assert run_cli(*command).code == 130
    assert (out / "seed3" / "metrics.json").exists() and not (out / "seed4" / "metrics.json").exists()
    written = (out / "seed3" / "metrics.json").stat().st_mtime_ns
    done = run_cli(*command, "--json")
    assert done.code == 0 and "seed 4: Train: 1 of 1" in done.err and "seed 3: Train" not in done.err, done.err
    assert (out / "seed3" / "metrics.json").stat().st_mtime_ns == written, "it is not trained again"
    runs = done.json["runs"]
    assert [run["run"] for run in runs] == [str(out / "seed3"), str(out / "seed4")]
    assert runs[0]["metrics"]["test"]["loss"] != runs[1]["metrics"]["test"]["loss"]
    monkeypatch.setattr("interplay.pipeline.train.fit", lambda *_: pytest.fail("trained again"))
    told = run_cli(*command)
    assert told.code == 0 and told.out.endswith(f"interplay explain {out}\n")
    loss = next(line for line in told.out.splitlines() if " loss " in line)
    shown = [float(cell) for cell in re.findall(r"\d+\.\d+", loss)]
    each = [run["metrics"]["test"]["loss"] for run in runs]
    together = done.json["ensemble"]
    assert together == json.loads((out / "ensemble.json").read_text()) and together["runs"] == ["seed3", "seed4"]
    assert shown == pytest.approx(
        [
            *each,
            sum(each) / 2,
            abs(each[0] - each[1]) / 2**0.5,
            together["metrics"]["test"]["loss"],
            runs[0]["baselines"]["linear_probe"]["test"]["loss"],
        ],
        abs=6e-4,
    )
    assert together["metrics"]["test"]["loss"] < sum(each) / 2, "the loss of the mean of logits, which is convex"
    assert "mean of all 2: Test mAP " in told.out
    metrics = {"loss": float("nan"), "accuracy": 0.5}
    assert str(spread({"seed3": metrics, "seed4": metrics})["sd"]) == "{'loss': nan, 'accuracy': 0.0}"
    done = run_cli(*command, "--set", "training.patience=2")
    assert done.code == 2 and "seed3: a finished run is there already" in done.error()


def test_runs_that_differ_in_their_seed_are_explained_as_their_mean_too(run_cli, tmp_path, small_run):
    """Of both runs and of the folder that holds them, but not where they differ in more than the seed."""
    out = tmp_path / "both"
    runs = [out / f"seed{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(runs):
        shutil.copytree(small_run.run.folder, folder)
        if seed:
            rewrite(folder, "config.toml", lambda text: text.replace("\nseed = 0\n", "\nseed = 1\n"))
    (out / "ensemble.json").write_text('{"runs": ["seed0", "seed1"]}')
    command = ("explain", out, "--data", small_run.dataset.source, "--count", 1, *BRIEF)
    done = run_cli(*command, "--json")
    mean, *each = done.json
    assert mean["provenance"]["members"] == ["seed0", "seed1"] and mean["provenance"]["model"] == "mean of 2 fl-i2moe"
    assert [one["provenance"]["run"] for one in each] == ["seed0", "seed1"]
    assert {one["target"] for one in each} == {mean["target"]}
    assert mean["prediction"] == pytest.approx(each[0]["prediction"]), "equal models have the same mean"
    assert len(list((out / "explanations").glob("*.json"))) == 3, "they lie where the runs do"
    told = run_cli(*command)
    assert "  mean of 2 fl-i2moe (seed0, seed1): scene-" in told.out
    assert "what the mean of 2 fl-i2moe says holds in both models" in " ".join(told.out.split())
    rewrite(runs[1], "config.toml", lambda text: text.replace("patience = 10", "patience = 9"))
    done = run_cli("explain", *runs, *command[2:], "--out", tmp_path / "page", "--json")
    assert [one["provenance"]["members"] for one in done.json] == [[], []]
    assert "differ in more than their seed: each is explained by itself" in done.err
    done = run_cli("evaluate", out)
    assert done.code == 2 and "these are 2 runs of one training with several seeds; expected one run" in done.error()
    (out / "ensemble.json").write_text('{"runs": ["seed0", "seed1", "seed2"]}')
    done = run_cli(*command)
    assert done.code == 2 and "seed2: the run is not there" in done.error()
    (out / "ensemble.json").write_text("[]")
    done = run_cli(*command)
    assert done.code == 2 and "ensemble.json: cannot read" in done.error()
    (out / "ensemble.json").unlink()
    done = run_cli(*command)
    assert done.code == 2 and "a training with several seeds has not finished here" in done.error()


def test_the_command_says_first_whether_it_beats_a_linear_probe(run_cli, small_run, tmp_path):
    command = ("train", small_run.dataset.source, "--store", small_run.store, "--epochs", 1, "--set", "fusion.width=16",
               "--set", "fusion.heads=2", "--set", "encoders.image.layer=1", "--device", "cpu")  # fmt: skip
    told = run_cli(*command, "--out", tmp_path / "a")
    assert told.code == 0 and told.out.startswith("Test mAP ") and "linear probe" in told.out.splitlines()[0], told.err
    assert "labels' shares" in told.out.replace("\n", " ")
    done = run_cli(*command, "--out", tmp_path / "b", "--json")
    assert done.json["baselines"]["headline"] == "map" and done.json["baselines"]["difference"]["samples"] > 1
    assert json.loads((tmp_path / "b" / "baselines.json").read_text()) == done.json["baselines"]
    assert "Probabilities are off by 0." in " ".join(told.out.split()) and "cut by val" in told.out
    assert json.loads((tmp_path / "b" / "calibration.json").read_text()) == done.json["calibration"]
    assert set(done.json["calibration"]["thresholds"]) == set(small_run.run.card.labels)


def test_a_training_beside_the_other_models(run_cli, tmp_path, tiny, monkeypatch):
    out = tmp_path / "run"
    command = ("train", tiny, "--out", out, "--store", tmp_path / "store", "--seed", 3, "--compare", *QUICK)

    def interrupt_the_last(*given):
        if "i2moe" in str(given[4]):
            raise KeyboardInterrupt
        fit(*given)

    with monkeypatch.context() as patched:
        patched.setattr("interplay.pipeline.train.fit", interrupt_the_last)
        assert run_cli(*command).code == 130
    assert (out / "metrics.json").exists() and not (out / "comparison.json").exists()
    done = run_cli(*command, "--json")
    assert done.code == 0 and "i2moe: seed 3: Train: 1 of 1" in done.err and "dense: seed 3: Train" not in done.err
    compared = done.json["comparison"]
    assert [other["model"] for other in compared["others"]] == ["dense", "i2moe"] and compared["trainings"] == 1
    mine = open_run(out)
    for other in compared["others"]:
        beside = open_run(out / other["runs"][0])
        assert beside.config == mine.config.model_copy(update={"fusion": beside.config.fusion})
        assert beside.config.fusion.kind == other["model"]
        ours, theirs = (run.metrics["test"][compared["headline"]] for run in (mine, beside))
        assert (compared["value"], other["test"][compared["headline"]]) == pytest.approx((ours, theirs))
        assert other["difference"]["value"] == pytest.approx(ours - theirs, abs=1e-6)
        ours, theirs = (run.calibration.at_thresholds["test"]["macro_f1"] for run in (mine, beside))
        assert (compared["macro_f1_cut"], other["macro_f1_cut"]) == pytest.approx((ours, theirs))
        assert other["difference_cut"]["value"] == pytest.approx(ours - theirs, abs=1e-6)
    monkeypatch.setattr("interplay.pipeline.train.fit", lambda *_: pytest.fail("trained again"))
    words = " ".join(run_cli(*command).out.split())
    assert re.search(r", of dense \d\.\d+: it (is|does) .{,20} dense, [+-]", words), words
    assert "Each model was trained once" in words and mine.against[1] in words
    refused = run_cli(*command, "--seeds", 2)
    assert refused.code == 2 and "several seeds make one folder each" in refused.error(), "one file, of one run"
    assert open_run(out).comparison.model_dump() == compared
    page = run_cli("report", out, "--out", tmp_path / "page", "--store", tmp_path / "store")
    assert page.code == 0 and mine.against[2] in (tmp_path / "page" / "index.html").read_text(), page.err


def test_several_trainings_beside_the_other_models(run_cli, tmp_path, tiny):
    out = tmp_path / "run"
    command = ("train", tiny, "--out", out, "--store", tmp_path / "store", "--seeds", 2, *QUICK)
    done = run_cli(*command, "--compare")
    assert done.code == 0 and "Each mean is of 2 trainings" in done.out, done.err
    assert done.err.count("Fit a linear probe: 9 of 9") == 1, "once for all"
    compared = json.loads((out / "comparison.json").read_text())

    def mean(folder):
        kept = json.loads((out / folder / "ensemble.json").read_text())
        return kept["metrics"]["test"], kept["calibration"]["at_thresholds"]["test"]["macro_f1"]

    ours, ours_cut = mean("")
    assert compared["value"] == pytest.approx(ours[compared["headline"]])
    for other in compared["others"]:
        assert other["runs"] == [f"compared/{other['model']}/seed{n}" for n in (0, 1)]
        theirs, theirs_cut = mean(f"compared/{other['model']}")
        assert other["test"] == pytest.approx(theirs)
        gap = ours[compared["headline"]] - theirs[compared["headline"]]
        assert other["difference"]["value"] == pytest.approx(gap, abs=1e-6)
        assert other["difference_cut"]["value"] == pytest.approx(ours_cut - theirs_cut, abs=1e-6)
    again = run_cli(*command, "--overwrite", "--set", "training.patience=2")
    assert again.code == 0 and not (out / "compared").exists(), "it was of the runs that were there"
    assert not (out / "comparison.json").exists()


def test_a_comparison_is_refused_before_the_work(run_cli, tmp_path, tiny):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    done = run_cli("train", tiny, "--out", tmp_path / "other", "--store", tmp_path / "store", "--compare", *QUICK)
    assert done.code == 2 and "something that is no run is there" in done.error() and "Encode" not in done.err
    taken = tmp_path / "run" / "compared" / "dense" / "seed0"
    taken.mkdir(parents=True)
    (taken / "notes.txt").write_text("mine")
    done = run_cli("train", tiny, "--out", tmp_path / "run", "--store", tmp_path / "store", "--compare", *QUICK)
    assert done.code == 2 and "Encode" not in done.err and not (tmp_path / "run" / "config.toml").exists()


def test_runs_that_cannot_be_put_beside(run_cli, tmp_path, small_run):
    command = ("explain", small_run.run.folder, "--data", small_run.dataset.source, "--beside")
    done = run_cli(*command, small_run.run.folder)
    assert done.code == 2 and "the run small is put beside itself; expected other runs" in done.error()
    done = run_cli(*command, tmp_path / "none")
    assert done.code == 2 and str(tmp_path / "none") in done.error()


def test_a_run_of_other_labels_is_not_put_beside(run_cli, tmp_path, small_run):
    other = tmp_path / "other"
    shutil.copytree(small_run.run.folder, other)
    labels = ["a", *small_run.run.card.labels[1:]]
    rewrite(other, "model/card.json", lambda text: json.dumps(json.loads(text) | {"labels": labels}))
    done = run_cli("explain", small_run.run.folder, "--beside", other, "--data", small_run.dataset.source)
    assert done.code == 2 and "the labels of the run other are ['a', " in done.error()


def test_an_estimator_and_a_width_that_were_asked_for(run_cli, tmp_path, small_run):
    command = ("explain", small_run.run.folder, "--data", small_run.dataset.source, "--count", 1, "--json")
    small = ("--set", "explain.candidates=2", "--set", "explain.ig_steps=2", "--out", tmp_path / "out")
    naive = run_cli(*command, *small, "--budget", 400, "--estimator", "naive").json[0]
    assert naive["estimator"] == "naive" and naive["evaluations"] <= 400
    most = run_cli(*command, *small, "--budget", 2000, "--estimator", "hybrid").json[0]
    wide = run_cli(
        *command, *small, "--budget", 2000, "--estimator", "hybrid", "--set", "explain.max_interval_width=100"
    ).json[0]
    assert wide["evaluations"] < most["evaluations"] / 2, "it stops as soon as the intervals are that narrow"
    assert wide["provenance"]["settings"]["max_interval_width"] == 100
    done = run_cli(*command, *small, "--budget", 12, "--estimator", "naive")
    assert done.code == 2 and "a budget of 12 evaluations is too small" in done.error()


def test_a_dataset_that_was_moved(run_cli, tmp_path, small_run):
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    gone = {"source": str(tmp_path / "gone")}
    rewrite(tmp_path / "run", "provenance.json", lambda text: json.dumps(json.loads(text) | gone))
    for command in ("evaluate", "explain"):
        done = run_cli(command, tmp_path / "run")
        assert done.code == 2 and re.search("gone: .*not there any more; .*--data", done.error())
    moved = ["--data", small_run.dataset.source]
    done = run_cli("evaluate", tmp_path / "run", *moved, "--store", small_run.store, "--json")
    assert done.json["metrics"] == small_run.run.metrics["test"]
    done = run_cli("explain", tmp_path / "run", *moved, "--sample", "scene-000001", *BRIEF, "--json")
    assert done.json[0]["sample_id"] == "scene-000001" and "Explain scene-000001 (1 of 1): " in done.err


def test_a_command_line_into_a_pipe_that_closes(tiny):
    process = _process("data", "check", tiny, "--json")
    process.stdout.close()
    assert process.wait(100) == 1 and "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_the_demo(run_cli, tmp_path, monkeypatch):
    from interplay.pipeline import demo

    small = nested(SMALL, {"training.epochs": 1, "explain.budget": 200, "explain.candidates": 2})
    monkeypatch.setattr(demo, "DEMO", make_config(small))
    command = ("demo", "--out", tmp_path / "demo", "--samples", 200)
    with monkeypatch.context() as patched:

        def interrupt(*_, **__):
            raise KeyboardInterrupt

        patched.setattr("interplay.pipeline.demo.train", interrupt)
        done = run_cli(*command)
        assert done.code == 130 and done.err.endswith("Interrupted. Run the same command again to go on.\n")
    assert "expected 300" in run_cli("demo", "--out", tmp_path / "demo", "--samples", 300).err
    done = run_cli(*command)
    assert done.code == 0 and "Making" not in done.err and "Train: 1 of 1" in done.err
    page = tmp_path / "demo" / "run" / "explanations" / "page.html"
    assert page.exists() and done.out.rstrip().endswith(f"Open the page:  {page}")
    # One epoch teaches nothing: what is said of each label may be that it does not hold, or that nothing moves it.
    assert all(f" {label}" in done.out.partition("What each prediction rests on")[2] for label in STORIES)
    with monkeypatch.context() as patched:
        patched.setattr("interplay.pipeline.demo.train", None)
        again = run_cli(*command, "--json")
    assert again.code == 0 and "Using the model an earlier demo trained" in again.err
    assert len(again.json["findings"]) == 4 and again.json["page"] == str(page)
    assert again.json["right"] == [False] * 4 and done.out.count("Not what was planted") == 4
    monkeypatch.setattr(demo, "DEMO", make_config(nested(small, {"seed": 1})))
    done = run_cli(*command)
    assert done.code == 2 and "run with other settings" in done.err


# Ctrl-C


def test_ctrl_c_while_encoding_and_while_training(run_cli, tmp_path, tiny):
    """Real signals to a real process; the third call ends as if nothing had happened, and says nothing but progress."""
    data = tmp_path / "data"
    shutil.copytree(tiny, data)
    with (data / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    _write(data / "samples.csv", [row | {"id": f"{row['id']}-{n}"} for n in range(4) for row in rows])
    settings = ["--device", "cpu", "--epochs", "8", "--set", "fusion.width=16", "--set", "fusion.heads=2", *FLAT]

    def command(name: str) -> list[object]:
        folder = tmp_path / name
        return ["train", data, "--out", folder / "run", "--store", folder / "store", *settings, "--json"]

    whole = run_cli(*command("whole"))
    assert whole.code == 0

    def encoding() -> bool:
        return any(p.stat().st_size for p in (tmp_path / "cut" / "store").glob("image-*.partial/counts.bin"))

    process = _process(*command("cut"))
    _wait_for(encoding, process)
    process.send_signal(signal.SIGINT)
    first = _finish(process)
    assert first.code == 130 and first.err.endswith("Interrupted. Run the same command again to go on.\n")
    assert not first.out and not (tmp_path / "cut" / "run").exists()

    process = _process(*command("cut"))
    _wait_for((tmp_path / "cut" / "run" / "resume.ckpt").exists, process)
    process.send_signal(signal.SIGINT)
    second = _finish(process)
    assert second.code == 130 and second.err.endswith("Interrupted. Run the same command again to go on.\n")
    assert "Encode image: 120 of 120\n" in second.err and "Traceback" not in second.err
    assert not (tmp_path / "cut" / "run" / "metrics.json").exists()

    third = _finish(_process(*command("cut")))
    assert third.code == 0, third.err
    epochs = re.findall(r"Epoch (\d) of 8: training loss", third.err)
    (after,) = re.findall(r"An interrupted training goes on after epoch (\d) of 8\.\n", third.err)
    assert list(map(int, epochs)) == list(range(int(after) + 1, 9)), third.err
    assert re.fullmatch(r"((Note|Fit|An|Epoch|Train).*\n)+", third.err), third.err
    assert third.json["metrics"] == whole.json["metrics"]
    assert not list((tmp_path / "cut" / "run").glob("*.ckpt*"))


def test_ctrl_c_at_the_start(run_cli, tmp_path, tiny, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(options, "config", interrupt)
    done = run_cli("train", tiny, "--out", tmp_path / "run")
    assert done.code == 130 and done.err == "Interrupted. Run the same command again.\n"


def test_ctrl_c_keeps_the_explanations_that_are_ready(run_cli, tmp_path, small_run, monkeypatch):
    whole, calls = explain_stage.explain_sample, []

    def second_one_interrupted(*given, **options):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*given, **options)

    monkeypatch.setattr(explain_stage, "explain_sample", second_one_interrupted)
    data = ["--data", small_run.dataset.source]
    done = run_cli("explain", small_run.run.folder, *data, *BRIEF, "--out", tmp_path / "out", "--count", 3)
    page = tmp_path / "out" / "page.html"
    assert done.code == 130 and done.err.endswith(f"Interrupted. Explanations of 1 of 3 samples are there: {page}\n")
    assert page.exists() and len(list(page.parent.glob("*.json"))) == 1


def test_an_unfinished_run_on_other_data_is_not_gone_on_with(run_cli, tmp_path, tiny, monkeypatch):
    data, run = tmp_path / "tiny", tmp_path / "run"
    shutil.copytree(tiny, data)
    command = ("train", data, "--out", run, "--store", tmp_path / "store", *QUICK)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("interplay.pipeline.train.fit", interrupt)
        assert run_cli(*command).code == 130
    _row(data, 2, labels="storm|animal|urgent")
    done = run_cli(*command)
    assert done.code == 2 and "an unfinished run on other data is there already" in done.err
    (run / "resume.ckpt").write_bytes(b"half of it")
    assert run_cli(*command, "--overwrite").code == 0
    (run / "metrics.json").unlink()
    (run / "resume.ckpt").write_bytes(b"half of it")
    done = run_cli(*command)
    assert done.code == 2 and re.search(r"resume\.ckpt: .*damaged.*; delete it", done.error())


# No room on the disk, and other things a system refuses


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 300 KB."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_no_room_on_the_disk(run_cli, tmp_path, tiny, scenes, small_disk):
    def refused(*command: object) -> None:
        done = run_cli(*command)
        assert done.code == 1 and re.search("no room|disk is full", done.error()), done.err

    refused("data", "make-scenes", small_disk / "scenes", "--samples", 300)
    assert not list(small_disk.iterdir())
    refused("encode", tiny, "--store", small_disk / "store")
    assert not [p for p in (small_disk / "store").iterdir() if p.suffix not in (".partial", ".lock")]
    shutil.rmtree(small_disk / "store")

    command = ("train", tiny, "--out", small_disk / "run", "--store", tmp_path / "store", *QUICK)
    filler = small_disk / "filler"
    for free in (0, 1, 60, 150):  # pages of 4 KB: no folder; no configuration; no weights; no state to go on from
        filler.write_bytes(b"0" * (292 - free) * 1024 if free > 1 else b"")
        if free <= 1:
            _fill(filler, free)
        refused(*command)
        left = {p.name for p in small_disk.rglob("*") if p.is_file()}
        assert left <= {"filler", "config.toml", "provenance.json", "model.safetensors", "card.json"} | {
            p.name for p in small_disk.rglob("logs/*")
        }
        filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert run_cli(*command).code == 0  # goes on, with room

    subprocess.run(["mount", "-o", f"remount,size={_used(small_disk) + 20}k", small_disk], check=True)
    refused("explain", small_disk / "run", "--count", 1, *BRIEF)
    assert not [p for p in (small_disk / "run" / "explanations").glob("*") if p.suffix not in (".json", ".jsonl")]


def _fill(file: Path, free_pages: int) -> None:
    """Fill a disk but for some pages."""
    with file.open("wb", buffering=0) as opened:
        try:
            while True:
                opened.write(b"0" * 4096)
        except OSError:
            opened.truncate(opened.tell() - 4096 * free_pages)


def _used(disk: Path) -> int:
    return shutil.disk_usage(disk).used // 1024


@pytest.mark.parametrize(
    "error, code, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1, "no room on the disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/x/y"), 1, "/x/y: no room on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), 2, "/x/y: Permission denied"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "/x/y"), 2, "/x/y: Is a directory"),
        (OSError(errno.EIO, "Input/output error", "/x/y"), 1, "/x/y: Input/output error"),
        (OSError("cannot\nwrite"), 1, "cannot write"),
        (MemoryError(), 1, "not enough memory"),
    ],
)
def test_what_the_system_refuses(run_cli, tmp_path, tiny, monkeypatch, error, code, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("interplay.pipeline.train.train", fail)
    done = run_cli("train", tiny, "--out", tmp_path / "run")
    assert done.code == code and words in done.error()
