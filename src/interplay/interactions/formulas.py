"""Pair scores from the four values around one background S: v(S), v(S+i), v(S+j), v(S+i+j) (METHOD 9).

SII is Grabisch and Roubens' Shapley interaction index, which the 2026 paper names [paper]; its abstract does not
say which formula of a redundancy gap it uses, so the gap below is ours [ours].
"""

from math import comb

import numpy as np
from jaxtyping import Float

from interplay.errors import GameError


def delta(
    v: Float[np.ndarray, "*#S"],
    vi: Float[np.ndarray, "*#S"],
    vj: Float[np.ndarray, "*#S"],
    vij: Float[np.ndarray, "*#S"],
) -> Float[np.ndarray, "..."]:
    """Delta = v(S+i+j) - v(S+i) - v(S+j) + v(S), element by element, in the unit of v; SII is its mean over S.

    Args:
        v: v(S).
        vi: v(S+i).
        vj: v(S+j).
        vij: v(S+i+j); all four of shapes that broadcast.

    Returns:
        Of the broadcast shape.

    >>> delta(*np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])).tolist()  # AND, OR
    [1.0, -1.0]
    """
    result: np.ndarray = vij - vi - vj + v
    return result


def redundancy_gap(
    v: Float[np.ndarray, "*#S"],
    vi: Float[np.ndarray, "*#S"],
    vj: Float[np.ndarray, "*#S"],
    vij: Float[np.ndarray, "*#S"],
) -> Float[np.ndarray, "..."]:
    """RG(S), element by element, in the unit of v [ours]; its mean over S is the redundancy gap.

    With a_i = v(S+i) - v(S), a_j alike, t = v(S+i+j) - v(S), D = t - a_i - a_j and (x)+ = max(0, x):

        RG(S) = sum over s = +1, -1 of   [min(-s D, (s t)+, (s a_i)+, (s a_j)+)]+
                                       - [min(s D, (s t)+, (s (t - a_i))+, (s (t - a_j))+)]+

    Positive where each feature alone moves v one way, both together do too, and by less than the sum (a backup);
    negative where both are needed; 0 for additive values, XOR and a veto.

    Args:
        v: v(S).
        vi: v(S+i).
        vj: v(S+j).
        vij: v(S+i+j); all four of shapes that broadcast.

    Returns:
        Of the broadcast shape.

    >>> redundancy_gap(*np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])).tolist()  # AND, OR
    [-1.0, 1.0]
    """
    v, vi, vj, vij = np.broadcast_arrays(v, vi, vj, vij)
    a_i, a_j, t = vi - v, vj - v, vij - v
    d = t - a_i - a_j
    gap: np.ndarray = np.zeros_like(t)
    for s in (1.0, -1.0):
        # min(x, (y)+) and its positive part are max(0, min(x, y)): one clip at the end does for all
        backup = np.minimum.reduce([-s * d, s * t, s * a_i, s * a_j])
        needed = np.minimum.reduce([s * d, s * t, s * (t - a_i), s * (t - a_j)])
        gap += np.maximum(backup, 0) - np.maximum(needed, 0)
    return gap


def sii_weights(players: int) -> Float[np.ndarray, " sizes"]:
    """Weight of one background S by its size 0..n-2: |S|! (n-|S|-2)! / (n-1)! (METHOD 9).

    There are C(n-2, s) backgrounds of size s, so every size weighs 1 / (n-1) in all: |S| is uniform, then S is
    uniform of that size. (SII as tools that sum over ordered pairs report it is half of ours.)

    Args:
        players: n.

    Returns:
        (n - 1,) weights.

    Raises:
        GameError: for fewer than 2 players.

    >>> sii_weights(3).tolist()
    [0.5, 0.5]
    """
    if players < 2:
        raise GameError(f"the game has {players} players", expected="at least 2 for a pair")
    return np.array([1 / ((players - 1) * comb(players - 2, size)) for size in range(players - 1)])
