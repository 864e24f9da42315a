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


@dataclass(frozen=True)
class InterpretableAblation:
    """A value function: a model's answer to one of Captum's `InterpretableInput` with only some of its features there.

    Attributes:
        forward: the model, called with what `interpretable.to_model_input` gives for one coalition.
        interpretable: the input, such as Captum's TextTemplateInput, TextTokenInput or ImageMaskInput, or one's own.
        players: the number n of its features.
        names: what Captum calls them.
        target: the output that counts, an index behind the axis of the batch; None for all of them.
    """

    forward: Callable[[Any], Tensor]
    interpretable: Any
    players: int
    names: tuple[str, ...]
    target: int | tuple[int, ...] | None

    def __call__(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m *V"]:
        """Ask the model, one call a coalition: Captum's inputs of texts and pictures take one at a time.

        Args:
            coalitions: (m, n), True where a feature is there.

        Returns:
            (m, *V) its answers, float64.

        Raises:
            GameError: for coalitions of another number of features, or more than one answer to one coalition.
        """
        import torch

        if coalitions.shape[1] != self.players:
            raise GameError(f"coalitions are of {coalitions.shape[1]} players", expected=f"{self.players}")
        whole = self.interpretable.to_tensor()
        at: Any = () if self.target is None else (self.target,) if isinstance(self.target, int) else self.target
        answers = []
        with torch.inference_mode():
            for row in coalitions:
                there = torch.from_numpy(row.copy())[None].to(whole.device)
                given = self.interpretable.to_model_input(torch.where(there, whole, torch.zeros_like(whole)))
                answer = torch.as_tensor(self.forward(given))
                if answer.ndim and len(answer) != 1:
                    raise GameError(f"one input was answered by {tuple(answer.shape)}", expected="one answer, (1, ...)")
                answers.append((answer[0] if answer.ndim else answer)[at].cpu().double().numpy())
        return np.stack(answers)


def interpretable_value(
    forward: Callable[[Any], Tensor], interpretable: Any, target: int | tuple[int, ...] | None = None
) -> InterpretableAblation:
    """One of Captum's `InterpretableInput` with its model as a value function, for pair scores of its features.

    Args:
        forward: what `interpretable.to_model_input()` gives -> one number, (1,) or (1, ...). In evaluation mode.
        interpretable: the input; it decides what a feature is and what stands where one is removed.
        target: class to explain, of outputs (1, C).

    Returns:
        The value function. Its `players` goes with it into a `Game`; `names` says what they are.

    Raises:
        GameError: for an input whose features are not the columns of one row.

    >>> from captum.attr import TextTemplateInput
    >>> from interplay.interactions import exact_pairs
    >>> given = TextTemplateInput("{} and {}", ["storm", "calm"], baselines=["", ""])
    >>> value = interpretable_value(lambda text: 2.0 * ("storm" in text and "calm" in text), given)
    >>> value.names, exact_pairs(value, value.players, [(0, 1)]).sii.tolist()
    (('storm', 'calm'), [2.0])
    """
    shape = tuple(interpretable.to_tensor().shape)
    if shape != (1, interpretable.n_itp_features):
        raise GameError(
            f"the input's tensor has shape {shape}",
            expected=f"(1, {interpretable.n_itp_features}), a column for each feature",
        )
    names = tuple(str(name) for name in interpretable.values)
    return InterpretableAblation(forward, interpretable, interpretable.n_itp_features, names, target)


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
