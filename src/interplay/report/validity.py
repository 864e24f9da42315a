"""A validity report to look at: what a run answers with features removed, and whether its scores find the truth."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import matplotlib.pyplot as plt
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from interplay.files import only_writer, write_atomic
from interplay.files.checksums import write_summed
from interplay.report.svg import svg_of
from interplay.results import MIXTURE, SCORE_NAMES
from interplay.results.validity import ClaimCheck, Estimate, Validity

HEADER = (
    *("story", "score", "value", "expert", "AUROC", "first", "in top 5", "sign", "sign elsewhere", "slope", "r"),
    *("false", "found"),
)
CLAIM_HEADER = ("story", "what is true", "samples", "first sentence right", "what is said")
SHORT = ("story", "value", "AUROC", "first", "top 5", "sign", "false", "found")


def plot_errors(validity: Validity, ax: Axes | None = None, *, expert: str = MIXTURE) -> Axes:
    """Plot the mean distance of the answers from the exact posterior, by the share of features that are there.

    Args:
        validity: a run held against known truth.
        ax: where to draw; a new figure if None.
        expert: name of an expert, or "mixture".

    Returns:
        The axes.
    """
    ax = ax or plt.subplots(layout="constrained")[1]
    for row in validity.calibrations:
        if row.expert == expert:
            edges = (np.arange(len(row.by_share)) + 0.5) / len(row.by_share)
            errors = [np.nan if error is None else error for error in row.by_share]
            ax.plot(100 * edges, errors, marker="o", markersize=3, label=row.story)
    ax.axhline(0, color="0.8", linewidth=0.8)
    ax.set(xlabel="% of the words and patches that are there", ylabel="mean |answer - exact posterior|")
    ax.legend(frameon=False)
    return ax


def plot_whole(validity: Validity, ax: Axes | None = None, *, expert: str = MIXTURE) -> Axes:
    """Plot the mean answer without a whole modality where the label holds (bars), and the exact value (lines).

    Args:
        validity: a run held against known truth.
        ax: where to draw; a new figure if None.
        expert: name of an expert, or "mixture".

    Returns:
        The axes.
    """
    ax = ax or plt.subplots(layout="constrained")[1]
    rows = [row for row in validity.calibrations if row.expert == expert and row.whole]
    for k, row in enumerate(rows):
        names = list(row.whole)
        at = k + 0.8 * (np.arange(len(names)) - (len(names) - 1) / 2) / len(names)
        for n, name in enumerate(names):
            answer, exact = row.whole[name]
            ax.bar(at[n], answer, 0.18, color=plt.get_cmap("Blues")(0.9 - 0.2 * n), label=name if k == 0 else None)
            ax.plot([at[n] - 0.09, at[n] + 0.09], [exact, exact], color="#d9580d", linewidth=2)
    ax.set_xticks(range(len(rows)), [row.story for row in rows])
    ax.set(ylabel="P(label), exact in orange", ylim=(0, 1.05))
    ax.legend(frameon=False, ncols=4, fontsize=8)
    return ax


def short_rows(validity: Validity) -> list[list[str]]:
    """The rows for a terminal, under the header `SHORT`: the mixture's planted pairs, without errors.

    Args:
        validity: a run held against known truth.
    """
    called = {(d.story, d.on): d for d in validity.discoveries if d.expert == MIXTURE}
    return [
        [
            *(r.story, r.on, *(_plain(e, 3) for e in (r.auroc,)), *(_plain(e, 2) for e in (r.first, r.top, r.sign))),
            *(_plain(e, 2) for e in (called[r.story, r.on].rate, called[r.story, r.on].power)),
        ]
        for r in validity.recovered
        if r.expert == MIXTURE
    ]


def validity_rows(validity: Validity, *, experts: bool = True) -> list[list[str]]:
    """The figures as text under `HEADER`: a row for each story, value function and expert (or the mixture alone).

    Args:
        validity: a run held against known truth.
        experts: whether experts have rows, or only the mixture.
    """
    called = {(d.story, d.on, d.expert): d for d in validity.discoveries}
    out = []
    for r in validity.recovered:
        if not experts and r.expert != MIXTURE:
            continue
        d = called[r.story, r.on, r.expert]
        plain = (r.first, r.top, r.sign, r.sign_without, r.slope, r.correlation)
        cells = [with_interval(r.auroc, 3), *(with_interval(e, 2) for e in plain), _share(d.rate), _share(d.power)]
        out.append([r.story, SCORE_NAMES[r.score], r.on, r.expert, *cells])
    return out


def error_rows(validity: Validity) -> list[list[str]]:
    """Rows of story, expert, mean |v(S) - ideal|, and answer / ideal without each whole modality.

    Args:
        validity: a run held against known truth.
    """
    whole = max((list(c.whole) for c in validity.calibrations), key=len, default=[])
    return [
        [
            *(c.story, c.expert, with_interval(c.error, 3)),
            *("{:.2f} / {:.2f}".format(*c.whole[name]) if name in c.whole else "–" for name in whole),
        ]
        for c in validity.calibrations
    ]


def claim_rows(checks: Sequence[ClaimCheck]) -> list[list[str]]:
    """What is claimed beside what is true, under the header `CLAIM_HEADER`: a confusion table of claims.

    Args:
        checks: `Validity.claims`.
    """
    return [
        [c.story, c.true, str(c.right.samples), _share(c.right), ", ".join(f"{kind} {n}" for kind, n in c.said.items())]
        for c in checks
    ]


def write_validity(validity: Validity, folder: Path) -> Path:
    """Write `validity.json` and `validity.html`.

    Args:
        validity: a run held against known truth.
        folder: where to write.

    Returns:
        The page's path.

    Raises:
        InUseError: another process writes there.
    """
    with only_writer(folder):
        write_summed(folder / "validity.json", validity.model_dump_json(indent=1) + "\n")
        return write_atomic(folder / "validity.html", render_validity(validity))


def render_validity(validity: Validity) -> str:
    """One self-contained page: verdicts, two figures, and every number in a table.

    Args:
        validity: a run held against known truth.
    """
    figures = []
    for plot in (plot_whole, plot_errors):
        figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
        plot(validity, ax)
        figures.append(Markup(svg_of(figure)))
    whole = max((list(c.whole) for c in validity.calibrations), key=len, default=[])
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (Path(__file__).parent / "assets" / "validity.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        validity=validity,
        figures=figures,
        header=HEADER,
        mixture=validity_rows(validity, experts=False),
        everyone=validity_rows(validity),
        error_header=["story", "expert", "mean |v(S) - ideal|", *(f"{name}: answer / ideal" for name in whole)],
        errors=error_rows(validity),
        claim_header=CLAIM_HEADER,
        claims=claim_rows(validity.claims),
    )


def with_interval(e: Estimate, digits: int) -> str:
    """Mean ± 1.96 standard errors; – where it is undefined.

    Args:
        e: the estimate.
        digits: after the point.
    """
    if e.mean is None:
        return "–"
    return f"{e.mean:.{digits}f}" + ("" if e.se is None else f" ± {1.96 * e.se:.{digits}f}")


def _plain(e: Estimate, digits: int) -> str:
    return "–" if e.mean is None else f"{e.mean:.{digits}f}"


def _share(e: Estimate) -> str:
    """A share in percent ± 1.96 standard errors."""
    if e.mean is None:
        return "–"
    return f"{e.mean:.0%}" + ("" if e.se is None else f" ± {1.96 * e.se:.0%}")
