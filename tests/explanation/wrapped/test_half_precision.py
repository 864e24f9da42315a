"""Models in 16 bits, on a processor that cannot multiply them and on one that can."""

import numpy as np
import pytest
import torch
from tests.explanation.wrapped.small_models import ALL, TEXT, llava
from tests.explanation.wrapped.test_models import PICTURE, WRITERS
from torch.nn import functional as F

from interplay import wrap
from interplay.explanation.wrapped import half_precision
from interplay.explanation.wrapped.half_precision import in_single_precision, multiplies

HALVES = [torch.bfloat16, torch.float16]


def drawn(*shape: int, precision: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape))).to(precision)


@pytest.fixture
def cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies no matrices of 16 bits."""
    monkeypatch.setattr(half_precision, "multiplies", lambda precision: False)


PRODUCTS = {
    "linear": (lambda x, w, q: F.linear(x, w, w[:, 0])),
    "linear without a bias": (lambda x, w, q: F.linear(x, w)),
    "linear by names": (lambda x, w, q: F.linear(x, w, bias=w[:, 0])),
    "matmul": (lambda x, w, q: x @ w.T),
    "bmm": (lambda x, w, q: torch.bmm(x, x.transpose(1, 2))),
    "convolution": (lambda x, w, q: F.conv2d(q, q[:2], stride=2)),
    "attention": (lambda x, w, q: F.scaled_dot_product_attention(q, q, q, attn_mask=q[:, :, :, :1] > 0)),
}


@pytest.mark.parametrize("precision", HALVES, ids=str)
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_that_of_single_precision_rounded(name, precision, cannot, monkeypatch) -> None:
    monkeypatch.setattr(half_precision, "MOST", 40)  # 2 rows of a weight at a time
    inputs = [drawn(3, 5, 16, precision=precision), drawn(7, 16, precision=precision)]
    inputs.append(drawn(3, 3, 6, 6, precision=precision))
    expected = PRODUCTS[name](*(value.float() for value in inputs)).to(precision)
    with in_single_precision(torch.nn.Linear(1, 1, dtype=precision)):
        found = PRODUCTS[name](*inputs)
    assert found.dtype == precision and found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=0, atol=0 if "linear" not in name else 1e-6)


@pytest.mark.parametrize("precision", HALVES, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_a_model_answers_as_in_single_precision(name, precision, cannot, monkeypatch) -> None:
    """Of the same weights: what lies between two layers is rounded, and nothing else."""
    products = []
    original = half_precision._linear
    monkeypatch.setattr(
        half_precision, "_linear", lambda *args: products.append(torch.is_grad_enabled()) or original(*args)
    )
    answers = []
    for change in (lambda model: model.to(precision), lambda model: model.to(precision).float()):
        model, processor = ALL[name](0)
        predictor = wrap(change(model), processor, **({"labels": ["grey cats", "sun"]} if name in WRITERS else {}))
        kind, products[:] = predictor.kind, []
        text = TEXT if kind.reads and not predictor.texts else None
        opened = predictor.open_inputs(text, PICTURE if kind.looks else None)
        rows = np.random.default_rng(0).random((6, len(opened.features))) < 0.5
        answers.append((len(products), opened.logits(rows)))
        assert not any(products)  # gradients would hold every weight that is cast
    (cast, found), (none, expected) = answers
    assert cast > 0 and none == 0
    tolerance = {torch.bfloat16: 6e-2, torch.float16: 1e-2}[precision]
    np.testing.assert_allclose(found, expected, atol=tolerance * (1 + np.abs(expected).max()), rtol=0)


def test_what_a_model_writes_is_computed_so_too(cannot, monkeypatch) -> None:
    products = []
    original = half_precision._linear
    monkeypatch.setattr(half_precision, "_linear", lambda *args: products.append(1) or original(*args))
    model, processor = llava()
    assert wrap(model.bfloat16(), processor).writing("grey cats", PICTURE).labels and products


def test_other_models_compute_as_ever(cannot) -> None:
    for precision in (torch.float32, torch.float64):
        with in_single_precision(torch.nn.Linear(2, 2, dtype=precision)) as mode:
            assert mode is None


@pytest.mark.parametrize("precision", HALVES, ids=str)
def test_a_processor_that_can_multiply_does(precision, monkeypatch) -> None:
    assert multiplies(precision) in (True, False)
    monkeypatch.setattr(half_precision, "multiplies", lambda asked: True)
    with in_single_precision(torch.nn.Linear(2, 2, dtype=precision)) as mode:
        assert mode is None


def test_products_that_are_written_somewhere_are_written_there(cannot):
    x, w = torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(3, 4, dtype=torch.bfloat16)
    place = torch.full((2, 4), 7.0, dtype=torch.bfloat16)
    with in_single_precision(torch.nn.Linear(1, 1, dtype=torch.bfloat16)):
        torch.matmul(x, w, out=place)
    assert place.tolist() == [[3.0] * 4] * 2


@pytest.mark.parametrize("shape", [(3,), (4, 3), (4, 0)])
def test_every_weight_that_a_linear_layer_may_have(cannot, shape):
    x, w = torch.ones(2, shape[-1], dtype=torch.bfloat16), torch.ones(shape, dtype=torch.bfloat16)
    with in_single_precision(torch.nn.Linear(1, 1, dtype=torch.bfloat16)):
        found = F.linear(x, w)
    assert found.dtype == torch.bfloat16 and torch.equal(found.float(), F.linear(x.float(), w.float()))
