"""A checkpoint is a folder: model.safetensors beside card.json, which says what the weights are for. Never pickle."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from interplay.config import FusionConfig
from interplay.errors import CheckpointError
from interplay.files import write_atomic
from interplay.files.checksums import sha256_of
from interplay.files.exported import refuse_code_files
from interplay.files.versions import Upgrade, upgrade_document
from interplay.kinds import LabelKind
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel
from interplay.models.task import Task

FORMAT = "interplay/model/6"


@dataclass(frozen=True)
class Card:
    """What a model reads and answers.

    Attributes:
        modalities: modality -> kind ("text" | "image" | "features"), in the model's order.
        widths, lengths: modality -> encoder width, longest sequence.
        encoders: modality -> fingerprint of the encoder it was trained on.
        neighbours: modality -> with how many to each side a feature is encoded, as far as they are left.
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
    neighbours: dict[str, int] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """The task of these labels."""
        return Task(tuple(self.labels), self.label_kind)

    @property
    def shape(self) -> Shape:
        """The model's shape."""
        return Shape(self.widths, self.lengths, len(self.labels), self.neighbours)


def save_model(model: FusionModel, card: Card, folder: Path) -> None:
    """Write the weights and their card; an older model there stays whole until the new one is.

    Args:
        model: the fusion model.
        card: what the model is for: labels, modalities, widths.
        folder: the folder to write to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    described = {"format": FORMAT} | asdict(card) | {"fusion": card.fusion.model_dump()}
    weights = save(state, metadata={"card": json.dumps(described)})
    described["sha256"] = hashlib.sha256(weights).hexdigest()
    write_atomic(folder / "model.safetensors", weights)
    write_atomic(folder / "card.json", json.dumps(described, indent=2) + "\n")


def load_model(folder: Path) -> tuple[FusionModel, Card]:
    """Open a checkpoint, in eval mode.

    Args:
        folder: where `save_model` wrote it, in this version or an older one.

    Raises:
        CheckpointError: a file is missing, damaged, of a newer version, or holds other weights than the card says; the
            first weight that does not fit is named.
    """
    path = folder / "model.safetensors"
    if not path.is_file():  # a pickle in its place is never opened, and named
        refuse_code_files(sorted(other.name for other in folder.glob("*")), folder)
    card, described = _read_card(folder / "card.json")
    try:
        content = path.read_bytes()
        state = load(content)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot open: {error}", file=path, expected="a safetensors file") from None
    if "std_0" not in state:  # version 1 called the deviations a spread
        state = {re.sub(r"^spread_(?=\d+$)", "std_", name): tensor for name, tensor in state.items()}
    model = FusionModel(card.fusion, card.shape)
    refuse_other_shape(model.state_dict(), state, path)
    if described.get("sha256", found := hashlib.sha256(content).hexdigest()) != found:
        raise CheckpointError(
            "the weights are not those that were saved",
            file=path,
            expected=f"sha256 {described['sha256'][:12]}, as card.json says, got {found[:12]}",
            fix="copy the run folder anew, or train again",
        )
    model.load_state_dict(state, strict=True)
    return model.eval(), card


def weights_hash(folder: Path) -> str:
    """The sha256 of the weights of a checkpoint that was opened: equal hashes are the same model.

    Args:
        folder: where `save_model` wrote it.

    Raises:
        CheckpointError: its card cannot be read.
    """
    _, described = _read_card(folder / "card.json")
    return str(described.get("sha256") or sha256_of(folder / "model.safetensors"))  # version 1 kept none


def refuse_other_shape(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """Raise CheckpointError naming the first weight that is missing, left over or of another shape.

    Args:
        wanted: name -> weight, of the model that was built.
        found: name -> weight, of the file.
        path: the file, for messages.

    Raises:
        CheckpointError: naming the first weight that differs.
    """
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


def _read_card(path: Path) -> tuple[Card, dict[str, Any]]:
    """The card, and what its file says besides."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        described = upgrade_document(read, FORMAT, UPGRADES, error=CheckpointError, file=path)
        fields = {key: value for key, value in described.items() if key not in ("format", "sha256")}
        fields["fusion"] = FusionConfig.model_validate(fields["fusion"])
        return Card(**fields), described
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"cannot open: {error}", file=path, expected="the card of a trained model", fix="give a finished run folder"
        ) from None


def _from_1(described: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no format version and no checksum; old names of weights are recognized on loading."""
    return described


def _from_2(described: dict[str, Any]) -> dict[str, Any]:
    """Version 2 knew no roles but those by losses."""
    return described | {"fusion": {"roles": "losses"} | described["fusion"]}


def _from_3(described: dict[str, Any]) -> dict[str, Any]:
    """In version 3 all that two modalities both say counted once."""
    return described | {"fusion": {"counted_once": "all"} | described["fusion"]}


def _from_4(described: dict[str, Any]) -> dict[str, Any]:
    """In version 4 the synergy network read modalities' latents alone, not their products."""
    return described | {"fusion": {"products": False} | described["fusion"]}


def _from_5(described: dict[str, Any]) -> dict[str, Any]:
    """In version 5 no feature was encoded with its neighbours."""
    return {"neighbours": {}} | described


UPGRADES: dict[int, Upgrade] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4, 5: _from_5}
