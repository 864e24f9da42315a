"""A budget in seconds, by a clock that runs as often as the model is asked."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

from interplay import FunctionPredictor, explain_callable
from interplay.errors import BadInput, BudgetError
from interplay.explanation import pace
from interplay.explanation.pace import MOST, evaluations_within

TEXT, PICTURE = "a storm is near", Image.fromarray(np.full((48, 48, 3), 90, dtype=np.uint8))


class Slow:
    """A model that takes a hundredth of a second for each answer, by its own clock."""

    def __init__(self, each: float = 0.01) -> None:
        self.asked, self.each = 0, each

    def __call__(self, text: str, picture: Image.Image) -> float:
        self.asked += 1
        return 0.1 + 0.5 * ("storm" in text) * (np.asarray(picture)[0, 0, 0] > 100)

    def clock(self) -> float:
        return self.asked * self.each


@pytest.mark.parametrize("seconds", [20.0, 60.0])
def test_an_explanation_takes_about_as_long_as_it_may(seconds, monkeypatch):
    model = Slow()

    monkeypatch.setattr(pace, "evaluations_within", partial(evaluations_within, clock=model.clock))
    found = explain_callable(model, text=TEXT, image=PICTURE, grid=4, seconds=seconds)
    assert 0.75 * seconds <= model.clock() <= 1.05 * seconds
    (budget,) = (int(note.split()[-5].rstrip(",")) for note in found.notes if "this machine made a budget" in note)
    again = explain_callable(Slow(), text=TEXT, image=PICTURE, grid=4, budget=budget)
    assert [pair.sii for pair in again.pairs] == [pair.sii for pair in found.pairs]


def test_bounds_of_a_budget_in_seconds():
    model = Slow()
    opened = FunctionPredictor(model, ["risk"], grid=2).open_inputs(TEXT, PICTURE, "sample")
    assert evaluations_within(opened, 1.0, clock=model.clock) == 1, "too short for anything: the estimator says so"
    assert evaluations_within(opened, 1e9, clock=model.clock) == MOST
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="more than 0"):
            evaluations_within(opened, seconds, clock=model.clock)
    with pytest.raises(BadInput, match="both given"):
        explain_callable(model, text=TEXT, image=PICTURE, budget=100, seconds=1.0)


def test_seconds_that_are_too_few_are_what_the_error_is_about(monkeypatch):
    model = Slow()
    monkeypatch.setattr(pace, "evaluations_within", partial(evaluations_within, clock=model.clock))
    with pytest.raises(BudgetError, match=r"1 seconds are enough for 1 evaluations .* give more seconds"):
        explain_callable(model, text=TEXT, image=PICTURE, grid=4, seconds=1.0)


def test_of_one_modality_a_budget_has_no_part():
    found = explain_callable(lambda text: float("storm" in text), text=TEXT, seconds=1.0)
    assert not found.pairs and not any("made a budget" in note for note in found.notes)
    assert any("no pair scores of a single modality" in note for note in found.notes)
