"""Asking a model about known truth: a model that is ideal, by construction, comes out as ideal."""

import numpy as np
import pytest
import torch

from interplay.data.scenes_story import SLOTS, STORIES
from interplay.data.truth import Truth
from interplay.encoders.parts import Part
from interplay.evaluation.summaries import calibrations, recovered
from interplay.evaluation.validity import KnownSample, Stories, measure
from interplay.explanation.game import players_of, value_names
from interplay.models.task import Task
from interplay.models.tokens import Tokens

NAMED = Stories({name: STORIES[name] for name in ("sarcasm", "storm", "mismatch")}, SLOTS)
TASK = Task(tuple(NAMED.named), "multi")
PARTS = (
    [Part(text="w", span=(2 * k, 2 * k + 1)) for k in range(6)],
    [Part(box=(k / 5, 0.0, (k + 1) / 5, 1.0)) for k in range(5)],
)
CARRIED = {"praise": (0, 2), "unhappy": (1, 3), "storm_word": (0, 4), "lightning": (1, 0)}
CARRIED |= {"night_word": (0, 5), "moon": (1, 1)}


class Perfect(torch.nn.Module):
    """Logits of the exact posterior for scenes whose slots are all true, but for the night: a mismatch."""

    def forward(self, tokens: Tokens, return_attention: bool = False):
        assert tokens.places is not None
        there = {name: (tokens.valid[m] & (tokens.places[m] == k)).any(1) for name, (m, k) in CARRIED.items()}
        both = there["praise"] & there["unhappy"]
        sarcasm = torch.where(both, 0.999, torch.where(there["praise"] | there["unhappy"], 0.5, 0.25))
        storm = torch.where(there["storm_word"] | there["lightning"], 0.999, 0.4)
        mismatch = torch.where(there["night_word"] & there["moon"], 0.999, 0.5)
        logits = torch.stack([sarcasm, storm, mismatch], dim=1).logit()
        return logits, torch.zeros(len(logits), 32), []


@pytest.fixture
def found(make_model):
    model = make_model("dense")
    model.reads_sequences, model.experts = True, torch.nn.ModuleList([Perfect()])
    slots = dict.fromkeys(SLOTS, True) | {"night_word": False}
    words = {name: PARTS[0][k].span for name, (m, k) in CARRIED.items() if m == 0}
    cells = {name: PARTS[1][k].box for name, (m, k) in CARRIED.items() if m == 1}
    tokens = Tokens(
        tuple(torch.randn(1, n, 16) for n in (6, 5)), tuple(torch.ones(1, n, dtype=torch.bool) for n in (6, 5))
    )
    known = [KnownSample(tokens, players_of(tokens), PARTS, Truth(slots, words, cells, {}))] * 3
    told = []
    answers, pairs = measure(
        model, TASK, known, NAMED, fill="attention", backgrounds=16, progress=lambda *done: told.append(done)
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    return answers, pairs, value_names(model)


def test_a_perfect_model_is_told_so(found):
    answers, pairs, names = found
    for row in recovered(pairs, names, NAMED.named):
        assert (row.auroc.mean, row.first.mean, row.sign.mean) == (1, 1, 1), row
        if row.on == "probability":
            assert row.slope.mean == pytest.approx(1, abs=0.01) and row.correlation.mean > 0.999
    for row in calibrations(answers, pairs, names, list(NAMED.named)):
        assert row.error.mean < 0.002 and max(row.by_share) < 0.002
        assert row.whole["everything"] == pytest.approx((1, 1), abs=0.002)
    nothing = {c.story: c.whole["nothing"][1] for c in calibrations(answers, pairs, names, list(NAMED.named))}
    assert nothing == pytest.approx({"sarcasm": 0.25, "storm": 0.4, "mismatch": 0.5})


def test_sizes_are_spread_and_everything_is_asked(found):
    for answer in found[0]:
        assert answer.share[0] == 0 and answer.share[-1] == 1
        assert np.bincount((answer.share * 11).round().astype(int), minlength=12).min() >= 2


def test_null_pairs_of_a_perfect_model_score_nothing(found):
    for p in found[1]:
        null = np.abs(p.ideal["sii"]) < 1e-9
        assert np.abs(p.scores["sii"][..., -1][null]).max() < 5e-3 * 14  # logits of .999 and of .99 differ
        assert p.planted.sum(axis=0).tolist() == [1, 1, 1] and p.holds.all()
