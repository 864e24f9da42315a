"""How each kind of Hugging Face model is asked about one text and one picture with some words and patches left."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from interplay.errors import BadInput
from interplay.explanation.wrapped.patches import by_count, in_batches, only_patches
from interplay.kinds import LabelKind

TINY = 1e-12  # how far from 0 a log probability is kept, whose logit would be infinite
MATCH = "a match"
"""The one label of models that say how well a text and a picture fit."""


@dataclass(frozen=True)
class Given:
    """One sample as a model gets it.

    Attributes:
        text: what the tokenizer gives, each (1, L); None without a text.
        pixels: (1, 3, H, W); None without a picture.
        patches: how many patches the picture has.
        instead: (1, 3, H, W), what a removed patch shows; None where its token is dropped.
        answers: (A,) tokens of each answer whose probability is asked of a model that writes.
    """

    text: dict[str, Tensor] | None
    pixels: Tensor | None
    patches: int
    instead: Tensor | None = None
    answers: tuple[Tensor, ...] = ()


class Asked(ABC):
    """A model that is asked about one sample.

    Args:
        model: a Hugging Face model in evaluation mode.
        given: the sample.
        batch: questions at a time, at most.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        self.model, self.given, self.batch = model, given, batch

    @abstractmethod
    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """The logits with some tokens and patches left.

        Args:
            words: (m, L), True for each token that stays; L is 0 without a text.
            patches: (m, P), True for each patch that stays; P is 0 without a picture.
        """

    def _text(self, words: Bool[np.ndarray, "m L"]) -> dict[str, Tensor]:
        """The text's tensors, with tokens that do not stay masked in attention."""
        assert self.given.text is not None, "a model that reads was given a text"
        device = next(self.model.parameters()).device
        text = {name: value.to(device).expand(len(words), -1) for name, value in self.given.text.items()}
        return text | {"attention_mask": text["attention_mask"] * torch.from_numpy(words).to(device)}

    def _pixels(self, count: int) -> Tensor:
        assert self.given.pixels is not None, "a model that looks was given a picture"
        first = next(self.model.parameters())
        return self.given.pixels.to(first.device, first.dtype).expand(count, -1, -1, -1)

    def _pictures(self, patches: Bool[np.ndarray, "m P"], embeddings: nn.Module, ask: Any) -> Float[np.ndarray, "m D"]:
        """What `ask(rows, pixels)` gives for pictures with some patches left."""
        out: list[np.ndarray] = [np.empty(0)] * len(patches)
        for rows, kept in by_count(patches, self.batch):

            def some(at: np.ndarray, rows: np.ndarray = rows, kept: Tensor = kept) -> Tensor:
                with only_patches(embeddings, kept[at], patches.shape[1], self.given.instead):
                    found: Tensor = ask(rows[at], self._pixels(len(at)))
                return found

            for row, found in zip(rows, in_batches(len(rows), self.batch, some), strict=True):
                out[row] = found
        return np.stack(out)


