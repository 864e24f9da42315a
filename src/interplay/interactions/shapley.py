"""Shapley values of single players, from random orders and their reverses."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float


def shapley_values(
    value: Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m *R"]],
    n: int,
    orders: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n *R"], Float[np.ndarray, "n *R"]]:
    """Shapley values of n players, and their standard errors (Mitchell et al., JMLR 2022, antithetic permutations).

    Players join in a random order, and once more in its reverse; a player's value is what its joining changes, on
    average. Whatever the orders, all values add up to everything less nothing; where players interact in twos at most,
    one order is exact.

    Args:
        value: coalitions (m, n) of players that are there -> (m, *R) values.
        n: how many players there are.
        orders: how many random orders; 2 (n + 1) evaluations each.
        rng: draws the orders.

    Returns:
        (n, *R) values and (n, *R) standard errors over orders; errors are NaN for one order.
    """
    drawn = [rng.permutation(n) for _ in range(orders)]
    walks = np.array([one for order in drawn for one in (order, order[::-1])])
    place = np.argsort(walks, axis=1)  # when each player joins
    there = place[:, None, :] < np.arange(n + 1)[None, :, None]
    values = value(there.reshape(-1, n))
    gained = np.diff(values.reshape(len(walks), n + 1, *values.shape[1:]), axis=1)
    own = np.stack([gain[joined] for gain, joined in zip(gained, place, strict=True)])  # (2 orders, n, *R)
    each = own.reshape(orders, 2, *own.shape[1:]).mean(axis=1)
    error = each.std(axis=0, ddof=1) / np.sqrt(orders) if orders > 1 else np.full(each.shape[1:], np.nan)
    return each.mean(axis=0), error
