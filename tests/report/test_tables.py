import csv
import io

import pytest

from interplay.report.tables import CSV_COLUMNS, escape_formula, grid_places, pairs_csv
from interplay.results import Feature


def rows_of(explanation):
    return list(csv.DictReader(io.StringIO(pairs_csv(explanation), newline="")))


def test_every_pair_of_every_value_reads_back(examples):
    explanation = examples.planted()
    rows = rows_of(explanation)
    tables = [(explanation.value, explanation.pairs), *((t.value, t.pairs) for t in explanation.more_pairs)]
    assert len(rows) == sum(len(pairs) for _, pairs in tables)
    wanted = [(value, pair) for value, pairs in tables for pair in pairs]
    for row, (value, pair) in zip(rows, wanted, strict=True):
        assert row["value_expert"] == value.expert
        assert (int(row["i"]), int(row["j"]), int(row["samples"])) == (pair.i, pair.j, pair.samples)
        for name in ("sii", "sii_se", "redundancy_gap", "redundancy_gap_se"):
            number = getattr(pair, name)
            assert row[name] == "" if number is None else float(row[name]) == number


def test_missing_is_empty_not_zero(examples):
    gone = [row for row in rows_of(examples.planted()) if row["samples"] == "0"]
    assert gone
    assert all(row["sii"] == row["redundancy_gap_se"] == "" for row in gone)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "＝1", "－1"])
def test_formulas_are_guarded(text):
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "1+1", "a=b", "wonderful", "'=1"])
def test_other_text_is_left_alone(text):
    assert escape_formula(text) == text


def test_hostile_text_stays_in_its_cell(examples):
    explanation = examples.hostile()
    rows = rows_of(explanation)
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == len(explanation.pairs)
    assert {'\'=HYPERLINK("x")', "<script>alert(1)</script>"} <= {row["feature_i"] for row in rows}


def test_places_count_from_one_in_reading_order(examples):
    features = examples.patch_features("image", examples.grid(3, 5))
    assert grid_places(features) == {n: (n // 5 + 1, n % 5 + 1) for n in range(15)}


def test_scattered_boxes_have_no_places():
    boxes = [(n / 10, n / 11, n / 10 + 0.2, n / 11 + 0.2) for n in range(8)]
    assert grid_places([Feature(index=n, modality="m", box=b) for n, b in enumerate(boxes)]) == {}
