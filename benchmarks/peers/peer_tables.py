"""What benchmarks/peers found, as Markdown."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from markdown_table import markdown
from playing import BOTH, METHODS, SHAPIQ

FLOOR = 1e-10  # relative squared error that counts as none: single precision has no more
FIGURES = ("error", "rank", "top", "held", "held_top", "draws", "seconds", "evaluations")
LEGEND = """\
Medians over seeds; of coverage, means. Error: sum (estimate − true)² / sum true² over the pairs; "exact": at most
10⁻¹⁰. Rank: Spearman's correlation of |estimate| and |true|. Top 20: share of the 20 largest |true| among as many
largest |estimate|. Held: share of pairs whose 95% interval holds the truth, of all and of the 20 largest |true|.
Seconds: of one processor, without the game's. "sii alone" and "with gaps" are `estimate_pairs(gaps=False)` and
`estimate_pairs()`; a peer's error is that of the best of shapiq's approximators, picked for each cell afterwards."""
Cell = dict[str, Any]  # medians of one estimator on one game at one budget, and a note


def report(rows: Sequence[dict[str, Any]], detail: bool = False) -> str:
    """All tables; rows that are no runs say what was measured, and with what."""
    cells = cells_of([row for row in rows if "game" in row])
    parts = ["### In how many cells", *dict.fromkeys(_measured_with(row) for row in rows if "game" not in row), LEGEND]
    parts += [summary(cells), "### Every cell", every_cell(cells)]
    if precisions := both_precisions(cells):
        parts += ["### Values in double and in single precision", precisions]
    parts += ["### shapiq's approximators", peers(cells)]
    if detail:
        parts += ["### Every estimator", details(cells)]
    return "\n\n".join(parts)


def _measured_with(row: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
    return f'{row["date"]}, commit "{row["commit"]}", Python {row["python"]}, {versions}.'


def cells_of(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Cell]]:
    """(game, budget) -> estimator -> its cell. Rows of one game made differently must not meet."""
    marks: dict[str, str] = {}
    grouped: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        if marks.setdefault(row["game"], row["mark"]) != row["mark"]:
            raise SystemExit(f"{row['game']} has other true scores in these files: other versions of its packages?")
        grouped.setdefault((row["game"], row["budget"]), {}).setdefault(row["estimator"], []).append(row)
    return {case: {name: _cell(runs) for name, runs in by.items()} for case, by in grouped.items()}


def _cell(runs: list[dict[str, Any]]) -> Cell:
    cell: Cell = {"note": next((run["note"] for run in runs if "note" in run), "")}
    for figure in FIGURES:
        known = [run[figure] for run in runs if figure in run]
        middle = np.mean if figure.startswith("held") else np.median
        cell[figure] = float(middle(known)) if known and not cell["note"] else np.nan
    return cell


def error(by: dict[str, Cell], name: str) -> float:
    """Its error, at least `FLOOR`; NaN where it has none."""
    found: float = by[name]["error"] if name in by else np.nan
    return found if np.isnan(found) else max(found, FLOOR)


def best(by: dict[str, Cell], names: Sequence[str]) -> str | None:
    """Which of them has the lowest error."""
    known = [name for name in names if np.isfinite(error(by, name))]
    return min(known, key=lambda name: error(by, name), default=None)


def summary(cells: dict[tuple[str, int], dict[str, Cell]]) -> str:
    """For each of ours, in how many of the cells where it should have a figure each aim is met."""
    rows = []
    for name in (*BOTH, *METHODS):
        mine = [by for by in cells.values() if name in by]
        if not mine:
            continue
        has = [by for by in mine if np.isfinite(error(by, name))]

        def among(test: Callable[[dict[str, Cell]], bool], of: list[dict[str, Cell]], missing: int = 0) -> str:
            return f"{sum(map(test, of))} of {len(of) + missing}" if of else "–"

        beside = [by for by in has if best(by, tuple(SHAPIQ))]
        alone = [by for by in has if np.isfinite(error(by, "sii alone"))]
        intervals = [by for by in has if by[name]["draws"] >= 12]
        gone = len(mine) - len(has)
        rows.append(
            [
                name,
                among(lambda by, name=name: _ratio(by, name, tuple(by)) <= 1.1, has, gone),  # type: ignore[misc]
                among(lambda by, name=name: _ratio(by, name, tuple(SHAPIQ)) <= 0.5, beside),  # type: ignore[misc]
                among(lambda by, name=name: _ratio(by, name, tuple(SHAPIQ)) > 1.0, beside),  # type: ignore[misc]
                among(lambda by, name=name: _near(by, name, "rank"), has),  # type: ignore[misc]
                among(lambda by, name=name: _near(by, name, "top"), has),  # type: ignore[misc]
                among(lambda by, name=name: error(by, name) > 1.2 * error(by, "sii alone"), alone),  # type: ignore[misc]
                among(lambda by, name=name: 0.92 <= by[name]["held"] <= 0.98, intervals),  # type: ignore[misc]
                among(lambda by, name=name: by[name]["held"] >= 0.92, intervals),  # type: ignore[misc]
                among(lambda by, name=name: by[name]["held_top"] >= 0.92, intervals),  # type: ignore[misc]
                f"{max((by[name]['seconds'] for by in has), default=np.nan):.1f}",
            ]
        )
    header = ["", "error ≤ 1.1 × best of all", "≤ half of the best peer's", "behind the best peer", "rank within .03"]
    header += [
        "top 20 within .03",
        "> 1.2 × sii alone",
        "held 92–98%",
        "held ≥ 92%",
        "top 20 held ≥ 92%",
        "most seconds",
    ]
    return markdown(header, rows)


def _ratio(by: dict[str, Cell], name: str, others: Sequence[str]) -> float:
    winner = best(by, others)
    return np.nan if winner is None else error(by, name) / error(by, winner)


def _near(by: dict[str, Cell], name: str, figure: str) -> bool:
    """Whether a figure is at most .03 below the best of all."""
    return bool(by[name][figure] >= np.nanmax([cell[figure] for cell in by.values()]) - 0.03)


def every_cell(cells: dict[tuple[str, int], dict[str, Cell]]) -> str:
    rows = []
    for (game, budget), by in cells.items():
        peer, method = best(by, tuple(SHAPIQ)), best(by, METHODS)
        row: list[object] = [game, budget]
        row += [_figure(by, name) for name in BOTH]
        row += ["–" if method is None else f"{method} {number(error(by, method))}"]
        row += ["–" if peer is None else f"{peer} {number(error(by, peer))}"]
        row += [_over(error(by, name), np.nan if peer is None else error(by, peer)) for name in BOTH]
        for figure in ("rank", "top", "held", "held_top"):
            row.append(
                " / ".join(
                    _share(by.get(name), figure)
                    for name in (*BOTH, *([peer] if peer else []))[: 3 if figure in ("rank", "top") else 2]
                )
            )
        row.append(" / ".join(_share(by.get(name), "seconds") for name in (*BOTH, *([peer] if peer else []))))
        rows.append(row)
    header = ["game", "budget", *BOTH, "best method", "best peer", "sii alone ÷ peer", "with gaps ÷ peer"]
    three = "sii alone / with gaps / peer"
    header += [f"rank: {three}", "top 20", "held: sii alone / with gaps", "top 20 held", "seconds"]
    return markdown(header, rows)


def _figure(by: dict[str, Cell], name: str) -> str:
    if name not in by:
        return "–"
    return by[name]["note"] or number(error(by, name))


def _over(mine: float, other: float) -> str:
    return "–" if np.isnan(mine) or np.isnan(other) else f"{mine / other:.2g}"


def _share(cell: Cell | None, figure: str) -> str:
    return "–" if cell is None or np.isnan(cell[figure]) else f"{cell[figure]:.2f}"


def both_precisions(cells: dict[tuple[str, int], dict[str, Cell]]) -> str:
    rows = []
    for (game, budget), by in cells.items():
        twin = cells.get((f"{game} f32", budget))
        for name in (*BOTH, *METHODS) if twin else ():
            if twin and name in by and name in twin and np.isfinite(error(by, name)):
                pair = [number(error(of, name)) for of in (by, twin)]
                rows.append([game, budget, name, *pair, *[_share(of[name], "rank") for of in (by, twin)]])
    header = ["game", "budget", "", "error, double", "error, single", "rank, double", "rank, single"]
    return markdown(header, rows) if rows else ""


def peers(cells: dict[tuple[str, int], dict[str, Cell]]) -> str:
    """How each fares among the peers, and why it has no figure where it has none."""
    rows = []
    for name in SHAPIQ:
        mine = [by for by in cells.values() if name in by]
        has = [by for by in mine if np.isfinite(error(by, name))]
        wins = sum(best(by, tuple(SHAPIQ)) == name for by in has)
        off = [error(by, name) / error(by, best(by, tuple(SHAPIQ)) or name) for by in has]
        notes: dict[str, int] = {}
        for by in mine:
            if by[name]["note"]:
                notes[by[name]["note"]] = notes.get(by[name]["note"], 0) + 1
        seconds = max((by[name]["seconds"] for by in has), default=np.nan)
        rows.append(
            [
                name,
                f"{len(has)} of {len(mine)}",
                wins,
                f"{np.median(off):.2g}" if off else "–",
                f"{seconds:.1f}" if has else "–",
                "; ".join(f"{note} ({count})" for note, count in notes.items()),
            ]
        )
    header = [
        "",
        "cells with a figure",
        "best of the peers",
        "median error ÷ best peer's",
        "most seconds",
        "no figure (cells)",
    ]
    return markdown(header, [row for row in rows if row[1] != "0 of 0"])


def details(cells: dict[tuple[str, int], dict[str, Cell]]) -> str:
    rows = []
    for (game, budget), by in cells.items():
        for name, cell in by.items():
            shares = [_share(cell, figure) for figure in ("rank", "top", "held", "held_top", "seconds")]
            asked = "–" if np.isnan(cell["evaluations"]) else f"{cell['evaluations']:.0f}"
            rows.append([game, budget, name, number(cell["error"]), *shares, asked, cell["note"]])
    header = ["game", "budget", "estimator", "error", "rank", "top 20", "held", "top 20 held", "seconds", "evaluations"]
    return markdown([*header, ""], rows)


def number(x: float) -> str:
    if np.isnan(x):
        return "–"
    return "exact" if x <= FLOOR else f"{x:.2g}" if x < 100 else f"{x:,.0f}"
