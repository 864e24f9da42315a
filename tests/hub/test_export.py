"""A run that was exported answers and explains as it did, and what is damaged, newer or could run code is refused."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.hub.conftest import SECRET, MakeRun, config_of

from interplay import explain, open_dataset, open_run, open_runs, save_pretrained
from interplay.config import MODEL_KINDS, read_run_config
from interplay.data.sample import Sample
from interplay.errors import BadInput, CheckpointError, DataError, InterplayError, RunExistsError
from interplay.explanation.trained.prepared import prepare_sample
from interplay.files.exported import CARD_FILE, MANIFEST_FILE
from interplay.files.run_folder import require_finished_run
from interplay.hub.export import public_config
from interplay.models.run import Run
from interplay.pipeline.datasets import choose_samples, data_of
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.explanations import write_explanations

FIXTURES = Path(__file__).parents[1] / "fixtures"
EXPORTED = {
    *("config.toml", "metrics.json", "baselines.json", "calibration.json", "provenance.json"),
    *("model/card.json", "model/model.safetensors", CARD_FILE, MANIFEST_FILE),
}


def files_in(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def alike(run: Run, other: Run, sample: Sample) -> None:
    """Equal logits, bit by bit, and an equal explanation: every claim, score and interval."""
    tokens = prepare_sample(run, open_encoders(run, "cpu"), sample).tokens
    with torch.inference_mode():
        ours, theirs = run.model.fuse(tokens), other.model.fuse(tokens)
    assert torch.equal(ours.logits, theirs.logits) and torch.equal(ours.expert_logits, theirs.expert_logits)
    assert explain(run, [sample]) == explain(other, [sample])


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_it_answers_and_explains_equally(make_run: MakeRun, sample: Sample, tmp_path: Path, kind: str) -> None:
    run = make_run(kind=kind)
    folder = save_pretrained(run, tmp_path / "out" / "first")
    assert set(files_in(folder)) == EXPORTED
    opened = open_run(folder)
    assert (opened.card, opened.metrics, opened.beside) == (run.card, run.metrics, run.beside)
    alike(run, opened, sample)


def test_a_run_with_packaged_encoders_answers_and_explains_equally(tmp_path: Path) -> None:
    run = open_run(FIXTURES / "run-v2" / "run")
    sample = open_dataset(FIXTURES / "run-v1" / "scenes").split("test")[0]
    alike(run, open_run(save_pretrained(run, tmp_path / "run")), sample)


def test_exporting_what_was_exported_changes_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (run.folder / "validation").mkdir()
    shutil.copyfile(FIXTURES / "run-v2/expected/validity.json", run.folder / "validation" / "validity.json")
    once = save_pretrained(run, tmp_path / "a" / "first")
    assert "validation/validity.json" in files_in(once)
    again = save_pretrained(open_run(once), tmp_path / "b" / "first")
    assert files_in(once) == files_in(again)


def test_several_seeds_are_one_model(make_seeds: Callable[[], list[Run]], sample: Sample, tmp_path: Path) -> None:
    runs = make_seeds()
    folder = save_pretrained(runs, tmp_path / "out")
    opened = open_runs(folder)
    assert [run.name for run in opened] == ["seed0", "seed1"]
    found = explain(opened, [sample])
    assert found == explain(runs, [sample])
    assert [len(one.by_member) for one in found] == [2, 0, 0]
    card = (folder / CARD_FILE).read_text()
    assert 'interplay.open_runs("out")' in card and "mAP | 0.875" in card and "seed1 alone" in card
    with pytest.raises(CheckpointError, match="these are 2 runs of one training"):
        open_run(folder)


@pytest.mark.parametrize("which", ["one of them missing", "another's", "twice"])
def test_runs_that_are_not_one_training_are_no_model(
    make_seeds: Callable[[], list[Run]], make_run: MakeRun, tmp_path: Path, which: str
) -> None:
    runs = make_seeds()
    other = make_run("other")
    given = {"one of them missing": [other, runs[0]], "another's": [*runs, other], "twice": [runs[0], *runs]}[which]
    with pytest.raises(BadInput, match=r"are not those of one training.*export each run by itself"):
        save_pretrained(given, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_of_the_machine_or_the_data_is_in_it(make_run: MakeRun, tmp_path: Path) -> None:
    local = {"text": {"model": f"{SECRET}/roberta", "layer": 3}, "other": {"model": "~/alice/clip"}}
    run = make_run(encoders=local, device="cuda:1")
    for folder in ("explanations", "served", "validation/planted"):
        (run.folder / folder).mkdir(parents=True)
        (run.folder / folder / "one.json").write_text("{}")
    folder = save_pretrained(run, tmp_path / "out")
    assert set(files_in(folder)) == EXPORTED
    assert not [name for name, content in files_in(folder).items() if b"alice" in content or b"/srv" in content]
    config = read_run_config(folder / "config.toml")
    assert (config.device, config.encoders["text"].model, config.encoders["other"].model) == (
        *("auto", "./roberta", "./clip"),
    )
    opened = open_run(folder)
    assert opened.origin.source == "" and opened.origin.splits == {"train": 1000, "val": 20, "test": 40}
    with pytest.raises(DataError, match=r"was exported without its dataset; .*--data, or .*--input"):
        data_of(opened)


def test_a_local_encoder_gets_its_name_on_the_hub() -> None:
    config = config_of(0, "dense", encoders={"text": {"model": f"{SECRET}/roberta"}, "image": {"model": "vit-s14"}})
    public = public_config(config, {"text": "owner/roberta"})
    assert public.encoders["text"].model == "owner/roberta" and public.encoders["image"].model == "vit-s14"
    with pytest.raises(BadInput, match="no encoder is called 'txt'; expected one of features, text, image"):
        public_config(config, {"txt": "owner/roberta"})
    with pytest.raises(BadInput, match="the encoder of 'image' is vit-s14, which everybody has"):
        public_config(config, {"image": "owner/other"})
    with pytest.raises(BadInput, match=r"is '/srv/.*'; expected its hub id, OWNER/NAME"):
        public_config(config, {"text": f"{SECRET}/roberta"})


@pytest.mark.parametrize("model", ["models/roberta", "roberta"])
def test_a_folder_that_is_not_seen_from_here_is_no_hub_id(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    run = of_text(make_run(encoders={"text": {"model": model}, "unused": {"model": "models/clip"}}))
    monkeypatch.setattr("interplay.hub.export.is_fetched", lambda name: False)
    (tmp_path / "trained-in" / model).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    words = rf"encoder of 'text' is '{model}', which is no folder here .*--encoder text=OWNER/NAME"
    with pytest.raises(BadInput, match=words):
        save_pretrained(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    named = save_pretrained(run, tmp_path / "out", encoders={"text": "models/roberta"})
    assert read_run_config(named / "config.toml").encoders["text"].model == "models/roberta"
    assert "fetched from the hub once" in (named / CARD_FILE).read_text()
    again = save_pretrained(of_text(open_run(named)), tmp_path / "again")  # its names are for everybody
    assert read_run_config(again / "config.toml").encoders["text"].model == "models/roberta"
    monkeypatch.chdir(tmp_path / "trained-in")
    here = save_pretrained(run, tmp_path / "here")
    assert read_run_config(here / "config.toml").encoders["text"].model == "./roberta"


def of_text(run: Run) -> Run:
    """The run as if its sounds were texts."""
    return replace(run, card=replace(run.card, modalities={"sound": "text", "gaze": "features"}))


def test_an_encoder_that_was_fetched_from_the_hub_is_named_so(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = of_text(make_run(encoders={"text": {"model": "owner/roberta"}}))
    monkeypatch.setattr("interplay.hub.export.is_fetched", lambda name: name == "owner/roberta")
    folder = save_pretrained(run, tmp_path / "out")
    assert read_run_config(folder / "config.toml").encoders["text"].model == "owner/roberta"


@pytest.mark.parametrize("license", ["Apache 2.0", "", "MIT\nx: y", "apache_2"])
def test_a_license_is_named_as_the_hub_does(make_run: MakeRun, tmp_path: Path, license: str) -> None:
    with pytest.raises(BadInput, match=r"such as apache-2\.0"):
        save_pretrained(make_run(), tmp_path / "out", license=license)


def test_nothing_is_overwritten_unasked(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    folder = save_pretrained(run, tmp_path / "out")
    with pytest.raises(RunExistsError, match="there is an exported run already"):
        save_pretrained(run, folder)
    save_pretrained(run, folder, license="mit", overwrite=True)
    assert "license: mit" in (folder / CARD_FILE).read_text()
    before = files_in(run.folder)
    with pytest.raises(RunExistsError, match="something else is there"):
        save_pretrained(run, run.folder, overwrite=True)
    assert files_in(run.folder) == before


def test_results_do_not_spoil_it(
    make_run: MakeRun, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save_pretrained(make_run(), tmp_path / "out")
    opened = open_run(folder)
    write_explanations(opened, explain(opened, [sample]), [sample])
    assert (tmp_path / "out-results" / "explanations" / "page.html").is_file() and open_run(folder).name == "out"
    assert choose_samples(opened, None, [], [f"{m}={p}" for m, p in sample.inputs.items()], "test", 1)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x10
    path.write_bytes(content)


def set_manifest(folder: Path, **values: object) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def in_place_of_weights(folder: Path, name: str) -> None:
    (folder / "model" / "model.safetensors").unlink()
    (folder / "model" / name).write_bytes(pickle.dumps({"weight": [1.0]}))


def add(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte": (
        lambda folder: flip(folder / "model" / "model.safetensors"),
        r"model/model\.safetensors is not the file that was exported; expected sha256 \w{12}, .* anew",
    ),
    "changed settings": (
        lambda folder: (folder / "config.toml").write_text("seed = 3"),
        "config.toml is not the file that was exported",
    ),
    "no weights": (
        lambda folder: (folder / "model" / "model.safetensors").unlink(),
        r"the file model/model\.safetensors is missing; .* anew",
    ),
    "no metrics": (lambda folder: (folder / "metrics.json").unlink(), r"the file metrics\.json is missing"),
    "a newer format": (
        lambda folder: set_manifest(folder, format="interplay/exported/9"),
        r"newer version of Interplay, as interplay/exported/9; expected interplay/exported/1 or older; update",
    ),
    "another format": (lambda folder: set_manifest(folder, format="other/1"), "its format is 'other/1'"),
    "a list of files elsewhere": (
        lambda folder: set_manifest(folder, files={"../runs/first/metrics.json": "0"}),
        "it lists something that is no file of this folder",
    ),
    "no list": (lambda folder: set_manifest(folder, files=None), "cannot read"),
    "no name": (lambda folder: set_manifest(folder, name=None), "cannot read"),
    "a broken list": (lambda folder: (folder / MANIFEST_FILE).write_text("{"), "cannot read"),
    "a list that is none": (lambda folder: (folder / MANIFEST_FILE).write_text("[]"), "cannot read"),
    **{
        f"{name} in place of the weights": (
            lambda folder, name=name: in_place_of_weights(folder, name),
            rf"model/{name} is a pickle, or may be one: opening it may run code; expected weights in safetensors alone",
        )
        for name in ("pytorch_model.bin", "model.pt", "model.PKL", "last.ckpt")
    },
    "a pickle beside": (add("extra.pkl", "x"), r"extra\.pkl is a pickle"),
    "code": (add("modeling.py", "raise SystemExit"), r"modeling\.py is Python or machine code"),
    "code by name": (
        add("config.json", json.dumps({"sub": [{"auto_map": {"AutoModel": "own.Model"}}]})),
        r"config\.json asks for code of the model's own \(auto_map\); .*explain_callable",
    ),
    "code by consent": (
        add("settings.toml", "[model]\ntrust_remote_code = true"),
        r"settings\.toml asks for code of the model's own \(trust_remote_code\)",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_newer_or_could_run_code_is_refused(make_run: MakeRun, tmp_path: Path, name: str) -> None:
    folder = save_pretrained(make_run(), tmp_path / "out")
    damage, words = DAMAGES[name]
    damage(folder)
    before = files_in(folder)
    for opens in (open_run, open_runs, require_finished_run):
        with pytest.raises(CheckpointError, match=words) as caught:
            opens(folder)
    assert str(folder) in str(caught.value) and caught.value.exit_code == 2 and files_in(folder) == before


def test_words_of_code_in_a_text_are_no_code(make_run: MakeRun, tmp_path: Path) -> None:
    folder = save_pretrained(make_run(), tmp_path / "out")
    (folder / "notes.json").write_text(json.dumps({"text": 'the key "auto_map" was removed'}))
    (folder / CARD_FILE).write_text("Completed by hand: trust_remote_code is not needed.")
    assert open_run(folder).name == "out"


def test_another_librarys_folder_is_refused_by_what_is_wrong_with_it(tmp_path: Path, make_run: MakeRun) -> None:
    model = tmp_path / "bert"
    model.mkdir()
    (model / "config.json").write_text('{"auto_map": {}}')
    with pytest.raises(CheckpointError, match="asks for code of the model's own"):
        open_run(model)
    (model / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is a pickle"):
        open_run(model)
    run = make_run()
    in_place_of_weights(run.folder, "pytorch_model.bin")  # of a run that was not exported
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is a pickle"):
        open_run(run.folder)


def test_runs_of_an_ensemble_lie_in_its_folder(make_seeds: Callable[[], list[Run]]) -> None:
    root = make_seeds()[0].folder.parent
    (root / "ensemble.json").write_text('{"runs": ["seed0", "../first"]}')
    with pytest.raises(CheckpointError, match=r"'\.\./first' is not in this folder"):
        open_runs(root)


def test_a_disk_that_is_full_leaves_nothing(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = make_run()
    monkeypatch.setattr("interplay.hub.export.shutil.copyfile", full)
    with pytest.raises(InterplayError, match="the disk is full; nothing was written"):
        save_pretrained(run, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
