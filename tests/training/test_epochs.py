"""A training in lines: every epoch's numbers, which is the best, and what should make a user doubt."""

import csv
import re
from collections import defaultdict

import pytest
from tests.small_runs import SMALL

from interplay.config import make_config, nested
from interplay.pipeline.train import train
from interplay.progress import Progress
from interplay.training.epochs import warn_of_few, warn_of_first


class Heard(Progress):
    """Keeps every line."""

    def __init__(self):
        self.lines = []

    def note(self, line):
        self.lines.append(line)


@pytest.mark.slow
@pytest.mark.parametrize("monitor", ["loss", "last"])
def test_every_epoch_is_shown_with_the_numbers_of_the_logs(scenes, store, tmp_path, monitor):
    heard = Heard()
    settings = nested(SMALL, {"training.epochs": 4, "removal.warmup": 0.25, "training.monitor": monitor})
    run = train(scenes, make_config(settings), tmp_path, store=store, progress=heard)
    logged = defaultdict(dict)
    with (tmp_path / "logs" / "metrics.csv").open() as file:
        for row in csv.DictReader(file):
            logged[int(row["epoch"])] |= {k: float(v) for k, v in row.items() if v and k.startswith("val/")}
    line = r"Epoch (\d) of 4: training loss \S+; on val loss (\S+), mAP (\S+), score (-?\d+\.\d+)(.*)"
    shown = [match.groups() for match in (re.fullmatch(line, x) for x in heard.lines) if match]
    assert [int(epoch) for epoch, *_ in shown] == [1, 2, 3, 4]
    best = 1
    for epoch, loss, mean_precision, score, rest in shown:
        at = logged[int(epoch) - 1]
        assert float(loss) == pytest.approx(at["val/loss"], abs=6e-4)
        assert float(mean_precision) == pytest.approx(at["val/map"], abs=6e-4)
        assert float(score) == pytest.approx(at["val/score"], abs=6e-4)
        best = max((best, int(epoch)), key=lambda e: (logged[e - 1]["val/score"], -e))
        best = best if monitor == "loss" else int(epoch)
        said = f" (best: epoch {best}, {logged[best - 1]['val/score']:.3f})"
        if monitor == "loss":
            assert rest.startswith(", the best so far" if best == int(epoch) else said), rest
        else:
            assert "best" not in rest
        assert rest.endswith("s left at this pace") == (epoch in "23"), (
            "after one epoch the time of others is not known"
        )
    assert run.card.epoch + 1 == best


def test_few_samples_are_warned_of():
    """Of labels by name, the first five; nothing where there are enough."""
    heard = Heard()
    warn_of_few(400, 20, {"a": 9, "b": 10, **{f"c{n}": n for n in range(6)}}, heard)
    assert heard.lines[0].startswith("Note: the validation split has 20 samples.")
    assert heard.lines[1] == (
        "Note: of 400 training samples fewer than 10 have these labels: "
        "a (9), c0 (0), c1 (1), c2 (2), c3 (3) and 2 more."
    )
    heard = Heard()
    warn_of_few(400, 50, {"a": 10}, heard)
    assert heard.lines == []


@pytest.mark.parametrize(
    "epoch, epochs, first, warned",
    [(0, 20, 0, True), (6, 20, 6, True), (1, 20, 0, False), (0, 1, 0, False), (3, 4, 3, False)],
)
def test_a_best_epoch_that_is_the_first_is_warned_of(epoch, epochs, first, warned):
    heard = Heard()
    warn_of_first(epoch, epochs, first, heard)
    assert [line[:20] for line in heard.lines] == ([f"Note: epoch {epoch + 1}, the fi"[:20]] if warned else [])


def test_lines_carry_the_prefix_of_repeated_work():
    heard = Heard()
    heard.prefixed("seed 3: ").prefixed("again: ").note("Epoch 1 of 2")
    assert heard.lines == ["seed 3: again: Epoch 1 of 2"]
