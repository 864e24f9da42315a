"""What a modality is: how its content is read, encoded, grouped and drawn, in one object a kind."""

from collections.abc import Mapping

from interplay.modalities.base import Modality, Panel
from interplay.modalities.features import FeaturesModality
from interplay.modalities.image import ImageModality
from interplay.modalities.text import TextModality

MODALITIES: dict[str, Modality] = {
    "text": TextModality(),
    "image": ImageModality(),
    "features": FeaturesModality(),
}
"""Kind -> what it is."""

__all__ = ["MODALITIES", "Modality", "Panel", "drawn_as"]


def drawn_as(panel: Panel, modalities: Mapping[str, str]) -> list[str]:
    """Those of `modalities` (name -> kind) that the page draws in this panel, in their order.

    >>> drawn_as("image", {"poster": "image", "plot": "text"})
    ['poster']

    Args:
        panel: one of the page's panels.
        modalities: modality -> kind.
    """
    return [name for name, kind in modalities.items() if MODALITIES[kind].panel == panel]
