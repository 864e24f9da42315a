"""Role losses and regularisers against formulas of METHOD 5 written out with loops."""

import math

import pytest
import torch

from interplay.config import ROLES
from interplay.models.roles import REGULARISERS, interaction_loss, regularisation, replace_modality


def _cos(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def _naive(intact, replaced):
    B, E, _ = intact.shape
    M, losses = len(replaced), []
    for e in range(E):
        terms = []
        for j in range(M):
            for b in range(B):
                z0, zj = intact[b, e], replaced[j][b, e]
                if e < M:
                    if j == e:
                        continue
                    near, far = (z0 - zj + 1e-6).norm(), (z0 - replaced[e][b, e] + 1e-6).norm()
                    terms.append(max(0.0, float(near - far) + 1.0))
                else:
                    terms.append(_cos(z0, zj) if e == M else 1 - _cos(z0, zj))
        losses.append(sum(terms) / len(terms))
    return sum(losses) / E


@pytest.mark.parametrize("M", [2, 3])
def test_interaction_loss(M):
    generator = torch.Generator().manual_seed(M)
    intact = torch.randn(5, M + 2, 8, generator=generator)
    replaced = [torch.randn(5, M + 2, 8, generator=generator) for _ in range(M)]
    assert math.isclose(float(interaction_loss(intact, replaced)), _naive(intact, replaced), rel_tol=1e-4)


def test_roles_pull_where_they_should():
    """Each role's loss is smallest for an expert that behaves as its name says."""
    same, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    kept = same.unsqueeze(1).expand(1, 4, 2)
    moved = other.unsqueeze(1).expand(1, 4, 2)
    ideal = [
        torch.stack([moved[:, 0] * 9, kept[:, 0], -kept[:, 0], kept[:, 0]], 1),
        torch.stack([kept[:, 0], moved[:, 0] * 9, -kept[:, 0], kept[:, 0]], 1),
    ]
    assert float(interaction_loss(kept, ideal)) < float(interaction_loss(kept, [kept, kept]))
    assert math.isclose(float(interaction_loss(kept, ideal)), -0.25, abs_tol=1e-4)  # 0, 0, -1, 0 over 4 experts


@pytest.mark.parametrize("how", ["noise", "mean", "zero"])
def test_replacement_touches_one_modality(make_tokens, how):
    tokens, mean = make_tokens(), torch.arange(16.0)
    replaced = replace_modality(tokens, 1, how, mean)
    assert torch.equal(replaced.values[0], tokens.values[0])
    assert replaced.values[1].shape == tokens.values[1].shape and not torch.equal(replaced.values[1], tokens.values[1])
    if how == "mean":
        assert (replaced.values[1] == mean).all()
    if how == "noise":
        assert not torch.equal(replaced.values[1][0], replaced.values[1][1])


def _naive_cka(a, b):
    H = torch.eye(len(a)) - 1 / len(a)
    K, L = H @ a @ a.T @ H, H @ b @ b.T @ H
    return float((K * L).sum() / (K.norm() * L.norm()))


def _naive_barlow(a, b):
    total, n = 0.0, a.shape[1]
    for i in range(n):
        for j in range(n):
            x, y = a[:, i] - a[:, i].mean(), b[:, j] - b[:, j].mean()
            if i != j:
                total += float((x * y).mean() / (x.square().mean() * y.square().mean()).sqrt()) ** 2
    return total / (n * (n - 1))


def test_regularisers():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(9, 4, generator=generator), torch.randn(9, 4, generator=generator)
    squared = sum(_cos(x, y) ** 2 for x, y in zip(a, b, strict=True)) / 9
    naive = {"squared_cosine": squared, "cka": _naive_cka(a, b), "barlow": _naive_barlow(a, b)}
    for name, function in REGULARISERS.items():
        assert math.isclose(float(function(a, b)), naive[name], rel_tol=1e-4)
    assert float(REGULARISERS["cka"](a, a)) == pytest.approx(1.0)
    latents = torch.stack([a, b, a], dim=1)
    assert float(regularisation(latents, "cka")) == pytest.approx((1 + 2 * naive["cka"]) / 3, rel=1e-4)
    assert float(regularisation(latents, "none")) == 0


@pytest.mark.parametrize("off", ["unique", "synergy", "redundancy"])
def test_a_loss_that_is_off_leaves_the_others_as_they_were(off):
    generator = torch.Generator().manual_seed(0)
    intact = torch.randn(5, 4, 8, generator=generator)
    replaced = [torch.randn(5, 4, 8, generator=generator) for _ in range(2)]
    alone = interaction_loss(intact, replaced, (off,))
    others = interaction_loss(intact, replaced, tuple(role for role in ROLES if role != off))
    assert math.isclose(float(alone + others), float(interaction_loss(intact, replaced)), rel_tol=1e-5)
    assert float(alone) != 0
