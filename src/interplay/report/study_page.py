"""A study to look at: claims, tables and figures on one self-contained page, and every number as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from interplay.files import write_atomic
from interplay.report.svg import svg_of
from interplay.report.tables import escape_formula

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class PageSection:
    """One part of the page: figures, then a table with what it says of itself. Cells are text."""

    title: str
    about: str
    csv: str
    figures: Sequence[str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def write_csv(rows: Rows, path: Path) -> Path:
    """Write every row of a table; the columns are all that occur, and a missing value is an empty cell, never 0.

    Args:
        rows: rows of the study's table.
        path: the file.

    Returns:
        The path.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return write_atomic(path, out.getvalue())


def write_figure(figure: Figure, folder: Path, name: str) -> str:
    """Write NAME.svg and NAME.png.

    Args:
        figure: the figure.
        folder: where to write.
        name: name of the files.

    Returns:
        The SVG.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    write_atomic(folder / f"{name}.png", picture.getvalue())
    text = svg_of(figure)
    write_atomic(folder / f"{name}.svg", '<?xml version="1.0" encoding="utf-8"?>\n' + text)
    return text


def pivot(rows: Rows, down: Sequence[str], across: str, text: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Long rows as a table: a row for each combination of `down`, a column for each value of `across`.

    Args:
        rows: rows of the long table.
        down: columns whose combinations become rows.
        across: the column whose values become columns.
        text: value of `across` -> how its cells are written, as a name in `FORMATS`; others by "plain".

    Returns:
        The header, and the cells.
    """
    columns = list(dict.fromkeys(str(row[across]) for row in rows))
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        where = tuple(str(row[key]) for key in down)
        column = str(row[across])
        cells.setdefault(where, {})[column] = FORMATS[text.get(column, text.get("", "plain"))](row)
    return [*down, *columns], [[*where, *(found.get(c, "–") for c in columns)] for where, found in cells.items()]


def _plain(row: Mapping[str, Any]) -> str:
    return number(row["mean"])


def _with_sd(row: Mapping[str, Any]) -> str:
    return number(row["mean"]) + ("" if row.get("sd_seeds") is None else f" ± {number(row['sd_seeds'])}")


def _with_interval(row: Mapping[str, Any]) -> str:
    return _between(row, "mean", "low", "high")


def _with_gap(row: Mapping[str, Any]) -> str:
    if row.get("gap") is None:
        return number(row["mean"])
    return f"{number(row['mean'])} (gap {_between(row, 'gap', 'gap_low', 'gap_high')})"


FORMATS = {"plain": _plain, "sd": _with_sd, "interval": _with_interval, "gap": _with_gap}


def _between(row: Mapping[str, Any], mean: str, low: str, high: str) -> str:
    if row.get(low) is None:
        return number(row[mean])
    return f"{number(row[mean])} [{number(row[low])}, {number(row[high])}]"


def number(value: float | None, digits: int = 3) -> str:
    """A number for people; – where it is missing.

    Args:
        value: the number.
        digits: significant digits.
    """
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def render_study(
    title: str,
    about: Sequence[str],
    claims: Sequence[Sequence[str]],
    sections: Sequence[PageSection],
    example: str | None,
) -> str:
    """The page's HTML.

    Args:
        title: the page's title.
        about: paragraphs about the study.
        claims: the paper's claims, as cells.
        sections: the parts of the page.
        example: the page of an example, if there is one.
    """
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (Path(__file__).parent / "assets" / "study.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        title=title,
        about=about,
        claims=claims,
        sections=[(section, [Markup(figure) for figure in section.figures]) for section in sections],
        example=example,
    )


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(_cell(v) for v in value)
    return repr(value) if isinstance(value, float) else escape_formula(str(value))
