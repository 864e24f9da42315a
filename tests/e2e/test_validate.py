"""`interplay validate`: a small run against the known truth of scenes, and evidence planted into data of its own."""

import copy
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from tests.small_runs import SMALL, SmallRun

from interplay.cli import app as cli
from interplay.config import make_config, nested
from interplay.data.known import STORIES
from interplay.data.sample import Dataset
from interplay.data.table_write import write_table
from interplay.data.truth import read_truth
from interplay.errors import BadInput, DataError, RunExistsError
from interplay.explanation.ensemble import Ensemble
from interplay.explanation.explaining import explain_opened
from interplay.explanation.trained.predictor import TrainedPredictor, off_training
from interplay.hub.export import save_pretrained
from interplay.models.run import Run, open_run
from interplay.pipeline.claims import check_claims
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.explain import explain, explain_config
from interplay.pipeline.train import train
from interplay.pipeline.validate import plant_and_train, validate_run
from interplay.progress import Advance, Progress
from interplay.report.claims import Kind, claim
from interplay.report.validity import claim_rows, error_rows, render_validity, validity_rows
from interplay.results import MIXTURE
from interplay.results.validity import Validity


@pytest.fixture(scope="module")
def validity(small_run) -> Validity:
    return validate_run(small_run.run, small_run.dataset, encoders=small_run.encoders, samples=3, backgrounds=4)


def test_what_the_report_holds(validity, small_run):
    assert Validity.model_validate_json(validity.model_dump_json()) == validity
    assert validity.stories == {"sarcasm": "sii", "storm": "redundancy_gap", "urgent": None, "animal": None}
    experts = [*small_run.run.model.expert_names, MIXTURE]
    assert [(c.story, c.expert) for c in validity.calibrations] == [(s, e) for s in validity.stories for e in experts]
    keys = [(r.story, r.on, r.expert) for r in validity.recovered]
    assert keys == [(s, o, e) for s in ("sarcasm", "storm") for o in ("logit", "probability") for e in experts]
    assert keys == [(d.story, d.on, d.expert) for d in validity.discoveries]
    truth = read_truth(small_run.dataset.source)
    test = [truth[s.id].slots for s in small_run.dataset.split("test")]
    storms = min(3, sum(t["storm_word"] and t["lightning"] for t in test))
    ranked = {r.expert: r.auroc.samples for r in validity.recovered if r.story == "storm"}
    assert {ranked.pop("unique_text"), ranked.pop("unique_image")} == {0}, "by construction they have no pair's score"
    assert set(ranked.values()) <= {storms, storms + 1, storms + 2}
    assert validity.evaluations > 0 and validity.seconds > 0 and len(validity.verdicts) == 4
    whole = {c.story: c.whole["nothing"][1] for c in validity.calibrations}
    assert whole["sarcasm"] == pytest.approx(0.25) and whole["storm"] == pytest.approx(0.4)


def test_the_same_twice(validity, small_run):
    again = validate_run(small_run.run, small_run.dataset, encoders=small_run.encoders, samples=3, backgrounds=4)
    assert again.model_copy(update={"seconds": validity.seconds}) == validity


@pytest.mark.parametrize(
    "trained, asked, warned",
    [
        ({}, {}, None),
        ({}, {"removal.fill": "mean"}, "by fill 'mean'.*trained with 'attention'"),
        ({"removal.mask_aware": False}, {}, "never trained with features removed"),
        ({"removal.copies": 0.0}, {}, "never trained with features removed"),
    ],
)
def test_what_training_never_asked_for_is_said(validity, small_run, trained, asked, warned):
    run = replace(small_run.run, config=make_config(nested(SMALL, trained)))
    notes = off_training(run, explain_config(run, asked))
    assert len(notes) == (warned is not None)
    page = render_validity(validity.model_copy(update={"notes": notes})).replace("&#39;", "'")
    assert warned is None or re.search(warned, page)


def test_another_fill_is_asked_for_and_said(small_run):
    config = explain_config(small_run.run, {"removal.fill": "mean"})
    asked = {"config": config, "samples": 2, "backgrounds": 4}
    found = validate_run(small_run.run, small_run.dataset, encoders=small_run.encoders, **asked)
    assert found.fill == "mean" and found.notes == off_training(small_run.run, config) != []


