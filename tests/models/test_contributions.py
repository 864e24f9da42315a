"""Experts that own their roles by construction: what each can and cannot say, whatever its weights (METHOD 12)."""

from itertools import chain, combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from interplay.explanation.game import model_logits
from interplay.interactions import Game, exact_pairs
from interplay.models.contributions import (
    consistency_loss,
    contribution_parts,
    counted_once,
    decorrelation_loss,
    only,
    opposition_loss,
    silence_loss,
)
from interplay.models.tokens import Tokens


@pytest.fixture(params=["i2moe", "fl-i2moe"])
def experts_of(request, make_model):
    """A model of two modalities whose experts own their roles, with weights large enough to interact."""

    def make(**settings):
        model = make_model(request.param, roles="construction", **settings)
        with torch.no_grad():
            for weights in (p for p in model.parameters() if p.ndim == 2):
                weights.normal_(0, 0.4)
            model.bias.normal_()
            model.once_logit.normal_(0, 2)
        return model

    return make


def subsets(M):
    return chain.from_iterable(combinations(range(M), size) for size in range(M + 1))


def answer(model, e, tokens):
    """One expert's answer to what it sees, by its own weights alone."""
    if model.reads_sequences:
        return model.experts[e](tokens)[0]
    values = tuple((x * v[..., None]).sum(1, keepdim=True) / v.sum(1).clamp(min=1)[:, None, None]
                   for x, v in zip(tokens.values, tokens.valid, strict=True))  # fmt: skip
    return model.experts[e](Tokens(values, tuple(v.any(1, keepdim=True) for v in tokens.valid)))[0]


def once(a, b):
    """The stronger of two numbers of one sign, the sum of two of different signs."""
    same = a.sign() == b.sign()
    return torch.where(same, torch.where(a.abs() > b.abs(), a, b), a + b)


def absent(tokens, modalities):
    """The others with nothing valid, which is another way to be absent than that of the model, which cuts them off."""
    return only(tokens, modalities, cut=False)


