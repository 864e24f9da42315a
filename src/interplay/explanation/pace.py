"""A budget in seconds: how many evaluations that is, for one sample of one model on this machine."""

import time
from collections.abc import Callable

import numpy as np

from interplay.errors import BadInput
from interplay.explanation.predictor import Opened

TRIAL = 0.05  # of the time goes to finding out how fast the model is, but for the first few evaluations
FIRST, LARGEST = 4, 512  # evaluations at a time while that is found out
ALGEBRA = 5e-4  # seconds of the estimator for each evaluation, at 16,384 of them
OTHERS = 200  # evaluations beside the pair scores, and two for each feature: candidates, Shapley values, what-if
MOST = 2**16  # more would not be held in memory


def evaluations_within(
    opened: Opened, seconds: float, *, seed: int = 0, clock: Callable[[], float] = time.perf_counter
) -> int:
    """Find out how many evaluations an explanation may use for its pair scores so as to take about some seconds.

    The model is timed on random coalitions. Another run, or another machine, has another answer: what is to be
    repeated takes the number as its budget.

    Args:
        opened: the sample.
        seconds: what the explanation may take, from now.
        seed: decides the coalitions.
        clock: returns seconds.

    Returns:
        The budget, at least 1.

    Raises:
        BadInput: for no seconds.
    """
    if not seconds > 0:
        raise BadInput(f"the budget is {seconds} seconds", expected="more than 0")
    rng, n, count = np.random.default_rng(seed), len(opened.features), FIRST
    begun = clock()
    while True:
        coalitions = rng.random((count, n)) < 0.5
        start = clock()
        opened.logits(coalitions)
        each = max((clock() - start) / count, 1e-9)
        if clock() - begun >= TRIAL * seconds or count >= LARGEST:
            break
        count *= 2
    left = seconds - (clock() - begun) - each * (OTHERS + 2 * n)
    return int(np.clip(left / (each + ALGEBRA), 1, MOST))


def pace_note(seconds: float, evaluations: int) -> str:
    """What an explanation says of a budget that was given in seconds.

    Args:
        seconds: as given.
        evaluations: the budget that it became.
    """
    return f"Of {seconds:g} seconds this machine made a budget of {evaluations}, which repeats this explanation."
