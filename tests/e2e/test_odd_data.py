"""Data that users have: a split without a label, hardly any samples, features that say nothing. It works or refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from interplay.config import make_config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.errors import DataError
from interplay.models.run import open_run
from interplay.pipeline.comparison import train_beside_others
from interplay.pipeline.explain import explain
from interplay.pipeline.seeds import train_seeds
from interplay.pipeline.train import train

SETTINGS = {
    "fusion": {"width": 16, "heads": 2},
    "device": "cpu",
    "training": {"epochs": 2},
    "explain": {"budget": 200, "candidates": 2, "ig_steps": 2},
}
LABELS = ("a", "b", "c")


def made(
    folder: Path, rows: int = 40, *, kind: str = "multi", width: int = 3, constant: bool = False, without: str = ""
) -> Dataset:
    """Two modalities of features; each label in every third sample, but for the split that `without` names: "val:c"."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    split_without, _, label_without = without.partition(":")
    lines = []
    for n in range(rows):
        split = ("train", "train", "train", "val", "test")[n % 5]
        label = LABELS[n // 5 % 3]
        if split == split_without and label == label_without:
            label = "a"
        for name in ("sound", "pose"):
            values = np.ones((2, width)) if constant else rng.normal(size=(2, width)) + LABELS.index(label)
            np.save(folder / f"{name}{n}.npy", values.astype(np.float32))
        labels = [label] if kind == "single" or n % 2 else sorted({label, "a"})
        lines.append(
            {"id": f"s{n}", "split": split, "labels": labels, "sound": f"sound{n}.npy", "pose": f"pose{n}.npy"}
        )
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "dataset.toml").write_text(
        f'label_kind = "{kind}"\nlabels = {json.dumps(list(LABELS))}\n'
        '[modalities]\nsound = "features"\npose = "features"\n'
    )
    return open_dataset(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize(
    "odd",
    [
        {"without": "train:c"},
        {"without": "val:c"},
        {"without": "test:c"},
        {"rows": 20},
        {"rows": 10},
        {"constant": True},
        {"width": 1},
        {"width": 1, "constant": True},
    ],
    ids=str,
)
def test_it_trains_with_all_that_it_measures(tmp_path, kind, odd):
    """Baselines, calibration and an explanation, finite or missing, never an error of their own."""
    data = made(tmp_path / "data", kind=kind, **odd)
    run = train(data, make_config(SETTINGS), tmp_path / "run", store=tmp_path / "store")
    assert run.baselines is not None and run.baselines.sentence()
    assert run.calibration is not None and run.calibration.sentence()
    assert all(0 <= error.value <= 1 for error in run.calibration.ece.values())
    (found,) = explain(run, data.split("test")[:1])
    assert all(np.isfinite(list(found.prediction.values()))) and found.whatif is not None


@pytest.mark.slow
def test_several_seeds_of_hardly_anything(tmp_path):
    data = made(tmp_path / "data", rows=10)
    runs = train_seeds(data, make_config(SETTINGS), tmp_path / "runs", 2, store=tmp_path / "store")
    found = explain(runs, data.split("test")[:1])
    assert len(found) == 3 and found[0].provenance.members == ["seed0", "seed1"]


def test_what_cannot_be_learned_is_refused_with_the_reason(tmp_path):
    """No run folder is left, and nothing was trained."""
    cases = {"val": "the split 'val' has no samples", "one": "have the same labels"}
    for name, said in cases.items():
        data = made(tmp_path / name, kind="single")
        file = data.source / "samples.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        if name == "val":
            lines = [line for line in lines if line["split"] != "val"]
        else:
            lines = [line | {"labels": ["b"]} for line in lines]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with pytest.raises(DataError, match=said):
            train(open_dataset(data.source), make_config(SETTINGS), tmp_path / "run", store=tmp_path / "store")
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_one_label_each_that_is_missing_from_test_is_compared_by_macro_f1(tmp_path):
    data = made(tmp_path / "data", kind="single", without="test:c")
    settings = SETTINGS | {"fusion": {"width": 16, "heads": 2, "kind": "dense"}}
    (run,) = train_beside_others(data, make_config(settings), tmp_path / "run", store=tmp_path / "store")
    found = run.comparison
    assert found is not None and found.headline == "macro_f1" and found.macro_f1_cut is None
    assert [other.model for other in found.others] == ["i2moe", "fl-i2moe"]
    for other in found.others:
        theirs = open_run(run.folder / other.runs[0]).metrics["test"]["macro_f1"]
        assert other.difference_cut is None and other.test["macro_f1"] == pytest.approx(theirs)
        assert other.difference.value == pytest.approx(run.metrics["test"]["macro_f1"] - theirs, abs=1e-6)


def test_texts_that_an_encoder_does_not_read_are_all_named_before_any_is_encoded(tmp_path):
    rows = [
        {"id": f"s{n}", "split": ("train", "train", "val", "test")[n % 4], "text": f"text {n}", "labels": "ab"[n % 2]}
        for n in range(16)
    ]
    rows[3]["text"], rows[9]["text"] = "\ue000", "\ue001 \ue002"  # private characters, which the tokenizer drops
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match="2 texts in 'text' hold nothing that the encoder reads: s3, s9"):
        train(open_dataset(tmp_path), make_config({"device": "cpu"}), tmp_path / "run", store=tmp_path / "store")
    assert not (tmp_path / "run").exists() and not (tmp_path / "store").exists()
