"""CLIP, SigLIP and SigLIP 2, with some words and patches left."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interplay.explanation.wrapped.asked import Asked, Given
from interplay.explanation.wrapped.half_precision import in_single_precision
from interplay.explanation.wrapped.patches import in_batches
from interplay.explanation.wrapped.patchified import flat_patches, shape_of


class DualEncoder(Asked):
    """CLIP and SigLIP: a text and a picture are encoded apart, and their scaled cosine is the answer.

    Each text and each picture with the same words or patches left is encoded once.

    Args:
        model: `CLIPModel` or `SiglipModel`.
        given: the sample; with texts of labels, its picture alone.
        batch: as in `Asked`.
        labels: (C, D) unit vectors of texts that the picture is compared with (`vectors_of`); None to compare it with
            the sample's own.
    """

    def __init__(self, model: Any, given: Given, batch: int, labels: Float[np.ndarray, "C D"] | None = None) -> None:
        super().__init__(model, given, batch)
        self._known: dict[bytes, np.ndarray] = {}
        self._scale = float(model.logit_scale.detach().exp())
        self._bias = float(model.logit_bias.detach()) if has_bias(model) else 0.0
        self._labels = labels

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


class NaflexEncoder(DualEncoder):
    """SigLIP 2 that takes pictures of any shape: as many patches as that asks for, and no padding after them.

    Args:
        model: `Siglip2Model`.
        given: as in `DualEncoder`.
        batch: as in `Asked`.
        labels: as in `DualEncoder`.
    """

    def __init__(self, model: Any, given: Given, batch: int, labels: Float[np.ndarray, "C D"] | None = None) -> None:
        super().__init__(model, given, batch, labels)
        self._side = model.config.vision_config.patch_size
        self._cut = flat_patches(super()._pixels(1), self._side)
        assert given.pixels is not None, "a model that looks was given a picture"
        self._shape = shape_of(given.pixels, self._side).to(self._cut.device)

    def _pixels(self, count: int) -> Tensor:
        return self._cut.expand(count, -1, -1)

    def _shown(self, patches: Bool[np.ndarray, "m P"]) -> Tensor | None:
        shown = super()._shown(patches)
        return None if shown is None else flat_patches(shown, self._side)

    def _look(self, _rows: np.ndarray, pixels: Tensor) -> Tensor:
        shape = self._shape.expand(len(pixels), -1)  # no mask: what is padding, or removed, is not given to it
        return _pooled(self.model.get_image_features(pixel_values=pixels, spatial_shapes=shape))


@torch.no_grad()
def vectors_of(model: Any, texts: Sequence[Mapping[str, Tensor]], batch: int) -> Float[np.ndarray, "C D"]:
    """The unit vectors of texts, those of equal length together.

    Args:
        model: a dual encoder.
        texts: inputs (1, L) of each.
        batch: at a time, at most.
    """
    device, out = next(model.parameters()).device, list[np.ndarray]([np.empty(0)] * len(texts))
    lengths = np.array([text["input_ids"].shape[1] for text in texts])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)

        def read(some: np.ndarray, rows: np.ndarray = rows) -> Tensor:
            names = texts[int(rows[0])]
            inputs = {name: torch.cat([texts[int(row)][name] for row in rows[some]]).to(device) for name in names}
            return _pooled(model.get_text_features(**inputs))

        with in_single_precision(model):
            vectors = _unit(in_batches(len(rows), batch, read))
        for row, vector in zip(rows, vectors, strict=True):
            out[row] = vector
    return np.stack(out)


def has_bias(model: Any) -> bool:
    """Whether what says that a text and a picture match is the logit of a probability: of SigLIP and BLIP it is.

    CLIP and ViLT compare matches with each other.

    Args:
        model: one that compares a text with a picture.
    """
    return getattr(model, "logit_bias", None) is not None or hasattr(model, "itm_head")


def _pooled(found: Any) -> Tensor:
    """The projected vector of an encoder, which older versions of transformers return by itself."""
    return found if isinstance(found, Tensor) else found.pooler_output


def _unit(vectors: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "m D"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
