"""How an explanation shows itself in a notebook: the page in a frame, and a picture where frames are not shown."""

import io
from html import escape

from PIL import Image

from interplay.report.page import render_page
from interplay.results import Explanation

HEIGHT = 860  # pixels of the frame


def as_html(explanation: Explanation) -> str:
    """The self-contained page in a frame that may run its own script and offer downloads, and nothing else: it has no
    access to the notebook."""
    page = render_page([explanation], {explanation.sample_id: _pictures(explanation)}, title=explanation.sample_id)
    title = escape(f"Why {explanation.sample_id} is {explanation.target}", quote=True)
    return (
        f'<iframe title="{title}" sandbox="allow-scripts allow-downloads" srcdoc="{escape(page, quote=True)}" '
        f'style="width:100%;height:{HEIGHT}px;border:0" loading="lazy"></iframe>'
    )


def as_png(explanation: Explanation) -> bytes:
    """The heat map of the pairs' SII (`figures.plot_pairs`) as PNG. Raises BadInput if there are no pairs."""
    from matplotlib.figure import Figure  # without pyplot: no window system, nothing left open

    from interplay.report.figures import plot_pairs

    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = plot_pairs(explanation, figure.subplots())
    ax.set_title(f"{explanation.sample_id}: {explanation.target}", fontsize=9, parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _pictures(explanation: Explanation) -> dict[str, Image.Image]:
    """Those that can still be opened; a picture that is gone is drawn blank."""
    found = {}
    for modality, path in explanation.seen.items():
        try:
            with Image.open(path) as picture:
                found[modality] = picture.copy()
        except (OSError, Image.DecompressionBombError):
            continue
    return found
