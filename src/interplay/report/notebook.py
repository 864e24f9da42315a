"""How explanations show themselves in a notebook: the page in a frame, and a picture where frames are not shown.

`import interplay` inside IPython registers both by the name of the type, so that results know nothing of pages.
"""

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from interplay.results import Explanation

HEIGHT = 860  # pixels of the frame


class Shown:
    """A page in a frame, for a notebook to display.

    Attributes:
        html: the frame.
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


def register(formatter: Any) -> None:
    """Have IPython show explanations, and lists of them, as pages and pictures.

    Args:
        formatter: the shell's `display_formatter`. Nothing is imported before one is shown.
    """
    html, png = formatter.formatters["text/html"], formatter.formatters["image/png"]
    html.for_type_by_name("interplay.results.explanation", "Explanation", as_html)
    html.for_type_by_name("interplay.results.explanation", "Explanations", as_html_of_all)
    png.for_type_by_name("interplay.results.explanation", "Explanation", lambda one: as_png(one) if one.pairs else None)


def show(
    explanation: "Explanation | Sequence[Explanation]",
    pictures: "Mapping[str, Path | str | Image.Image] | None" = None,
    folder: Path | str | None = None,
) -> Shown:
    """The page of one explanation, or of several, as what a notebook's cell displays.

    Args:
        explanation: what to show.
        pictures: modality -> the picture or its file, for all explanations; the explanations' own where None.
        folder: where to look for pictures that are named by the explanations and not known otherwise.
    """
    from interplay.report.reading import find_pictures
    from interplay.results import Explanation

    several = [explanation] if isinstance(explanation, Explanation) else list(explanation)
    found = {}
    for one in several:
        known = find_pictures(one, [Path(folder)]) if folder is not None else {}
        found[one.sample_id] = _opened({**known, **one.pictures, **(pictures or {})})
    return Shown(_frame(several, found))


def as_html(explanation: "Explanation") -> str:
    """The self-contained page in a frame for a notebook.

    The frame may run its own script and offer downloads, and has no access to the notebook.

    Args:
        explanation: what to show, with the pictures that it knows of.
    """
    return show(explanation).html


def as_html_of_all(explanations: "Sequence[Explanation]") -> str | None:
    """One page of several explanations, in such a frame; None where there is none.

    Args:
        explanations: what to show, in this order.
    """
    return show(explanations).html if explanations else None


def as_png(explanation: "Explanation") -> bytes:
    """The heat map of the pairs' SII (`figures.plot_pairs`) as PNG.

    Args:
        explanation: what to draw.

    Raises:
        BadInput: there are no pairs.
    """
    from matplotlib.figure import Figure  # without pyplot: no window system, nothing left open

    from interplay.report.figures import plot_pairs

    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = plot_pairs(explanation, figure.subplots())
    ax.set_title(f"{explanation.sample_id}: {explanation.target}", fontsize=9, parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _frame(explanations: "Sequence[Explanation]", pictures: "Mapping[str, Mapping[str, Image.Image]]") -> str:
    from interplay.report.page import render_page

    first = explanations[0] if explanations else None
    name = first.sample_id if first and len(explanations) == 1 else f"{len(explanations)} explanations"
    title = escape(f"Why {name} is {first.target}" if first and len(explanations) == 1 else name, quote=True)
    page = escape(render_page(explanations, pictures, title=name), quote=True)
    return (
        f'<iframe title="{title}" sandbox="allow-scripts allow-downloads" srcdoc="{page}" '
        f'style="width:100%;height:{HEIGHT}px;border:0" loading="lazy"></iframe>'
    )


def _opened(pictures: "Mapping[str, Path | str | Image.Image]") -> "dict[str, Image.Image]":
    """Those that can be opened, as encoders see them: upright, RGB; a picture that is gone is drawn blank."""
    from PIL import Image

    from interplay.errors import DataError
    from interplay.modalities.pictures import as_rgb, open_picture

    found = {}
    for modality, given in pictures.items():
        try:
            found[modality] = as_rgb(given) if isinstance(given, Image.Image) else open_picture(given)
        except DataError:
            continue
    return found