class DualEncoder(Asked):
    """CLIP and SigLIP: a text and a picture are encoded apart, and their scaled cosine is the answer.

    Each text and each picture with the same words or patches left is encoded once.

    Args:
        model: `CLIPModel` or `SiglipModel`.
        given: the sample; with texts of labels, its picture alone.
        batch: as in `Asked`.
        labels: inputs (1, L) of each text that the picture is compared with; None to compare it with the sample's own.
    """

    def __init__(
        self, model: Any, given: Given, batch: int, labels: Sequence[Mapping[str, Tensor]] | None = None
    ) -> None:
        super().__init__(model, given, batch)
        self._known: dict[bytes, np.ndarray] = {}
        self._scale = float(model.logit_scale.detach().exp())
        self._bias = float(model.logit_bias.detach()) if has_bias(model) else 0.0
        self._labels = None if labels is None else np.concatenate([self._label(text) for text in labels])

    @torch.no_grad()
    def _label(self, text: Mapping[str, Tensor]) -> Float[np.ndarray, "1 D"]:
        device = next(self.model.parameters()).device
        found = _pooled(self.model.get_text_features(**{name: value.to(device) for name, value in text.items()}))
        return _unit(found.double().cpu().numpy())

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`: the scaled cosine of text and picture, or of the picture and each label's text.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        embeddings = self.model.vision_model.embeddings
        pictures = self._once(b"picture", patches, lambda rows: self._pictures(rows, embeddings, self._look))
        if self._labels is not None:
            return self._scale * pictures @ self._labels.T + self._bias
        texts = self._once(b"text", words, self._texts)
        return self._scale * (pictures * texts).sum(axis=1, keepdims=True) + self._bias

    def _once(self, what: bytes, stays: Bool[np.ndarray, "m n"], encode: Any) -> Float[np.ndarray, "m D"]:
        """Unit vectors of each row, encoded where they are not known yet."""
        keys = [what + row.tobytes() for row in np.packbits(stays, axis=1)]
        new = {key: at for at, key in enumerate(keys) if key not in self._known}
        if new:
            found = _unit(encode(stays[list(new.values())]))
            self._known |= dict(zip(new, found, strict=True))
        return np.stack([self._known[key] for key in keys])

    def _texts(self, words: Bool[np.ndarray, "m L"]) -> Float[np.ndarray, "m D"]:
        def read(rows: np.ndarray) -> Tensor:
            return _pooled(self.model.get_text_features(**self._text(words[rows])))

        return in_batches(len(words), self.batch, read)

    def _look(self, _rows: np.ndarray, pixels: Tensor) -> Tensor:
        return _pooled(self.model.get_image_features(pixel_values=pixels))


def has_bias(model: Any) -> bool:
    """Whether what says that a text and a picture match is the logit of a probability: of SigLIP and BLIP it is.

    CLIP and ViLT compare matches with each other.

    Args:
        model: one that compares a text with a picture.
    """
    return getattr(model, "logit_bias", None) is not None or hasattr(model, "itm_head")


class TextClassifier(Asked):
    """Any model of a text that ends in `ForSequenceClassification`."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        return in_batches(len(words), self.batch, lambda rows: self.model(**self._text(words[rows])).logits)


class ImageClassifier(Asked):
    """A vision transformer that ends in `ForImageClassification`."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        embeddings = self.model.base_model.embeddings
        return self._pictures(patches, embeddings, lambda _, pixels: self.model(pixel_values=pixels).logits)


class Vilt(Asked):
    """ViLT, which reads words and patches in one transformer: what is removed is masked in its attention.

    Args:
        model: a ViLT.
        given: the sample.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        pixels = self._pixels(1)
        self._embedded = self._embed(pixels)
        self._instead = None if given.instead is None else self._embed(given.instead.to(pixels))

    @torch.no_grad()
    def _embed(self, pixels: Tensor) -> Float[Tensor, "1 P1 D"]:
        """The picture's tokens, in the picture's order: ViLT draws one at random, and says which."""
        shown = torch.ones(1, *pixels.shape[2:], dtype=torch.long, device=pixels.device)
        embed = self.model.vilt.embeddings.visual_embed
        embedded, _, (places, (_, columns)) = embed(pixels, shown, max_image_length=self.given.patches)
        order = (places[0, :, 0] * columns + places[0, :, 1]).argsort()
        return torch.cat([embedded[:, :1], embedded[:, 1:][:, order]], dim=1)

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray) -> Tensor:
            left = torch.from_numpy(np.concatenate([np.ones((len(rows), 1), dtype=bool), patches[rows]], axis=1))
            pictures = self._embedded.expand(len(rows), -1, -1)
            mask = left.long().to(pictures.device)
            if self._instead is not None:
                pictures, mask = torch.where(mask[:, :, None] > 0, pictures, self._instead), torch.ones_like(mask)
            logits: Tensor = self.model(**self._text(words[rows]), image_embeds=pictures, pixel_mask=mask).logits
            return logits

        return in_batches(len(words), self.batch, ask)


class Blip(Asked):
    """BLIP: its text encoder attends to the patches that are left, and says whether they match the text."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray, pixels: Tensor) -> Tensor:
            two: Tensor = self.model.itm_head(self._read(words[rows], pixels)[0][:, 0])
            return two[:, 1:] - two[:, :1]

        return self._pictures(patches, self.model.vision_model.embeddings, ask)

    def _read(self, words: Bool[np.ndarray, "m L"], pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The text's states (m, L, D), which have seen the picture, and which of them may be attended to."""
        text = self._text(words)
        seen = self.model.vision_model(pixel_values=pixels).last_hidden_state
        states = self.model.text_encoder(
            input_ids=text["input_ids"],
            attention_mask=text["attention_mask"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        ).last_hidden_state
        return states, text["attention_mask"]


class BlipAnswers(Blip):
    """BLIP that answers questions: how probable it finds each of some answers."""

    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Llava.answer`.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """

        def ask(rows: np.ndarray, pixels: Tensor) -> Tensor:
            states, mask = self._read(words[rows], pixels)
            out = torch.empty(len(rows), len(self.given.answers), device=states.device)
            # States of removed words are left out, not masked: BLIP's decoder does not look at a mask of what it reads.
            for count in mask.sum(dim=1).unique():
                some = (mask.sum(dim=1) == count).nonzero()[:, 0]
                left = states[some][mask[some] > 0].reshape(len(some), int(count), -1)
                for at, wanted in enumerate(self.given.answers):
                    out[some, at] = self._writes(left, wanted.to(states.device))
            return out

        return _as_logits(self._pictures(patches, self.model.vision_model.embeddings, ask))

    def _writes(self, states: Float[Tensor, "m L D"], wanted: Int[Tensor, " A"]) -> Float[Tensor, " m"]:
        """The log probability of an answer to a text whose states are these."""
        start = torch.full((1,), self.model.decoder_start_token_id, device=wanted.device)
        ids = torch.cat([start, wanted]).expand(len(states), -1)
        logits = self.model.text_decoder(input_ids=ids, encoder_hidden_states=states).logits
        return _log_probability(logits[:, :-1], ids[:, 1:])


class Llava(Asked):
    """LLaVA, which writes: how probable it finds each of some answers to a prompt with a picture.

    The vision tower is given the patches that are left, and the language model attends to their features alone.

    Args:
        model: `LlavaForConditionalGeneration`.
        given: the sample; its text is the whole prompt, with one token for each patch.
        batch: as in `Asked`.
    """

    def __init__(self, model: Any, given: Given, batch: int) -> None:
        super().__init__(model, given, batch)
        assert given.text is not None, "a model that reads was given a text"
        self._places = (given.text["input_ids"][0] == model.config.image_token_id).nonzero()[:, 0]
        self._first = len(self._places) - given.patches  # a class token that is kept as a feature comes before patches
        self._known: dict[bytes, Tensor] = {}

    @torch.no_grad()
    def answer(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"]) -> Float[np.ndarray, "m C"]:
        """As `Asked.answer`: log probabilities of several answers, or the logit of that of one.

        Args:
            words: (m, L), True for each token that stays.
            patches: (m, P), True for each patch that stays.
        """
        self._look(patches)
        each = [in_batches(len(words), self.batch, self._writes(words, patches, one)) for one in self.given.answers]
        return _as_logits(np.stack(each, axis=1))

    def _look(self, patches: Bool[np.ndarray, "m P"]) -> None:
        """Features (N, D) of the picture for each row, encoded where they are not known yet."""
        new = [row for row in np.unique(patches, axis=0) if row.tobytes() not in self._known]
        for rows, kept in by_count(np.array(new), self.batch) if new else ():
            with only_patches(self.model.model.vision_tower.embeddings, kept, patches.shape[1], self.given.instead):
                found = self.model.get_image_features(
                    pixel_values=self._pixels(len(rows)),
                    vision_feature_layer=self.model.config.vision_feature_layer,
                    vision_feature_select_strategy=self.model.config.vision_feature_select_strategy,
                )
            for row, features in zip(rows, getattr(found, "pooler_output", found), strict=True):
                self._known[new[row].tobytes()] = features

    def _writes(self, words: Bool[np.ndarray, "m L"], patches: Bool[np.ndarray, "m P"], wanted: Tensor) -> Any:
        """Rows -> (rows,) the log probability of one answer."""
        device, A = next(self.model.parameters()).device, len(wanted)
        embed, wanted = self.model.get_input_embeddings(), wanted.to(device)

        def ask(rows: np.ndarray) -> Tensor:
            text = self._text(words[rows])
            embedded = torch.cat([embed(text["input_ids"]), embed(wanted).expand(len(rows), -1, -1)], dim=1)
            mask = torch.cat([text["attention_mask"], torch.ones(len(rows), A, dtype=torch.long, device=device)], dim=1)
            for at, row in enumerate(rows):
                stays = patches[row] if self.given.instead is None else np.ones_like(patches[row])
                left = np.concatenate([np.ones(self._first, dtype=bool), stays])
                mask[at, self._places[~left]] = 0
                features = self._known[patches[row].tobytes()]  # of a blank patch where none is left, which is masked
                embedded[at, self._places[left]] = features[: int(left.sum())].to(embedded.dtype)
            logits = self.model(inputs_embeds=embedded, attention_mask=mask, logits_to_keep=A + 1).logits[:, :-1]
            return _log_probability(logits, wanted.expand(len(rows), -1))

        return ask


def _log_probability(logits: Float[Tensor, "m A V"], wanted: Int[Tensor, "m A"]) -> Float[Tensor, " m"]:
    return logits.float().log_softmax(-1).gather(2, wanted[:, :, None]).sum(dim=(1, 2))


def _as_logits(logs: Float[np.ndarray, "m C"]) -> Float[np.ndarray, "m C"]:
    """Log probabilities as they are, for a softmax over several; of one the logit."""
    return logs if logs.shape[1] > 1 else logs - np.log1p(-np.exp(np.minimum(logs, -TINY)))


def _pooled(found: Any) -> Tensor:
    """The projected vector of an encoder, which older versions of transformers return by itself."""
    return found if isinstance(found, Tensor) else found.pooler_output


def _unit(vectors: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "m D"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Kind:
    """What is known of a kind of model.

    Attributes:
        asked: how it is asked.
        reads, looks: whether it takes a text, a picture.
        several: whether any number of its labels may hold where its configuration does not say.
        writes: whether its answers are texts of its own.
        prompts: whether it reads a text within a prompt.
    """

    asked: type[Asked]
    reads: bool
    looks: bool
    several: bool = False
    writes: bool = False
    prompts: bool = False


KINDS = {
    "CLIPModel": Kind(DualEncoder, True, True, several=True),
    "SiglipModel": Kind(DualEncoder, True, True, several=True),
    "ViltForQuestionAnswering": Kind(Vilt, True, True, several=True),
    "ViltForImageAndTextRetrieval": Kind(Vilt, True, True, several=True),
    "BlipForImageTextRetrieval": Kind(Blip, True, True, several=True),
    "BlipForQuestionAnswering": Kind(BlipAnswers, True, True, writes=True),
    "LlavaForConditionalGeneration": Kind(Llava, True, True, writes=True, prompts=True),
}
ENDINGS = {
    "ForSequenceClassification": Kind(TextClassifier, True, False),
    "ForImageClassification": Kind(ImageClassifier, False, True),
}


def kind_of(model: nn.Module) -> Kind:
    """How a model is asked.

    Args:
        model: a Hugging Face model.

    Raises:
        BadInput: nothing is known of its class.
    """
    name = type(model).__name__
    for ending, kind in (*KINDS.items(), *ENDINGS.items()):
        if name == ending or (ending in ENDINGS and name.endswith(ending)):
            return kind
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
    name = type(model).__name__
    return name in ("CLIPModel", "SiglipModel", "ViltForImageAndTextRetrieval", "BlipForImageTextRetrieval")
