"""Models that are called as Captum calls them, as value functions. torch is imported where it is used, not before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import GameError

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any


@dataclass(frozen=True)
class Ablation:
    """A value function: the model's answer with the features outside a coalition at their baseline.

    Attributes:
        forward: the model, called with one tensor (m, *F) for each of `inputs`.
        inputs, baselines: (1, *F) tensors, and as many tensors or numbers to put in their place.
        masks: (1, *F) integers each: which player an element belongs to.
        players: their number n.
        target: the output that counts, an index behind (m, ...); None for all of them.
    """

    forward: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    baselines: tuple[Tensor | float, ...]
    masks: tuple[Tensor, ...]
    players: int
    target: int | tuple[int, ...] | None

    def __call__(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m *V"]:
        """Ask the model.

        Args:
            coalitions: (m, n), True where a player is in.

        Returns:
            (m, *V) its answers, float64.

        Raises:
            GameError: for coalitions of another number of players.
        """
        import torch

        if coalitions.shape[1] != self.players:
            raise GameError(f"coalitions are of {coalitions.shape[1]} players", expected=f"{self.players}")
        with torch.inference_mode():
            inside = torch.from_numpy(np.ascontiguousarray(coalitions))
            shown = [
                torch.where(inside.to(x.device)[:, mask[0]], x, baseline)
                for x, baseline, mask in zip(self.inputs, self.baselines, self.masks, strict=True)
            ]
            output = self.forward(*shown)
            if self.target is not None:
                at: Any = (slice(None), *((self.target,) if isinstance(self.target, int) else self.target))
                output = output[at]
            values: np.ndarray = output.cpu().double().numpy()
        return values


def captum_value(
    forward: Callable[..., Tensor],
    inputs: Tensor | tuple[Tensor, ...],
    baselines: Tensor | float | tuple[Tensor | float, ...] = 0,
    feature_mask: Tensor | tuple[Tensor, ...] | None = None,
    target: int | tuple[int, ...] | None = None,
) -> Ablation:
    """A model as Captum's `FeatureAblation` calls it, as a value function. Its `players` goes with it into a `Game`.

    Args:
        forward: as many tensors as inputs, (m, *F) each -> (m,) or (m, ...). In evaluation mode: a `Game` finds
            answers that change, but does not change the model.
        inputs: one sample: (1, *F), or a tuple of such.
        baselines: the value of an element that is removed: a number or a tensor that broadcasts to (1, *F); a tuple
            where inputs are one.
        feature_mask: integers that broadcast to (1, *F), the player of each element, from 0 on and without gaps over
            all inputs; elements with the same number come and go together. None: each element is a player.
        target: class to explain, of outputs (m, C).

    Returns:
        The value function.

    Raises:
        GameError: for inputs that are not one sample, tuples of unequal length, or a mask that does not fit.

    >>> import torch
    >>> from interplay.interactions import Game
    >>> value = captum_value(lambda x: x.prod(dim=1), torch.tensor([[2.0, 3.0, 5.0]]), baselines=1.0)
    >>> Game(value, value.players)(np.array([[True, False, True], [True, True, True]])).tolist()
    [10.0, 30.0]
    """
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    for x in tensors:
        if x.ndim < 1 or x.shape[0] != 1:
            raise GameError(f"an input has shape {tuple(x.shape)}", expected="one sample, (1, ...)")
    fills = _fills(tensors, baselines)
    masks = _masks(tensors, feature_mask)
    used = np.unique(np.concatenate([mask.cpu().numpy().ravel() for mask in masks]))
    if used.tolist() != list(range(len(used))):
        raise GameError(f"the feature mask numbers players {used[:10].tolist()}", expected="0, 1, 2, ... without gaps")
    return Ablation(forward, tensors, fills, masks, len(used), target)


def _fills(
    inputs: tuple[Tensor, ...], given: Tensor | float | tuple[Tensor | float, ...]
) -> tuple[Tensor | float, ...]:
    """One baseline for each input: a number (which leaves the input's type as it is), or a tensor on its device."""
    if isinstance(given, int | float):
        return (given,) * len(inputs)
    fills = given if isinstance(given, tuple) else (given,)
    if len(fills) != len(inputs):
        raise GameError(f"there are {len(inputs)} inputs and {len(fills)} baselines", expected="one for each input")
    try:
        return tuple(
            fill if isinstance(fill, int | float) else fill.to(x.device).expand(x.shape)
            for fill, x in zip(fills, inputs, strict=True)
        )
    except RuntimeError as error:
        raise GameError(f"a baseline does not fit its input: {error}", expected="a shape that broadcasts") from None


def _masks(inputs: tuple[Tensor, ...], given: Tensor | tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
    """One (1, *F) mask of whole numbers for each input, beside it on its device."""
    import torch

    if given is None:
        starts = np.cumsum([0, *(x.numel() for x in inputs)]).tolist()
        return tuple(
            torch.arange(start, start + x.numel(), device=x.device).reshape(x.shape)
            for start, x in zip(starts, inputs, strict=False)
        )
    masks = given if isinstance(given, tuple) else (given,)
    if len(masks) != len(inputs):
        raise GameError(f"there are {len(inputs)} inputs and {len(masks)} feature masks", expected="one for each input")
    for mask in masks:
        if mask.is_floating_point() or mask.is_complex():
            raise GameError(f"a feature mask has type {mask.dtype}", expected="whole numbers")
    try:
        return tuple(mask.to(x.device).long().expand(x.shape) for mask, x in zip(masks, inputs, strict=True))
    except RuntimeError as error:
        raise GameError(f"a feature mask does not fit its input: {error}", expected="a shape that broadcasts") from None
