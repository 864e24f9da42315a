"""A game: a value for every coalition of players, asked once each, counted and checked."""

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.errors import GameError

Value = Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m *V"]]
"""Coalitions (m, n), True where the player is in -> one number each (m,), or several (m, *V)."""

WholeNumber = Any
"""An int, or what stands for one: 5e3, a scalar of numpy or PyTorch; `whole_number` refuses all else."""

TOLERANCE = 1e-4  # single precision in batches of another size differs by far less
EXACT, SINGLE = 1e-9, 1e-5  # of the spread of values: what rounding changes in double and in single precision
STEPS = 64  # or as many of the smallest steps between numbers of that size, where the spread is nothing else
HALF_STEPS = 4  # the same of half precision, in which models round what they have computed in single
GRID = 4  # values in whole steps of 1 / GRID are counts, votes or halves, which no precision rounds


@final
class Game:
    """A value function with its players: every distinct coalition is asked once, in batches, and remembered.

    Args:
        value: coalitions (m, n) -> values (m,) or (m, *V); any m, the same answer to the same coalition.
        players: their number n.
        batch_size: most coalitions in one call of `value`.
        budget: most distinct coalitions ever asked; a request that would pass it raises `GameError` and asks
            nothing. None is no limit.
        progress: called with `evaluations` after every batch.
        check: ask the first coalition of the first batch once more, in a batch of another size, and raise
            `GameError` where the two answers differ by more than 1e-4 (1 + |value|): that finds dropout left
            on and values that depend on batch mates. This one question is not counted in `evaluations`.

    Whatever interrupts `value` passes through; batches answered before stay remembered, so asking again goes on.

    >>> game = Game(lambda coalitions: coalitions.all(axis=1) * 3.0, players=2)
    >>> game(np.array([[True, True], [True, False], [True, True]])).tolist()
    [3.0, 0.0, 3.0]
    >>> game.evaluations
    2
    """

    def __init__(
        self,
        value: Value,
        players: WholeNumber,
        *,
        batch_size: WholeNumber = 256,
        budget: WholeNumber | None = None,
        progress: Callable[[int], None] | None = None,
        check: bool = True,
    ) -> None:
        self.players, self.batch_size = whole_number(players, "players", 1), whole_number(batch_size, "batch_size", 1)
        self.budget = None if budget is None else whole_number(budget, "the budget", 0)
        self._value, self._progress, self._check = value, progress, check
        self._row: dict[bytes, int] = {}  # packed coalition -> row of _values
        self._values: np.ndarray | None = None  # grows by doubling; None until the first answer
        self._step = 2.0**-52  # between numbers near 1 of the coarsest type that values came in

    @property
    def evaluations(self) -> int:
        """Distinct coalitions asked so far."""
        return len(self._row)

    @property
    def rounding(self) -> Float[np.ndarray, "*V"]:
        """What is no more than rounding in differences of the values so far, for each of several values [ours].

        The type that values come in says it, but for two cases. Values in whole steps, as counts are, are not rounded
        where that type has far smaller steps at their size. And most models answer in single precision, also where
        their answers come as double: all values are then numbers of single precision.
        """
        values = self._values[: len(self._row)] if self._values is not None else np.zeros((1,))
        largest = np.abs(values).max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            in_steps = ((values * GRID) % 1 == 0).all(axis=0) & (largest * GRID * STEPS * self._step < 1)
            single = (values == values.astype(np.float32)).all(axis=0)
        step = np.where(in_steps, 2.0**-52, np.where(single, max(self._step, 2.0**-23), self._step))
        share = np.where(step > 2.0**-52, SINGLE, EXACT)
        steps = np.where(step > 2.0**-23, HALF_STEPS, STEPS)
        return np.asarray(np.maximum(share * np.ptp(values, axis=0), steps * step * largest))

    @property
    def left(self) -> int | None:
        """Evaluations left of the budget; None where there is none."""
        return None if self.budget is None else self.budget - self.evaluations

    def reach(self, budget: WholeNumber) -> int:
        """Evaluations that both a budget and the game's own allow.

        Args:
            budget: evaluations.

        Returns:
            The smaller of `budget` and `left`.

        Raises:
            GameError: it is no whole number.
        """
        budget = whole_number(budget, "the budget", 0)
        return budget if self.left is None else min(budget, self.left)

    def __call__(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m *V"]:
        """Their values, float64; repeats and coalitions asked before cost nothing.

        Args:
            coalitions: (m, n), True where the player is in.

        Returns:
            (m, *V) values; (0,) where nothing was ever asked.

        Raises:
            GameError: for coalitions of other players, a budget that does not reach, or values that break the
                contract (not one per coalition, not finite, another shape than before, not the same twice).
        """
        if coalitions.ndim != 2 or coalitions.shape[1] != self.players or coalitions.dtype != np.bool_:
            raise GameError(
                f"coalitions came as {coalitions.dtype} {coalitions.shape}",
                expected=f"bool (m, {self.players}), one column per player",
            )
        keys = _keys(coalitions)
        first: dict[bytes, int] = {}  # new coalitions, each at the place it is first seen
        for place, key in enumerate(keys):
            if key not in self._row:
                first.setdefault(key, place)
        if self.left is not None and len(first) > self.left:
            raise GameError(
                f"{len(first)} new evaluations were asked for and {self.left} of {self.budget} are left",
                fix=f"raise the budget to {self.evaluations + len(first)} or draw fewer samples",
            )
        new_keys, places = list(first), list(first.values())
        for start in range(0, len(places), self.batch_size):
            stop = start + self.batch_size
            self._remember(new_keys[start:stop], self._ask(coalitions[places[start:stop]]))
            if self._progress is not None:
                self._progress(self.evaluations)
        if self._values is None:
            return np.empty(0)  # nothing was ever asked
        return self._values[np.fromiter(map(self._row.__getitem__, keys), np.intp, len(keys))]

    def _ask(self, batch: np.ndarray) -> np.ndarray:
        asked = batch.copy()  # the value function may write into what it is given
        values = self._checked(self._value(batch), asked)
        if self._check:
            self._check = False
            self._ask_again(asked, values[:1])
        return values

    def _ask_again(self, batch: np.ndarray, before: np.ndarray) -> None:
        """Ask for the first coalition alone, or beside a copy of itself where it was alone before."""
        again = batch[[0]] if len(batch) > 1 else batch[[0, 0]]
        now = self._checked(self._value(again.copy()), again)[:1]
        if now.shape != before.shape:
            raise GameError(f"values changed shape from {before.shape[1:]} to {now.shape[1:]} per coalition")
        gap = np.abs(now - before)
        if (gap > TOLERANCE * (1 + np.abs(before))).any():
            raise GameError(
                f"the value of {_name(batch[0])} changed by {gap.max():.3g} when asked again in a batch of "
                f"{len(again)} instead of {len(batch)}",
                expected="the same value every time, whatever else is in the batch",
                fix="put the model in evaluation mode and seed what it draws",
            )

    def _checked(self, answer: object, batch: np.ndarray) -> np.ndarray:
        """The answer as float64 (m, *V), or the `GameError` that names what is wrong with it."""
        try:
            raw = as_array(answer)
        except (TypeError, ValueError) as error:
            raise GameError(f"the values are no array: {error}", expected="one number per coalition") from error
        m = len(batch)
        if raw.dtype.kind not in "biuf":
            raise GameError(f"the values have type {raw.dtype}", expected="real numbers")
        if raw.ndim == 0 or raw.shape[0] != m or raw.size == 0:
            raise GameError(
                f"{m} coalitions were answered with an array of shape {raw.shape}",
                expected=f"({m},), or ({m}, ...) for several values each",
            )
        if self._values is not None and raw.shape[1:] != self._values.shape[1:]:
            raise GameError(
                f"values changed shape from {self._values.shape[1:]} to {raw.shape[1:]} per coalition",
                expected="the same shape in every call",
            )
        values = raw.astype(np.float64)
        self._step = max(self._step, _step_of(answer, raw))
        bad = ~np.isfinite(values.reshape(m, -1)).all(axis=1)
        if bad.any():
            at = int(bad.argmax())
            number = next(x for x in values[at].ravel() if not np.isfinite(x))
            raise GameError(f"the value of {_name(batch[at])} is {number}", expected="finite values")
        return values

    def _remember(self, keys: list[bytes], values: np.ndarray) -> None:
        used, need = len(self._row), len(self._row) + len(keys)
        if self._values is None:
            self._values = np.empty((max(need, 256), *values.shape[1:]))
        if need > len(self._values):
            grown = np.empty((max(need, 2 * len(self._values)), *values.shape[1:]))
            grown[:used] = self._values[:used]
            self._values = grown
        self._values[used:need] = values
        self._row.update(zip(keys, range(used, need), strict=True))


def whole_number(value: WholeNumber, name: str, least: int) -> int:
    """A whole number, whatever holds it: an int, 5e3, or a scalar of numpy or PyTorch.

    >>> whole_number(5e3, "the budget", 0), whole_number(np.int64(6), "players", 1)
    (5000, 6)

    Args:
        value: the number.
        name: what it is called in messages.
        least: the smallest that is allowed.

    Raises:
        GameError: it is no whole number, or smaller.
    """
    try:
        number = as_array(value)
        sound = number.ndim == 0 and number.dtype.kind in "iuf" and float(number) == int(number)
    except (TypeError, ValueError, OverflowError):
        sound = False
    if not sound or int(number) < least:
        expected = f"a whole number of at least {least}"
        raise GameError(f"{name} is {value!r}", expected=expected, fix="give an int, such as 5000")
    return int(number)


def as_array(value: object) -> np.ndarray:
    """Numbers as an array; those of PyTorch are taken off their graph, to the CPU, and from half to single precision.

    Args:
        value: numbers, a sequence, an array or a tensor.
    """
    if isinstance(value, list | tuple) and value and type(value[0]).__module__ == "torch":
        return np.array([as_array(one) for one in value])
    for step in ("detach", "cpu"):
        value = getattr(value, step, lambda value=value: value)()
    if "bfloat16" in str(getattr(value, "dtype", "")):  # numpy has none
        value = getattr(value, "float", lambda value=value: value)()
    return np.asarray(value)


def _step_of(answer: object, raw: np.ndarray) -> float:
    """Between numbers near 1 of the type that values came in; `raw` has bfloat16 as single precision."""
    first = answer[0] if isinstance(answer, list | tuple) and answer else answer
    if "bfloat16" in str(getattr(first, "dtype", "")):
        return 2.0**-7
    return float(np.finfo(raw.dtype).eps) if raw.dtype.kind == "f" else 2.0**-52


def _keys(coalitions: np.ndarray) -> list[bytes]:
    """One hashable key per coalition, eight players to the byte."""
    packed = np.packbits(coalitions, axis=1)
    width, data = packed.shape[1], packed.tobytes()
    return [data[k : k + width] for k in range(0, len(data), width)]


def _name(coalition: np.ndarray) -> str:
    """A coalition in words: its size, and its players where they are few."""
    members = np.flatnonzero(coalition).tolist()
    who = f" {members}" if 0 < len(members) <= 10 else ""
    return f"the coalition of {len(members)} of {len(coalition)} players{who}"


def checked_pairs(pairs: Sequence[Sequence[int]] | np.ndarray, players: int) -> Int[np.ndarray, "P 2"]:
    """Pairs as (P, 2) integers.

    Args:
        pairs: (P, 2) players.
        players: n of the game.

    Returns:
        (P, 2) int64.

    Raises:
        GameError: for no pairs, a player outside the game, a player paired with itself, or a pair given twice
            (i, j and j, i are the same pair).
    """
    array = np.asarray(pairs)
    if array.size == 0:
        raise GameError("there are no pairs", expected="at least one pair of players")
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise GameError(f"pairs came as {array.dtype} {array.shape}", expected="integers (P, 2)")
    array = array.astype(np.int64)
    for i, j in array[((array < 0) | (array >= players)).any(axis=1)][:1].tolist():
        raise GameError(f"pair ({i}, {j}) is not in the game", expected=f"players 0 to {players - 1}")
    for i, _ in array[array[:, 0] == array[:, 1]][:1].tolist():
        raise GameError(f"player {i} is paired with itself", expected="two different players")
    sorted_pairs, counts = np.unique(np.sort(array, axis=1), axis=0, return_counts=True)
    for i, j in sorted_pairs[counts > 1][:1].tolist():
        raise GameError(f"pair ({i}, {j}) is given twice", expected="each pair once, in either order")
    return array
