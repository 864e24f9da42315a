"""The pairs of an explanation as CSV; the page (assets/table.js) puts the same lines together from the same cells."""

import csv
import io
from collections.abc import Mapping, Sequence

from interplay.results import Explanation, Feature, PairTable, ValueFunction

TableCells = tuple[str | int, ...]

CSV_COLUMNS = (
    *("sample_id", "target", "value_on", "value_expert", "fill", "level"),
    *("i", "modality_i", "feature_i", "row_i", "column_i"),
    *("j", "modality_j", "feature_j", "row_j", "column_j"),
    *("sii", "sii_se", "redundancy_gap", "redundancy_gap_se", "samples"),
)

# A spreadsheet takes a cell that starts so for a formula; the full-width forms count as well.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def escape_formula(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would read it as a formula.

    Args:
        text: any text.
    """
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def tables_of(explanation: Explanation) -> list[PairTable]:
    """All pair tables: the main one first.

    Args:
        explanation: the explanation.
    """
    return [PairTable(value=explanation.value, pairs=explanation.pairs), *explanation.more_pairs]


def pairs_csv(explanation: Explanation) -> str:
    """Every pair of every value function, a row each; a missing score is an empty cell, never 0.

    Rows and columns of patches count from 1, as on the page; they are empty where the boxes form no grid.

    Args:
        explanation: the explanation.
    """
    places = grid_places(explanation.features)
    ends = [csv_feature(feature, at, places) for at, feature in enumerate(explanation.features)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables_of(explanation):
        head = csv_head(explanation, table.value)
        for pair in table.pairs:
            scores = (pair.sii, pair.sii_se, pair.redundancy_gap, pair.redundancy_gap_se)
            numbers = ("" if s is None else repr(s) for s in scores)
            writer.writerow((*head, *ends[pair.i], *ends[pair.j], *numbers, pair.samples))
    return out.getvalue()


def csv_head(explanation: Explanation, value: ValueFunction) -> TableCells:
    """The cells with which every row of one value function begins.

    Args:
        explanation: the explanation.
        value: the value function of the table.
    """
    cells = (explanation.sample_id, explanation.target, value.on, value.expert, value.fill, value.level)
    return tuple(map(escape_formula, cells))


def csv_feature(feature: Feature, at: int, places: Mapping[int, tuple[int, int]]) -> TableCells:
    """The cells of one feature of a pair: `at` is its position in `features`, `places` those of `grid_places`.

    Args:
        feature: the feature.
        at: its position in `features`.
        places: what `grid_places` returned.
    """
    return (at, escape_formula(feature.modality), escape_formula(feature.text or ""), *places.get(at, ("", "")))


def csv_line(cells: TableCells) -> str:
    """Cells as they stand in a line of CSV, quoted where they must be.

    Args:
        cells: the cells.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")


def grid_places(features: Sequence[Feature]) -> dict[int, tuple[int, int]]:
    """Position in `features` -> (row, column) of its patch, from 1, for modalities whose boxes form a grid.

    Boxes form a grid when few distinct tops and lefts explain them all: at most 4 cells for each box.

    Args:
        features: the features of the explanation.
    """
    by_modality: dict[str, dict[int, tuple[float, float]]] = {}
    for at, feature in enumerate(features):
        if feature.box is not None:
            corner = (round(feature.box[0], 4), round(feature.box[1], 4))
            by_modality.setdefault(feature.modality, {})[at] = corner
    places: dict[int, tuple[int, int]] = {}
    for corners in by_modality.values():
        lefts = {x: n for n, x in enumerate(sorted({x for x, _ in corners.values()}), 1)}
        tops = {y: n for n, y in enumerate(sorted({y for _, y in corners.values()}), 1)}
        if len(lefts) * len(tops) <= 4 * len(corners):
            places |= {at: (tops[y], lefts[x]) for at, (x, y) in corners.items()}
    return places
