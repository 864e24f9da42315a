"""A Hugging Face model as a predictor: its words and patches are removed where it reads them (level "input")."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import permutations
from typing import Any, final

import numpy as np
import torch
from PIL import Image

from interplay.config import ExplainConfig
from interplay.data.sample import Sample
from interplay.errors import BadInput, BudgetError, InterplayError, PredictorError
from interplay.explanation.explaining import explain_opened
from interplay.explanation.functions.explain import BUDGET, rgb
from interplay.explanation.pace import settle_budget, too_short
from interplay.explanation.predictor import Predictor
from interplay.explanation.wrapped.asked import Asked, Given
from interplay.explanation.wrapped.dual import DualEncoder, vectors_of
from interplay.explanation.wrapped.geometry import Cells
from interplay.explanation.wrapped.half_precision import in_single_precision
from interplay.explanation.wrapped.kinds import Kind
from interplay.explanation.wrapped.looking import instead_of, seen
from interplay.explanation.wrapped.opened import OpenedWrapped
from interplay.explanation.wrapped.patches import check_removal
from interplay.explanation.wrapped.prompts import prompt_of, prompted, read_prompt, spelled
from interplay.explanation.wrapped.reading import longest, read, read_labels, rest_of
from interplay.explanation.wrapped.words import WordTokens
from interplay.interactions.block import block_evaluations
from interplay.kinds import LabelKind
from interplay.modalities.pictures import open_picture
from interplay.progress import SILENT, Progress
from interplay.results import Explanation, Provenance
from interplay.results.explanation import WAYS

GREEDY = {"do_sample": False, "num_beams": 1, "repetition_penalty": 1.0, "max_new_tokens": 32}
LARGEST = 1024  # pixels: a picture's longer side


@final
class WrappedPredictor(Predictor):
    """A Hugging Face model that reads, looks, or does both; made by `interplay.wrap`.

    Args:
        model: in evaluation mode.
        kind: how it is evaluated, and what it takes.
        processor: of both, which a model that writes needs for its prompt.
        tokenizer: fast; None for a model that does not read.
        image_processor: None for a model that does not look.
        labels: the names of what it answers.
        label_kind: whether exactly one of them holds.
        texts: whether `labels` are texts that a dual encoder compares a picture with. Of a model that writes they are
            its answers; none yet if empty.
        grid: most cells along a picture's longer side.
        removal: how patches are removed.
        words: how words are.
        batch: questions at a time, at most.
        name: what reports call it.
        written: tokens of answers that the model wrote itself; others are spelled by the tokenizer.
    """

    outputs = ("model",)

    def __init__(
        self,
        model: Any,
        kind: Kind,
        processor: Any,
        tokenizer: Any,
        image_processor: Any,
        *,
        labels: Sequence[str],
        label_kind: LabelKind,
        texts: bool,
        grid: int,
        removal: str,
        words: str,
        batch: int,
        name: str,
        written: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.model, self.kind, self.processor = model, kind, processor
        self.tokenizer, self.image_processor = tokenizer, image_processor
        self.labels, self.label_kind, self.texts, self.grid, self.batch = list(labels), label_kind, texts, grid, batch
        self._vectors: np.ndarray | None = None  # of labels' texts
        check_removal(removal, words, looks=kind.looks, reads=kind.reads and not texts, prompts=kind.prompts)
        self.removal, self.words, self.name, self.written = removal, words, name, dict(written or {})
        painted_over = "" if removal == "drop" else f", {removal} in place of patches"
        self.provenance = Provenance(
            run=f"{name}{painted_over}{', words deleted' * (words == 'delete')}",
            data="",
            versions={"torch": torch.__version__},
            seed=0,
            model=type(model).__name__,
            settings={
                WAYS: f"{name} {fingerprint_of(model)} {grid}",
                "removal": removal if words == "mask" else f"{removal}, words deleted",
                "grid": grid,
            },
        )

    def removing(self, removal: str | None = None, words: str | None = None) -> "WrappedPredictor":
        """The same model with patches, or words, removed in another way.

        Args:
            removal: "drop", "mean", "grey", "blur" or "inpaint" (`interplay.wrap`); as it is if None.
            words: "mask" or "delete"; as it is if None.

        Raises:
            BadInput: there is no such way, or the model does not look or read, or reads within a prompt.
        """
        return self._with(self.labels, removal or self.removal, words=words or self.words)

    def answering(self, labels: Sequence[str]) -> "WrappedPredictor":
        """The same model that writes, asked how probable some answers are.

        Args:
            labels: one answer, whose probability is explained, or several of which exactly one holds.

        Raises:
            BadInput: there is none, or one twice.
        """
        return self._with(answers_of(labels), self.removal)

    def _with(
        self,
        labels: Sequence[str],
        removal: str,
        written: Mapping[str, torch.Tensor] | None = None,
        words: str | None = None,
    ) -> "WrappedPredictor":
        writes: LabelKind = "single" if len(labels) > 1 else "multi"
        other = WrappedPredictor(
            self.model,
            self.kind,
            self.processor,
            self.tokenizer,
            self.image_processor,
            labels=labels,
            label_kind=writes if self.kind.writes else self.label_kind,
            texts=self.texts,
            grid=self.grid,
            removal=removal,
            words=words or self.words,
            batch=self.batch,
            name=self.name,
            written=self.written if written is None else written,
        )
        other._vectors = self._vectors if other.labels == self.labels else None
        return other

    @torch.no_grad()
    def writing(self, text: str, picture: Image.Image) -> "WrappedPredictor":
        """The same model that writes, asked how probable its own answer is: at each step the most probable token.

        Args:
            text: the question or instruction.
            picture: RGB.

        Raises:
            BadInput: it writes nothing, or the text or the picture cannot be used.
            PredictorError: the model fails.
        """
        first, before = next(self.model.parameters()), 0
        with self._failing():
            if self.kind.prompts:
                inputs = read_prompt(self.processor, prompt_of(self.processor, text), picture)
                before = inputs["input_ids"].shape[1]
            else:
                inputs = read(self.model, self.tokenizer, text).inputs | {
                    "pixel_values": seen(self.model, self.image_processor, picture, self.grid)[1]
                }
                inputs.pop("token_type_ids", None)
            inputs = {name: value.to(first.device) for name, value in inputs.items()}
            inputs["pixel_values"] = inputs["pixel_values"].to(first.dtype)
            with in_single_precision(self.model):
                new = self.model.generate(**inputs, **GREEDY)[0, before:]
        found = str(self.tokenizer.decode(new, skip_special_tokens=True)).strip()
        if not found:
            raise BadInput("the model writes an empty answer", expected="an answer to explain", fix="give one")
        special = torch.tensor(self.tokenizer.all_special_ids, device=new.device)
        return self._with([found], self.removal, {found: new[~torch.isin(new, special)].cpu()})

    def explain(
        self,
        *,
        text: str | None = None,
        image: Any = None,
        target: str | None = None,
        budget: int | None = None,
        seconds: float | None = None,
        name: str = "sample",
        seed: int = 0,
        settings: ExplainConfig | None = None,
        progress: Progress = SILENT,
    ) -> Explanation:
        """Explain what the model answers: which words and patches it rests on, and which act together.

        Args:
            text: the text, for a model that reads.
            image: for a model that looks: a file, a PIL image, or an array (height, width, 3) of bytes.
            target: the label to explain; the most probable one if None.
            budget: most evaluations for the pair scores, 4,096 if None; of CLIP and SigLIP most texts and pictures
                encoded for them. The candidates and what-if ask some hundred more.
            seconds: in place of a budget: about how long it may take. The explanation says how many evaluations that
                was, as a budget that repeats it.
            name: what the explanation calls the sample.
            seed: decides every draw.
            settings: any other settings of `explain`; their budget gives way to `budget`.
            progress: shows how far it is.

        Returns:
            The explanation; `interplay.write_page([it], {name: {"image": picture}}, "page.html")` makes its page.

        Raises:
            BadInput: an input is missing or cannot be used, an unknown target, or a budget too small.
            PredictorError: what is removed still counts, or an answer is not finite.
        """
        picture = None if image is None else rgb(image, LARGEST)
        if self.kind.writes and not self.labels and text is not None and picture is not None:
            same: dict[str, Any] = {"budget": budget, "seconds": seconds, "name": name, "seed": seed}
            own, same["settings"] = self.writing(text, picture), settings
            return own.explain(text=text, image=picture, target=target, progress=progress, **same)
        opened = self.open_inputs(text, picture)
        most = settle_budget(opened, budget, seconds, default=BUDGET, seed=seed, counts=1 + self.kind.apart)
        advance = progress.stage(f"Explain {name}")
        try:
            settings = self._within((settings or ExplainConfig()).model_copy(update={"budget": most}), opened)
            found = explain_opened(self, opened, name, settings=settings, target=target, seed=seed, progress=advance)
        except BudgetError as error:
            coarser = "raise the budget, or take a coarser grid" if self.kind.looks else error.fix
            raise too_short(error, seconds, most, coarser) from error
        known = found.provenance
        if seconds is not None:
            known = known.model_copy(update={"settings": known.settings | {"budget": most}})
        return found.model_copy(update={"written": found.target in self.written, "provenance": known})

    def _within(self, settings: ExplainConfig, opened: "OpenedWrapped") -> ExplainConfig:
        """Settings by which a dual encoder's pairs cost what its single features do (METHOD 14); else as they are.

        All its pairs around one background ask for one picture and one text more than there are patches and words.
        """
        sizes = list(Counter(feature.modality for feature in opened.features).values())
        if not self.kind.apart or len(sizes) < 2 or settings.estimator != "auto":
            return settings
        words, cells = sizes
        encodes = words + cells + 2
        backgrounds = settings.budget // encodes // 2 * 2
        if not backgrounds:
            raise BudgetError(
                f"a budget of {settings.budget} encodes is too small for {words} words and {cells} cells",
                expected=f"at least {2 * encodes}",
                fix="raise the budget, or take a coarser grid",
            )
        most = block_evaluations(words, cells, backgrounds)
        return settings.model_copy(update={"estimator": "block", "candidates": max(sizes), "budget": most})

    def open(self, sample: Sample) -> "OpenedWrapped":
        """Read the text and the picture of a sample whose modalities are called text and image.

        Args:
            sample: a sample with the inputs that the model takes.

        Raises:
            BadInput: an input is missing, or cannot be read.
        """
        text, image = sample.inputs.get("text"), sample.inputs.get("image")
        return self.open_inputs(None if text is None else str(text), None if image is None else open_picture(image))

    def open_inputs(self, text: str | None, picture: Image.Image | None) -> "OpenedWrapped":
        """Prepare a text and an RGB picture, or the one of them that the model takes.

        Args:
            text: the text, or None.
            picture: RGB, or None.

        Raises:
            BadInput: an input is missing, or there is one that the model does not take.
            PredictorError: what is removed still counts, or an answer is not finite.
        """
        reads, looks = self.kind.reads and not self.texts, self.kind.looks
        for what, there, wanted in (("text", text, reads), ("picture", picture, looks)):
            if (there is not None) != wanted:
                takes = " and ".join([name for name, one in (("a text", reads), ("a picture", looks)) if one])
                problem = f"the {what} is missing" if wanted else f"a {what} was given, which this model does not take"
                raise BadInput(problem, expected=takes)
        if not self.labels:
            raise BadInput("no answer is given", expected="one, or several", fix="predictor.answering([...])")
        with self._failing():
            cells, pixels = (
                (None, None) if picture is None else seen(self.model, self.image_processor, picture, self.grid)
            )
            words: WordTokens | None = None
            if text is not None and picture is not None and self.kind.prompts:
                words = prompted(self.processor, self.model, text, picture, longest(self.model))
            elif text is not None:
                words = read(self.model, self.tokenizer, text)
            instead: torch.Tensor | None = None
            if picture is not None and pixels is not None:
                instead = instead_of(self.model, self.image_processor, picture, pixels, self.removal)
            opened = OpenedWrapped(self, words, cells, pixels, instead)
            opened.check()
        return opened

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever a model raises becomes a PredictorError that names it."""
        try:
            yield
        except (InterplayError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # an architecture of another build, sizes that do not fit: anything
            raise PredictorError(
                f"{self.provenance.model} cannot be asked with parts left out: {type(error).__name__}: {error}",
                expected="a transformer that embeds each patch by itself, and takes attention masks",
                fix="explain a function that calls it: interplay.explain_callable",
            ) from error

    def asked(
        self,
        words: WordTokens | None,
        cells: Cells | None,
        pixels: torch.Tensor | None,
        instead: torch.Tensor | None,
    ) -> Asked:
        """The model about one sample.

        Args:
            words: the text's tokens.
            cells: the picture's cells.
            pixels: (1, 3, H, W).
            instead: (1, 3, H, W), what a removed patch shows; None where its token is dropped.
        """
        given = Given(
            words.inputs if words else None,
            pixels,
            cells.rows * cells.columns if cells else 0,
            instead,
            around=cells.shown() if cells and self.removal == "inpaint" else None,
            answers=self._spelled(words) if words and self.kind.writes else (),
            rest=rest_of(self.model, self.tokenizer, words) if words and self.words == "delete" else None,
        )
        if not self.texts:
            return self.kind.asked(self.model, given, self.batch)
        assert issubclass(self.kind.asked, DualEncoder), "only a dual encoder compares texts of labels"
        if self._vectors is None:
            texts = read_labels(self.model, self.tokenizer, self.labels)
            self._vectors = vectors_of(self.model, texts, self.batch)
        return self.kind.asked(self.model, given, self.batch, self._vectors)

    def _spelled(self, words: WordTokens) -> tuple[torch.Tensor, ...]:
        """The tokens of each answer, none of which begins another: what begins so is what is scored."""
        end = prompt_of(self.processor, words.text) if self.kind.prompts else ""
        known = self.written
        out = {one: known[one] if one in known else spelled(self.tokenizer, one, end) for one in self.labels}
        for one, other in permutations(self.labels, 2):
            if out[one].tolist() == out[other].tolist()[: len(out[one])]:
                raise BadInput(
                    f"the answer {one[:40]!r} begins {other[:40]!r}, and would never be less probable",
                    expected="answers none of which begins another",
                    fix="end them with a full stop",
                )
        most = words.inputs["input_ids"].shape[1] * self.kind.prompts + max(map(len, out.values()))
        if most > longest(self.model):
            raise BadInput(f"prompt and answer have {most} tokens", expected=f"at most {longest(self.model)}")
        return tuple(out.values())


def answers_of(labels: Sequence[str]) -> list[str]:
    """Candidate answers of a generative model, without blanks around them.

    Args:
        labels: one answer, or several.

    Raises:
        BadInput: there is none, or one twice.
    """
    found = [labels] if isinstance(labels, str) else [label.strip() for label in labels]
    if not found or len(set(found)) < len(found):
        raise BadInput(f"the labels are {found}", expected="one answer, or several, each once")
    return found


@torch.no_grad()
def fingerprint_of(model: Any) -> str:
    """What a model's weights are known by: a short hash of the first numbers of each.

    Args:
        model: any.
    """
    found = hashlib.sha256()
    for name, weight in model.named_parameters():
        found.update(name.encode())
        found.update(weight.flatten()[:16].float().cpu().numpy().tobytes())
    return found.hexdigest()[:12]
