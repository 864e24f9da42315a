"""Models in bf16 or fp16 on a processor without arithmetic for them: products are computed in single precision.

Where a processor multiplies no matrices of 16-bit numbers by itself, what PyTorch does in place of it takes many times
as long as single precision does. Weights stay as they are, so that memory holds them once; each product casts what it
needs, and its result is rounded to the model's precision, as it would be anyway.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

PRODUCTS = frozenset(
    {
        F.linear,
        F.conv2d,
        F.conv3d,
        F.scaled_dot_product_attention,
        torch.matmul,
        torch.bmm,
        torch.baddbmm,
        torch.addmm,
        Tensor.matmul,
        Tensor.__matmul__,
    }
)
MOST = 2**25
"""Numbers of a weight that are cast at once (134 MB): a language model's last layer may have fifty times as many."""

_SUPPORT = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}


def in_single_precision(model: nn.Module) -> AbstractContextManager[Any]:
    """A block in which a model's products are computed in single precision, if its own has no arithmetic here.

    Args:
        model: any; one in single or double precision, or on an accelerator, computes as ever.
    """
    first = next(model.parameters())
    if first.device.type != "cpu" or first.dtype not in _SUPPORT or multiplies(first.dtype):
        return nullcontext()
    return _SinglePrecision()


def multiplies(precision: torch.dtype) -> bool:
    """Whether this processor multiplies matrices of a precision by itself.

    Args:
        precision: of 16 bits.
    """
    supported = getattr(torch.ops.mkldnn, _SUPPORT[precision], None)
    return supported is not None and bool(supported())


class _SinglePrecision(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        own = args[0].dtype if func in PRODUCTS and args and isinstance(args[0], Tensor) else None
        if own not in _SUPPORT or (kwargs or {}).get("out") is not None:  # it is to be written where that says
            return func(*args, **(kwargs or {}))
        if func is F.linear and not kwargs and args[1].dim() == 2 and args[1].shape[1]:
            return _linear(*args)
        args = tuple(_single(value) for value in args)
        return func(*args, **{name: _single(value) for name, value in (kwargs or {}).items()}).to(own)


def _single(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in _SUPPORT else value


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer, some rows of its weight at a time."""
    wide, rows = x.float(), max(1, MOST // weight.shape[1])
    weights = weight.split(rows)
    biases = [None] * len(weights) if bias is None else bias.float().split(rows)
    out = [F.linear(wide, some.float(), own).to(x.dtype) for some, own in zip(weights, biases, strict=True)]
    return out[0] if len(out) == 1 else torch.cat(out, dim=-1)
