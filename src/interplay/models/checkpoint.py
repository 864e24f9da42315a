"""A checkpoint is a folder: model.safetensors beside card.json, which says what the weights are for. Never pickle."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from interplay.config import FusionConfig
from interplay.errors import CheckpointError
from interplay.files import write_atomic
from interplay.models.fusion import FusionModel, Shape
from interplay.models.task import LabelKind, Task


@dataclass(frozen=True)
class Card:
    """What a model reads and answers.

    Attributes:
        modalities: modality -> kind ("text" | "image" | "features"), in the model's order.
        widths, lengths: modality -> encoder width, longest sequence.
        encoders: modality -> fingerprint of the encoder it was trained on.
        epoch: the epoch (from 0) the weights are of.
    """

    fusion: FusionConfig
    labels: list[str]
    label_kind: LabelKind
    modalities: dict[str, str]
    widths: dict[str, int]
    lengths: dict[str, int]
    encoders: dict[str, str]
    epoch: int = 0

    @property
    def task(self) -> Task:
        """The task of these labels."""
        return Task(tuple(self.labels), self.label_kind)

    @property
    def shape(self) -> Shape:
        """The model's shape."""
        return Shape(self.widths, self.lengths, len(self.labels))


def save_model(model: FusionModel, card: Card, folder: Path) -> None:
    """Write the weights and their card; what was there before stays whole until the new is."""
    folder.mkdir(parents=True, exist_ok=True)
    described = asdict(card) | {"fusion": card.fusion.model_dump()}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomic(folder / "model.safetensors", save(state, metadata={"card": json.dumps(described)}))
    write_atomic(folder / "card.json", json.dumps(described, indent=2) + "\n")


def load_model(folder: Path) -> tuple[FusionModel, Card]:
    """Open a checkpoint, in eval mode. Raises CheckpointError that names the first weight that does not fit."""
    path = folder / "model.safetensors"
    card = _read_card(folder / "card.json")
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot open: {error}", file=path, expected="a safetensors file") from None
    model = FusionModel(card.fusion, card.shape)
    refuse_other_shape(model.state_dict(), state, path)
    model.load_state_dict(state, strict=True)
    return model.eval(), card


def refuse_other_shape(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """Raise CheckpointError naming the first weight that is missing, left over or of another shape."""
    for name in [*wanted, *found]:
        here = tuple(found[name].shape) if name in found else "nothing"
        there = tuple(wanted[name].shape) if name in wanted else "no such weight"
        if here != there:
            raise CheckpointError(
                f"weight {name} does not fit: the file has {here}",
                file=path,
                expected=f"{there}, as card.json and config say",
                fix="open the run it was trained in, or train again",
            )


def _read_card(path: Path) -> Card:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        described["fusion"] = FusionConfig.model_validate(described["fusion"])
        return Card(**described)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"cannot open: {error}", file=path, expected="the card of a trained model", fix="give a finished run folder"
        ) from None
