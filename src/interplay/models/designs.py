"""In what models of one trunk differ (METHOD 2), and what the data decides of their shape."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """What the data decides of a model's shape.

    Attributes:
        widths, lengths: modality -> encoder width, longest sequence.
        classes: how many labels there are.
        neighbours: modality -> with how many to each side a feature is encoded, as far as they are left; 0 if absent.
    """

    widths: dict[str, int]
    lengths: dict[str, int]
    classes: int
    neighbours: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Design:
    """The settings in which the models differ; they share everything else (METHOD 2).

    Attributes:
        expert_names: names of the modalities -> names of the experts, in the order of every E axis.
        reads_sequences: whether experts see the sequences of tokens and patches, or one mean vector per modality.
    """

    expert_names: Callable[[Sequence[str]], list[str]]
    reads_sequences: bool


def role_names(modalities: Sequence[str]) -> list[str]:
    """Names of the experts: unique_1 .. unique_M, synergy, redundancy (METHOD 3) [I2MoE].

    Args:
        modalities: names of the modalities, in order.
    """
    return [*(f"unique_{m}" for m in modalities), "synergy", "redundancy"]


MODELS: dict[str, Design] = {
    "dense": Design(lambda modalities: ["fusion"], reads_sequences=False),
    "i2moe": Design(role_names, reads_sequences=False),
    "fl-i2moe": Design(role_names, reads_sequences=True),
}
"""Name in `fusion.kind` -> the model. A new one is a line here and its name in `interplay.config.ModelKind`."""
