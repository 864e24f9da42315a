"""Open the encoder that the configuration names: packaged, in a folder, or from the hub."""

from interplay.encoders.frozen import Encoder
from interplay.encoders.image import ImageEncoder
from interplay.encoders.packaged import PACKAGED, PACKAGED_TOWERS, minilm_folder
from interplay.encoders.settings import EncoderConfig
from interplay.encoders.sources import local_folder
from interplay.encoders.text import TextEncoder
from interplay.encoders.towers import load_tower
from interplay.errors import EncoderError


def load_encoder(config: EncoderConfig, kind: str) -> Encoder:
    """Load a frozen encoder for a modality of text or images.

    Args:
        config: which encoder, and how its features are taken.
        kind: "text" or "image".

    Raises:
        EncoderError: the model cannot be opened, is of the other kind, lacks weights or layers, or does not fit the
            settings.
    """
    name = config.model
    if PACKAGED.get(name, kind) != kind:
        raise EncoderError(
            f"{name} is a packaged {PACKAGED[name]} encoder",
            expected=f"one for the kind {kind!r}",
            fix=f"choose from {', '.join(n for n, k in PACKAGED.items() if k == kind)}",
        )
    if kind != "text" and config.neighbours:
        raise EncoderError(
            f"an encoder of kind {kind!r} was given neighbours = {config.neighbours}",
            expected="0: words have neighbours, patches do not",
            fix="set it for the text alone, encoders.text.neighbours",
        )
    if name in PACKAGED_TOWERS:
        return ImageEncoder(PACKAGED_TOWERS[name](config.layer), config)
    folder = minilm_folder() if name == "minilm" else local_folder(name)
    tower = load_tower(name, folder, kind, config.layer)
    return TextEncoder(tower, config) if kind == "text" else ImageEncoder(tower, config)
