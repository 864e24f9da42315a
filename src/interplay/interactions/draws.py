"""Backgrounds under the law of SII, and running means of what they show."""

from typing import final

import numpy as np
from jaxtyping import Bool, Float


def draw_backgrounds(
    rng: np.random.Generator, draws: int, players: int, *, antithetic: bool
) -> Bool[np.ndarray, "draws copies n"]:
    """Backgrounds over all n players that have the law of SII for every pair at once [ours].

    Draw a level t ~ U(0, 1) and u_k ~ U(0, 1) for every player; S = {k : u_k < t}. Take any pair i, j out: of the
    other n-2 players, s are in with probability C(n-2, s) t^s (1-t)^(n-2-s), and over t that integrates to
    C(n-2, s) B(s+1, n-1-s) = 1 / (n-1). So |S without i, j| is uniform on 0..n-2, and by symmetry S without i, j is
    uniform of its size: the law of METHOD 9, whichever pair is taken out, and whether or not i and j were in S.

    Two refinements, both of which leave every draw's mean unbiased [ours]:

    - antithetic: S comes with its complement, a set of level 1-t (copies = 2). What has odd order cancels in the
      Delta of the two (METHOD 11); they are one draw, not two. S takes the levels below 1/2 and its complement
      those above, so only the two together have the law.
    - levels are spread evenly: van der Corput's sequence with a random shift, so that each is uniform and any number
      of them, not only all, covers 0..1 evenly. The mean over draws then varies less than with independent t, while
      the spread between draws, from which a standard error is made, is the same or larger: the standard error errs
      on the wide side. The first draws are the same however many are made.

    Args:
        rng: source of the draws.
        draws: their number d.
        players: n.
        antithetic: whether each background comes with its complement.

    Returns:
        (d, 2, n) with `antithetic`, else (d, 1, n); True where the player is in.
    """
    t = ((van_der_corput(draws) + rng.random()) % 1)[:, None]
    if antithetic:
        t = t / 2
    s = rng.random((draws, players)) < t
    return np.stack([s, ~s], axis=1) if antithetic else s[:, None]


def van_der_corput(count: int) -> Float[np.ndarray, " count"]:
    """0, 1/2, 1/4, 3/4, 1/8, 5/8, ...: the bits of 0, 1, 2, ... mirrored at the point.

    Args:
        count: how many numbers, at most 2^32.

    Returns:
        (count,) in [0, 1).

    >>> van_der_corput(6).tolist()
    [0.0, 0.5, 0.25, 0.75, 0.125, 0.625]
    """
    bits = (np.arange(count)[:, None] >> np.arange(32)) & 1
    mirrored: np.ndarray = bits @ 0.5 ** np.arange(1, 33)
    return mirrored


# Of a gap's standard error: the weight of one unseen draw with RG(S)^2 = mean Delta^2. Without it, intervals of gaps
# that are rarely other than 0 miss what no draw has shown. benchmarks/first_light.py measures how often they hold.
UNSEEN = 0.02


@final
class Moments:
    """Mean and standard error over draws that come in chunks (Chan, Golub and LeVeque's update: no cancellation)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self._squares: np.ndarray = np.zeros(())  # sum of squared distances from the mean

    def add(self, draws: Float[np.ndarray, "k *S"]) -> None:
        """Take in k more draws.

        Args:
            draws: (k, *S), of the same S every time.
        """
        k = len(draws)
        mean = draws.mean(axis=0)
        gap, total = mean - self.mean, self.count + k
        self._squares = self._squares + ((draws - mean) ** 2).sum(axis=0) + gap**2 * (self.count * k / total)
        self.mean = self.mean + gap * (k / total)
        self.count = total

    def standard_error(self, unseen: Float[np.ndarray, "*S"] | float = 0.0) -> Float[np.ndarray, "*S"]:
        """Standard error of the mean.

        Args:
            unseen: squared distance from the mean of one more draw, for what the draws may not have shown.

        Returns:
            (*S); NaN for fewer than two draws.
        """
        if self.count < 2:
            return np.full(self.mean.shape, np.nan)
        return np.sqrt((self._squares + unseen) / (self.count * (self.count - 1)))
