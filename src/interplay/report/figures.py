"""Figures for papers. Each takes a result and an `ax`, draws on it and returns it."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.patches import Rectangle
from PIL import Image

from interplay.errors import BadInput
from interplay.report.names import describe_features
from interplay.results import MIXTURE, Explanation, Feature, Pair

SCORES = {"sii": "Shapley interaction index", "redundancy_gap": "redundancy gap"}
SIGNED, UNSIGNED = "PuOr_r", "Blues"  # warm is for the value, violet against it, as on the page


def plot_pairs(
    explanation: Explanation, ax: Axes | None = None, score: str = "sii", *, expert: str | None = None
) -> Axes:
    """A heat map of one score over all pairs: the first feature of a pair down, the second across.

    A dot marks a score whose 95% interval excludes 0; a pair that is missing is left grey, never 0.

    Args:
        explanation: what to draw.
        ax: where; a new figure where None.
        score: `sii` or `redundancy_gap`.
        expert: whose pair table; that of `explanation.value` where None.

    Raises:
        BadInput: there are no pairs under that expert, or no such score.
    """
    if score not in SCORES:
        raise BadInput(f"there is no score {score!r}", expected=f"one of {', '.join(SCORES)}")
    expert = explanation.value.expert if expert is None else expert
    pairs = explanation.table(expert)
    if not pairs:
        have = ", ".join([explanation.value.expert, *(t.value.expert for t in explanation.more_pairs)])
        raise BadInput(f"there are no pairs of {expert!r}", expected=f"an expert with pairs, of {have}")
    rows, columns = sorted({p.i for p in pairs}), sorted({p.j for p in pairs})
    values, sure = _matrices(pairs, score, rows, columns, getattr(explanation.interval, score))

    ax = _axes(ax)
    most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    ax.set_facecolor("0.85")
    drawn = ax.imshow(values, cmap=SIGNED, norm=TwoSlopeNorm(0.0, -most, most), aspect="auto", interpolation="none")
    y, x = np.nonzero(sure)
    ax.plot(x, y, ".", color="black", markersize=3)
    names = feature_names(explanation)
    _ticks(ax, [names[at] for at in rows], [names[at] for at in columns])
    ax.figure.colorbar(drawn, ax=ax, label=f"{SCORES[score]}, {explanation.value.on} of {expert}")
    return ax


def plot_attribution(
    explanation: Explanation,
    method: str,
    expert: str = MIXTURE,
    picture: Image.Image | None = None,
    ax: Axes | None = None,
    *,
    modality: str | None = None,
) -> Axes:
    """One expert's attribution on one modality: shaded patches, or a bar for each token, in raw scores.

    Args:
        explanation: what to draw.
        method: a key of `explanation.attributions`.
        expert: an expert, or the mixture.
        picture: the picture that the boxes refer to; patches are drawn on blank where None.
        ax: where; a new figure where None.
        modality: which one; the first with patches where None, or else the first.

    Raises:
        BadInput: there is no such attribution or modality.
    """
    by_expert = explanation.attributions.get(method)
    if by_expert is None or expert not in by_expert:
        have = ", ".join(f"{m} of {e}" for m, by in explanation.attributions.items() for e in by)
        raise BadInput(f"there is no {method!r} of {expert!r}", expected=f"one of: {have or 'none was computed'}")
    scores = np.asarray(by_expert[expert])
    chosen = _modality(explanation, modality)
    at = [n for n, f in enumerate(explanation.features) if f.modality == chosen]
    own = [explanation.features[n] for n in at]

    ax = _axes(ax)
    if any(f.box is not None for f in own):
        _patches(ax, own, scores[at], picture)
    else:
        names = feature_names(explanation)
        colors = ["#d9580d" if s >= 0 else "#6d4bb4" for s in scores[at]]
        ax.barh(range(len(at)), scores[at], color=colors)
        ax.set_yticks(range(len(at)), [names[n] for n in at], parse_math=False)
        ax.invert_yaxis()
        ax.axvline(0, color="0.5", linewidth=0.8)
        ax.set_xlabel(f"{method.replace('_', ' ')}, {expert}")
    return ax


def feature_names(explanation: Explanation) -> list[str]:
    """The name of each feature as shown on the page, at most 24 characters: the token's text, or `row 2, column 3`.

    Args:
        explanation: the explanation.
    """
    return [name.label[:24] for name in describe_features(explanation)]


def _matrices(
    pairs: Sequence[Pair], score: str, rows: list[int], columns: list[int], width: float
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) scores, NaN where missing, and whether each one stands out: beyond `width` standard errors."""
    values = np.full((len(rows), len(columns)), np.nan)
    sure = np.zeros(values.shape, bool)
    row_of, column_of = ({at: n for n, at in enumerate(axis)} for axis in (rows, columns))
    for pair in pairs:
        value, error = getattr(pair, score), getattr(pair, f"{score}_se")
        if value is not None:
            cell = row_of[pair.i], column_of[pair.j]
            values[cell] = value
            sure[cell] = error is not None and abs(value) > width * error
    return values, sure


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    return ax


def _modality(explanation: Explanation, wanted: str | None) -> str:
    names = list(dict.fromkeys(f.modality for f in explanation.features))
    if wanted is None and names:
        return next((f.modality for f in explanation.features if f.box is not None), names[0])
    if wanted is None or wanted not in names:
        raise BadInput(f"there is no modality {wanted!r}", expected=f"one of: {', '.join(names) or 'none'}")
    return wanted


def _patches(ax: Axes, features: list[Feature], scores: np.ndarray, picture: Image.Image | None) -> None:
    """Shades each box by its score; the picture lies below in grey, in fractions of its sides."""
    ratio = 1.0
    if picture is not None:
        ratio = picture.height / picture.width
        ax.imshow(np.asarray(picture.convert("L")), cmap="gray", vmin=-80, vmax=255, extent=(0, 1, 1, 0))
    most, least = float(scores.max()), float(scores.min())
    if least < 0:
        norm: Normalize = TwoSlopeNorm(0.0, -max(most, -least), max(most, -least))
        shade = plt.get_cmap(SIGNED)
        alpha = np.abs(scores) / max(most, -least)
    else:
        norm, shade = Normalize(least, most if most > least else least + 1), plt.get_cmap(UNSIGNED)
        alpha = np.asarray(norm(scores))
    for feature, score, share in zip(features, scores, alpha, strict=True):
        if feature.box is not None:
            x0, y0, x1, y1 = feature.box
            color = shade(norm(score))
            ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, color=color, alpha=0.85 * float(share), linewidth=0))
    ax.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
    ax.set_aspect(ratio)
    ax.figure.colorbar(plt.cm.ScalarMappable(norm, shade), ax=ax, label="raw score")


def _ticks(ax: Axes, rows: list[str], columns: list[str]) -> None:
    """Names on both axes, thinned out where there are too many to read."""
    down, across = -(-len(rows) // 40), -(-len(columns) // 40)
    ax.set_yticks(range(0, len(rows), down), rows[::down], parse_math=False)
    ax.set_xticks(range(0, len(columns), across), columns[::across], rotation=90, parse_math=False)
    ax.tick_params(labelsize=7, length=0)
