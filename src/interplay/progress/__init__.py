"""Progress of long work: silent by default; `progress.console` and `progress.log` show it."""

from interplay.progress.base import SILENT, Advance, Progress

__all__ = ["SILENT", "Advance", "Progress"]
