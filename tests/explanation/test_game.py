"""A prediction as a game: v(S) is the model's answer with the rest removed, whatever the batch."""

import numpy as np
import pytest
import torch

from interplay.config.sections import FILLS
from interplay.explanation.candidates import candidate_players, ranking_maps
from interplay.explanation.game import model_value, players_of, value_names
from interplay.explanation.pairs import backgrounds
from interplay.explanation.trained.pairs import probe_pairs
from interplay.interactions import Game, block_pairs, exact_pairs, interval
from interplay.models.task import Task
from interplay.models.tokens import Tokens

TASK = Task(("a", "b", "c"), "multi")


@pytest.fixture
def one(make_tokens):
    tokens = make_tokens(B=1)
    tokens.valid[0][0, 2] = False
    return tokens


def test_players_are_the_features(one):
    players = players_of(one)
    assert len(players) == 11
    assert [p.tolist() for p in players.positions] == [[t] for t in (0, 1, 3, 4, 5, 6, 0, 1, 2, 3, 4)]
    assert players.modality.tolist() == [0] * 6 + [1] * 5
    assert players.holds(0, 7).sum(axis=0).tolist() == [1, 1, 0, 1, 1, 1, 1]


def test_groups_come_and_go_together(make_model, one):
    """A player of two positions is worth what the two players are together."""
    grouped = players_of(one, [[0, 0, 0, 1, 1, 2, 3], [5, 4, 4, 5, 9]])
    assert [p.tolist() for p in grouped.positions] == [[0, 1], [3, 4], [5], [6], [0, 3], [1, 2], [4]]
    singly = players_of(one)
    coalitions = np.random.default_rng(1).random((20, 7)) < 0.5
    spread = np.zeros((20, 11), dtype=bool)
    for k, (m, where) in enumerate(zip(grouped.modality, grouped.positions, strict=True)):
        for column, (other, at) in enumerate(zip(singly.modality, singly.positions, strict=True)):
            if other == m and at[0] in where:
                spread[:, column] = coalitions[:, k]
    model = make_model()
    together = model_value(model, TASK, one, [0], "attention", grouped)(coalitions)
    np.testing.assert_allclose(together, model_value(model, TASK, one, [0], "attention")(spread), atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
def test_value_against_removal_one_by_one(make_model, one, kind, fill):
    model = make_model(kind)
    players = players_of(one)
    coalitions = np.random.default_rng(0).random((9, 11)) < 0.5
    coalitions[0], coalitions[1] = True, False
    values = model_value(model, TASK, one, [2, 0], fill)(coalitions)
    assert values.shape == (9, 2, 2, len(value_names(model)))
    for row, present in enumerate(coalitions):
        tokens = Tokens(tuple(v.clone() for v in one.values), tuple(v.clone() for v in one.valid))
        for player, stays in enumerate(present):
            m, t = players.modality[player], players.positions[player][0]
            if not stays and fill == "attention":
                tokens.valid[m][0, t] = False
            elif not stays:
                mean = model.projected_means()[m].detach()
                tokens.values[m][0, t] = mean if fill == "mean" else torch.zeros_like(mean)
        with torch.no_grad():
            output = model.fuse(tokens)
        for k, label in enumerate((2, 0)):
            logits = torch.cat([output.expert_logits[0], output.logits])[:, label]
            np.testing.assert_allclose(values[row, k, 0], logits, atol=1e-5)
            np.testing.assert_allclose(values[row, k, 1], logits.sigmoid(), atol=1e-5)


def test_single_label_probability_is_a_softmax(make_model, one):
    model = make_model()
    everything = np.ones((1, 11), dtype=bool)
    values = model_value(model, Task(("a", "b", "c"), "single"), one, range(3), "mean")(everything)
    np.testing.assert_allclose(values[0, :, 1].sum(axis=0), 1, atol=1e-6)


def test_nothing_left_has_a_value(make_model, one, kind):
    """With fill "attention" and every feature removed the anchors still answer."""
    values = model_value(make_model(kind), TASK, one, [0], "attention")(np.zeros((1, 11), dtype=bool))
    assert np.isfinite(values).all()


def test_probe_scores_every_cross_modal_pair(make_model, one):
    model = make_model()
    probe = probe_pairs(model, TASK, one, [0], fill="mean", estimate=backgrounds(8, 0))
    (block,) = probe.scores("logit", "mixture")
    modality = probe.players.modality
    assert len(block) == 30 and (modality[block.pairs[:, 0]] == 0).all() and (modality[block.pairs[:, 1]] == 1).all()
    assert probe.evaluations <= 8 * 7 * 6
    again = probe_pairs(model, TASK, one, [0], fill="mean", estimate=backgrounds(8, 0))
    np.testing.assert_array_equal(block.sii, again.scores("logit", "mixture")[0].sii)


def test_three_modalities_give_three_blocks(make_model, make_tokens):
    model = make_model(modalities=3)
    probe = probe_pairs(model, TASK, make_tokens(B=1, lengths=(3, 2, 4)), [0], fill="zero", estimate=backgrounds(8, 0))
    assert sorted(len(block) for block in probe.blocks) == [6, 8, 12]


def test_candidates_come_from_the_experts_in_turn(one):
    players = players_of(one)
    synergy, redundancy = np.zeros(11), np.zeros(11)
    synergy[[3, 4]], redundancy[[1, 4]] = [9, 8], [-7, 6]
    importance = ranking_maps({"unique_text": np.arange(11.0), "synergy": synergy, "redundancy": redundancy}, False)
    assert candidate_players(players, importance, 0, 3).tolist() == [1, 3, 4]
    assert candidate_players(players, importance, 1, 99).tolist() == [6, 7, 8, 9, 10]
    assert len(ranking_maps({"fusion": synergy}, False)) == 1


def test_candidates_hold_what_adds_up(one):
    """What only a unique expert says shows in the mixture's map alone; without it, reading order would decide."""
    players, nothing, mixture = players_of(one), np.zeros(11), np.zeros(11)
    mixture[[4, 5]] = [1, 2]
    maps = {"synergy": nothing, "redundancy": nothing, "mixture": mixture}
    assert candidate_players(players, ranking_maps(maps, True), 0, 4).tolist() == [0, 1, 4, 5]
    assert candidate_players(players, ranking_maps(maps, False), 0, 4).tolist() == [0, 1, 2, 3]


@pytest.mark.slow
def test_intervals_cover_exact_scores_of_a_trained_model(small_run):
    """95% intervals hold the exact score: 12 of a real sample's features play, the rest stay.

    Gaps of so briefly trained a model are nearly all rare, for which intervals are made wide: they have no upper bound
    here. `benchmarks/first_light.py` measures both on a model trained to the end. Scores that are 0 by construction are
    not counted: every interval holds them. Nor are SIIs of redundancy and of the mixture: what counts once has an
    interaction only where it turns from one modality to the other, which few backgrounds meet, and intervals are too
    narrow for what few backgrounds decide.
    """
    run, sii_held, gap_held = small_run.run, [], []
    synergy = [run.model.expert_names.index("synergy") + scale * (len(run.model.expert_names) + 1) for scale in (0, 1)]
    for number, label in ((0, 0), (1, 1), (2, 2), (3, 3)):
        tokens = small_run.tokens(number)
        value = model_value(run.model, run.card.task, tokens, [label], "attention")
        players = players_of(tokens)
        playing = np.concatenate([players.of(0)[:6], players.of(1)[4:10]])

        def restricted(coalitions, value=value, players=players, playing=playing):
            full = np.ones((len(coalitions), len(players)), dtype=bool)
            full[:, playing] = coalitions
            return value(full).reshape(len(coalitions), -1)

        game = Game(restricted, 12, batch_size=1024)
        exact = exact_pairs(game, 12, [(i, j) for i in range(6) for j in range(6, 12)])
        for seed in range(30):
            bounds = interval(block_pairs(game, range(6), range(6, 12), samples=64, seed=seed))
            sii = (bounds.sii_low <= exact.sii) & (exact.sii <= bounds.sii_high)
            gap = (bounds.redundancy_gap_low <= exact.redundancy_gap) & (
                exact.redundancy_gap <= bounds.redundancy_gap_high
            )
            sii_held.append(sii[:, synergy][np.abs(exact.sii[:, synergy]) > 1e-4])
            gap_held.append(gap)
    assert 0.92 <= np.concatenate(sii_held).mean() <= 0.98
    assert np.mean(gap_held) >= 0.92
