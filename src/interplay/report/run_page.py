"""The page of a run: what it is, how well it does, and a gallery of its samples. A folder that opens from disk.

    index.html          the page; what filters and sorting need of every sample
    data/000.html       texts and probabilities of 500 samples, fetched when they come into view
    pictures/000/...    a small copy of each picture, likewise
    explanations.html, validity.html    copies of what the run folder holds of them

`fetch` is blocked from disk. What was measured in Chromium, from disk and over HTTP: a script file with its hash in the
Content-Security-Policy is blocked from disk (integrity needs CORS, which file: has not); `script-src 'self'` works, but
lets any script file in, and over HTTP lets any site read the data with a script tag. So data comes as documents in
sandboxed frames, which post it to the page and to no other origin; only the page's own script may run in the page, by
its hash. A frame takes 70 ms, so each holds many samples.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from interplay.errors import OTHER_FOLDER, BadInput
from interplay.files import only_writer, refuse_blocked, write_atomic
from interplay.files.locking import is_empty
from interplay.kinds import LabelKind
from interplay.progress import SILENT, Progress
from interplay.report.bundle import asset, script_of
from interplay.report.claims import claim
from interplay.report.page import embed, source_of
from interplay.report.ranking import SCORES, StrongPair, strong_pairs, strongest_of_several
from interplay.report.run_rows import Row, confidence, mistake, per_label, predicted_indices, rounded
from interplay.report.tables import FORMULA_STARTS
from interplay.report.thumbnails import IN_A_FOLDER, KIND, SIDE, write_thumbnails
from interplay.results import Explanation

ENTRY = "run-main.js"
IN_A_CHUNK = 500
MARK = '<meta name="generator" content="interplay report">'
PAGE = "index.html"
UNFINISHED = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">{MARK}<title>Not finished</title></head>
<body><p>This report is being written. If that was interrupted, run <code>interplay report</code> again.</p></body>
</html>
"""
"""Stands in the place of the page while what lies beside it is written: whoever was killed may begin again."""


@dataclass(frozen=True)
class Chart:
    """One panel of training curves: name -> (epoch, value) points."""

    title: str
    series: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Table:
    """A table from elsewhere; `link` is a file beside the page, or where the whole report is."""

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    link: str = ""


@dataclass(frozen=True)
class RunReport:
    """What the page shows.

    Attributes:
        labels: all label names, in the order of the rows' probabilities.
        facts: name -> what the run is.
        metrics: split -> metric -> value; those of one label are named `metric/label`.
        best_epoch: the epoch of the weights, counted as the charts count.
        explanations: explanations of samples, with the part after # of their place in explanations.html, or None.
        copies: name beside the page -> the file to be copied there.
        study: study.html of the study that the run is part of; linked from a page that is written inside its folder.
        blur: blur pictures and texts until asked to show them.
        against: sentences on what the run has to beat, and on its probabilities.
        beside: name -> metric -> value, further columns of the metrics' table.
    """

    title: str
    labels: Sequence[str]
    label_kind: LabelKind
    rows: Sequence[Row]
    facts: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    charts: Sequence[Chart] = ()
    best_epoch: int | None = None
    tables: Sequence[Table] = ()
    explanations: Sequence[tuple[Explanation, str | None]] = ()
    copies: Mapping[str, Path] = field(default_factory=dict)
    notes: Sequence[str] = ()
    study: Path | None = None
    blur: bool = False
    against: Sequence[str] = ()
    beside: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def write_report(report: RunReport, out: str | Path, progress: Progress = SILENT) -> Path:
    """Write the page of a run and all that lies beside it; an earlier one, or an unfinished one, is replaced.

    Args:
        report: what the page shows, of `interplay.make_report`.
        out: a folder that is empty, is not there, or holds an earlier page of a run.
        progress: shows how far the small copies of pictures are.

    Returns:
        The path of index.html.

    Raises:
        BadInput: there are no samples, or something else than such a page is in the folder.
        InUseError: another process writes it.
        DataError: a picture cannot be read.
        DiskFullError: the disk has no room.
    """
    if not report.rows:
        raise BadInput("there is no sample to show", expected="at least one")
    out = Path(out)
    refuse_other(out)
    with only_writer(out):
        return _write(report, out, progress)


def _write(report: RunReport, out: Path, progress: Progress) -> Path:
    """Write it into a folder that no other process writes to."""
    write_atomic(out / PAGE, UNFINISHED)
    for part in ("data", "pictures"):
        shutil.rmtree(out / part, ignore_errors=True)
    numbers: dict[Path, int] = {}
    for row in report.rows:
        for file in row.pictures.values():
            numbers.setdefault(file, len(numbers))
    write_thumbnails(list(numbers), out / "pictures", progress.stage("Thumbnails"))
    (out / "data").mkdir()
    for number, start in enumerate(range(0, len(report.rows), IN_A_CHUNK)):
        write_atomic(out / "data" / f"{number:03d}.html", _chunk(number, report.rows[start : start + IN_A_CHUNK]))
    for name, file in report.copies.items():
        write_atomic(out / name, file.read_bytes())
    linked = replace(report, tables=[*report.tables, *_study(report.study, out)])
    return write_atomic(out / PAGE, render_index(linked, numbers))  # last: a page that is there is whole


