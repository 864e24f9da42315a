"""From results to what people look at: one self-contained page, tables, and figures for papers.

Opens a finished `Explanation` without torch. Names are loaded when first used, so that a notebook can register its
displays at no cost. `interplay.report.figures` is imported on its own, since it needs matplotlib's pyplot.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interplay.report.notebook import show
    from interplay.report.page import render_page, write_page
    from interplay.report.reading import read_explanation
    from interplay.report.tables import pairs_csv

_HOMES = {
    "pairs_csv": "tables",
    "read_explanation": "reading",
    "render_page": "page",
    "show": "notebook",
    "write_page": "page",
}

__all__ = ["pairs_csv", "read_explanation", "render_page", "show", "write_page"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'interplay.report' has no attribute {name!r}")
    return getattr(import_module(f"interplay.report.{_HOMES[name]}"), name)
