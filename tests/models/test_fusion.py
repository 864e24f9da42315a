"""The three models: one output type, predictions that depend on the sample alone, parity with METHOD 3-4."""

import pytest
import torch
from torch.nn import functional as F

from interplay.config import MODEL_KINDS, FusionConfig
from interplay.models.designs import MODELS, Shape
from interplay.models.fusion import FusionModel
from interplay.models.tokens import Tokens
from interplay.models.trunk import Expert


def _features(B, lengths=(7, 5), widths=(12, 10), seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = tuple(torch.randn(B, T, W, generator=generator) for T, W in zip(lengths, widths, strict=True))
    return features, tuple(torch.ones(B, T, dtype=torch.bool) for T in lengths)


def _padded(features, valid, extra):
    noise = [torch.randn(f.shape[0], extra, f.shape[2]) * 100 for f in features]
    return (
        tuple(torch.cat([f, n], dim=1) for f, n in zip(features, noise, strict=True)),
        tuple(torch.cat([v, torch.zeros(v.shape[0], extra, dtype=torch.bool)], dim=1) for v in valid),
    )


def test_output_shapes(make_model, kind):
    model = make_model(kind, roles="losses")
    output = model(*_features(6))
    E = len(model.expert_names)
    assert output.logits.shape == (6, 3) and output.expert_logits.shape == (6, E, 3)
    assert output.expert_latents.shape == (6, E, 32) and output.weights.shape == (6, E)
    assert torch.allclose(output.weights.sum(1), torch.ones(6))
    assert torch.allclose(output.logits, (output.weights[..., None] * output.expert_logits).sum(1))
    assert output.attention == []


def test_order_of_experts():
    assert MODELS["fl-i2moe"].expert_names(["a", "b", "c"]) == [
        "unique_a",
        "unique_b",
        "unique_c",
        "synergy",
        "redundancy",
    ]
    assert MODELS["dense"].expert_names(["a", "b"]) == ["fusion"]


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_any_number_of_modalities(make_model, kind, modalities):
    model = make_model(kind, modalities=modalities)
    features, valid = _features(3, lengths=(4, 5, 6, 7)[:modalities], widths=(12, 10, 8, 6)[:modalities])
    assert model(features, valid).logits.shape == (3, 3)


def test_a_prediction_depends_on_nothing_but_the_sample(make_model, kind):
    """Alone, in a batch of 32, in another order and padded longer: equal to 1e-5."""
    model = make_model(kind)
    features, valid = _features(32)
    batch = model(features, valid).logits
    for row in (0, 17, 31):
        alone = model(tuple(f[row : row + 1] for f in features), tuple(v[row : row + 1] for v in valid)).logits
        assert torch.allclose(alone[0], batch[row], atol=1e-5)
    order = torch.randperm(32)
    turned = model(tuple(f[order] for f in features), tuple(v[order] for v in valid)).logits
    assert torch.allclose(turned, batch[order], atol=1e-5)
    assert torch.allclose(model(*_padded(features, valid, 9)).logits, batch, atol=1e-5)


def test_explicit_attention_gives_the_same_answer(make_model, kind, make_tokens):
    model = make_model(kind)
    tokens = make_tokens()
    plain, explicit = model.fuse(tokens), model.fuse(tokens, return_attention=True)
    assert torch.allclose(plain.logits, explicit.logits, atol=1e-5)
    parts = [layers for parts in explicit.attention for layers in parts]
    assert len(parts) == sum(map(len, model.parts))
    for weights in (weights for layers in parts for weights in layers):
        assert torch.allclose(weights.sum(-1), torch.ones_like(weights.sum(-1)), atol=1e-5)


def test_experts_do_not_start_alike(make_model):
    experts = make_model("fl-i2moe").experts
    assert not torch.equal(experts[0].head.weight, experts[1].head.weight)


def test_seed_decides_the_weights(make_model, kind):
    a, b, c = make_model(kind, seed=3), make_model(kind, seed=3), make_model(kind, seed=4)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert any(not torch.equal(x, y) for x, y in zip(a.parameters(), c.parameters(), strict=True))


def naive_expert(expert, tokens: Tokens, row: int) -> torch.Tensor:
    """METHOD 3 for one sample, written out with loops: only valid tokens are ever put in."""
    x, owner = [], []
    for m, (values, valid) in enumerate(zip(tokens.values, tokens.valid, strict=True)):
        x.append(expert.anchors[m])
        owner.append(m)
        for t in range(values.shape[1]):
            if valid[row, t]:
                x.append(values[row, t] + expert.positions[m][t])
                owner.append(m)
    x = torch.stack(x)
    for block in expert.blocks:
        a, n = block.attention, block.norm_attention(x)
        q, k, v = (part.chunk(a.heads, dim=-1) for part in a.qkv(n).chunk(3, dim=-1))
        heads = [(qh @ kh.T / qh.shape[-1] ** 0.5).softmax(-1) @ vh for qh, kh, vh in zip(q, k, v, strict=True)]
        x = x + a.out(torch.cat(heads, dim=-1))
        x = x + block.mlp(block.norm_mlp(x))
    M = len(tokens.values)
    means = [x[[i for i, o in enumerate(owner) if o == m]].mean(0) for m in range(M)]
    if expert.head.in_features > M * len(means[0]):
        means += [means[m] * means[j] for m in range(M) for j in range(m + 1, M)]
    return expert.head(torch.cat(means))


def test_parity_with_a_naive_transcription(make_model, make_tokens):
    """Experts (METHOD 3) and routing (METHOD 4), with some positions not valid."""
    model, tokens = make_model("fl-i2moe", roles="losses", temperature=2.0), make_tokens(B=3)
    valid = tuple(torch.rand(v.shape, generator=torch.Generator().manual_seed(5)) < 0.7 for v in tokens.valid)
    tokens = Tokens(tokens.values, valid)
    output = model.fuse(tokens)
    for row in range(3):
        logits = torch.stack([naive_expert(expert, tokens, row) for expert in model.experts])
        pooled = [F.normalize(v[row][ok[row]].mean(0), dim=0) for v, ok in zip(tokens.values, valid, strict=True)]
        weights = (model.router(torch.cat(pooled)) / 2.0).softmax(0)
        assert torch.allclose(output.expert_logits[row], logits, atol=1e-5)
        assert torch.allclose(output.weights[row], weights, atol=1e-5)
        assert torch.allclose(output.logits[row], weights @ logits, atol=1e-5)


@pytest.mark.parametrize("M", [1, 2, 3])
def test_only_the_synergy_network_reads_products(make_model, make_tokens, M):
    """Of each two modalities one, by construction unless it is set not to; parity with the transcription above."""
    plain = [model.experts[M].head.in_features for model in
             (make_model(modalities=M, products=False), make_model(modalities=M, roles="losses"))]  # fmt: skip
    assert plain == [M * 16] * 2
    model, tokens = make_model(modalities=M), make_tokens(B=2, lengths=(7, 5, 4)[:M])
    assert [expert.head.in_features // 16 for expert in model.experts] == [M] * M + [M + M * (M - 1) // 2, M]
    for expert in model.experts:
        found = expert(tokens)[0]
        for row in range(2):
            torch.testing.assert_close(found[row], naive_expert(expert, tokens, row), atol=1e-5, rtol=1e-4)


def steps_to_an_xor(products: bool, seed: int, most: int = 500) -> int:
    """Steps until an expert tells whether the signs of two features, one of each modality, differ."""
    torch.manual_seed(seed)
    expert = Expert([10, 10], 16, layers=1, heads=2, dropout=0.0, classes=1, products=products)
    optimizer, losses = torch.optim.AdamW(expert.parameters(), lr=3e-3), []
    for step in range(most):
        signs = torch.randint(0, 2, (64, 2)) * 2.0 - 1
        values = tuple(torch.randn(64, 10, 16) for _ in range(2))
        for m, value in enumerate(values):
            value[:, 2, 0] = 1.5 * signs[:, m]
        logits = expert(Tokens(values, (torch.ones(64, 10, dtype=torch.bool),) * 2))[0][:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, (signs.prod(1) < 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step > 20 and sum(losses[-20:]) < 20 * 0.5:  # a coin's is .69
            return step
    return most


def test_a_network_that_reads_products_learns_an_xor_in_fewer_steps():
    """At most two thirds of those that it takes from sums alone."""
    with_products, without = (steps_to_an_xor(products, seed=2) for products in (True, False))
    assert with_products < 2 / 3 * without


def test_dense_sees_only_the_pooled_modalities(make_model, make_tokens):
    """Tokens of one modality swapped among themselves change nothing in pooled models, and do in fl-i2moe."""
    tokens = make_tokens(B=2)
    swapped = Tokens((tokens.values[0].flip(1), tokens.values[1]), tokens.valid)
    for kind in ("dense", "i2moe"):
        model = make_model(kind)
        assert torch.allclose(model.fuse(tokens).logits, model.fuse(swapped).logits, atol=1e-5)
    model = make_model("fl-i2moe")
    assert not torch.allclose(model.fuse(tokens).logits, model.fuse(swapped).logits, atol=1e-5)


def test_packed_tokens_give_the_same_answer(make_model, make_tokens, kind):
    """What is removed may be cut off: the others keep their places."""
    tokens, model = make_tokens(B=6), make_model(kind)
    generator = torch.Generator().manual_seed(0)
    valid = tuple(torch.rand(v.shape, generator=generator) < 0.4 for v in tokens.valid)
    valid[0][0], valid[1][1] = False, True
    removed = Tokens(tokens.values, valid)
    packed = removed.packed()
    assert packed.lengths[0] == int(valid[0].sum(1).max()) < tokens.lengths[0]
    torch.testing.assert_close(model.fuse(packed).logits, model.fuse(removed).logits, atol=1e-6, rtol=1e-5)


def test_uniform_routing_weighs_experts_equally(make_model, make_tokens):
    model = make_model(roles="losses", routing="uniform")
    output = model.fuse(make_tokens())
    assert torch.allclose(output.weights, torch.full((4, 4), 0.25)) and model.router is None
    assert torch.allclose(output.logits, output.expert_logits.mean(1), atol=1e-6)


def test_one_expert_asked_alone(make_model, make_tokens, kind):
    model, tokens = make_model(kind), make_tokens()
    output = model.fuse(tokens)
    for e in range(len(model.expert_names)):
        assert torch.allclose(model.expert_logits(e, tokens), output.expert_logits[:, e], atol=1e-6)


def test_the_registry_holds_every_kind_that_a_configuration_may_name():
    assert tuple(MODELS) == MODEL_KINDS


def test_only_the_synergy_network_of_roles_by_construction_has_no_dropout():
    def shares(roles: str) -> list[set[float]]:
        model = FusionModel(FusionConfig(roles=roles), Shape({"text": 4, "image": 4}, {"text": 3, "image": 3}, 2))
        return [{m.p for m in expert.modules() if isinstance(m, torch.nn.Dropout)} for expert in model.experts]

    assert shares("construction") == [{0.1}, {0.1}, {0.0}, {0.1}]
    assert shares("losses") == [{0.1}] * 4
