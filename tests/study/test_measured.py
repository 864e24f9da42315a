"""Means over seeds leave out what is missing, and nothing missing becomes 0."""

import math

import numpy as np

from interplay.report.study_page import number, pivot, write_csv
from interplay.study.claims import Claim, claims_of
from interplay.study.measured import mean_known, over_seeds, spread


def test_over_seeds():
    a, b = np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])
    found = over_seeds([a, b])
    assert found[:2].tolist() == [2, 5] and math.isnan(found[2])
    assert mean_known([1.0, None, math.nan, 3.0]) == 2 and mean_known([None, math.nan]) is None
    assert spread([1.0, 3.0]) == math.sqrt(2) and spread([1.0, None]) is None


def test_missing_cells_are_empty(tmp_path):
    rows = [
        {"variant": "a", "metric": "f1", "mean": None},
        {"variant": "a", "metric": "map", "mean": math.nan, "n": 0.0},
    ]
    text = write_csv(rows, tmp_path / "t.csv").read_text()
    assert text.splitlines() == ["variant,metric,mean,n", "a,f1,,", "a,map,,0.0"]
    header, cells = pivot(rows, ["variant"], "metric", {"": "sd"})
    assert header == ["variant", "f1", "map"] and cells == [["a", "–", "–"]]
    assert number(0.0) == "0.000"


def test_a_csv_is_no_formula(tmp_path):
    text = write_csv([{"variant": "=cmd()", "mean": 1.5}], tmp_path / "t.csv").read_text()
    assert text.splitlines()[1] == "'=cmd(),1.5"


def task(ours: float | None, dense: float | None, sd: float | None = 0.01) -> list[Claim]:
    rows = [
        {"variant": "fl-i2moe", "metric": "macro_f1", "mean": ours, "sd_seeds": sd},
        {"variant": "dense", "metric": "macro_f1", "mean": dense, "sd_seeds": 0.5},
    ]
    empty = ("figure3_masking", "figure4_alignment", "table2_pair_masking", "table2_second_differences")
    empty += ("table3_concentration", "table4_stories")
    return claims_of({"table1_task": rows, **{name: [] for name in empty}}, "multi")


def test_a_claim_can_hold_fail_and_not_be_told():
    assert [c.verdict for c in task(0.5, 0.505)] == ["holds"]
    assert [c.verdict for c in task(0.5, 0.515)] == ["does not hold"]
    assert [c.verdict for c in task(0.5, None)] == ["cannot be told"]
    assert [c.verdict for c in task(0.5, 0.5, sd=None)] == ["cannot be told"], "of one seed there is no sd"


def masking(low: float) -> list[Claim]:
    rows = [
        {
            "variant": "fl-i2moe",
            "expert": "mixture",
            "method": "grad_rollout",
            "measure": "sufficiency",
            "K": k,
            "gap": low + 0.1,
            "gap_low": bound,
            "gap_high": low + 0.2,
        }
        for k, bound in (("5", 0.1), ("10", low), ("mean", 0.1))
    ]
    tables = {
        "table1_task": [{"variant": "fl-i2moe", "metric": "x", "mean": 1.0, "sd_seeds": 0.0}],
        "figure3_masking": rows,
        "table2_pair_masking": [
            {
                "variant": "fl-i2moe",
                "ranked_by": "sii of synergy",
                "read_at": "mixture",
                "pairs": k,
                "over_matched": 0.1,
                "over_matched_low": 0.0,
                "over_matched_high": 0.2,
                "over_matched_p_holm": p,
            }
            for k, p in ((1, 0.001), (2, 0.02 if low < 0 else 0.001))
        ],
        "table2_second_differences": [
            {
                "variant": "fl-i2moe",
                "ranked_by": "gap of mixture",
                "on": on,
                "when": "nothing else is there",
                "pairs": 1,
                "over_matched": 0.1,
                "over_matched_low": 0.0,
                "over_matched_high": 0.2,
                "over_matched_p_holm": 0.001 if (low > 0) == (on == "logit") else 0.5,
            }
            for on in ("logit", "probability")
        ],
        "figure4_alignment": [],
        "table3_concentration": [
            {"variant": v, "method": "m", "modality": "text", "expert": "mixture", "measure": "gini", **ci}
            for v, ci in (
                ("fl-i2moe", {"mean": 0.5, "low": 0.4 + low, "high": 0.6}),
                ("dense", {"mean": 0.3, "low": 0.2, "high": 0.4}),
            )
        ],
        "table4_stories": [
            {
                "variant": "fl-i2moe",
                "story": "sarcasm",
                "score": "sii",
                "on": "logit",
                "expert": "synergy",
                "auroc": 0.9 + low,
                "auroc_sd_seeds": None,
            }
        ],
    }
    return claims_of(tables, "multi")


def test_every_claim_heeds_its_evidence():
    assert {c.verdict for c in masking(0.05)} == {"holds"} and len(masking(0.05)) == 5
    assert {c.verdict for c in masking(-0.05)} == {"does not hold"}