def test_contributions_are_the_sums_of_the_method(experts_of, make_tokens):
    model, tokens = experts_of(), make_tokens()
    g = [{S: answer(model, e, absent(tokens, S)) for S in subsets(2)} for e in range(4)]
    said = [g[3][m,] - g[3][()] for m in (0, 1)]
    pro, con = 1 / (1 + (-model.once_logit).exp())
    counts = [torch.where(x > 0, pro * x, con * x) for x in said]
    expected = torch.stack([
        g[0][0,] - g[0][()] + said[0] - counts[0],
        g[1][1,] - g[1][()] + said[1] - counts[1],
        g[2][0, 1] - g[2][0,] - g[2][1,] + g[2][()],
        once(*counts),
    ], dim=1)  # fmt: skip
    output = model.fuse(tokens)
    torch.testing.assert_close(output.shared, torch.stack(said, dim=1), atol=1e-4, rtol=1e-4)
    left = [model.fuse(absent(tokens, (m,))).logits for m in (0, 1)]
    torch.testing.assert_close(output.alone, torch.stack(left, dim=1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(output.expert_logits, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(output.logits, model.bias + expected.sum(1), atol=1e-4, rtol=1e-4)
    assert model.router is None and bool((output.weights == 1).all())


def test_what_each_expert_cannot_say(experts_of, make_tokens):
    model, tokens = experts_of(), make_tokens()
    nothing = model.fuse(absent(tokens, ()))
    assert nothing.expert_logits.abs().max() < 1e-4
    torch.testing.assert_close(nothing.logits, model.bias.expand_as(nothing.logits), atol=1e-4, rtol=0)
    for m in range(2):
        alone = model.fuse(absent(tokens, (m,))).expert_logits
        assert alone[:, 1 - m].abs().max() < 1e-4 and alone[:, 2].abs().max() < 1e-4
        assert alone[:, m].abs().max() > 0.01 and alone[:, 3].abs().max() > 0.01
        torch.testing.assert_close(alone[:, m], model.fuse(tokens).expert_logits[:, m], atol=1e-5, rtol=0)


def test_a_unique_expert_has_no_interaction_across_modalities(experts_of, make_tokens):
    model, tokens = experts_of(), make_tokens(B=1, lengths=(4, 3))
    ask = model_logits(model, tokens, "attention")
    for e, own in ((0, True), (1, True), (2, False), (3, False)):
        game = Game(lambda S, e=e: ask(S)[:, e, 0].astype(np.float64), players=7)
        scores = exact_pairs(game, 7, [(i, j) for i in range(4) for j in range(4, 7)])
        assert (max(abs(scores.sii).max(), abs(scores.redundancy_gap).max()) < 1e-5) == own


def test_what_both_say_counts_once(experts_of, make_tokens):
    """The redundancy expert's interaction of whole modalities is never with what they say, and 0 where they differ.

    Whatever counts once of it, what a modality says alone stays the same.
    """
    model, tokens = experts_of(), make_tokens(B=50)
    whole, *alone = (model.fuse(absent(tokens, S)).expert_logits[:, 3] for S in ((0, 1), (0,), (1,)))
    interaction, (a, b) = whole - sum(alone), alone
    assert ((a > 0) & (b > 0)).any() and ((a < 0) & (b < 0)).any() and (a * b < 0).any()
    torch.testing.assert_close(interaction[a * b < 0], torch.zeros_like(interaction[a * b < 0]), atol=1e-4, rtol=0)
    same = a * b > 0
    weaker = torch.where(a.abs() < b.abs(), a, b)[same]
    torch.testing.assert_close(interaction[same], -weaker, atol=1e-4, rtol=1e-4)
    before = model.fuse(tokens)
    torch.nn.init.constant_(model.once_logit, -torch.inf)  # all of it adds up
    after = model.fuse(tokens)
    assert after.expert_logits[:, 3].abs().max() == 0 and torch.equal(after.alone, before.alone)
    added = after.expert_logits[:, 2] + after.alone.sum(1) - model.bias
    torch.testing.assert_close(after.logits, added, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("doubled", [True, False])
def test_labels_tell_what_counts_once_from_what_adds_up(experts_of, make_tokens, doubled):
    """The two say the same alone, so only labels of whole samples can tell; each sign of each label by itself."""
    model, tokens = experts_of(products=False), make_tokens(B=200)  # products of such weights would decide every label
    torch.nn.init.zeros_(model.once_logit)
    output = model.fuse(tokens)
    e = output.shared.detach()
    rest = (output.logits - output.expert_logits[:, -1] - sum(output.expert_logits[:, m] for m in (0, 1))).detach()
    own = (output.alone - model.bias - output.shared).detach().sum(1)
    truth = rest + own + (e.sum(1) if doubled else counted_once(e.transpose(0, 1)))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(output.logits, truth.sigmoid())
    (gradient,) = torch.autograd.grad(loss, model.once_logit)
    assert ((gradient > 0) == doubled).all(), "downhill is a smaller share exactly where evidence adds up"


@pytest.mark.parametrize("adds_up", [False, True])
@pytest.mark.parametrize("M", [1, 2, 3, 4])
def test_parts_of_any_number_of_modalities(M, adds_up):
    """Of f(S) = sum over the modalities in S, purified synergy keeps nothing; of 1 nothing is left anywhere."""
    parts = contribution_parts(M, adds_up)
    assert len(parts) == M + 2 and [len(own) for own in parts] == [1 + adds_up] * M + [1, M]

    def total(part, f):
        return sum(term.factor * f(term.modalities) for term in part.terms)

    assert not any(total(part, lambda seen: 1) for own in parts for part in own)
    assert total(parts[M][0], len) == 0 and [total(part, len) for part in parts[-1]] == [1] * M
    product = total(parts[M][0], lambda seen: len(seen) == M)
    assert product == (0 if M == 1 else 1), "one modality has no synergy; an AND of all belongs to it"


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=5))
def test_counted_once(parts):
    up, down = max([0.0, *parts]), min([0.0, *parts])
    assert float(counted_once(torch.tensor(parts, dtype=torch.float64)[:, None])) == pytest.approx(up + down)
    assert float(counted_once(torch.tensor([[parts[0]]]))) == pytest.approx(parts[0], rel=1e-6)


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_any_number_of_modalities(make_model, modalities):
    model = make_model("fl-i2moe", roles="construction", modalities=modalities)
    widths = (12, 10, 8)[:modalities]
    features = tuple(torch.randn(3, 4 + m, W) for m, W in enumerate(widths))
    output = model(features, tuple(torch.ones(3, 4 + m, dtype=torch.bool) for m in range(modalities)))
    assert output.expert_logits.shape == (3, modalities + 2, 3)
    if modalities == 1:
        assert output.expert_logits[:, 1].abs().max() < 1e-5


def test_attention_comes_from_what_an_expert_may_see(experts_of, make_tokens):
    """Every position keeps its place, and nothing attends to a modality that the expert does not see."""
    model, tokens = experts_of(), make_tokens(B=2)
    with torch.no_grad():
        output = model.fuse(tokens, return_attention=True)
    torch.testing.assert_close(output.logits, model.fuse(tokens).logits, atol=1e-5, rtol=1e-4)
    lengths = tokens.lengths if model.reads_sequences else [1, 1]
    for e in range(4):
        seen = [[(0,), (0,)], [(1,), (1,)], [(0, 1)], [(0,), (1,)]][e]
        for modalities, weights in (
            (m, w) for m, layers in zip(seen, output.attention[e], strict=True) for w in layers
        ):
            assert weights.shape[-1] == 2 + sum(lengths)
            text = weights[..., 1 : 1 + lengths[0]].abs().max()
            image = weights[..., 2 + lengths[0] :].abs().max()
            assert (float(text) > 0) == (0 in modalities) and (float(image) > 0) == (1 in modalities)


def test_losses_are_zero_where_experts_keep_to_their_roles():
    torch.manual_seed(0)
    x, y = torch.randn(400, 3), torch.randn(400, 3)
    unsure, sure = torch.zeros_like(x), torch.full_like(x, 40.0)
    assert consistency_loss(x, [x, x], [unsure, unsure]) == 0
    for one, other in ((unsure, unsure), (sure, unsure), (sure, sure), (-sure, -sure)):
        assert consistency_loss(x, [x, x + 2], [one, other]) == pytest.approx(2)
    assert consistency_loss(x, [x, x + 2], [sure, -sure]) == 0, "what modalities dispute is not redundant"
    assert silence_loss(x, [torch.zeros_like(x)] * 2) == 0
    assert silence_loss(torch.ones(5, 3), [torch.full((5, 3), 40.0), torch.zeros(5, 3)]) == pytest.approx(1)
    silent = torch.full_like(x, 0.7)
    assert decorrelation_loss([silent, silent], [x, y]) < 1e-9, "silence costs nothing"
    assert decorrelation_loss([x, x], [x, x], floor=0.0) == pytest.approx(1 - 1 / 399, abs=1e-5)


def test_independent_batches_ask_nothing_of_unique_experts():
    """Squared correlations of small batches are 1 / (B - 1) by chance, which must not make experts say less."""
    torch.manual_seed(0)
    batches = torch.randn(4000, 4, 16, 1)
    draws = torch.stack([decorrelation_loss([a, b], [x, y], floor=0.0) for a, b, x, y in batches])
    error = draws.std() / len(draws) ** 0.5
    assert abs(draws.mean()) < 4 * error < 0.01, "1 / 15 if chance were not taken off"


def test_opposition_is_what_two_experts_say_against_each_other_of_one_modality():
    one, two = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[-3.0, -5.0, 4.0]])
    assert opposition_loss([one, two], [two, two]) == pytest.approx(6**2 / (1 + 6) / 3 / 2)
    little = torch.full((1, 1), 0.1)
    assert opposition_loss([little], [-little]) < 1.1e-4, "what is small holds nothing at 0"
    assert opposition_loss([one], [one]) == opposition_loss([torch.zeros_like(one)], [two]) == 0


def test_an_and_by_what_counts_once_against_it_costs_opposition():
    """Each modality is worth 1.1 alone, both 4.6: without any synergy, by 3.5 for it and 2.4 against it in each."""
    own, shared = torch.full((1, 1), 3.5), torch.full((1, 1), -2.4)
    both = 2 * own + counted_once(torch.stack([shared, shared]))
    assert both.item() == pytest.approx(4.6) and (own + shared).item() == pytest.approx(1.1)
    assert opposition_loss([own, own], [shared, shared]) == pytest.approx(8.4**2 / 9.4)


def test_no_gradient_flows_into_what_a_modality_says_alone():
    own, other = torch.randn(8, 3, requires_grad=True), torch.randn(8, 3, requires_grad=True)
    (decorrelation_loss([own, own], [other, other]) + silence_loss(own, [other, other])).backward()
    assert own.grad is not None and other.grad is None


def test_a_batch_of_one_has_no_correlation():
    assert decorrelation_loss([torch.ones(1, 3)] * 2, [torch.ones(1, 3)] * 2) == 0
