"""Games whose pair scores are known: sums of AND, OR and XOR terms, for tests and benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from interplay.errors import GameError
from interplay.interactions.game import checked_pairs


@dataclass(frozen=True)
class Term:
    """`weight` where all of `players` are in ("and"), any is ("or"), or an odd number is ("xor"); 0 elsewhere."""

    kind: Literal["and", "or", "xor"]
    players: tuple[int, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("and", "or", "xor"):
            raise GameError(f"a term of kind {self.kind!r}", expected="and, or, xor")
        if not self.players or len(set(self.players)) < len(self.players) or min(self.players) < 0:
            raise GameError(f"a term of players {self.players}", expected="one or more different players")

    def __call__(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        """Value of each coalition, (m,)."""
        count = coalitions[:, self.players].sum(axis=1)
        holds = {"and": count == len(self.players), "or": count > 0, "xor": count % 2 == 1}[self.kind]
        return np.where(holds, float(self.weight), 0.0)

    @property
    def pair_sii(self) -> float:
        """SII of any two of its k >= 2 players (METHOD 11).

        In units of the weight, for k players: AND 1/(k-1), since Delta is 1 where the background holds the k-2
        others, which at level t has probability t^(k-2), and that integrates to 1/(k-1). OR -1/(k-1): Delta is -1
        where it holds none of them. XOR: Delta is -2 (-1)^c with c of the others in, and the mean of (-1)^c is
        that of (1-2t)^(k-2): -2/(k-1) for even k, 0 for odd.
        """
        k = len(self.players)
        unit = {"and": 1.0, "or": -1.0, "xor": -2.0 if k % 2 == 0 else 0.0}[self.kind]
        return self.weight * unit / (k - 1)


@dataclass(frozen=True)
class TermGame:
    """The sum of its terms: a value function, with the SII it must come out with.

    >>> from interplay.interactions import Game
    >>> value = TermGame((Term("and", (0, 1, 2)), Term("or", (0, 1), weight=3.0)))
    >>> value.sii([(0, 1), (1, 2)]).tolist()
    [-2.5, 0.5]
    >>> Game(value, players=4)(np.ones((1, 4), dtype=bool)).tolist()
    [4.0]
    """

    terms: tuple[Term, ...]

    def __call__(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        """Value of each coalition, (m,)."""
        values = np.zeros(len(coalitions))
        for term in self.terms:
            values += term(coalitions)
        return values

    def sii(self, pairs: Sequence[Sequence[int]] | np.ndarray) -> Float[np.ndarray, " P"]:
        """SII in closed form; it does not depend on how many other players there are.

        Args:
            pairs: (P, 2) players.

        Returns:
            (P,) scores.

        Raises:
            GameError: for bad pairs (`checked_pairs`).
        """
        array = checked_pairs(pairs, 1 + int(np.max(pairs, initial=0)))
        return np.array(
            [sum((t.pair_sii for t in self.terms if {i, j} <= set(t.players)), 0.0) for i, j in array.tolist()]
        )
