"""What if features were gone: the stored answers are the model's own, and their number is bounded."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

from interplay.config.sections import FILLS
from interplay.explanation.game import model_logits, players_of
from interplay.explanation.predictor import to_probabilities
from interplay.explanation.what_if import _sets, _twos, what_if
from interplay.models.task import Task
from interplay.models.tokens import remove
from interplay.results import Pair


def pair(i: int, j: int, sii: float | None, gap: float | None = None) -> Pair:
    return Pair(i=i, j=j, sii=sii, sii_se=None, redundancy_gap=gap, redundancy_gap_se=None, samples=1)


def ask(model, tokens, pairs, *, kind="multi", fill="attention", **options):
    task = Task(("a", "b", "c"), kind)
    players = players_of(tokens)
    logits = model_logits(model, tokens, fill, players)

    asked = []

    def probabilities(coalitions):
        asked.extend(np.flatnonzero(~row).tolist() for row in coalitions)
        return to_probabilities(logits(coalitions)[:, -1], kind)[:, 1:2]

    (found,) = what_if(probabilities, players, pairs=pairs, modalities=["text", "image"], **options)
    assert found.evaluations == len(asked)

    @torch.no_grad()
    def answer(gone):
        keep = [torch.ones(1, T, dtype=torch.bool) for T in tokens.lengths]
        for player in gone:
            keep[players.modality[player]][0, players.positions[player]] = False
        fused = model.fuse(remove(tokens, tuple(keep), fill, model.projected_means()))
        return task.probabilities(fused.logits)[0, 1].item()

    answer.asked = asked
    return found, answer


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_answers_are_those_of_the_model(make_model, make_tokens, fill, kind):
    pairs = [pair(i, j, 0.1 * i - j) for i in (0, 2, 3) for j in (7, 10)]
    found, answer = ask(make_model(), make_tokens(B=1), pairs, fill=fill, kind=kind)
    assert found.whole == pytest.approx(answer([]), abs=1e-6)
    assert found.nothing == pytest.approx(answer(range(12)), abs=1e-6)
    assert found.without_modality == pytest.approx({"text": answer(range(7)), "image": answer(range(7, 12))}, abs=1e-6)
    assert found.without == pytest.approx([answer([at]) for at in range(12)], abs=1e-6)
    twos = list(zip(found.i, found.j, strict=True))
    assert set(twos) == {(p.i, p.j) for p in pairs} | {(0, 2), (0, 3), (2, 3), (7, 10)}
    assert found.without_both == pytest.approx([answer(two) for two in twos], abs=1e-6)
    assert len(set(found.without)) > 6, "answers that are all alike would test nothing"
    assert not found.off and set(found.off_strong) <= {3}, "of five candidates there are few sets of more"


def test_how_far_estimates_are_off_is_what_the_model_says(make_model, make_tokens):
    """Of sets that were asked about: those with a strong feature apart from the others."""
    pairs = [pair(i, j, 1.0) for i in (0, 2, 3, 5, 6) for j in (7, 8, 10, 11)]
    found, answer = ask(make_model(), make_tokens(B=1), pairs)
    both = dict(zip(zip(found.i, found.j, strict=True), found.without_both, strict=True))

    def logit(p):
        return math.log(p / (1 - p))

    moves = {at: abs(logit(found.without[at]) - logit(found.whole)) for at in (0, 2, 3, 5, 6, 7, 8, 10, 11)}
    assert (
        found.strong == [at for at in sorted(moves, key=moves.get)[::-1] if moves[at] > 0.5 * max(moves.values())][:3]
    )
    squares = {True: [], False: []}
    for gone in (tuple(gone) for gone in answer.asked if len(gone) == 3):
        v = {
            (): found.whole,
            **{(at,): found.without[at] for at in gone},
            **{k: both[k] for k in combinations(gone, 2)},
        }
        mobius = sum((-1) ** len(k) * logit(p) for k, p in v.items())
        squares[not set(found.strong).isdisjoint(gone)].append((mobius - logit(answer(gone))) ** 2)
    assert min(map(len, squares.values())) >= 6
    for off, some in ((found.off, squares[False]), (found.off_strong, squares[True])):
        t = stats.t.ppf(0.99, len(some))  # 98 of 100, by which about 95 hold: errors have heavy tails
        assert off[3] == pytest.approx(t * math.sqrt(sum(some) / len(some)), rel=1e-3)


def test_larger_sets_are_checked_where_their_pairs_are_known(make_model, make_tokens):
    pairs = [pair(i, j, 1.0) for i in range(7) for j in range(7, 12)]
    found, _ = ask(make_model(), make_tokens(B=1), pairs)
    assert set(found.off) == {3, 4, 6, 8} == set(found.off_strong) and all(off > 0 for off in found.off.values())
    assert 4 + 12 + 66 + 4 * (12 + 9) <= found.evaluations <= 4 + 12 + 66 + 2 * 4 * 12
    few, _ = ask(make_model(), make_tokens(B=1), pairs, most=100)
    assert not few.off and not few.off_strong, "what room there is goes to pairs"


def test_there_are_sets_to_check_however_many_pairs_there_are():
    """24 words by 24 patches: the pairs across alone would take all the room, and hold no set of three."""
    cross = [(i, j) for i in range(24) for j in range(24, 48)]
    within = [(a, b) for start in (0, 24) for a in range(start, start + 24) for b in range(a + 1, start + 24)]
    twos = _twos(cross, within, 575, core=True)
    assert len(twos) == len(set(twos)) == 575 and set(cross[:500]) <= set(twos)
    sets = _sets(range(48), twos, 12, np.random.default_rng(0))
    assert {len(one) for one in sets} == {3, 4, 6, 8}
    assert all(two in set(twos) for one in sets for two in combinations(one, 2))
    assert _twos(cross, within, 575, core=False) == cross[:575]


@pytest.mark.parametrize("most", [4, 9, 20, 23, 760])
def test_no_more_is_asked_than_said_and_the_strongest_come_first(make_model, make_tokens, most):
    scores = {(0, 7): (0.1, 0.0), (0, 8): (-3.0, 0.2), (5, 7): (None, 9.0), (5, 8): (None, None), (1, 9): (1.0, 0.0)}
    found, _ = ask(make_model(), make_tokens(B=1), [pair(*at, *s) for at, s in scores.items()], most=most)
    assert found.evaluations <= most
    checked = found.evaluations - 4 - sum(p is not None for p in found.without) - len(found.i)
    assert bool(checked) == (most == 760)
    asked = [at for at, p in enumerate(found.without) if p is not None]
    if most == 9:
        assert asked == [0, 1, 5, 7, 8] and not found.i, "candidates come before the others"
    if most == 20:
        assert list(zip(found.i, found.j, strict=True)) == [(5, 7), (0, 8), (1, 9), (0, 7)]


def test_answers_near_certainty_keep_their_logit(make_model, make_tokens):
    model = make_model("dense")
    for parameter in (p for p in model.experts.parameters() if p.shape == (3,)):  # the classes' biases
        parameter.data += 20
    found, _ = ask(model, make_tokens(B=1), [])
    answers = [found.whole, found.nothing, *found.without_modality.values(), *found.without]
    assert all(1 - 1e-7 < p < 1 for p in answers), "single precision would call these 1"
    assert len(set(answers)) > 6
