"""Which Hugging Face models can be asked, how, and what their labels are."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import nn

from interplay.errors import BadInput
from interplay.explanation.wrapped.asked import Asked
from interplay.explanation.wrapped.blip import Blip, BlipAnswers
from interplay.explanation.wrapped.classifiers import ImageClassifier, TextClassifier, Vilt
from interplay.explanation.wrapped.dual import DualEncoder, NaflexEncoder
from interplay.explanation.wrapped.llava import Llava
from interplay.explanation.wrapped.qwen import Qwen, QwenWindows
from interplay.kinds import LabelKind

MATCH = "a match"
"""The one label of models that say how well a text and a picture fit."""


@dataclass(frozen=True)
class Kind:
    """What is known of a kind of model.

    Attributes:
        asked: the class that evaluates it on subsets of words and patches.
        reads, looks: whether it takes a text, a picture.
        several: whether any number of its labels may hold where its configuration does not say.
        writes: whether its answers are texts of its own.
        prompts: whether it reads a text within a prompt.
        merges: whether its prompt holds one token for each square of patches of the picture, as Qwen2-VL's.
    """

    asked: type[Asked]
    reads: bool
    looks: bool
    several: bool = False
    writes: bool = False
    prompts: bool = False
    merges: bool = False

    @property
    def apart(self) -> bool:
        """Whether text and picture are encoded apart."""
        return issubclass(self.asked, DualEncoder)


KINDS = {
    "CLIPModel": Kind(DualEncoder, True, True, several=True),
    "SiglipModel": Kind(DualEncoder, True, True, several=True),
    "VisionTextDualEncoderModel": Kind(DualEncoder, True, True, several=True),
    "Siglip2Model": Kind(NaflexEncoder, True, True, several=True),
    "ViltForQuestionAnswering": Kind(Vilt, True, True, several=True),
    "ViltForImageAndTextRetrieval": Kind(Vilt, True, True, several=True),
    "BlipForImageTextRetrieval": Kind(Blip, True, True, several=True),
    "BlipForQuestionAnswering": Kind(BlipAnswers, True, True, writes=True),
    "LlavaForConditionalGeneration": Kind(Llava, True, True, writes=True, prompts=True),
    "Qwen2VLForConditionalGeneration": Kind(Qwen, True, True, writes=True, prompts=True, merges=True),
    "Qwen2_5_VLForConditionalGeneration": Kind(QwenWindows, True, True, writes=True, prompts=True, merges=True),
}
COMPARES = {
    "CLIPModel",
    "SiglipModel",
    "Siglip2Model",
    "VisionTextDualEncoderModel",
    "ViltForImageAndTextRetrieval",
    "BlipForImageTextRetrieval",
}
ENDINGS = {
    "ForSequenceClassification": Kind(TextClassifier, True, False),
    "ForImageClassification": Kind(ImageClassifier, False, True),
}


def kind_of(model: nn.Module) -> Kind:
    """How a model is evaluated: by its class, or the nearest class that it derives from and of which it is known.

    Args:
        model: a Hugging Face model.

    Raises:
        BadInput: nothing is known of its class.
    """
    for name in _classes(model):
        for ending, kind in (*KINDS.items(), *ENDINGS.items()):
            if name == ending or (ending in ENDINGS and name.endswith(ending)):
                return kind
    name = type(model).__name__
    raise BadInput(
        f"nothing is known of the class {name}",
        expected=f"{', '.join(KINDS)}, or a class that ends in {' or '.join(ENDINGS)}",
        fix="explain a function that calls it: interplay.explain_callable(function, text=..., image=...)",
    )


def labels_of(model: Any, kind: Kind) -> tuple[list[str], LabelKind]:
    """The names of a model's labels, and whether exactly one holds.

    A classifier has its own; a model that compares a text with a picture has one, `a match`. Labels that share a name
    have their number beside it.

    Args:
        model: a Hugging Face model.
        kind: of `kind_of`.

    Raises:
        BadInput: it answers with a number that is no probability's logit.
    """
    if compares(model):
        return [MATCH], "multi"
    if kind.writes:
        return [], "multi"
    given = getattr(model.config, "id2label", None) or {}
    names = [str(name) for _, name in sorted((int(at), name) for at, name in given.items())]
    problem = getattr(model.config, "problem_type", None)
    if problem == "regression" or (len(names) < 2 and problem != "multi_label_classification"):
        raise BadInput(
            f"{type(model).__name__} answers with {'numbers' if len(names) > 1 else 'one number'}, no probabilities",
            expected="a classifier of two or more labels, or problem_type multi_label_classification",
            fix='explain a function that calls it: interplay.explain_callable(..., returns="logits")',
        )
    twice = {name for name, count in Counter(names).items() if count > 1}
    labels = [f"{name} ({at})" if name in twice else name for at, name in enumerate(names)]
    return labels, "multi" if kind.several or problem == "multi_label_classification" else "single"


def compares(model: Any) -> bool:
    """Whether a model says how well a text and a picture fit.

    Args:
        model: a Hugging Face model.
    """
    return not COMPARES.isdisjoint(_classes(model))


def _classes(model: nn.Module) -> list[str]:
    return [one.__name__ for one in type(model).__mro__]
