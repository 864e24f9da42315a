"""A whole study on a few scenes: every table filled and traceable, resumed stage by stage, one page to look at."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.small_runs import SMALL
from tests.small_study import ASKED, SETTINGS, quiet

from interplay.encoders import loading
from interplay.errors import BadInput, ConfigError, DataError, RunExistsError
from interplay.explanation.pairs import backgrounds
from interplay.explanation.trained import prepared
from interplay.explanation.trained.pairs import probe_pairs
from interplay.features import store as features
from interplay.models.run import open_run
from interplay.pipeline.encode import open_encoders
from interplay.study import pair_stages, running, stages
from interplay.study.arrays import Arrays, read_arrays, write_arrays
from interplay.study.config import make_study
from interplay.study.cost import STAGES, estimate_cost
from interplay.study.running import run_study
from interplay.study.tables import TABLES
from interplay.study.writing import write_study


def test_every_table_is_filled_and_says_where_its_numbers_come_from(small_study):
    for name in TABLES:
        rows = small_study.table(name)
        assert rows, name
        for row in rows:
            assert row["seeds"] == "0,1"
            for pattern in row["from"].split():
                folder, _, file = pattern.partition("{0,1}/")
                assert all((small_study.out / f"{folder}{seed}" / file).is_file() for seed in (0, 1)), pattern
    assert {r["variant"] for r in small_study.table("table1_task")} == {"dense", "fl-i2moe"}
    assert {r["K"] for r in small_study.table("figure3_masking")} == {"5", "10", "15", "20", "25", "mean"}
    assert len(small_study.table("figure3_masking")) == (2 + 5) * 4 * 6 * 2, "outputs, methods, K and mean, measures"
    experts = {r["expert"] for r in small_study.table("figure3_masking") if r["variant"] == "dense"}
    assert experts == {"fusion", "mixture"}
    assert {r["story"] for r in small_study.table("table4_stories")} == {"sarcasm", "storm"}


def test_numbers_are_those_of_the_files(small_study):
    """One number of each kind, computed again from what is on disk without the code that made the table."""
    runs = [r for r in small_study.results.runs if r.variant == "fl-i2moe"]
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    drops, random = [], []
    for run in runs:
        a = read_any(small_study.out / run.folder / "attributions.safetensors")
        m = read_any(small_study.out / run.folder / "masking.safetensors")
        p = lambda logits, t=a["target"]: (sigmoid(logits) * t).sum(-1) / t.sum(-1)  # noqa: E731
        full = p(a["full"][:, -1])
        drops.append(full - p(m["logits"][:, 2, -1, 1, 0]))  # integrated gradients, mixture, K = 10, removed
        random.append(full - np.mean([p(m["logits"][:, 3 + d, -1, 1, 0]) for d in range(2)], axis=0))
    (row,) = (
        r
        for r in small_study.table("figure3_masking")
        if (r["variant"], r["expert"], r["method"], r["K"], r["measure"])
        == ("fl-i2moe", "mixture", "integrated_gradients", "10", "comprehensiveness")
    )
    assert float(row["mean"]) == pytest.approx(np.mean(drops), abs=1e-6)
    assert float(row["gap"]) == pytest.approx(np.mean(drops) - np.mean(random), abs=1e-6)
    assert float(row["sd_seeds"]) == pytest.approx(np.std([d.mean() for d in drops], ddof=1), abs=1e-6)

    metrics = [json.loads((small_study.out / r.folder / "run" / "metrics.json").read_text())["test"] for r in runs]
    (row,) = (r for r in small_study.table("table1_task") if (r["variant"], r["metric"]) == ("fl-i2moe", "auroc"))
    assert float(row["mean"]) == pytest.approx(np.mean([m["auroc"] for m in metrics]))

    costs, both, neither = [], [], []
    for run in runs:
        a, m = (read_any(small_study.out / run.folder / f"{n}.safetensors") for n in ("attributions", "pair_masking"))
        label = read_any(small_study.out / run.folder / "pairs.safetensors")["label"]
        full = np.array([a["full"][n, -1, c] for n, c in enumerate(label)])
        np.testing.assert_allclose(m["ends"][:, 0, :, -1], np.stack([full, sigmoid(full)], axis=1), atol=1e-5)
        costs.append(sigmoid(full).mean() - m["values"][:, 2, 0, :, 1, 0, 1, -1].mean())
        logits = m["values"][:, 2, 0, 0, 1, :, 0, -1]  # by the mixture's SII, two pairs
        both.append((logits @ [1, -1, -1, 0, 0, 0] + m["ends"][:, 0, 0, -1]).mean())
        neither.append((logits @ [0, 0, 0, 1, -1, -1] + m["ends"][:, 1, 0, -1]).mean())
    (row,) = (
        r
        for r in small_study.table("table2_pair_masking")
        if (r["variant"], r["ranked_by"], r["read_at"], r["pairs"]) == ("fl-i2moe", "sii of mixture", "mixture", "2")
    )
    assert float(row["cost_ranked"]) == pytest.approx(np.mean(costs), abs=1e-6)
    for when, seen in (("all else is there", both), ("nothing else is there", neither)):
        (row,) = (
            r
            for r in small_study.table("table2_second_differences")
            if (r["variant"], r["ranked_by"], r["on"]) == ("fl-i2moe", "sii of mixture", "logit")
            and (r["when"], r["pairs"]) == (when, "2")
        )
        assert float(row["ranked"]) == pytest.approx(np.mean(seen), abs=1e-6)


def read_any(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def test_pair_scores_are_those_of_the_probe(small_study, store):
    """The pairs of one sample, asked again from its own encoding."""
    measured = next(r for r in small_study.results.runs if r.variant == "fl-i2moe")
    run, pairs = measured.run, measured.pairs
    encoders = open_encoders(run, "cpu")
    from interplay.explanation.trained.prepared import players_in, prepare_sample

    one = prepare_sample(run, encoders, small_study.dataset.split("test")[1])
    mine = pairs["sample"] == 1
    rows, columns = (sorted(set(pairs["pair"][mine][:, k].tolist())) for k in (0, 1))
    assert len(rows) == len(columns) == 4
    chosen = (np.array(rows), np.array(columns))
    again = probe_pairs(
        run.model,
        run.card.task,
        one.tokens,
        [int(pairs["label"][1])],
        fill="attention",
        estimate=backgrounds(4, 1),
        players=players_in(one, run.config),
        candidates=lambda _, m: chosen[m],
    )
    np.testing.assert_allclose(again.blocks[0].output((0,)).sii, pairs["sii"][mine], atol=2e-4)


def test_random_controls_are_the_same_for_every_run(small_study):
    bench = stages.Bench(small_study.results.runs[0].run, {}, {}, [], small_study.study.options)
    assert bench.rng(1, 5).random() == bench.rng(1, 5).random() != bench.rng(2, 5).random()


def test_the_page(small_study):
    assert "<script" not in small_study.page and "default-src 'none'" in small_study.page
    assert (
        small_study.page.count("<svg") == 6
        and "nan" not in re.sub(r"<svg.*?</svg>", "", small_study.page, flags=re.S).lower()
    )
    for name in ("figure3_masking", "figure3_experts", "figure4_alignment_logit", "table2_second_differences"):
        assert (small_study.out / "figures" / f"{name}.svg").stat().st_size > 1000
        assert (small_study.out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    for link in re.findall(r'href="([^"#]+)"', small_study.page):
        assert (small_study.out / link).is_file(), link
    assert (small_study.out / "example.html").read_text("utf-8").count("fl-i2moe)") >= 1
    assert "interplay study scenes.toml --data scenes" in small_study.page
    about = json.loads((small_study.out / "study.json").read_text())
    assert about["options"]["seeds"] == [0, 1] and set(about["seconds"]) == {r.folder for r in small_study.results.runs}


def test_claims_speak_of_what_was_measured(small_study):
    said = " ".join(c.claim for c in small_study.claims)
    for part in (
        "macro_f1",
        "grad rollout",
        "SII of the synergy",
        "costs the mixture more",
        "act together more",
        "back each other up",
        "concentrated",
        "carries sarcasm",
    ):
        assert part in said
    assert {c.verdict for c in small_study.claims} <= {"holds", "does not hold", "cannot be told"}


def test_a_finished_study_measures_nothing_again(small_study, store, monkeypatch):
    for name in ("attribute_samples", "mask_samples", "measure_pairs", "mask_pairs"):
        of = pair_stages if "pairs" in name else stages
        monkeypatch.setattr(of, name, lambda *_, name=name: pytest.fail(f"{name} was run again"))
    monkeypatch.setattr(running, "validate_run", lambda *_, **__: pytest.fail("validated again"))
    monkeypatch.setattr(running, "train", lambda *_, **__: pytest.fail("trained again"))
    again = run_study(small_study.study, small_study.dataset, small_study.out, store=store, say=quiet)
    for before, after in zip(small_study.results.runs, again.runs, strict=True):
        assert all(np.array_equal(before.masking[k], after.masking[k]) for k in before.masking.values)


def test_an_interrupted_study_goes_on_and_comes_to_the_same(small_study, store, tmp_path, monkeypatch):
    """Ctrl-C in the pair stage of the second run: what was measured before stays, and the results are equal."""
    study, calls = make_study({"study": {**ASKED, "seeds": [0]}, **SETTINGS}), []
    score = pair_stages.measure_pairs

    def interrupted(bench, attributions):
        calls.append(bench.run.config.fusion.kind)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return score(bench, attributions)

    monkeypatch.setattr(pair_stages, "measure_pairs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, small_study.dataset, tmp_path / "s", store=store, say=quiet)
    assert (tmp_path / "s/fl-i2moe/seed0/masking.safetensors").exists()
    assert not (tmp_path / "s/fl-i2moe/seed0/pairs.safetensors").exists()
    results = run_study(study, small_study.dataset, tmp_path / "s", store=store, say=quiet)
    assert calls == ["dense", "fl-i2moe", "fl-i2moe"]
    whole = {(r.variant, r.seed): r for r in small_study.results.runs}
    for run in results.runs:
        for stage in ("attributions", "masking", "pairs", "pair_masking"):
            ours, theirs = getattr(run, stage), getattr(whole[run.variant, 0], stage)
            for name, values in theirs.values.items():
                np.testing.assert_array_equal(ours[name], values, err_msg=f"{stage} {name}")


def test_every_input_is_read_and_hashed_once(scenes, store, tmp_path, monkeypatch):
    """Two variants that share their encoders are trained, measured, validated and shown."""
    samples = [sample for split in ("train", "val", "test") for sample in scenes.split(split)[:16]]
    dataset = replace(scenes, samples=samples)
    study = make_study({"study": {**ASKED, "seeds": [0], "samples": 2, "pair_samples": 2}, **SETTINGS})
    hashed, inputs = Counter(), features._content_hash
    monkeypatch.setattr(features, "_content_hash", lambda s, m, h: hashed.update([(s.id, m)]) or inputs(s, m, h))
    encoded = Counter()
    for module in (features, prepared):
        monkeypatch.setattr(module, "encode_one", lambda *_: encoded.update(["encode_one"]))
    loaded, load = Counter(), loading.load_encoder
    monkeypatch.setattr(loading, "load_encoder", lambda c, kind: loaded.update([kind]) or load(c, kind))

    results = run_study(study, dataset, tmp_path / "s", store=store, say=quiet)
    write_study(results, tmp_path / "s", "interplay study")
    assert len(results.runs) == 2 and results.runs[0].stories
    assert hashed == {(sample.id, m): 1 for sample in samples for m in dataset.modalities}
    assert loaded == {"text": 1, "image": 1}, "encoders, too"
    assert not encoded, "what is stored is not encoded again"


def test_only_stages_that_an_option_concerns_are_measured_again(small_study, store, monkeypatch):
    study = make_study({"study": {**ASKED, "seeds": [0], "models": ["dense"], "draws": 3}, **SETTINGS})
    for name in ("attribute_samples", "mask_samples", "measure_pairs"):
        of = pair_stages if "pairs" in name else stages
        monkeypatch.setattr(of, name, lambda *_, name=name: pytest.fail(f"{name} was run again"))
    kept = (small_study.out / "dense/seed0/pair_masking.safetensors").read_bytes()
    (run,) = run_study(study, small_study.dataset, small_study.out, store=store, say=quiet).runs
    assert run.pair_masking["values"].shape[3] == 3
    (small_study.out / "dense/seed0/pair_masking.safetensors").write_bytes(kept)


def test_a_damaged_file_is_measured_again(tmp_path):
    write_arrays(tmp_path / "a", Arrays({"x": np.arange(3)}, {"n": 1}), "key")
    assert read_arrays(tmp_path / "a", "key")["x"].tolist() == [0, 1, 2]
    assert read_arrays(tmp_path / "a", "other") is None and read_arrays(tmp_path / "b", "key") is None
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-3])
    assert read_arrays(tmp_path / "a", "key") is None
    (tmp_path / "a").write_bytes(b"nonsense")
    assert read_arrays(tmp_path / "a", "key") is None


def test_a_stage_is_measured_again_where_the_weights_of_its_run_changed(tmp_path):
    run = open_run(Path(__file__).parents[1] / "fixtures" / "run-v2" / "run")
    options = make_study({"study": ASKED, **SETTINGS}).options
    key = running.stage_key(run, options, ("samples",))
    write_arrays(tmp_path / "a", Arrays({"x": np.arange(3)}, {"n": 1}), key)
    assert read_arrays(tmp_path / "a", running.stage_key(run, options, ("samples",))) is not None
    other = replace(run, weights=run.weights[::-1])  # trained anew under the same settings, on another machine
    assert read_arrays(tmp_path / "a", running.stage_key(other, options, ("samples",))) is None


def test_refusals(small_study, store, tmp_path):
    other = make_study({"study": {**ASKED, "seeds": [0], "models": ["dense"]}, **SETTINGS, "fusion": {"width": 16}})
    with pytest.raises(RunExistsError, match="a finished run is there"):
        run_study(other, small_study.dataset, small_study.out, store=store, say=quiet)
    lonely = replace(small_study.dataset, samples=[s for s in small_study.dataset.samples if s.split != "test"])
    with pytest.raises(DataError, match="test"):
        run_study(small_study.study, lonely, tmp_path / "s", store=store, say=quiet)
    for settings, error, said in (
        ({"study": {**ASKED, "example": "nobody"}}, BadInput, "no sample 'nobody'"),
        ({"study": {**ASKED, "variants": {"a b": {}, "A-b": {}}}}, ConfigError, "have one folder"),
        ({"study": ASKED, "explain": {**SMALL["explain"], "rank_by": "random"}}, ConfigError, "rank_by"),
    ):
        with pytest.raises(error, match=said):
            run_study(make_study(SETTINGS | settings), small_study.dataset, tmp_path / "s", store=store, say=quiet)
        assert not (tmp_path / "s").exists(), "before any work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="a file is there"):
        run_study(small_study.study, small_study.dataset, tmp_path / "file", store=store, say=quiet)


def test_the_cost_is_told_before(small_study, store, tmp_path):
    costs = {c.stage: c for c in estimate_cost(small_study.study, small_study.dataset, store, quiet)}
    assert tuple(costs) == STAGES
    assert costs["encode"].samples == 0, "it is stored already"
    assert costs["mask"].samples == 4 * 6 and costs["pairs"].samples == 4 * 3
    measured = sum(r.masking.about["evaluations"] for r in small_study.results.runs)
    assert costs["mask"].evaluations == measured
    pairs = sum(r.pairs.about["evaluations"] for r in small_study.results.runs)
    assert pairs <= costs["pairs"].evaluations <= 1.5 * pairs, "an upper bound: equal coalitions are asked once"
    assert all(c.seconds > 0 for name, c in costs.items() if name != "encode")
    fresh = {c.stage: c for c in estimate_cost(small_study.study, small_study.dataset, tmp_path / "none", quiet)}
    stored = sum(f.stat().st_size for f in store.rglob("features.bin"))
    assert fresh["encode"].samples == 2 * len(small_study.dataset.samples) and fresh["encode"].disk > 0.3 * stored / 3
    assert not (tmp_path / "none").exists()
