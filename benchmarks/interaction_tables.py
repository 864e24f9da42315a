"""What benchmarks/interactions.py found, as tables and as a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from markdown_table import markdown

EXACT = 1e-16  # relative squared error of rounding
FLOOR = 1e-8  # of the figure, its lowest error
LEGEND = """\
Medians over seeds. Error: sum (estimate − true)² / sum true². Rank: Spearman's correlation of |estimate| and |true|.
Top 20: share of the 20 largest |true| (or all that are not 0, where fewer) among as many largest |estimate|. Coverage:
mean share of pairs whose 95% interval holds the truth. Seconds: the estimator's, without the game's. Evaluations:
distinct coalitions asked; an approximator that asks one twice has paid for it twice, and block takes whole draws only.
A pair that shapiq does not return is 0. Naive errors are scaled to exactly the budget, as they go as 1 / evaluations;
where it does not reach for one sample of each pair ("one sample, scaled"), rank and top 20 are those of one sample, for
more than the budget.
"Too slow": one run took more than 60 s, and the estimator was not run again on games of as many players at that budget.
"""


class Measured(NamedTuple):
    """Medians over seeds (coverage: the mean) of one estimator on one game at one budget; NaN where there is none.

    Attributes:
        error: sum (estimate - true)^2 / sum true^2.
        rank: Spearman's correlation of |estimate| and |true|.
        top: share of the 20 largest |true| (or all that are not 0, where fewer) among as many largest |estimate|.
        coverage: share of pairs whose 95% interval holds the truth.
        seconds: of the estimator, without the game's.
        evaluations: distinct coalitions asked.
        note: why there is no number, or how it came about.
    """

    game: str
    budget: int
    estimator: str
    error: float = np.nan
    rank: float = np.nan
    top: float = np.nan
    coverage: float = np.nan
    seconds: float = np.nan
    evaluations: float = np.nan
    note: str = ""


def report(found: Sequence[Measured]) -> str:
    """Everything as markdown, summaries first."""
    parts = [
        "### Ours against naive and the best of shapiq",
        "naive ÷ ours is how many times the evaluations naive needs for the error of ours, since its error goes as "
        "1 / evaluations; shapiq's best (lowest error) is picked for each game and budget afterwards.",
        summary(found),
        "### How often each is best, and how far ours is ahead",
        standing(found),
        "### Every estimator",
        LEGEND.strip(),
    ]
    for game in dict.fromkeys(m.game for m in found):
        parts += [f"#### {game}", details([m for m in found if m.game == game])]
    return "\n\n".join(parts)


def summary(found: Sequence[Measured]) -> str:
    rows = []
    for game, budget in dict.fromkeys((m.game, m.budget) for m in found):
        by = {m.estimator: m for m in found if (m.game, m.budget) == (game, budget)}
        ours, naive, block = (by[name].error if name in by else np.nan for name in ("ours", "naive", "block"))
        best = best_other(by)
        rows.append(
            [
                game,
                budget,
                number(ours),
                number(naive),
                ratio(naive, ours),
                number(block),
                ratio(block, ours),
                "–" if best is None else best.estimator,
                "–" if best is None else number(best.error),
                "–" if best is None else ratio(best.error, ours),
            ]
        )
    header = ["game", "budget", "ours", "naive", "naive ÷ ours", "block", "block ÷ ours", "best of shapiq", "its error"]
    return markdown([*header, "÷ ours"], rows)


def standing(found: Sequence[Measured]) -> str:
    """Per number of players and budget: the share of games where ours is best, and medians of the ratios."""
    rows = []
    sized = [(m.game.rpartition(" ")[2], m) for m in found]
    for size, budget in dict.fromkeys((size, m.budget) for size, m in sized):
        games = dict.fromkeys(m.game for s, m in sized if (s, m.budget) == (size, budget))
        ratios = []
        for game in games:
            by = {m.estimator: m for m in found if (m.game, m.budget) == (game, budget)}
            best = best_other(by)
            if "ours" in by and np.isfinite(by["ours"].error):
                ours = max(by["ours"].error, EXACT)
                other = np.nan if best is None else max(best.error, EXACT)
                ratios.append(
                    [max(by["naive"].error, EXACT) / ours, max(by["block"].error, EXACT) / ours, other / ours]
                )
        cells = []
        for column in np.reshape(ratios, (-1, 3)).T:
            known = column[np.isfinite(column)]  # the other has a number at all
            ahead = f"{int((known > 1).sum())} of {len(known)}"
            cells.append(f"{ahead}, × {number(float(np.median(known)))}" if len(known) else "–")
        rows.append([size, budget, *cells])
    return markdown(["players", "budget", "ahead of naive, median ÷", "of block", "of the best of shapiq"], rows)


def best_other(by: dict[str, Measured]) -> Measured | None:
    """The approximator of shapiq with the lowest error."""
    others = [m for name, m in by.items() if name not in ("ours", "naive", "block") and np.isfinite(m.error)]
    return min(others, key=lambda m: m.error, default=None)


def details(found: Sequence[Measured]) -> str:
    rows = []
    for m in found:
        shares = ["–" if np.isnan(x) else f"{x:.2f}" for x in (m.rank, m.top, m.coverage)]
        evaluations = "–" if np.isnan(m.evaluations) else f"{m.evaluations:.0f}"
        rows.append([m.budget, m.estimator, number(m.error), *shares, number(m.seconds), evaluations, m.note])
    header = ["budget", "estimator", "error", "rank", "top 20", "coverage", "seconds", "evaluations", ""]
    return markdown(header, rows)


def number(x: float) -> str:
    if np.isnan(x):
        return "–"
    return "exact" if x < EXACT else f"{x:.2g}" if x < 100 else f"{x:,.0f}" if x < 1e6 else "> 1,000,000"


def ratio(other: float, ours: float) -> str:
    """How many times the error of ours; no number where ours is exact."""
    if np.isnan(other) or np.isnan(ours):
        return "–"
    if ours < EXACT:
        return "both exact" if other < EXACT else "∞"
    return number(other / ours)


def plot(found: Sequence[Measured], path: Path) -> None:
    """Error against budget, one small picture for each game, both axes logarithmic."""
    names = list(dict.fromkeys(m.game for m in found))
    estimators = list(dict.fromkeys(m.estimator for m in found))
    budgets = sorted({m.budget for m in found})
    across = min(5, len(names))
    down = -(-len(names) // across)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(3 * across, 2.6 * down + 0.8),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    strong = {"ours": ("#c2410c", 2.4), "block": ("#1d4ed8", 1.6), "naive": ("#111827", 1.6)}
    for axis, name in zip(axes.flat, names, strict=False):
        for k, estimator in enumerate(estimators):
            mine = [m for m in found if (m.game, m.estimator) == (name, estimator) and np.isfinite(m.error)]
            colour, width = strong.get(estimator, (plt.get_cmap("Dark2")(k % 8), 1.0))
            error = [max(m.error, FLOOR) for m in mine]
            axis.plot([m.budget for m in mine], error, "o-", ms=3, color=colour, lw=width, label=estimator)
        axis.set(title=name, xscale="log", yscale="log")
        axis.set_xticks(budgets, [f"{budget:,}" for budget in budgets], fontsize=8)
        axis.set_xticks([], minor=True)
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.2)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    figure.supxlabel("evaluations", fontsize=9)
    figure.supylabel("relative squared error (10⁻⁸: that or less)", fontsize=9)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2 * across, fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
