"""Fixtures: small random models and tokens, for every test that needs a model but no data."""

from collections.abc import Callable

import pytest
import torch

from interplay.config import FusionConfig
from interplay.models.designs import MODELS, Shape
from interplay.models.fusion import FusionModel
from interplay.models.tokens import Tokens


@pytest.fixture(params=list(MODELS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make_model() -> Callable[..., FusionModel]:
    """A small random model in eval mode: two modalities of width 12 and 10, three classes."""

    def make(kind: str = "fl-i2moe", seed: int = 0, modalities: int = 2, **config: object) -> FusionModel:
        torch.manual_seed(seed)
        names = ["text", "image", "sound", "table"][:modalities]
        shape = Shape({n: 12 - 2 * k for k, n in enumerate(names)}, {n: 40 + k for k, n in enumerate(names)}, classes=3)
        settings = {"width": 16, "heads": 2, "routing_hidden": 8, "dropout": 0.1} | config
        model = FusionModel(FusionConfig(kind=kind, **settings), shape)
        model.set_moments([(torch.randn(w), 0.5 + torch.rand(w)) for w in shape.widths.values()])
        return model.eval()

    return make


@pytest.fixture
def make_tokens() -> Callable[..., Tokens]:
    """Random projected tokens of width 16 for two modalities of 7 and 5 positions."""

    def make(B: int = 4, lengths: tuple[int, ...] = (7, 5), seed: int = 1) -> Tokens:
        generator = torch.Generator().manual_seed(seed)
        values = tuple(torch.randn(B, T, 16, generator=generator) for T in lengths)
        return Tokens(values, tuple(torch.ones(B, T, dtype=torch.bool) for T in lengths))

    return make