def leaning(run: Run, by: float) -> Run:
    """The run with that much added to every logit: at 4 it predicts every label that holds, at -40 none."""
    model = copy.deepcopy(run.model)
    with torch.no_grad():
        model.bias += by
    return replace(run, model=model)


def test_claims_are_held_against_the_truth(validity, small_run):
    asked = {"config": small_run.run.config, "samples": 3}

    def leans(by: float) -> TrainedPredictor:
        return TrainedPredictor(leaning(small_run.run, by), small_run.encoders)

    checks = check_claims(leans(4), small_run.dataset, **asked)
    counts = Counter()
    for check in checks:
        counts[check.story] += check.right.samples
        assert sum(check.said.values()) == check.right.samples and set(check.said) <= set(get_args(Kind))
        assert check.true in {"sarcasm": {"together"}, "storm": {"either", "alone"}}.get(check.story, {"alone"})
    assert counts == dict.fromkeys(validity.stories, 3)
    page = render_validity(validity.model_copy(update={"claims": checks}))
    assert "Is the first sentence true?" in page and "Is the first sentence true?" not in render_validity(validity)
    for row in claim_rows(checks):
        for cell in row:
            assert f"<td>{cell}</td>" in page
    assert check_claims(leans(-40), small_run.dataset, **asked) == [], "nothing is predicted"
    together = Ensemble([leans(4), leans(5)])
    assert Counter(check.story for check in check_claims(together, small_run.dataset, **asked)).keys() == counts.keys()


@pytest.mark.parametrize("settings", [{}, {"explain.candidates": 24, "explain.budget": 4096}])
def test_claims_that_are_checked_are_those_of_an_explanation(small_run, monkeypatch, settings):
    """Though their pair scores cost less; also with all features as candidates, for which 400 is too small a budget."""
    checked, spent = [], []

    def explained(*asked, **settings):
        found = explain_opened(*asked, **settings)
        checked.append((found.sample_id, found.target, claim(found)))
        spent.append(found.evaluations)
        return found

    monkeypatch.setattr("interplay.pipeline.claims.explain_opened", explained)
    monkeypatch.setattr("interplay.pipeline.claims.STORIES", {name: STORIES[name] for name in ("sarcasm", "urgent")})
    run = replace(leaning(small_run.run, 4), config=explain_config(small_run.run, settings))
    predictor = TrainedPredictor(run, small_run.encoders)
    check_claims(predictor, small_run.dataset, config=run.config, samples=1)
    assert checked
    samples = {s.id: s for s in small_run.dataset.split("test")}
    for sample, target, said in checked:
        (whole,) = explain(run, [samples[sample]], target=target, encoders=small_run.encoders)
        assert claim(whole) == said and (not settings or whole.evaluations > 3 * max(spent))


def test_the_page_says_what_the_report_says(validity):
    page = render_validity(validity)
    assert page == render_validity(validity), "the same bytes"
    assert "<script" not in page and "default-src 'none'" in page
    assert page.count("<svg") == 2
    for row in (*validity_rows(validity), *error_rows(validity)):
        for cell in row:
            assert f"<td>{cell}</td>" in page
    assert len(validity_rows(validity, experts=False)) == 4
    hostile = validity.model_copy(update={"verdicts": ["<script>alert(1)</script>"]})
    assert "<script" not in render_validity(hostile)


