"""What a run takes: the fields of its form, and the form as JSON schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interplay.modalities import MODALITIES
from interplay.serving.limits import LEAST_BUDGET, Limits
from interplay.words import visible_pattern

OPTIONS = ("target", "budget", "seed")
MOST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Accepted:
    """What a run takes.

    Attributes:
        modalities: modality -> kind.
        labels: what can be the target.
        widths: modality -> columns, of modalities that are features.
    """

    modalities: Mapping[str, str]
    labels: tuple[str, ...]
    widths: Mapping[str, int]
    limits: Limits

    @property
    def options(self) -> dict[str, str]:
        """Option -> the name of its field; another one where a modality is called so."""
        return {name: f"explain_{name}" if name in self.modalities else name for name in OPTIONS}

    @property
    def budget(self) -> int:
        """Evaluations of a job that asks for no number."""
        return min(self.limits.budget, self.limits.most_budget)

    def schema(self, most: int = 1, options: bool = True) -> dict[str, Any]:
        """The form as JSON schema.

        Args:
            most: samples; each modality may be there as often.
            options: whether target, budget and seed are taken.
        """
        limits, named = self.limits, self.options
        fields: dict[str, Any] = {}
        for modality, kind in self.modalities.items():
            if not MODALITIES[kind].file:
                fields[modality] = {"type": "string", "minLength": 1, "maxLength": limits.characters}
                fields[modality]["pattern"] = visible_pattern()
            else:
                fields[modality] = {"type": "string", "format": "binary"}
            if most > 1:
                fields[modality] = {
                    "type": "array",
                    "items": fields[modality],
                    "minItems": 1,
                    "maxItems": most,
                    "description": "one for each sample, in the same order in every field",
                }
        if options:
            fields[named["target"]] = {"type": "string", "enum": list(self.labels)}
            fields[named["budget"]] = {"type": "integer", "minimum": LEAST_BUDGET, "maximum": limits.most_budget}
            fields[named["seed"]] = {"type": "integer", "minimum": 0, "maximum": MOST_SEED}
        return {
            "type": "object",
            "properties": fields,
            "required": list(self.modalities),
            "additionalProperties": False,
        }

    def encoding(self) -> dict[str, Any]:
        """The content type of each file of the form."""
        types = {m: MODALITIES[kind].media_types for m, kind in self.modalities.items()}
        return {m: {"contentType": types[m]} for m in types if types[m]}
