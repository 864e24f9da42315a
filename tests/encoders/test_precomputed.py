"""Features that are there already pass through, cut to the longest sequence."""

import numpy as np
import pytest
import torch

from interplay.config.sections import DEFAULT_ENCODERS
from interplay.encoders.precomputed import PrecomputedEncoder
from interplay.encoders.settings import EncoderConfig
from interplay.errors import EncoderError

OWN = DEFAULT_ENCODERS["features"]


def test_they_pass_through() -> None:
    encoder = PrecomputedEncoder(OWN, "sound", width=3, longest=5)
    values = [np.random.default_rng(n).normal(size=(n + 1, 3)).astype(np.float32) for n in range(5)]
    encoded = encoder.encode(values)
    assert [torch.equal(e.features, torch.from_numpy(v)) for e, v in zip(encoded, values, strict=True)] == [True] * 5
    assert all(e.valid.all() and len(e.valid) == len(e.features) and e.truncated == 0 for e in encoded)
    assert (encoder.kind, encoder.width, encoder.max_features) == ("features", 3, 5)
    assert [p.text for p in encoder.parts(values[2])] == ["sound 1", "sound 2", "sound 3"]
    assert encoder.parts(values[0])[0].span is None and encoder.parts(values[0])[0].box is None


def test_what_is_longer_is_cut() -> None:
    encoder = PrecomputedEncoder(EncoderConfig(model="precomputed", max_tokens=2), "sound", width=3, longest=5)
    long = np.ones((5, 3), dtype=np.float32)
    (one,) = encoder.encode([long])
    assert encoder.max_features == 2 and one.features.shape == (2, 3) and one.truncated == 3
    assert len(encoder.parts(long)) == 2


def test_the_fingerprint_tells_shapes_apart() -> None:
    prints = {PrecomputedEncoder(OWN, "a", w, n).fingerprint for w in (3, 4) for n in (5, 6)}
    assert len(prints) == 4
    assert PrecomputedEncoder(OWN, "b", 3, 5).fingerprint in prints  # whatever the modality is called


def test_another_width_and_another_model_are_refused() -> None:
    with pytest.raises(EncoderError, match="features of 'sound' have 4 columns; expected 3"):
        PrecomputedEncoder(OWN, "sound", 3, 5).encode([np.ones((2, 4), dtype=np.float32)])
    with pytest.raises(EncoderError, match="encoder minilm is named for 'sound'"):
        PrecomputedEncoder(EncoderConfig(model="minilm"), "sound", 3, 5)
