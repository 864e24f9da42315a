"""From results to what people look at: one self-contained page, tables, and figures for papers.

Opens a finished `Explanation` without torch. `interplay.report.figures` is imported on its own, since it needs
matplotlib's pyplot.
"""

from interplay.report.page import render_page, write_page
from interplay.report.tables import pairs_csv

__all__ = ["pairs_csv", "render_page", "write_page"]
