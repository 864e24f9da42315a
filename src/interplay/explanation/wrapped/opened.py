"""One text and one picture, ready to be asked about with words and patches left out."""

from typing import Any, final

import numpy as np
import torch
from jaxtyping import Bool, Float

from interplay.errors import PredictorError
from interplay.explanation.predictor import Opened
from interplay.explanation.wrapped.asked import Asked
from interplay.explanation.wrapped.dual import has_bias
from interplay.explanation.wrapped.geometry import Cells
from interplay.explanation.wrapped.half_precision import in_single_precision
from interplay.explanation.wrapped.kinds import MATCH
from interplay.explanation.wrapped.patches import DROP, MASK, REMOVALS, WORDS
from interplay.explanation.wrapped.reading import ordinary
from interplay.explanation.wrapped.words import WordTokens
from interplay.results import Feature, Input

ROUNDING = {torch.float16: 5e-3, torch.bfloat16: 3e-2}  # what rounding changes of a logit near 1
LEAST = 0.01  # what counts, as a share of how far answers differ
GREY = 0.7  # what other pixels are, where it is tested that removed ones do not count


@final
class OpenedWrapped(Opened):
    """A text and a picture whose words and patches can be left out of a model's input.

    Args:
        predictor: the `WrappedPredictor` that opens them.
        words: the text's tokens.
        cells: the picture's cells.
        pixels: (1, 3, H, W), what the model gets of the picture.
        instead: (1, 3, H, W), what a removed patch shows; None where its token is dropped.
    """

    level = "input"
    fill = "input"

    def __init__(
        self,
        predictor: Any,
        words: WordTokens | None,
        cells: Cells | None,
        pixels: torch.Tensor | None,
        instead: torch.Tensor | None,
    ) -> None:
        self._predictor, self._words, self._cells, self._pixels = predictor, words, cells, pixels
        self._instead = instead
        self._asked, self._zero = predictor.asked(words, cells, pixels, self._instead), 0.0
        self.features, self.inputs, self.routing, self.notes = [], {}, dict[str, float](), list[str]()
        if words is not None:
            self.inputs["text"] = Input(kind="text", text=words.text, truncated=words.truncated)
            self.features += [
                Feature(index=at, modality="text", text=words.text[slice(*span)], span=span)
                for at, span in enumerate(words.spans)
            ]
            self.notes.append(f"A word that is removed {WORDS[predictor.words]}.")
        if cells is not None:
            self.inputs["image"] = Input(kind="image")
            start = len(self.features)
            self.features += [
                Feature(index=start + at, modality="image", box=box) for at, box in enumerate(cells.boxes)
            ]
            self.notes.append(
                f"A patch that is removed {REMOVALS[predictor.removal]}. What a processor crops off the picture, the "
                "model never sees."
            )
        if words is not None and cells is not None and predictor.kind.apart:
            self.notes.append(
                "Text and picture are encoded apart, each set of words and of patches once: an evaluation is a product "
                "of two vectors, and the budget counts what is encoded."
            )
        if predictor.kind.writes:
            alone = "" if len(predictor.labels) == 1 else ", among the answers given"
            prompt = " Its own prompt stays, no part of which plays." if predictor.kind.prompts else ""
            self.notes.append(f"The probability is that what the model writes begins with the answer{alone}.{prompt}")
        if list(predictor.labels) == [MATCH] and not has_bias(predictor.model):
            self._zero = self._without_anything()
            self.notes.append(
                "This model gives no probability that a text and a picture match: its logit counts from what it gives "
                "with every word masked and every patch left out, which is called 50%."
            )
        precision = next(predictor.model.parameters()).dtype
        if precision in ROUNDING:
            # Logits between everything and nothing may be far larger than both: some of them are looked at, too.
            some = np.random.default_rng(0).random((8, len(self.features))) < np.array([[0], [1], *[[0.5]] * 6])
            size = ROUNDING[precision] * (1 + float(np.abs(self._logits(some)).max()))
            self.notes.append(
                f"The model computes in {str(precision).removeprefix('torch.')}, so each of its logits is rounded, by "
                f"up to some {size:.2g}: scores, and differences on the logit, that are smaller may be rounding alone."
            )

    def _without_anything(self) -> float:
        """The answer with nothing left, by the default ways of removing, so that all ways count from one answer."""
        asked = self._asked
        if (self._predictor.removal, self._predictor.words) != (DROP, MASK):
            asked = self._predictor.removing(DROP, MASK).asked(self._words, self._cells, self._pixels, None)
        return float(self._answers(asked, np.zeros((1, len(self.features)), dtype=bool))[0, 0])

    def logits(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E C"]:
        """The model's logits with only some words and patches left.

        Args:
            coalitions: (m, n), True where a feature stays.

        Returns:
            (m, 1, C): the model is the only output.

        Raises:
            PredictorError: they are not finite.
        """
        found = self._logits(coalitions) - self._zero
        if found.shape[1] != len(self._predictor.labels):
            raise PredictorError(
                f"{self._predictor.provenance.model} answers with {found.shape[1]} numbers",
                expected=f"one for each of its {len(self._predictor.labels)} labels",
                fix="correct id2label in its config.json",
            )
        if not np.isfinite(found).all():
            raise PredictorError(
                f"{self._predictor.provenance.model} answered {found[~np.isfinite(found).all(axis=1)][0].tolist()}",
                expected="finite numbers",
                fix="load the model in fp32, and see that its weights are whole and that it can do without patches",
            )
        return found[:, None]

    def check(self) -> None:
        """See whether the model answers alike when asked again, and whether what is removed no longer counts.

        Raises:
            PredictorError: it does not.
        """
        n = len(self.features)
        half = np.arange(n) % 2 == 0
        asked = np.stack([half, ~half, np.zeros(n, dtype=bool), np.ones(n, dtype=bool)])
        answers = self.logits(asked)[:, 0]
        rounding = ROUNDING.get(next(self._predictor.model.parameters()).dtype, 1e-5)
        same = rounding * (1 + np.abs(answers + self._zero).max()) + LEAST * np.ptp(answers, axis=0).max()
        name = self._predictor.provenance.model
        anew = self._predictor.asked(self._words, self._cells, self._pixels, self._instead)
        if (np.abs(self._answers(anew, asked) - self._zero - answers) > same).any():
            raise PredictorError(f"{name} answers one question in two ways", expected="the same", fix="model.eval()")
        for row, answer in zip(asked[:3], answers[:3], strict=True):
            if (np.abs(answer - self._with_others(row)) > same).any():
                raise PredictorError(
                    f"{name} still knows something of words or patches that were removed",
                    expected="a model that attends to nothing that is masked",
                    fix="explain a function that calls it: interplay.explain_callable",
                )

    def _with_others(self, row: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "1 C"]:
        """The answer where every word and patch that is removed was another one in the first place."""
        words, pixels = self._words, self._pixels
        tokens, patches = self._stays(row[None])
        if words is not None:
            ids, gone = words.inputs["input_ids"].clone(), torch.from_numpy(~tokens[0])
            one, other_one = ordinary(self._predictor.tokenizer)
            ids[0, gone] = torch.where(ids[0, gone] == one, other_one, one)
            words = WordTokens(words.text, words.spans, words.tokens, words.inputs | {"input_ids": ids}, 0)
        if pixels is not None and self._cells is not None:
            seen = torch.from_numpy(patches[0]).reshape(self._cells.rows, self._cells.columns).float()[None, None]
            seen = torch.nn.functional.interpolate(seen, size=pixels.shape[2:], mode="nearest")
            pixels = torch.where(seen > 0, pixels, GREY)
        other = self._predictor.asked(words, self._cells, pixels, self._instead)
        return self._answers(other, row[None]) - self._zero

    def _logits(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m C"]:
        return self._answers(self._asked, coalitions)

    @torch.no_grad()
    def _answers(self, asked: Asked, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m C"]:
        with in_single_precision(self._predictor.model):
            return asked.answer(*self._stays(coalitions))

    def _stays(self, coalitions: Bool[np.ndarray, "m n"]) -> tuple[Bool[np.ndarray, "m L"], Bool[np.ndarray, "m P"]]:
        """Which tokens and patches stay: all that belong to no word or cell do."""
        m, n_words = len(coalitions), len(self._words.spans) if self._words else 0
        L = self._words.inputs["input_ids"].shape[1] if self._words else 0
        tokens = np.ones((m, L), dtype=bool)
        patches = np.ones((m, self._cells.rows * self._cells.columns if self._cells else 0), dtype=bool)
        for at, places in enumerate(self._words.tokens if self._words else ()):
            tokens[:, list(places)] = coalitions[:, [at]]
        for at, places in enumerate(self._cells.patches if self._cells else ()):
            patches[:, list(places)] = coalitions[:, [n_words + at]]
        return tokens, patches
