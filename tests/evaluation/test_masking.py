"""Top-K% masking against a naive transcription of METHOD 8, on small random models."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_f1_score, multilabel_f1_score

from interplay.evaluation.masking import (
    ALONE,
    WITHOUT,
    ask_masked,
    counts_of,
    mean_over,
    metric_drop,
    scores_of,
    top_players,
)
from interplay.explanation.game import model_logits, players_of
from interplay.metrics import predicted_labels

SHARES = (5.0, 10.0, 25.0, 60.0)


def naive_top(scores, modality, share):
    """METHOD 8: per modality the m = max(1, ceil(n K / 100)) highest."""
    chosen = set()
    for m in sorted(set(modality)):
        mine = [i for i in range(len(scores)) if modality[i] == m]
        count = max(1, math.ceil(len(mine) * share / 100))
        chosen |= set(sorted(mine, key=lambda i: scores[i], reverse=True)[:count])
    return chosen


def test_counts_are_those_of_the_formula():
    for n in range(1, 60):
        for share in (5.0, 10.0, 15.0, 20.0, 25.0, 33.3):
            assert counts_of(n, [share])[0] == max(1, math.ceil(n * share / 100))


@given(seed=st.integers(0, 2**32 - 1), first=st.integers(1, 30), second=st.integers(1, 20))
def test_top_players(seed, first, second):
    rng = np.random.default_rng(seed)
    modality = np.array([0] * first + [1] * second)
    scores = rng.permutation(first + second).astype(float)  # no ties
    top = top_players(scores, modality, SHARES, rng)
    for k, share in enumerate(SHARES):
        assert set(np.flatnonzero(top[k])) == naive_top(scores, modality.tolist(), share)


def test_ties_fall_at_random_and_alike_for_one_seed():
    modality = np.zeros(40, dtype=int)
    draws = [top_players(np.zeros(40), modality, [10.0], np.random.default_rng(s))[0] for s in range(200)]
    assert all(d.sum() == 4 for d in draws)
    often = np.mean(draws, axis=0)  # each is in the top 10% with probability .1; se .021
    assert often.min() > 0.1 - 5 * 0.021 and often.max() < 0.1 + 5 * 0.021 and len({d.tobytes() for d in draws}) > 150
    again = top_players(np.zeros(40), modality, [10.0], np.random.default_rng(7))[0]
    assert np.array_equal(draws[7], again)


@pytest.mark.parametrize("fill", ["attention", "mean", "zero"])
def test_masked_answers_are_those_of_a_naive_transcription(make_model, make_tokens, fill):
    model, tokens = make_model(), make_tokens(B=1)
    players = players_of(tokens)
    ask = model_logits(model, tokens, fill, players)
    rng = np.random.default_rng(3)
    n, E1, R, draws = len(players), 5, 2, 3
    maps = rng.standard_normal((R, E1, n))
    got = ask_masked(ask, maps, players.modality, SHARES, draws, rng)
    assert got.shape == (R + draws, E1, len(SHARES), 2, 3)
    for r in range(R):
        for e in range(E1):
            for k, share in enumerate(SHARES):
                top = naive_top(maps[r, e], players.modality.tolist(), share)
                alone = np.array([[i in top for i in range(n)]])
                np.testing.assert_allclose(got[r, e, k, WITHOUT], ask(~alone)[0, e], atol=1e-5)
                np.testing.assert_allclose(got[r, e, k, ALONE], ask(alone)[0, e], atol=1e-5)
    spread = np.ptp(got[R:, :, 0, WITHOUT], axis=0)
    assert (spread > 0).all(), "random draws differ"


def test_the_same_random_draw_is_read_at_every_output(make_model, make_tokens):
    model, tokens = make_model(), make_tokens(B=1)
    players = players_of(tokens)
    asked = []
    ask = model_logits(model, tokens, "attention", players)

    def seen(coalitions):
        asked.append(coalitions)
        return ask(coalitions)

    maps = np.zeros((1, 5, len(players)))
    got = ask_masked(seen, maps, players.modality, [25.0], 2, np.random.default_rng(0))
    (coalitions,) = asked
    for d in range(2):
        without, alone = coalitions[10 + 2 * d : 12 + 2 * d]
        assert np.array_equal(without, ~alone)
        np.testing.assert_allclose(got[1 + d, :, 0, WITHOUT], ask(without[None])[0], atol=1e-6)


def test_predicted_labels():
    p = np.array([[0.6, 0.7, 0.1], [0.2, 0.4, 0.3]])
    assert predicted_labels(p, "multi", at_least_one=True).tolist() == [[True, True, False], [False, True, False]]
    assert predicted_labels(p, "single").tolist() == [[False, True, False], [False, True, False]]
    assert mean_over(p, predicted_labels(p, "multi", at_least_one=True)).tolist() == pytest.approx([0.65, 0.4])


@pytest.mark.parametrize("single", [True, False])
def test_metric_drop_against_torchmetrics(single):
    rng = np.random.default_rng(0)
    full, masked = rng.standard_normal((2, 80, 4))
    truth = np.eye(4, dtype=bool)[rng.integers(4, size=80)] if single else rng.random((80, 4)) < 0.4
    for name, score in scores_of(single).items():
        found = metric_drop(score, full, masked, truth)
        values = []
        for logits in (full, masked):
            average = "macro" if name == "macro_f1" else "micro"
            if single:
                args = torch.tensor(logits).argmax(1), torch.tensor(truth).long().argmax(1)
                values.append(float(multiclass_f1_score(*args, num_classes=4, average=average)))
            else:
                args = torch.tensor(logits), torch.tensor(truth).long()
                values.append(float(multilabel_f1_score(*args, num_labels=4, average=average)))
        assert found.mean == pytest.approx(values[0] - values[1], abs=1e-6)
        assert found.se is not None and 0.01 < found.se < 0.2


def test_a_class_that_is_absent_is_not_counted_as_zero():
    truth = np.zeros((6, 3), dtype=bool)
    truth[:, 0] = True
    full = np.tile([2.0, -1, -1], (6, 1))
    found = metric_drop(scores_of(False)["macro_f1"], full, full, truth)
    assert found.mean == 0.0
    assert scores_of(False)["macro_f1"].of(scores_of(False)["macro_f1"].counts(full, truth).sum(0)) == 1.0
    none = metric_drop(scores_of(False)["macro_f1"], full, full, np.zeros((6, 3), dtype=bool))
    assert none.mean is None
