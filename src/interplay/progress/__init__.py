"""Progress of long work: silent unless somebody wants to see it; `progress.console` shows it."""

from interplay.progress.base import SILENT, Advance, Progress

__all__ = ["SILENT", "Advance", "Progress"]
