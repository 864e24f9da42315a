"""Features computed beforehand, and two to four modalities: stored, trained on, evaluated, explained, on a page."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.data.layouts import picture

from interplay.config import Config, make_config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.errors import DataError, EncoderError, GameError
from interplay.features.store import open_features
from interplay.models.run import Run, open_run
from interplay.pipeline.datasets import find_sample, new_sample
from interplay.pipeline.encode import encode
from interplay.pipeline.evaluate import evaluate
from interplay.pipeline.explain import explain, explain_config
from interplay.pipeline.explanations import write_explanations
from interplay.pipeline.train import samples_cut, train
from interplay.report.findings import describe
from interplay.results import Explanation
from interplay.study.config import make_study
from interplay.study.cost import estimate_cost
from interplay.study.running import run_study
from interplay.study.writing import write_study

SETTINGS = {
    "fusion": {"width": 16, "heads": 2},
    "device": "cpu",
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2},
    "explain": {"budget": 1_000, "candidates": 3, "ig_steps": 2},
    "encoders": {"image": {"model": "efficientnet-lite0", "size": 64}},
}
KINDS = {"text": "text", "image": "image", "sound": "features", "pose": "features"}


def make(folder: Path, names: Sequence[str], rows: int = 24) -> Dataset:
    """A table whose labels are in the features: `sound` of 2 to 5 positions of 3, `pose` of 2 positions of 6."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for n in range(rows):
        loud = bool(n % 2)
        np.save(folder / f"sound{n}.npy", rng.normal(size=(2 + n % 4, 3)) + 3 * loud)
        save_file({"pose": rng.normal(size=(2, 6)).astype(np.float32)}, folder / f"pose{n}.safetensors")
        picture(folder / f"{n}.png", color=("red", "blue")[n % 2])
        row = {
            "text": f"a short text {n}",
            "image": f"{n}.png",
            "sound": f"sound{n}.npy",
            "pose": f"pose{n}.safetensors",
        }
        split = ("train", "train", "val", "test")[n // 2 % 4]
        lines.append({"id": f"s{n}", "split": split, "labels": ["loud" if loud else "soft"], **row})
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    declared = "".join(f'{name} = "{KINDS[name]}"\n' for name in names)
    (folder / "dataset.toml").write_text(f'label_kind = "single"\nlabels = ["soft", "loud"]\n[modalities]\n{declared}')
    return open_dataset(folder)


def config(kind: str = "fl-i2moe") -> Config:
    return make_config(SETTINGS | {"fusion": SETTINGS["fusion"] | {"kind": kind}})


def trained(tmp_path: Path, dataset: Dataset, store: Path, kind: str = "fl-i2moe") -> Run:
    return train(dataset, config(kind), tmp_path / "run", store=store)


@pytest.mark.parametrize("kind", ["fl-i2moe", "dense"])
@pytest.mark.parametrize("names", [("sound", "pose"), ("text", "image", "sound"), ("pose", "text", "sound", "image")])
def test_from_files_to_page(tmp_path: Path, store: Path, names: tuple[str, ...], kind: str) -> None:
    dataset = make(tmp_path / "data", names)
    run = trained(tmp_path, dataset, store, kind)
    assert list(run.card.modalities) == list(names)
    assert run.card.widths["sound"] == 3 and run.card.lengths["sound"] == 5
    again = open_run(run.folder)
    metrics = evaluate(again, dataset, store=store)
    assert metrics == pytest.approx(run.metrics["test"], abs=1e-5)

    sample = dataset.split("test")[1]
    (explanation,) = explain(again, [sample])
    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
    assert list(explanation.inputs) == list(names)
    sound = explanation.inputs["sound"]
    assert (sound.kind, sound.path, sound.text, sound.truncated) == ("features", "sound7.npy", None, 0)
    own = [f for f in explanation.features if f.modality == "sound"]
    assert [f.text for f in own] == [f"sound {n}" for n in range(1, 6)]
    assert all(f.span is None and f.box is None for f in own)
    assert len(explanation.attributions["integrated_gradients"]["mixture"]) == len(explanation.features)
    of = {f.index: f.modality for f in explanation.features}
    pairs = {(of[p.i], of[p.j]) for p in explanation.pairs}
    assert pairs == {(a, b) for at, a in enumerate(names) for b in names[at + 1 :]}
    assert any("computed beforehand" in note and "sound" in note for note in explanation.notes)
    said = any("encoded by itself" in note or "in context" in note for note in explanation.notes)
    assert said == bool({"text", "image"} & set(names))

    page = write_explanations(again, [explanation], [sample], tmp_path / "out").read_text()
    assert "sound 5" in page and ("data:image/webp" in page) == ("image" in names)


def test_what_the_store_holds(tmp_path: Path, store: Path) -> None:
    dataset = make(tmp_path / "data", ("sound", "pose"))
    stored = encode(dataset, config(), store=store)
    features, valid = stored["sound"]["s7"]
    given = np.load(tmp_path / "data" / "sound7.npy")
    assert features.shape == (5, 3) and valid.all()
    assert np.array_equal(features.numpy(), given.astype(np.float16).astype(np.float32))
    np.save(tmp_path / "data" / "sound7.npy", given + 1)  # another content is another key
    assert encode(dataset, config(), store=store)["sound"].folder != stored["sound"].folder


def test_sequences_are_cut_where_asked(tmp_path: Path, store: Path) -> None:
    dataset = make(tmp_path / "data", ("sound", "pose"))
    short = make_config(SETTINGS | {"encoders": {"sound": {"model": "precomputed", "max_tokens": 3}}})
    run = train(dataset, short, tmp_path / "run", store=store)
    assert run.card.lengths == {"sound": 3, "pose": 2}
    assert samples_cut(run, store) == {"sound": 12}
    (explanation,) = explain(run, [dataset.split("test")[1]])
    assert explanation.inputs["sound"].truncated == 2
    assert any("last 2 tokens of sound were cut off" in note for note in explanation.notes)
    alone = make_config(SETTINGS | {"encoders": {"features": {"max_tokens": 3}}})
    assert encode(dataset, alone, store=store)["sound"].folder.name == run.origin.stores["sound"]
    assert max(np.diff(open_features(store / run.origin.stores["sound"]).offsets)) == 3


def test_a_new_sample(tmp_path: Path, store: Path) -> None:
    dataset = make(tmp_path / "data", ("sound", "pose"))
    run = trained(tmp_path, dataset, store)
    files = {"sound": str(tmp_path / "data" / "sound6.npy"), "pose": str(tmp_path / "data" / "pose6.safetensors")}
    (new,) = explain(run, [new_sample(run, files)])
    (old,) = explain(run, [find_sample(dataset, "s6")])
    assert new.prediction == old.prediction and new.truth is None

    np.save(tmp_path / "long.npy", np.ones((9, 3)))
    (long,) = explain(run, [new_sample(run, files | {"sound": str(tmp_path / "long.npy")})])
    assert long.inputs["sound"].truncated == 4  # the model knows no more positions
    np.save(tmp_path / "wide.npy", np.ones((2, 4)))
    with pytest.raises(EncoderError, match="features of 'sound' have 4 columns; expected 3"):
        explain(run, [new_sample(run, files | {"sound": str(tmp_path / "wide.npy")})])
    with pytest.raises(DataError, match="the file is missing"):
        explain(run, [new_sample(run, files | {"sound": "none.npy"})])


def test_files_that_do_not_fit_leave_no_run(tmp_path: Path, store: Path) -> None:
    dataset = make(tmp_path / "data", ("text", "sound"))
    np.save(tmp_path / "data" / "sound9.npy", np.ones((2, 4)))
    with pytest.raises(DataError, match="have 4 columns; expected 3") as caught:
        trained(tmp_path, dataset, store)
    assert caught.value.file == tmp_path / "data" / "sound9.npy" and caught.value.row == 10
    np.save(tmp_path / "data" / "sound9.npy", np.full((2, 3), 1e6))
    with pytest.raises(DataError, match="not finite in half precision"):
        trained(tmp_path, dataset, store)
    np.save(tmp_path / "data" / "sound9.npy", np.full((2, 3), np.nan))
    with pytest.raises(DataError, match="position 0, column 0 is nan"):
        trained(tmp_path, dataset, store)
    assert not (tmp_path / "run").exists()


def test_features_are_named_in_findings(tmp_path: Path, store: Path) -> None:
    dataset = make(tmp_path / "data", ("sound", "pose"))
    (explanation,) = explain(trained(tmp_path, dataset, store), dataset.split("test")[:1])
    first = min(explanation.pairs, key=lambda pair: (pair.i, pair.j))
    before = sum(feature.modality == "sound" for feature in explanation.features)
    sound, pose = first.i + 1, first.j - before + 1
    assert describe(explanation, first) == f"sound {sound} and pose {pose}"


def test_features_play_by_themselves_where_words_and_cells_are_grouped(tmp_path: Path, store: Path) -> None:
    dataset = make(tmp_path / "data", ("text", "image", "sound"))
    run = trained(tmp_path, dataset, store)
    grouped = explain_config(run, {"explain.grid": 1, "explain.token_groups": "words"})
    (explanation,) = explain(run, dataset.split("test")[1:2], config=grouped)
    names = [f.modality for f in explanation.features]
    assert names.count("image") == 1 and names.count("text") == 4 and names.count("sound") == 5
    small = explain_config(run, {"explain.budget": 60})
    with pytest.raises(GameError, match=r"explain.budget, 60, is shared by 3 pairs .* a budget of 20 .* for each"):
        explain(run, dataset.split("test")[1:2], config=small)


@pytest.mark.parametrize("names", [("text", "sound", "pose"), ("sound",)])
def test_a_study_of_three_modalities_and_of_one(tmp_path: Path, store: Path, names: tuple[str, ...]) -> None:
    """Single-label, two players or more of each modality; a modality alone has no cross-modal pairs."""
    dataset = make(tmp_path / "data", names)
    asked = {"seeds": [0], "models": ["dense", "fl-i2moe"], "samples": 4, "pair_samples": 3, "candidates": 3}
    small = {"backgrounds": 4, "budgets": [1, 9], "draws": 2, "random_draws": 2}
    study = make_study({"study": asked | small, **SETTINGS})
    costs = estimate_cost(study, dataset, store, lambda _: None)
    if len(names) == 1:
        with pytest.raises(DataError, match="one modality"):
            run_study(study, dataset, tmp_path / "study", store=store, say=lambda _: None)
        return
    results = run_study(study, dataset, tmp_path / "study", store=store, say=lambda _: None)
    page, claims = write_study(results, tmp_path / "study", "interplay study")
    assert claims and "nan" not in page.read_text("utf-8").split("<svg")[0].lower()
    pairs = results.runs[-1].pairs
    modality = results.runs[-1].attributions["modality"][: results.runs[-1].attributions["offsets"][1]]
    first = pairs["pair"][pairs["sample"] == 0]
    assert {tuple(modality[pair].tolist()) for pair in first} == {(0, 1), (0, 2), (1, 2)}
    used = results.runs[-1].pair_masking["used"]
    assert (used[..., 0] == 1).all() and (used[..., 1] < 9).all(), "fewer pairs than asked are said, not made up"
    table = (tmp_path / "study/tables/table1_task.csv").read_text()
    assert "best_f1" in table and costs[1].evaluations > 0
