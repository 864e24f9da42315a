"""Recovery of planted pairs: the ranking against a naive count, and a game whose planted pair is known to win."""

import numpy as np
import pytest
import torch

from interplay.data.sample import Evidence
from interplay.encoders.frozen import Part
from interplay.evaluation.planted import Planted, Recovery, _carries, _ranking, recover
from interplay.removal import Tokens
from interplay.task import Task


@pytest.mark.parametrize("seed", range(5))
def test_ranking_against_a_naive_count(seed):
    rng = np.random.default_rng(seed)
    values, truth = rng.integers(-3, 4, 30).astype(float), rng.random(30) < 0.2
    truth[seed] = True
    auroc, rank, positive = _ranking(values, truth)
    pairs = [(a, b) for a in values[truth] for b in values[~truth]]
    assert auroc == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))
    best = max(values[truth])
    assert rank == 1 + sum(b >= best for b in values[~truth])
    assert positive == (best > 0)


def test_what_carries_a_story():
    evidence = Evidence(words=((4, 9),), cells=((0.25, 0.0, 0.5, 0.25),))
    assert _carries(Part(text="great", span=(4, 9)), evidence) and _carries(Part(text="eat", span=(6, 9)), evidence)
    assert not _carries(Part(text="a", span=(9, 10)), evidence) and not _carries(Part(text="a", span=(3, 4)), evidence)
    assert _carries(Part(box=(0.25, 0.0, 0.5, 0.25)), evidence)
    assert _carries(Part(box=(0.25, 0.125, 0.375, 0.25)), evidence)
    assert not _carries(Part(box=(0.5, 0.0, 0.75, 0.25)), evidence)


def test_the_share_in_the_top_five():
    rank = np.array([1, 5, 6, 40])
    recovery = Recovery("s", "logit", "mixture", "mean", "sii", rank * 0.0, rank, rank > 0)
    assert recovery.top.tolist() == [1, 1, 0, 0]


def test_a_pair_that_is_planted_in_the_model_is_found(make_model):
    """The head answers to one word token and one patch token together, through a product built into the model."""

    class Product(torch.nn.Module):
        """Expert whose logit is 5 if word 2 and patch 3 are both there, else 0."""

        def forward(self, tokens: Tokens, explicit: bool = False):
            both = tokens.valid[0][:, 2] & tokens.valid[1][:, 3]
            logits = 5.0 * both.float().unsqueeze(1).expand(-1, 3)
            return logits, torch.zeros(len(both), 32), []

    model = make_model("dense")
    model.pooled, model.experts = False, torch.nn.ModuleList([Product()])
    parts = (
        [Part(text="w", span=(2 * k, 2 * k + 1)) for k in range(6)],
        [Part(box=(k / 5, 0.0, (k + 1) / 5, 1.0)) for k in range(5)],
    )
    tokens = Tokens(
        tuple(torch.randn(1, n, 16) for n in (6, 5)), tuple(torch.ones(1, n, dtype=torch.bool) for n in (6, 5))
    )
    planted = [Planted(tokens, parts, Evidence(words=((4, 5),), cells=((0.6, 0.0, 0.8, 1.0),)))] * 2
    task = Task(("a", "b", "c"), "multi")
    found = recover(model, task, planted, "b", "sii", fill="attention", samples=16)
    assert {(f.on, f.expert) for f in found} == {
        (o, e) for o in ("logit", "probability") for e in ("fusion", "mixture")
    }
    for one in found:
        assert one.auroc.tolist() == [1.0, 1.0] and one.rank.tolist() == [1, 1] and one.sign.all()
    against = recover(model, task, planted, "b", "redundancy_gap", fill="attention", samples=16)
    assert all((one.auroc < 0.5).all() and not one.sign.any() for one in against)