def test_the_command(small_run, tmp_path, capsys, monkeypatch):
    arguments = [
        "validate",
        str(small_run.run.folder),
        "--samples",
        "2",
        "--backgrounds",
        "4",
        "--claims",
        "1",
        "--out",
        str(tmp_path / "v"),
    ]
    monkeypatch.setattr("sys.argv", ["interplay", *arguments, "--device", "cpu", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert not ended.value.code, printed.err
    assert Validity.model_validate(json.loads(printed.out)).backgrounds == 4
    assert (tmp_path / "v" / "validity.html").exists()
    assert Validity.model_validate_json((tmp_path / "v" / "validity.json").read_text()).samples > 0


def test_an_exported_run_opens_after_it_was_validated(small_run, tmp_path, capsys, monkeypatch):
    folder = save_pretrained(small_run.run, tmp_path / "films")
    monkeypatch.chdir(tmp_path)
    arguments = ["validate", "films", "--samples", "2", "--backgrounds", "4", "--claims", "0", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["interplay", *arguments, "--data", str(small_run.dataset.source)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code, capsys.readouterr().err
    opened = open_run(folder)
    assert opened.validity_file == Path("films-results/validation/validity.json")
    assert Validity.model_validate_json(opened.validity_file.read_bytes()).provenance.weights == small_run.run.weights
    assert not (folder / "validation").exists()


@pytest.mark.parametrize("options", [{"samples": 1}, {"backgrounds": 3}, {"backgrounds": 2}])
def test_numbers_out_of_range(small_run, options):
    with pytest.raises(BadInput):
        validate_run(small_run.run, small_run.dataset, encoders=small_run.encoders, **options)


def test_data_without_known_truth(small_run, tmp_path):
    rows = (small_run.dataset.source / "samples.jsonl").read_text()
    (tmp_path / "samples.jsonl").write_text(re.sub(r', "truth": \{.*\}\}', "}", rows))
    with pytest.raises(DataError, match=r"not known.*--plant"):
        validate_run(small_run.run, replace(small_run.dataset, source=tmp_path), encoders=small_run.encoders)


@pytest.fixture
def unknown(small_run: SmallRun, tmp_path) -> Dataset:
    """40 scenes whose truth is not written down."""
    return write_table(replace(small_run.dataset, samples=small_run.dataset.samples[:40]), tmp_path / "data")


class Seen(Progress):
    """Notes the name of every stage that advances."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def stage(self, name: str) -> Advance:
        return lambda done, total: self.names.append(name)


def test_planting_trains_once_and_is_then_used_again(small_run: SmallRun, unknown, tmp_path):
    config, told = make_config(nested(SMALL, {"training.epochs": 1})), []

    def planted(**changed):
        options = {"config": config, "samples": 80, "store": small_run.store, "progress": Seen(told)}
        return plant_and_train(small_run.run, unknown, tmp_path / "v", **options | changed)

    copy, trained = planted()
    assert trained.card.labels == ["planted_both", "planted_either"] and len(copy.samples) == 80
    assert "Plant" in told and "Train" in told
    told.clear()
    _, again = planted()
    assert not told and again.metrics == trained.metrics
    for changed in ({"samples": 120}, {"config": small_run.run.config}):
        with pytest.raises(RunExistsError, match="other data, or with other settings"):
            planted(**changed)
    encoders = open_encoders(trained, "cpu")
    found = validate_run(trained, copy, encoders=encoders, samples=2, backgrounds=4)
    assert found.stories == {"planted_both": "sii", "planted_either": "redundancy_gap"}
    assert found.players == "words and patches"
    assert all(np.isfinite(c.error.mean) for c in found.calibrations)


def test_data_that_cannot_be_validated_on(small_run, unknown, tmp_path):
    def refused(dataset, message, run=small_run.run, encoders=small_run.encoders):
        with pytest.raises(DataError, match=message):
            validate_run(run, dataset, encoders=encoders, samples=2, backgrounds=4)

    whole = small_run.dataset
    refused(replace(whole, labels=whole.labels[::-1]), "the labels are")
    refused(replace(whole, samples=[s for s in whole.samples if not s.labels]), "no sample of the split 'test'")
    only_test = [s for s in whole.samples if s.split != "val"]
    refused(replace(whole, samples=only_test), "no sample of the split 'val'")
    config = make_config(nested(SMALL, {"training.epochs": 1, "encoders.image.size": 168, "encoders.image.pool": 4}))
    odd = train(replace(whole, samples=whole.samples[:40]), config, tmp_path / "odd", store=small_run.store)
    refused(whole, "do not fit into the 4 x 4 cells", odd, open_encoders(odd, "cpu"))
    with pytest.raises(DataError, match="the modalities are"):
        plant_and_train(small_run.run, replace(unknown, modalities={"a": "text", "b": "image"}), tmp_path / "v")
