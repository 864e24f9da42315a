"""A figure as SVG text, to stand in a page."""

import io

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def svg_of(figure: Figure) -> str:
    """The figure as SVG, the same bytes each time; the figure is closed.

    Args:
        figure: the figure.
    """
    buffer = io.StringIO()
    with plt.rc_context({"svg.hashsalt": "interplay"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