def _study(page: Path | None, out: Path) -> Iterator[Table]:
    """The link to the study, if the page lies in its folder: study.html has files of its own beside it."""
    if page is not None and out.resolve().is_relative_to(page.resolve().parent):
        link = Path(os.path.relpath(page.resolve(), out.resolve())).as_posix()
        yield Table("The study this run is part of", "", (), (), link)


def refuse_other(out: Path) -> None:
    """Check that a page of a run can be written to a folder: called before the work.

    Args:
        out: the folder of the page.

    Raises:
        BadInput: something else is there.
    """
    refuse_blocked(out)
    if is_empty(out):
        return
    page = out / PAGE
    if not page.is_file() or MARK not in page.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise BadInput(
            "something else than a page of a run is there",
            file=out,
            expected="an empty folder, or an earlier report",
            fix=OTHER_FOLDER,
        )


def render_index(report: RunReport, numbers: Mapping[Path, int]) -> str:
    """The HTML of the page of a run.

    Args:
        report: what the page shows.
        numbers: picture -> number of its thumbnail.
    """
    style, script = asset("page.css") + asset("run.css"), script_of(ENTRY)
    policy = (
        f"default-src 'none'; img-src 'self' data:; style-src {source_of(style)}; script-src {source_of(script)}; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'"
    )
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(asset("run.html.j2"))
    return template.render(
        title=report.title,
        mark=Markup(MARK),
        policy=policy,
        style=Markup(style),
        script=Markup(script),
        summary=embed(_summary(report)),
        index=embed(_index(report, numbers)),
    )


def _chunk(number: int, rows: Sequence[Row]) -> str:
    """A document that posts its samples to the page around it."""
    script = asset("run-chunk.js").strip()
    policy = f"default-src 'none'; script-src {source_of(script)}"
    data = embed({"chunk": number, "rows": [[dict(r.texts), [rounded(p) for p in r.probabilities]] for r in rows]})
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>Samples</title></head><body>'
        f'<script type="application/json" id="data">{data}</script><script>{script}</script></body></html>\n'
    )


def _index(report: RunReport, numbers: Mapping[Path, int]) -> dict[str, Any]:
    """Of every sample what filters and sorting need, as columns; labels and splits by their place."""
    kind, rows = report.label_kind, report.rows
    splits = list(dict.fromkeys(row.split for row in rows))
    places = {label: c for c, label in enumerate(report.labels)}
    truth = [[places[name] for name in row.truth] for row in rows]
    seen = list(dict.fromkeys(modality for row in rows for modality in row.pictures))
    return {
        "labels": list(report.labels),
        "kind": kind,
        "splits": splits,
        "blur": report.blur,
        "chunk": IN_A_CHUNK,
        "texts": list(dict.fromkeys(modality for row in rows for modality in row.texts)),
        "pictures": {"modalities": seen, "folder": IN_A_FOLDER, "kind": KIND, "side": SIDE},
        "columns": {
            "id": [row.id for row in rows],
            "split": [splits.index(row.split) for row in rows],
            "truth": truth,
            "said": [predicted_indices(row.probabilities, kind) for row in rows],
            "confidence": [rounded(confidence(row.probabilities, kind)) for row in rows],
            "mistake": [rounded(mistake(r.probabilities, t, kind)) for r, t in zip(rows, truth, strict=True)],
            "thumbs": [[numbers[row.pictures[m]] if m in row.pictures else None for m in seen] for row in rows],
        },
        "explained": _explained(report),
        "formulaStarts": "".join(FORMULA_STARTS),
    }


def _explained(report: RunReport) -> dict[str, dict[str, Any]]:
    """Row number -> its explanations, and which of their pairs is the strongest of each score: [explanation, pair]."""
    rows = {row.id: str(number) for number, row in enumerate(report.rows)}
    out: dict[str, dict[str, Any]] = {}
    pairs: dict[str, list[list[StrongPair]]] = {}
    for explanation, address in report.explanations:
        if (row := rows.get(explanation.sample_id)) is None:
            continue
        found = strong_pairs(explanation)
        pairs.setdefault(row, []).append(found)
        out.setdefault(row, {"explanations": []})["explanations"].append(
            {
                "target": explanation.target,
                "value": f"{explanation.value.expert}, {explanation.value.on}",
                "address": address,
                "claim": claim(explanation).text,
                "pairs": [asdict(pair) for pair in found],
            }
        )
    for row, several in pairs.items():
        out[row]["strongest"] = {score: strongest_of_several(several, score) for score in SCORES}
    return out


def _summary(report: RunReport) -> dict[str, Any]:
    return {
        "facts": list(report.facts.items()),
        "metrics": {s: {name: rounded(v) for name, v in m.items()} for s, m in report.metrics.items()},
        "against": list(report.against),
        "beside": {name: {k: rounded(v) for k, v in m.items() if v is not None} for name, m in report.beside.items()},
        "perLabel": per_label(report.rows, report.labels, report.label_kind),
        "charts": [
            {"title": c.title, "series": [{"name": n, "points": list(p)} for n, p in c.series.items()]}
            for c in report.charts
        ],
        "bestEpoch": report.best_epoch,
        "tables": [asdict(table) for table in report.tables],
        "notes": list(report.notes),
        "version": version("interplay"),
    }
