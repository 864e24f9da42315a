"""A budget in seconds: how many evaluations that is, for one sample of one model on this machine."""

import time
from collections.abc import Callable

import numpy as np

from interplay.errors import BadInput, BudgetError
from interplay.explanation.predictor import Opened
from interplay.interactions.game import WholeNumber, whole_number

TRIAL = 0.05  # of the time goes to finding out how fast the model is, but for the first few evaluations
FIRST, LARGEST = 4, 512  # evaluations at a time while that is found out
ALGEBRA = 5e-4  # seconds of the estimator for each evaluation, at 16,384 of them
OTHERS = 200  # evaluations beside the pair scores, and two for each feature: candidates, Shapley values, what-if
MOST = 2**16  # more would not be held in memory


def evaluations_within(
    opened: Opened, seconds: float, *, seed: int = 0, counts: int = 1, clock: Callable[[], float] = time.perf_counter
) -> int:
    """Find out how many evaluations an explanation may use for its pair scores so as to take about some seconds.

    The model is timed on random coalitions. Another run, or another machine, has another answer: what is to be
    repeated takes the number as its budget.

    Args:
        opened: the sample.
        seconds: what the explanation may take, from now.
        seed: decides the coalitions.
        counts: what one evaluation takes of the budget: of a dual encoder a text and a picture that are encoded.
        clock: returns seconds.

    Returns:
        The budget, at least 1.

    Raises:
        BadInput: for no seconds, or no end of them.
    """
    if not 0 < seconds < np.inf:
        raise BadInput(f"the budget is {seconds} seconds", expected="more than 0, and an end")
    rng, n, count = np.random.default_rng(seed), len(opened.features), FIRST
    begun = clock()
    while True:
        coalitions = rng.random((count, n)) < 0.5
        start = clock()
        opened.logits(coalitions)
        each = max((clock() - start) / (count * counts), 1e-9)
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


def settle_budget(
    opened: Opened, budget: WholeNumber | None, seconds: float | None, *, default: int, seed: int = 0, counts: int = 1
) -> int:
    """The budget of an explanation, of which seconds may have been given in its place; the sample then notes it.

    Args:
        opened: the sample.
        budget: most evaluations; None where it was not given.
        seconds: about how long it may take; None where it was not given.
        default: the budget where neither was.
        seed: decides the coalitions that the model is timed on.
        counts: as in `evaluations_within`.

    Raises:
        BadInput: both were given, or no time at all.
    """
    if budget is not None and seconds is not None:
        raise BadInput("budget and seconds were both given", expected="one of them")
    if seconds is None:
        return default if budget is None else whole_number(budget, "budget", 0)
    found = evaluations_within(opened, seconds, seed=seed, counts=counts)
    if len(opened.inputs) < 2:
        note = "There are no pair scores of a single modality, and these are what a budget in seconds is for."
    else:
        note = pace_note(seconds, found)
    opened.notes = [*opened.notes, note]
    return found


def too_short(error: BudgetError, seconds: float | None, budget: int, fix: str) -> BudgetError:
    """The error of a budget that is too small, where it was given in seconds, and what to do about it.

    Args:
        error: of the estimator.
        seconds: as given.
        budget: what they became.
        fix: what to do, of a budget that was given as such.
    """
    if seconds is None:
        return BudgetError(error.problem, expected=error.expected, fix=fix)
    problem = f"{seconds:g} seconds are enough for {budget} evaluations on this machine: {error.problem}"
    return BudgetError(problem, expected=error.expected, fix=fix.replace("raise the budget", "give more seconds"))
