"""The model card says what the run keeps, and nothing that nobody stated; its metadata is as the hub reads it."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from tests.hub.conftest import LABELS, MakeRun
from tests.test_docs import parse

import interplay
from interplay import make_config, open_run, open_runs, save_pretrained
from interplay.data.sample import Sample
from interplay.files.exported import CARD_FILE
from interplay.hub.card import prose, renamed
from interplay.hub.facts import limits
from interplay.models.run import VALIDITY_FILE, Run

KNOWN = "Are explanations true where the truth is known?"
FIXTURES = Path(__file__).parents[1] / "fixtures"


def card_of(folder: Path) -> ModelCard:
    return ModelCard.load(folder / CARD_FILE)


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_its_metadata_is_what_the_hub_reads(make_run: MakeRun, tmp_path: Path) -> None:
    folder = save_pretrained(make_run(), tmp_path / "films", license="apache-2.0")
    head = yaml.safe_load((folder / CARD_FILE).read_text().split("---\n")[1])
    assert (head["library_name"], head["license"], head["pipeline_tag"]) == ("interplay", "apache-2.0", "other")
    assert {"interplay", "fl-i2moe", "features", "multimodal", "multi-label-classification"} <= set(head["tags"])
    assert "datasets" not in head and "base_model" not in head  # nobody said that they are on the hub
    (index,) = head["model-index"]
    (result,) = index["results"]
    assert index["name"] == "films" and result["dataset"] == {"type": "custom", "name": "beats", "split": "test"}
    found = {(metric["type"], metric["name"]): metric["value"] for metric in result["metrics"]}
    assert found == {("f1", "test macro F1"): 0.75, ("roc_auc", "test macro AUROC"): 0.7} | {
        ("mean_average_precision", "test mAP"): 0.625
    }
    assert len(card_of(folder).data.eval_results) == len(found)


@pytest.mark.parametrize("label_kind, expected", [("multi", [("exact match", 0.25)]), ("single", [("accuracy", 0.75)])])
def test_accuracy_is_what_the_hub_means_by_it(
    make_run: MakeRun, label_kind: str, expected: list[tuple[str, float]]
) -> None:
    """Of several labels it is the share of samples that are all right; a mean over labels is none of its metrics."""
    from dataclasses import replace

    from interplay.hub.card import Licenses, metadata

    run = make_run()
    run = replace(run, card=replace(run.card, label_kind=label_kind))
    test = {"accuracy": 0.75} | ({"exact_match": 0.25} if label_kind == "multi" else {})
    (result,) = metadata("x", run, test, Licenses()).to_dict()["model-index"][0]["results"]
    found = [(one["type"], one["name"], one["value"]) for one in result["metrics"]]
    assert found == [("accuracy", f"test {name}", value) for name, value in expected]


@pytest.mark.parametrize(
    "kinds, task",
    [({"a": "text"}, "text-classification"), ({"a": "image", "b": "image"}, "image-classification")],
)
def test_the_task_is_one_of_the_hub_where_it_has_one(
    make_run: MakeRun, tmp_path: Path, kinds: dict[str, str], task: str
) -> None:
    from dataclasses import replace

    from interplay.hub.card import Licenses, metadata

    run = make_run()
    head = metadata("x", replace(run, card=replace(run.card, modalities=kinds)), {"map": None}, Licenses()).to_dict()
    assert head["pipeline_tag"] == task and "model-index" not in head and "license" not in head


def test_what_nobody_stated_is_said_to_be_unstated(make_run: MakeRun, tmp_path: Path) -> None:
    card = card_of(save_pretrained(make_run(), tmp_path / "out"))
    assert card.data.license is None
    unstated = ["- Of the model: none was stated.", "- Of the data: none was stated."]
    assert section(card.text, "License").split("\n")[1:3] == unstated
    stated = card_of(save_pretrained(make_run("b"), tmp_path / "b", license="mit", data_license="CC BY [4.0]"))
    assert "Of the model: mit." in stated.text and r"Of the data: CC BY \[4.0\]." in stated.text


def test_its_numbers_are_those_of_the_run(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    text = card_of(save_pretrained(run, tmp_path / "out")).text
    rows = section(text, "What was measured")
    assert "| metric | this model | cut by val | linear probe | labels' shares |" in rows
    assert "| mAP | 0.625 | – | 0.500 | 0.125 |" in rows and "| macro F1 | 0.750 | 0.812 | 0.250 | 0.250 |" in rows
    assert "+0.125 (95% -0.010 to +0.250 over 40 test samples)" in rows and "accuracy/calm" not in rows
    assert "Splits: 1,000 train, 20 val, 40 test" in section(text, "Data")
    assert r"Labels: calm, a\|b \<i\>, loud" in section(text, "Data")
    calibration = section(text, "Calibration")
    assert "off by 0.050 ± 0.020" in calibration and "Dividing logits by 1.25" in calibration
    assert r"never predicts a\|b \<i\>" in calibration
    made = section(text, "How it was made")
    assert "Seed: 0" in made and "python 3.11" in made and interplay.__version__ in made
    assert "the best by the validation split is 3" in made
    assert "It was not measured" in section(text, KNOWN)


@pytest.mark.parametrize("low, shown", [(-0.01, True), (0.0, True), (0.01, False)])
def test_its_limits_say_whether_it_beats_a_linear_probe(make_run: MakeRun, low: float, shown: bool) -> None:
    found = limits([make_run(low=low)], None)
    assert any("not shown to beat a linear probe" in line for line in found) == shown
    assert any("another seed may name other words" in line for line in found)
    assert any("over its 40 test samples" in line and "neither other data nor training again" in line for line in found)


def test_its_limits_say_how_features_are_removed(make_run: MakeRun) -> None:
    never = limits([make_run(removal={"mask_aware": False}, fusion={"kind": "i2moe", "roles": "losses"})], None)
    assert any("never trained with features removed" in line for line in never)
    assert any("Roles are what losses asked" in line for line in never)
    assert any("were computed beforehand" in line for line in never)


def test_a_validation_is_quoted_with_what_it_was_measured_of(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    file = run.folder / VALIDITY_FILE
    file.parent.mkdir()
    shutil.copyfile(FIXTURES / "run-v2/expected/validity.json", file)
    text = section(card_of(save_pretrained(run, tmp_path / "out")).text, KNOWN)
    assert "Measured of another training of these settings, on scenes (" in text and "planted pair" in text
    file.write_text("{")
    text = card_of(save_pretrained(run, tmp_path / "b")).text
    assert "It was not measured" in section(text, KNOWN)


def test_an_old_run_has_a_card_too(tmp_path: Path) -> None:
    """It keeps no baselines, no calibration and no sizes of splits."""
    text = card_of(save_pretrained(open_run(FIXTURES / "run-v1" / "run"), tmp_path / "old")).text
    assert "Splits: not known" in text and "No linear probe was fitted beside it." in text
    assert "It was not measured." in section(text, "Calibration")
    assert "| text (text) | minilm |" in text and "nothing: it comes with interplay" in text


def test_the_encoders_say_what_must_be_there(make_run: MakeRun, tmp_path: Path) -> None:
    from dataclasses import replace

    from interplay.hub.facts import encoders, needs

    named = {"sound": {"model": "owner/roberta", "layer": 3}, "gaze": {"model": "./clip"}}
    run = make_run()
    run = replace(
        run,
        card=replace(run.card, modalities={"sound": "text", "gaze": "image"}),
        config=make_config(run.config.model_dump(exclude_none=True) | {"encoders": named}),
    )
    sound, gaze = encoders(run)[1]
    assert sound[:3] == ["sound (text)", "owner/roberta", "3"] and "fetched from the hub once" in sound[4]
    assert gaze[:3] == ["gaze (image)", "clip", "the last"] and gaze[4] == "a folder clip with that model"
    assert "put clip, the folder of an encoder" in needs(run)


@pytest.mark.parametrize("seeds", [False, True])
def test_its_code_runs_in_at_most_five_lines(
    make_run: MakeRun,
    make_seeds: Callable[[], list[Run]],
    sample: Sample,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seeds: bool,
) -> None:
    folder = save_pretrained(make_seeds() if seeds else make_run(), tmp_path / "it's here")
    text = card_of(folder).text
    (code,) = re.findall(r"```python\n(.*?)\n```", text, flags=re.DOTALL)
    assert len(code.splitlines()) == 5
    for modality, path in sample.inputs.items():
        code = code.replace(f'"{modality}": "features.npy"', f'"{modality}": {str(path)!r}')
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "card", "exec"), {})
    said = capsys.readouterr().out
    assert re.match(r"new (is|may be)", said) and "nothing here moves it" not in said
    (command,) = re.findall(r"`interplay (explain .*?)`", text)
    import shlex

    parse(shlex.split(command))
    assert shlex.split(command)[1] == "it's here"


def test_it_is_called_by_its_name_on_the_hub(make_run: MakeRun, tmp_path: Path) -> None:
    old = card_of(save_pretrained(make_run(), tmp_path / "it's here")).text
    new = renamed(old + "\nBy hand: it's here.", "it's here", "me/films")
    assert 'open_run("me/films")' in new and "`interplay explain me/films --input" in new and "\n# me/films\n" in new
    assert new.count("it's here") == 1  # what was added by hand stays


@pytest.mark.parametrize("text", ["<script>", "a|b", "`x`", "*b*", "[a](b)", "a\n# b", "\\", "__init__"])
def test_names_are_shown_as_they_are(text: str) -> None:
    shown = prose(text)
    assert "\n" not in shown and re.sub(r"\\(.)", r"\1", shown) == " ".join(text.split())
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>|`*\[\]#]", shown)


def test_open_runs_of_one_run_gives_one(make_run: MakeRun) -> None:
    run = make_run()
    (opened,) = open_runs(run.folder)
    assert opened.card == run.card and opened.card.labels == LABELS
