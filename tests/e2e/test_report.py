"""`interplay report`: the page of a trained run, from the command line and from Python."""

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from tests.small_runs import SmallRun, rewrite

from interplay.cli import app as cli
from interplay.data.sample import Dataset
from interplay.errors import BadInput, DataError
from interplay.models.run import open_run
from interplay.pipeline import report as reporting
from interplay.pipeline.explain import explain
from interplay.pipeline.explanations import write_explanations
from interplay.pipeline.report import charts_of, report_run
from interplay.pipeline.train import train
from interplay.report.ranking import strong_pairs, strongest
from interplay.results import Explanation


@pytest.fixture(scope="module")
def run_folder(small_run: SmallRun, tmp_path_factory) -> Path:
    """A copy of the run with one sample explained, and another run's explanation that is damaged."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    shutil.copytree(small_run.run.folder, folder)
    run = open_run(folder)
    sample = small_run.dataset.split("test")[1]
    found = explain(run, [sample], target="storm", encoders=small_run.encoders)
    write_explanations(run, found, [sample])
    (folder / "explanations" / "99-old.json").write_text("{}")
    return folder


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `interplay report`; returns (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["interplay", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def block(page: Path, name: str):
    found = re.search(f'<script type="application/json" id="{name}">(.*?)</script>', page.read_text("utf-8"), re.S)
    assert found
    return json.loads(found[1])


def test_the_page_of_a_run(call, run_folder, small_run: SmallRun):
    code, out, err = call(run_folder, "--store", small_run.store)
    assert code == 0, err
    page = run_folder / "report" / "index.html"
    assert f"Open the page:  {page.resolve()}" in out
    index, summary = block(page, "index"), block(page, "summary")
    samples = [*small_run.dataset.split("test"), *small_run.dataset.split("val")]
    assert index["columns"]["id"] == [s.id for s in samples] and not index["blur"]
    assert [[index["labels"][c] for c in truth] for truth in index["columns"]["truth"]] == [
        list(s.labels) for s in samples
    ]
    for split, metrics in small_run.run.metrics.items():
        assert summary["metrics"][split] == pytest.approx(metrics, abs=1e-3, nan_ok=True)
    (hits,) = [
        np.mean(
            [
                t == s
                for t, s, which in zip(*(index["columns"][k] for k in ("truth", "said", "split")), strict=True)
                if index["splits"][which] == "test"
            ]
        )
    ]
    assert hits == pytest.approx(small_run.run.metrics["test"]["exact_match"])
    assert [chart["title"] for chart in summary["charts"]] == ["Loss", "On val", "Role loss"]
    loss = {s["name"]: s["points"] for s in summary["charts"][0]["series"]}
    assert [epoch for epoch, _ in loss["val/loss"]] == [1, 2, 3, 4]
    best = small_run.run.card.epoch
    assert loss["val/loss"][best][1] == pytest.approx(small_run.run.metrics["val"]["loss"], abs=1e-3)
    assert summary["bestEpoch"] == best + 1
    assert summary["notes"] == [
        "explanations/99-old.json is not shown: it is of another version, damaged, or was changed."
    ]
    for secret in (str(run_folder.parent), str(small_run.dataset.source.parent)):
        assert all(secret.encode() not in f.read_bytes() for f in page.parent.rglob("*") if f.is_file())
    texts, probabilities = block(page.parent / "data" / "000.html", "data")["rows"][0]
    assert texts == {"text": samples[0].inputs["text"]}
    tokens = small_run.encoders  # the page's answer is the one that explain gives
    explained = explain(small_run.run, [samples[0]], encoders=tokens)[0]
    assert probabilities == pytest.approx(list(explained.prediction.values()), abs=2e-3)


def test_explanations_come_along(call, run_folder, small_run: SmallRun, tmp_path):
    code, out, err = call(
        run_folder, "--split", "test", "--out", tmp_path / "p", "--store", small_run.store, "--json", "--blur"
    )
    assert code == 0, err
    page = Path(json.loads(out)["page"])
    assert page == tmp_path / "p" / "index.html"
    index = block(page, "index")
    assert index["splits"] == ["test"] and index["blur"]
    ((row, explained),) = index["explained"].items()
    (told,) = explained["explanations"]
    sample = small_run.dataset.split("test")[1]
    assert index["columns"]["id"][int(row)] == sample.id == told["address"] and told["target"] == "storm"
    written = next((run_folder / "explanations").glob("01-*.json")).read_bytes()
    explanation = Explanation.model_validate_json(written)
    best = strongest(explanation, "redundancy_gap")
    gaps = [p for p in told["pairs"] if p["score"] == "redundancy_gap"]
    assert (gaps[0]["i"], gaps[0]["j"]) == (best[0].i, best[0].j) if best else not gaps
    assert (page.parent / "explanations.html").read_bytes() == (run_folder / "explanations" / "page.html").read_bytes()


def test_explanations_of_models_put_beside_are_not_taken_for_the_runs_own(run_folder, small_run: SmallRun, tmp_path):
    run = replace(small_run.run, folder=tmp_path / "run")
    shutil.copytree(run_folder, run.folder)
    (file,) = (run.folder / "explanations").glob("01-*.json")
    own = json.loads(file.read_text())
    name = file.name.removeprefix("01-")
    for number, change in (("00", {"model": "dense"}), ("099", {}), ("100", {"run": "another seed"})):
        other = own | {"provenance": own["provenance"] | change, "pairs": own["pairs"] if number == "099" else []}
        (file.parent / f"{number}-{name}").write_text(json.dumps(other))
    file.unlink()
    page = report_run(run, small_run.dataset, splits=["test"], store=small_run.store)
    (explained,) = block(page, "index")["explained"].values()
    (told,) = explained["explanations"]
    assert told["pairs"] == [asdict(pair) for pair in strong_pairs(Explanation.model_validate(own))]


def test_of_explanations_with_a_mean_the_page_of_a_run_links_its_own(small_run: SmallRun, tmp_path):
    """Their mean and the other model stand on the same page, of the same sample and target."""
    runs = []
    for seed in (0, 1):
        folder = Path(shutil.copytree(small_run.run.folder, tmp_path / f"seed{seed}"))
        if seed:
            rewrite(folder, "config.toml", lambda text: text.replace("\nseed = 0\n", "\nseed = 1\n"))
        runs.append(open_run(folder))
    sample = small_run.dataset.split("test")[0]
    found = explain(runs, [sample], target="storm")
    assert [bool(one.provenance.members) for one in found] == [True, False, False]
    shown = block(write_explanations(runs[1], found, [sample]), "index")["samples"]
    report_run(runs[1], small_run.dataset, store=small_run.store)
    explained = block(runs[1].folder / "report" / "index.html", "index")["explained"]
    ((one,),) = [each["explanations"] for each in explained.values()]
    by = {each["address"]: each["by"] for each in shown}
    assert by[one["address"]] == "fl-i2moe (seed1)"


def test_a_dataset_that_may_offend_is_blurred(run_folder, small_run: SmallRun, tmp_path, monkeypatch):
    run, rude = open_run(run_folder), small_run.dataset
    monkeypatch.setattr(reporting, "is_sensitive", lambda labels: labels == run.card.labels)
    page = report_run(run, rude, splits=["val"], out=tmp_path / "a", store=small_run.store)
    assert block(page, "index")["blur"]
    page = report_run(run, rude, splits=["val"], out=tmp_path / "a", store=small_run.store, blur=False)
    assert not block(page, "index")["blur"]


def test_what_is_beside_it_is_linked(run_folder, small_run: SmallRun, tmp_path):
    run = tmp_path / "study" / "fl-i2moe" / "seed0" / "run"
    shutil.copytree(run_folder, run)
    (run.parents[2] / "study.html").write_text("<p>the study")
    (run / "validation").mkdir()
    (run / "validation" / "validity.html").write_text("<p>valid")
    (run / "validation" / "validity.json").write_text("{}")
    assert open_run(run).name == "fl-i2moe/seed0"
    page = report_run(open_run(run), small_run.dataset, splits=["val"], store=small_run.store)
    tables = block(page, "summary")["tables"]
    assert [(page.parent / table["link"]).resolve() for table in tables] == [(run.parents[2] / "study.html").resolve()]
    page = report_run(open_run(run), small_run.dataset, splits=["val"], store=small_run.store, out=tmp_path / "far")
    assert block(page, "summary")["tables"] == [], "what lies elsewhere does not come along"


def test_curves_of_a_training_that_was_interrupted(small_run: SmallRun, small_config, monkeypatch, tmp_path):
    """Lightning's CSV begins anew when training goes on; the curves do not."""
    from interplay.training.epochs import ShowEpochs

    whole = ShowEpochs.on_train_epoch_end

    def stop(self, trainer, module):
        whole(self, trainer, module)
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(ShowEpochs, "on_train_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        train(small_run.dataset, small_config, tmp_path / "run", store=small_run.store)
    monkeypatch.setattr(ShowEpochs, "on_train_epoch_end", whole)
    train(small_run.dataset, small_config, tmp_path / "run", store=small_run.store)
    charts = {c.title: c.series for c in charts_of(tmp_path / "run" / "logs")}
    assert [epoch for epoch, _ in charts["Loss"]["val/loss"]] == [1, 2, 3, 4]
    assert charts_of(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    "options, said",
    [
        (["--split", "other"], "unknown split 'other'"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--data", "nowhere"], "there is nothing here"),
    ],
)
def test_what_is_wrong_is_one_line(call, run_folder, small_run: SmallRun, tmp_path, options, said):
    code, out, err = call(run_folder, "--store", small_run.store, "--out", tmp_path / "r", *options)
    assert code == 2 and not out and err.count("\n") == 1 and said in err
    assert not (tmp_path / "r").exists()


def test_a_folder_of_something_else_is_left_alone(call, run_folder, small_run: SmallRun):
    code, _, err = call(run_folder, "--store", small_run.store, "--out", run_folder / "model")
    assert code == 2 and "something else than a page of a run" in err
    code, _, err = call(run_folder.parent / "no-run")
    assert code == 2 and err.count("\n") == 1


def test_other_data_is_refused(run_folder, small_run: SmallRun, tmp_path):
    other: Dataset = replace(small_run.dataset, labels=("x", "y"))
    with pytest.raises(DataError, match="those of the run"):
        report_run(open_run(run_folder), other, out=tmp_path / "r", store=small_run.store)
    with pytest.raises(BadInput, match="no split"):
        report_run(open_run(run_folder), small_run.dataset, splits=[], out=tmp_path / "r", store=small_run.store)


def test_help_has_an_example(call, capsys):
    _, out, _ = call("--help")
    assert "Example:  interplay report runs/first" in out
