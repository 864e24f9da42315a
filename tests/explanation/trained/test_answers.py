"""Asked fast, a model answers as it does when each coalition is removed and fused by itself, every feature computed."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interplay.config import MODEL_KINDS
from interplay.config.sections import FILLS
from interplay.errors import GameError
from interplay.explanation.game import model_logits, model_value, players_of
from interplay.explanation.trained import answers, coalitions, first_layer
from interplay.explanation.trained import expert_tables as experts
from interplay.models.task import Task
from interplay.models.tokens import Tokens

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
WAYS = ("construction", "losses")


def naive_logits(model, tokens, fill, players, asked, together=False):
    """Attention written out: `fuse(remove(...), return_attention=True)`, each coalition by itself or all at once."""
    keep = [torch.zeros(len(asked), T, dtype=torch.bool) for T in tokens.lengths]
    for row, present in enumerate(asked):
        for player in np.flatnonzero(present):
            keep[players.modality[player]][row, players.positions[player]] = True
    rows = []
    for kept in zip(*(part.split(len(asked) if together else 1) for part in keep), strict=True):
        with torch.no_grad():
            output = model.fuse(model.remove(tokens.expand(len(kept[0])), kept, fill), return_attention=True)
        rows.append(torch.cat([output.expert_logits, output.logits[:, None]], dim=1))
    return torch.cat(rows).numpy()


def some_coalitions(m, n, seed):
    """Of every size, with nothing and everything among them."""
    rng = np.random.default_rng(seed)
    out = rng.random((m, n)) < rng.random((m, 1))
    out[0], out[-1] = False, True
    return out


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("lengths", [(7, 5), (4, 1, 6), (3, 2, 4, 5)], ids=len)
@pytest.mark.parametrize("fill", FILLS)
def test_parity(make_model, make_tokens, monkeypatch, kind, fill, lengths, layers):
    """By both ways of the first layer's attention, whatever the number of coalitions: products over them, and one by
    one. Roles of both kinds, each with every fill."""
    roles = WAYS[(layers + len(lengths)) % 2]
    model = make_model(kind, modalities=len(lengths), layers=layers, roles=roles)
    tokens = make_tokens(B=1, lengths=lengths)
    tokens.valid[0][0, 1], tokens.valid[-1][0, 0] = False, False
    players = players_of(tokens)
    asked = some_coalitions(40, len(players), seed=layers)
    expected = naive_logits(model, tokens, fill, players, asked, together=True)
    for enough in (1, 10**9) if model.reads_sequences else (1,):
        monkeypatch.setattr(experts, "ENOUGH", enough)
        np.testing.assert_allclose(model_logits(model, tokens, fill)(asked), expected, **CLOSE)


@pytest.mark.parametrize("fill", FILLS)
def test_the_naive_answers_to_all_at_once_are_those_to_each_by_itself(make_model, make_tokens, kind, fill):
    """Otherwise the tests above would compare two batches that err alike."""
    model, tokens = make_model(kind), make_tokens(B=1)
    tokens.valid[0][0, 1] = False
    players = players_of(tokens)
    asked = some_coalitions(20, len(players), seed=0)
    alone, together = (naive_logits(model, tokens, fill, players, asked, together=way) for way in (False, True))
    np.testing.assert_allclose(together, alone, atol=1e-6)


MODELS: dict[tuple[str, str], object] = {}  # hypothesis asks again and again


@pytest.mark.slow
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(MODEL_KINDS),
    roles=st.sampled_from(WAYS),
    fill=st.sampled_from(FILLS),
    m=st.integers(1, 70),
    most=st.integers(1, 2**12),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_groups_padding_and_chunks_of_any_size(make_model, monkeypatch, seed, kind, roles, fill, m, most):
    """Players of several positions, positions nobody holds, positions that are not valid, modalities without any."""
    if (kind, roles) not in MODELS:
        MODELS[kind, roles] = make_model(kind, roles=roles)
    model, rng = MODELS[kind, roles], np.random.default_rng(seed)
    monkeypatch.setattr(answers, "CHUNK", most)
    monkeypatch.setattr(answers, "TOGETHER", most * 64)
    lengths = rng.integers(1, 12, 2)
    tokens = Tokens(
        tuple(torch.randn(1, T, 16, generator=torch.Generator().manual_seed(seed % 2**31)) for T in lengths),
        tuple(torch.from_numpy(rng.random((1, T)) < rng.random()) for T in lengths),
    )
    if not any(valid.any() for valid in tokens.valid):
        tokens.valid[0][0, 0] = True
    players = players_of(tokens, [rng.integers(0, T, T).tolist() for T in lengths])
    asked = rng.random((m, len(players))) < rng.random((m, 1))
    found = model_logits(model, tokens, fill, players)(asked)
    np.testing.assert_allclose(found, naive_logits(model, tokens, fill, players, asked), **CLOSE)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("sharp", [4.0, 12.0, 100.0])
def test_sharp_attention_loses_no_digits(make_model, make_tokens, fill, sharp):
    """Where attention falls on few rows, what is taken away is not the difference of two large sums."""
    model, tokens = make_model(), make_tokens(B=1)
    with torch.no_grad():
        for expert in model.experts:
            expert.blocks[0].attention.qkv.weight[:32] *= sharp**0.5
    players, asked = players_of(tokens), some_coalitions(64, 12, seed=0)
    found = model_logits(model, tokens, fill)(asked)
    np.testing.assert_allclose(found, naive_logits(model, tokens, fill, players, asked, together=True), **CLOSE)


def test_every_way_of_the_first_layer_was_gone(make_model, make_tokens):
    """The test above asks steady rows, others, and a model whose scores are too far apart for products."""
    model, tokens, ways = make_model(), make_tokens(B=1), set()
    weight = model.experts[0].blocks[0].attention.qkv.weight
    for sharp in (1.0, 12.0, 100.0):
        changed = weight.detach().clone()
        changed[:32] *= sharp**0.5
        model.experts[0].blocks[0].attention.qkv.weight = torch.nn.Parameter(changed)
        features = coalitions.features_of(tokens, "mean", model.projected_means())
        with torch.no_grad():
            table = experts.expert_table(model.experts[0], features, torch.float32)
        ways |= {None} if table.shared is None else set(table.shared.fills.steady)
    assert ways == {None, True, False}


@pytest.mark.parametrize("fill", FILLS)
def test_an_answer_does_not_depend_on_batch_mates(make_model, make_tokens, kind, fill):
    tokens, asked = make_tokens(B=1), some_coalitions(120, 12, seed=3)
    ask = model_logits(make_model(kind), tokens, fill)
    together, order = ask(asked), np.random.default_rng(0).permutation(120)
    np.testing.assert_allclose(ask(asked[order]), together[order], atol=1e-6)
    np.testing.assert_allclose(np.concatenate([ask(one[None]) for one in asked[::4]]), together[::4], atol=1e-6)
    np.testing.assert_array_equal(ask(asked), together)


@pytest.mark.parametrize("fill", FILLS)
def test_some_experts_are_asked_alone(make_model, make_tokens, kind, fill):
    tokens, asked = make_tokens(B=1), some_coalitions(20, 12, seed=1)
    for model in (make_model(kind, roles=roles) for roles in WAYS):
        everything = model_logits(model, tokens, fill)(asked)
        last = len(model.expert_names) - 1
        some = model_logits(model, tokens, fill, experts=[last, 0])(asked)
        np.testing.assert_allclose(some, everything[:, [last, 0]], atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
def test_bf16_is_close_and_comes_back_in_single_precision(make_model, make_tokens, fill):
    model, tokens, asked = make_model(), make_tokens(B=1), some_coalitions(60, 12, seed=2)
    single = model_logits(model, tokens, fill)(asked)
    half = model_logits(model, tokens, fill, precision="bf16")(asked)
    assert half.dtype == np.float32 and 0 < np.abs(half - single).max() < 0.05
    values = model_value(model, Task(("a", "b", "c"), "multi"), tokens, [1], fill, precision="bf16")(asked)
    np.testing.assert_array_equal(values[:, 0, 0], half[:, :, 1])


def test_the_model_is_left_as_it_was(make_model, make_tokens):
    model = make_model()
    before, parts = copy.deepcopy(model.state_dict()), [sorted(vars(module)) for module in model.modules()]
    for precision in ("fp32", "bf16"):
        model_logits(model, make_tokens(B=1), "mean", precision=precision)(some_coalitions(60, 12, seed=0))
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert [sorted(vars(module)) for module in model.modules()] == parts
    assert not any(p.grad is not None for p in model.parameters())


def test_a_model_in_training_is_refused(make_model, make_tokens):
    with pytest.raises(GameError, match="training mode"):
        model_logits(make_model().train(), make_tokens(B=1), "mean")


@pytest.mark.parametrize("fill", FILLS)
def test_tokens_that_stand_elsewhere_keep_their_places(make_model, make_tokens, fill):
    """A packed sample is the same sample."""
    model, tokens = make_model(), make_tokens(B=1)
    tokens.valid[0][0, [0, 3]] = False
    asked = some_coalitions(30, 10, seed=4)
    whole, packed = (model_logits(model, some, fill)(asked) for some in (tokens, tokens.packed()))
    np.testing.assert_allclose(packed, whole, atol=1e-6)


class Sum(torch.nn.Module):
    """An expert that is no transformer: sums of what is valid, by where it stands."""

    def forward(self, tokens, return_attention=False):
        sums = [
            (v * k[..., None] * (1 + p[..., None])).sum(1)
            for v, k, p in zip(tokens.values, tokens.valid, tokens.places, strict=True)
        ]
        return sum(sums)[:, :3], torch.zeros(len(sums[0]), 32), []


@pytest.mark.parametrize("fill", FILLS)
def test_experts_of_another_make_are_asked_plainly(make_model, make_tokens, fill):
    model, tokens = make_model("dense"), make_tokens(B=1)
    model.reads_sequences, model.experts = True, torch.nn.ModuleList([Sum()])
    places = tuple(torch.arange(T).expand(1, -1) for T in tokens.lengths)
    asked = some_coalitions(9, 12, seed=5)
    found = model_logits(model, tokens, fill)(asked)
    for row, present in zip(found, asked, strict=True):
        keep = tuple(torch.from_numpy(part)[None] for part in np.split(present, [7]))
        left = model.remove(tokens, keep, fill)
        expected = Sum()(Tokens(left.values, left.valid, places))[0].detach()
        np.testing.assert_allclose(row, np.repeat(expected.numpy(), 2, axis=0), atol=1e-4)


def test_chunks_hold_coalitions_of_similar_size():
    keep = torch.from_numpy(some_coalitions(50, 40, seed=0))
    keep[:, 0] = True
    batch = coalitions.batch_of(keep, torch.ones(40, dtype=torch.bool), True, torch.device("cpu"), most=100)
    assert [start for start, _ in batch.cuts] == [0, *(stop for _, stop in batch.cuts[:-1])] and batch.cuts[-1][1] == 50
    for start, stop in batch.cuts:
        assert batch.sizes[stop - 1] >= coalitions.SIMILAR * batch.sizes[start]
        assert stop - start == 1 or (stop - start) * batch.sizes[start] <= 100
    assert sorted(batch.order.tolist()) == list(range(50))
    for size, rows, place in zip(batch.sizes, batch.rows, batch.order, strict=True):
        assert rows[:size].tolist() == keep[place].nonzero().flatten().tolist()


def test_first_layer_gives_up_on_scores_that_are_not_finite():
    assert first_layer.shared_attention(torch.full((4, 12), float("nan")), 2, 4) is None
