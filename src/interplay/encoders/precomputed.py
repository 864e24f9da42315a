"""The encoder of features that were computed beforehand: it passes them through."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import nn

from interplay.encoders.fingerprint import fingerprint
from interplay.encoders.frozen import Encoded, Encoder
from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.errors import EncoderError

PRECOMPUTED = "precomputed"


@final
class PrecomputedEncoder(Encoder):
    """Arrays (T, D) as they stand; rows beyond the longest sequence, or `max_tokens`, are cut off.

    Args:
        config: its `model` is PRECOMPUTED.
        modality: what to call the features, as in "sound 3".
        width: D, as the data has it.
        longest: the longest T.

    Raises:
        EncoderError: a model is named for a modality that has its features already.
    """

    kind = "features"

    def __init__(self, config: EncoderConfig, modality: str, width: int, longest: int) -> None:
        if config.model != PRECOMPUTED:
            raise EncoderError(
                f"encoder {config.model} is named for {modality!r}, whose features are there already",
                expected=f"encoders.{modality}.model = {PRECOMPUTED!r}",
                fix=f"set that value, or remove encoders.{modality}",
            )
        if config.neighbours:
            raise EncoderError(
                f"neighbours = {config.neighbours} for {modality!r}, whose features are there already",
                expected="0: how they were encoded is done",
                fix="set it for texts alone, encoders.text.neighbours",
            )
        super().__init__(nn.Identity(), config)
        self.modality, self.width = modality, width
        self.max_features = min(longest, config.max_tokens)
        self.fingerprint = fingerprint(self.network, precomputed=1, width=width, longest=self.max_features)

    def encode(self, inputs: Sequence[np.ndarray]) -> list[Encoded]:
        """Arrays -> features, unchanged.

        Args:
            inputs: arrays (T, D).

        Raises:
            EncoderError: an array has another width D.
        """
        out = []
        for values in inputs:
            if values.shape[1] != self.width:
                raise EncoderError(
                    f"the features of {self.modality!r} have {values.shape[1]} columns",
                    expected=f"{self.width}, as those trained on",
                    fix="compute all features of the modality with one model",
                )
            features = torch.from_numpy(values[: self.max_features].astype(np.float32))
            valid = torch.ones(len(features), dtype=torch.bool)
            out.append(Encoded(features, valid, truncated=len(values) - len(features)))
        return out

    def parts(self, content: np.ndarray) -> list[Part]:
        """The positions by number, from 1.

        Args:
            content: the array.
        """
        return [Part(text=f"{self.modality} {n + 1}") for n in range(min(len(content), self.max_features))]
