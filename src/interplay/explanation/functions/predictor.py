"""A function of words and pixels as a predictor: nothing is known of it but what it answers."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, final

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from interplay.data.sample import Sample
from interplay.errors import BadInput, PredictorError
from interplay.explanation.functions.removal import ImageCells, ImageFill, Words, cells_of, words_of
from interplay.explanation.predictor import Opened, Predictor
from interplay.kinds import LabelKind
from interplay.results import Feature, Input, Provenance

Scale = Literal["probabilities", "logits"]
MODEL = "model"
EDGE = 1e-6  # probabilities are kept this far from 0 and 1, whose logits are infinite
SAME = 1e-4  # relative difference of two answers to one question that rounding may make


@final
class FunctionPredictor(Predictor):
    """Any function that answers about a text and a picture, or about one of them.

    Args:
        function: called as `function(text, picture)`, or with the one of them that there is. Text is a str, the
            picture a PIL image in RGB; with `batch` both are lists of equal length. Returns one number, or C of them;
            with `batch` a row of these for each.
        labels: the names of the C numbers.
        label_kind: "single" if exactly one label holds, "multi" if each may.
        returns: whether the numbers are probabilities or logits.
        grid: cells of the picture along its longer side.
        fill: what a removed cell is painted with.
        batch: whether the function takes lists.
        name: what reports call the model.
    """

    outputs = (MODEL,)

    def __init__(
        self,
        function: Callable[..., Any],
        labels: Sequence[str],
        *,
        label_kind: LabelKind = "multi",
        returns: Scale = "probabilities",
        grid: int = 6,
        fill: ImageFill = "mean",
        batch: bool = False,
        name: str = "",
    ) -> None:
        if not labels:
            raise BadInput("labels is empty", expected="a name for each number that the function returns")
        if grid < 1:
            raise BadInput(f"grid is {grid}", expected="at least 1 cell along the longer side")
        self.function, self.labels, self.label_kind, self.returns = function, list(labels), label_kind, returns
        self.grid, self.fill, self.batch = grid, fill, batch
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self.provenance = Provenance(run=self.name, data="", versions={}, seed=0, model=self.name)

    def open(self, sample: Sample) -> "OpenedInputs":
        """Read the text and the picture of a sample whose modalities are called text and image.

        Args:
            sample: a sample with the inputs `text` and `image`.

        Returns:
            Its words and cells, ready to be removed.

        Raises:
            BadInput: an input is missing, or the picture cannot be read.
        """
        from interplay.modalities.pictures import open_picture

        image = sample.inputs.get("image")
        text = sample.inputs.get("text")
        return self.open_inputs(
            None if text is None else str(text), None if image is None else open_picture(image), sample.id
        )

    def open_inputs(self, text: str | None, picture: Image.Image | None, name: str = "sample") -> "OpenedInputs":
        """Prepare a text and an RGB picture, or one of them.

        Args:
            text: the text, or None.
            picture: RGB, or None.
            name: what messages call the sample.

        Raises:
            BadInput: there is neither, or the text holds no word.
            PredictorError: the function fails on the whole sample, or answers it differently when asked again.
        """
        if text is None and picture is None:
            raise BadInput("there is nothing to explain", expected="a text, a picture, or both")
        words = None if text is None else words_of(text)
        if words is not None and not words.spans:
            raise BadInput(f"the text of {name!r} holds no word", expected="at least one")
        cells = None if picture is None else cells_of(picture, self.grid, self.fill)
        opened = OpenedInputs(self, words, cells, name)
        opened.check_repeatable()
        return opened


@final
class OpenedInputs(Opened):
    """A text and a picture whose words and cells can be removed. Every question is put to the function once."""

    level = "input"
    fill = "input"

    def __init__(self, predictor: FunctionPredictor, words: Words | None, cells: ImageCells | None, name: str) -> None:
        self._predictor, self._words, self._cells, self._name = predictor, words, cells, name
        self._known: dict[bytes, np.ndarray] = {}
        self.features, self.inputs = [], {}
        self.routing: dict[str, float] = {}
        if words is not None:
            self.inputs["text"] = Input(kind="text", text=words.text)
            self.features += [
                Feature(index=at, modality="text", text=words.text[slice(*span)], span=span)
                for at, span in enumerate(words.spans)
            ]
        if cells is not None:
            self.inputs["image"] = Input(kind="image")
            start = len(self.features)
            self.features += [
                Feature(index=start + at, modality="image", box=box) for at, box in enumerate(cells.boxes())
            ]
        painted = f"; a removed cell of the picture is painted in {cells.fill}, its colour in RGB" if cells else ""
        self.notes = [
            f"Features were removed from the input itself: a removed word is left out of the text{painted}. The model "
            "may never have seen such inputs, and what it answers then can be arbitrary."
        ]
        if predictor.returns == "probabilities":
            self.notes.append(f"Probabilities were kept {EDGE:g} away from 0 and 1 before their logit was taken.")

    def logits(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E C"]:
        """The function's probabilities with only some words and cells left, as logits.

        Args:
            coalitions: (m, n) bool, True where a player stays.

        Returns:
            (m, 1, C): the function is the only output.
        """
        keys = [row.tobytes() for row in np.packbits(coalitions, axis=1)]
        new = {key: at for at, key in enumerate(keys) if key not in self._known}
        if new:
            answers = self._ask(coalitions[list(new.values())])
            self._known |= dict(zip(new, answers, strict=True))
        return np.stack([self._known[key] for key in keys])[:, None]

    def check_repeatable(self) -> None:
        """Ask about the whole sample and about its first feature alone, then about both of them at once.

        Raises:
            PredictorError: an answer changes.
        """
        both = np.ones((2, len(self.features)), dtype=bool)
        both[1, 1:] = False
        first = np.concatenate([self._ask(both[:1]), self._ask(both[1:])])
        second = self._ask(both)
        changed = (np.abs(first - second) > SAME * (1 + np.abs(first))).any(axis=1)
        if changed.any():
            at = int(changed.argmax())
            raise PredictorError(
                f"{self._predictor.name} changes its answer to {self._name!r} with {_left(both[at])} between two "
                f"calls: the logits are {first[at].tolist()} and then {second[at].tolist()}",
                expected="the same answer every time",
                fix="switch dropout off (model.eval()), fix random seeds inside the function, and let no answer depend "
                "on the others of a batch (mask what pads it)",
            )

    def _ask(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m C"]:
        """Call the function, one call a coalition or one for all of them."""
        arguments = [self._arguments(stays) for stays in coalitions]
        if not self._predictor.batch:
            return np.stack([self._answer(one, coalitions[at]) for at, one in enumerate(arguments)])
        columns = [list(column) for column in zip(*arguments, strict=True)]
        answers = self._numbers(self._call(columns, f"{len(arguments)} inputs at once"))
        wanted = (len(arguments), len(self._predictor.labels))
        if answers.shape not in (wanted, wanted[:1]):
            raise self._wrong_shape(answers.shape, f"{wanted}, a row for each of {wanted[0]} inputs")
        return self._on_logit(answers.reshape(wanted), coalitions)

    def _answer(self, arguments: Sequence[Any], stays: Bool[np.ndarray, " n"]) -> Float[np.ndarray, " C"]:
        answer = self._numbers(self._call(arguments, _left(stays)))
        C = len(self._predictor.labels)
        if answer.size != C or answer.ndim > 1:
            raise self._wrong_shape(answer.shape, f"{C} numbers, one for each of {', '.join(self._predictor.labels)}")
        return self._on_logit(answer.reshape(1, C), stays[None])[0]

    def _arguments(self, stays: Bool[np.ndarray, " n"]) -> list[Any]:
        words, cells = self._words, self._cells
        count = len(words.spans) if words else 0
        out: list[Any] = [] if words is None else [words.keep(stays[:count])]
        return out if cells is None else [*out, cells.keep(stays[count:])]

    def _call(self, arguments: Sequence[Any], about: str) -> Any:
        try:
            return self._predictor.function(*arguments)
        except Exception as error:
            raise PredictorError(
                f"{self._predictor.name} failed on {self._name!r} with {about}: {type(error).__name__}: {error}",
                expected="an answer to every subset of words and cells, also to an empty text",
                fix="make the function answer it, or explain another sample",
            ) from error

    def _numbers(self, answer: Any) -> np.ndarray:
        """The answer as an array; tensors are taken to the CPU."""
        for step in ("detach", "cpu"):
            answer = getattr(answer, step, lambda answer=answer: answer)()
        try:
            return np.asarray(answer, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise PredictorError(
                f"{self._predictor.name} answered {self._name!r} with {type(answer).__name__}, not numbers ({error})",
                expected="a number, a sequence or an array",
            ) from None

    def _wrong_shape(self, shape: tuple[int, ...], expected: str) -> PredictorError:
        return PredictorError(
            f"{self._predictor.name} answered {self._name!r} with shape {shape}",
            expected=expected,
            fix="return one number for each label, always as many",
        )

    def _on_logit(
        self, answers: Float[np.ndarray, "m C"], coalitions: Bool[np.ndarray, "m n"]
    ) -> Float[np.ndarray, "m C"]:
        self._refuse(~np.isfinite(answers), answers, coalitions, expected="finite numbers")
        if self._predictor.returns == "logits":
            return answers
        self._refuse(
            (answers < -SAME) | (answers > 1 + SAME),
            answers,
            coalitions,
            expected="probabilities, between 0 and 1",
            fix='say returns="logits" if they are logits or other scores',
        )
        inside = np.clip(answers, EDGE, 1 - EDGE)
        return np.log(inside) if self._predictor.label_kind == "single" else np.log(inside) - np.log1p(-inside)

    def _refuse(
        self,
        wrong: Bool[np.ndarray, "m C"],
        answers: Float[np.ndarray, "m C"],
        coalitions: Bool[np.ndarray, "m n"],
        *,
        expected: str,
        fix: str = "",
    ) -> None:
        """Raise PredictorError with the first answer of which something is wrong."""
        if not wrong.any():
            return
        at = int(wrong.any(axis=1).argmax())
        raise PredictorError(
            f"{self._predictor.name} answered {self._name!r} with {_left(coalitions[at])} by "
            f"{answers[at, :8].tolist()}",
            expected=expected,
            fix=fix,
        )


def _left(stays: Bool[np.ndarray, " n"]) -> str:
    return f"{int(stays.sum())} of {len(stays)} features left"
