"""Figures of a study. Each takes rows of a study's table and returns a figure, for papers and for the page."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interplay.results import MIXTURE

Rows = Sequence[dict[str, Any]]
COLORS = ("#d9580d", "#6d4bb4", "#1f7a5c", "#8a8f9c", "#c2185b", "#2f6fb5")


def plot_masking(rows: Rows, metrics: Rows, expert: str = MIXTURE) -> Figure:
    """Figure 3: loss of probability without the top K% and with them alone, and of the task metric; a row per variant.

    Args:
        rows: rows of the study's table.
        metrics: rows of the table of task metrics.
        expert: name of an expert, or "mixture".
    """
    rows = [row for row in rows if row["expert"] == expert and row["K"] != "mean"]
    metrics = [row for row in metrics if row["expert"] == expert and row["measure"] == "comprehensiveness"]
    metric = metrics[0]["metric"]
    metrics = [row for row in metrics if row["metric"] == metric]
    variants, shares = _names(rows, "variant"), [float(share) for share in _names(rows, "K")]
    figure, axes = _grid(len(variants), 3)
    for down, variant in enumerate(variants):
        panels = (
            ("comprehensiveness", rows, "without the top K%"),
            ("sufficiency", rows, "with the top K% alone"),
            ("comprehensiveness", metrics, f"{metric.replace('_', ' ')} without the top K%"),
        )
        for across, (measure, source, title) in enumerate(panels):
            ax = axes[down, across]
            for k, method in enumerate(_names(rows, "method")):
                cells = [r for r in source if (r["variant"], r["method"], r["measure"]) == (variant, method, measure)]
                _line(ax, [float(r["K"]) for r in cells], cells, method.replace("_", " "), COLORS[k % len(COLORS)])
            ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
            ax.set_xticks(shares, [f"{share:g}" for share in shares])
            ax.set(title=f"{variant}: {title}", xlabel="K (% of each modality)", ylabel="drop")
    _legend(figure, axes[0, 0])
    return figure


def plot_experts(rows: Rows, variant: str) -> Figure:
    """Mean gap to random masking over K, by expert and method: the AOPC gap, with 95% intervals.

    Args:
        rows: rows of the study's table.
        variant: which variant.
    """
    rows = [r for r in rows if r["variant"] == variant and r["K"] == "mean" and r["method"] != "random"]
    experts, methods = _names(rows, "expert"), _names(rows, "method")
    figure, axes = _grid(1, 2)
    for ax, measure in zip(axes[0], _names(rows, "measure"), strict=True):
        for k, method in enumerate(methods):
            cells = [r for r in rows if (r["method"], r["measure"]) == (method, measure)]
            at = np.arange(len(experts)) + (k - (len(methods) - 1) / 2) * 0.22
            _points(ax, at, cells, "gap", method.replace("_", " "), COLORS[k % len(COLORS)])
        ax.axhline(0, color="0.7", linewidth=0.8)
        ax.set_xticks(range(len(experts)), experts, rotation=20)
        ax.set(title=f"{variant}: {measure}", ylabel="gap to random, mean over K")
    _legend(figure, axes[0, 0])
    return figure


def plot_alignment(rows: Rows, on: str = "logit") -> Figure:
    """Figure 4: mean pair score by bin of importance and of the q% most important pairs.

    Args:
        rows: rows of the study's table.
        on: the scale, "logit" or "probability".
    """
    rows = [row for row in rows if row["on"] == on and row["part"] != "rank correlation"]
    columns = list(dict.fromkeys((row["score"], row["expert"]) for row in rows))
    variants = _names(rows, "variant")
    figure, axes = _grid(2, len(columns))
    for across, (score, expert) in enumerate(columns):
        mine = [row for row in rows if (row["score"], row["expert"]) == (score, expert)]
        for down, (start, label) in enumerate((("bin", "bin of importance"), ("top", "q% most important pairs"))):
            ax, parts = axes[down, across], [p for p in _names(mine, "part") if p.startswith(start)]
            for k, variant in enumerate(variants):
                cells = [r for r in mine if r["variant"] == variant and r["part"] in parts]
                at = np.arange(len(parts)) + (k - (len(variants) - 1) / 2) * 0.15
                _points(ax, at, cells, "mean", variant, COLORS[k % len(COLORS)])
            ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
            ax.set_xticks(range(len(parts)), [part.removeprefix(start).strip() for part in parts])
            name = "SII" if score == "sii" else "redundancy gap"
            ax.set(title=f"{name}, {expert}, {on}", xlabel=label, ylabel=f"mean {name}")
    _legend(figure, axes[0, 0])  # every variant has a mixture
    return figure


def plot_pair_masking(rows: Rows) -> Figure:
    """Table 2 as a picture: what removing k pairs costs the mixture, ranked, matched and random.

    Args:
        rows: rows of the study's table.
    """
    rows = [row for row in rows if row["read_at"] == MIXTURE]
    return _controls(rows, "cost_", "pairs removed", "loss of probability")


def plot_second_differences(rows: Rows) -> Figure:
    """How k pairs interact when all else is there, on the logit: ranked, matched and random.

    Args:
        rows: rows of the study's table.
    """
    rows = [row for row in rows if row["on"] == "logit" and row["when"] == "all else is there"]
    return _controls(rows, "", "pairs", "together, beyond each (logit)")


def _controls(rows: Rows, prefix: str, xlabel: str, ylabel: str) -> Figure:
    """Ranked pairs beside their controls, by their number: a row for each variant, a panel for each ranking."""
    variants, rankings = _names(rows, "variant"), _names(rows, "ranked_by")
    figure, axes = _grid(len(variants), len(rankings))
    for down, variant in enumerate(variants):
        for across, ranked in enumerate(rankings):
            ax = axes[down, across]
            cells = [row for row in rows if (row["variant"], row["ranked_by"]) == (variant, ranked)]
            ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
            ax.set(title=f"{variant}: {ranked}", xlabel=xlabel, ylabel=ylabel)
            for k, control in enumerate(("ranked", "matched", "random")):
                x, y = [row["pairs"] for row in cells], [row[f"{prefix}{control}"] for row in cells]
                ax.plot(x, y, marker="o", markersize=3, label=control, color=COLORS[(0, 1, 3)[k]])
            if not cells:
                ax.set_axis_off()
    _legend(figure, axes[0, -1])
    return figure


def _names(rows: Rows, key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))


def _grid(down: int, across: int) -> tuple[Figure, np.ndarray]:
    figure, axes = plt.subplots(
        down, across, figsize=(4 * across, 2.8 * down), layout="constrained", squeeze=False, dpi=120
    )
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.title.set_fontsize(8)
        ax.tick_params(labelsize=8)
        ax.xaxis.label.set_fontsize(8)
        ax.yaxis.label.set_fontsize(8)
    return figure, axes


def _line(ax: Axes, x: list[float], rows: Rows, label: str, color: str) -> None:
    """Means with a band of the interval where there is one; missing points are gaps."""
    ax.plot(x, _values(rows, "mean"), marker="o", markersize=3, color=color, label=label, linewidth=1.2)
    if rows and "low" in rows[0]:
        ax.fill_between(x, _values(rows, "low"), _values(rows, "high"), color=color, alpha=0.15, linewidth=0)


def _points(ax: Axes, x: np.ndarray, rows: Rows, key: str, label: str, color: str) -> None:
    low, high = ("low", "high") if key == "mean" else (f"{key}_low", f"{key}_high")
    mean = _values(rows, key)
    bars = np.abs(np.stack([mean - _values(rows, low), _values(rows, high) - mean]))
    ax.errorbar(x[: len(mean)], mean, bars, fmt="o", markersize=4, color=color, label=label, linewidth=1)


def _values(rows: Rows, key: str) -> np.ndarray:
    return np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=float)


def _legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=max(1, len(labels)), frameon=False, fontsize=8)
