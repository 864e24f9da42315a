"""Attributions against naive transcriptions of METHOD 7, and the properties every method must have."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from interplay.explanation.attribution.gradients import path_integral
from interplay.explanation.attribution.methods import METHODS, Request
from interplay.explanation.attribution.rollout import rollout
from interplay.explanation.attribution.target import Target
from interplay.models.tokens import Tokens

ROLES = ("construction", "losses")


def views(model, e, tokens):
    """What the parts of an expert's contribution see: one modality (of a unique expert in both), each, or all."""
    M = len(model.modalities)
    kept = [range(M)]
    if model.by_construction:
        kept = [[e], [e]] if e < M else [[m] for m in range(M)] if e == M + 1 else kept
    return [Tokens(tokens.values, tuple(v & (m in part) for m, v in enumerate(tokens.valid))) for part in kept]


@pytest.fixture
def one(make_tokens):
    """One sample of 7 + 5 positions, two of which hold no feature."""
    tokens = make_tokens(B=1)
    tokens.valid[0][0, 5:] = False
    return tokens


def _request(model, tokens, **more):
    return Request(model, tokens, Target((1,)), more.pop("fill", "mean"), **more)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_scores_every_expert_and_feature(make_model, one, kind, method):
    model = make_model(kind)
    result = METHODS[method](_request(model, one))
    assert result.method == method and list(result.scores) == [*model.expert_names, "mixture"]
    for scores in result.scores.values():
        assert scores.shape == (12,) and np.isfinite(scores).all()


@pytest.mark.parametrize("method", [m for m in METHODS if m != "random"])
def test_what_holds_no_feature_scores_nothing_and_changes_nothing(make_model, one, kind, method):
    model = make_model(kind)
    before = METHODS[method](_request(model, one)).scores
    changed = Tokens((one.values[0].clone(), one.values[1]), one.valid)
    changed.values[0][0, 5:] += 50
    after = METHODS[method](_request(model, changed)).scores
    for name, scores in before.items():
        assert (scores[5:7] == 0).all()
        np.testing.assert_allclose(after[name], scores, atol=1e-5)


def _naive_rollout(layers):
    T = len(layers[0])
    flow = np.eye(T)
    for A in layers:
        mixed = A + np.eye(T)
        for row in range(T):
            mixed[row] = mixed[row] / mixed[row].sum()
        flow = mixed @ flow
    return flow


def _naive_features(flow, valid):
    """Mean over valid queries (anchors included) of what each feature passes on; anchors are left out."""
    queries, columns, at = [], [], 0
    for mask in valid:
        queries.append(at)
        for t, ok in enumerate(mask):
            if ok:
                queries.append(at + 1 + t)
            columns.append(at + 1 + t if ok else None)
        at += 1 + len(mask)
    return [0.0 if c is None else np.mean([flow[q][c] for q in queries]) for c in columns]


def test_rollout_rows_sum_to_one(make_model, one):
    output = make_model().fuse(one, return_attention=True)
    flow = rollout([layer[0].mean(0) for layer in output.attention[0][0]])
    torch.testing.assert_close(flow.sum(1), torch.ones(14))


@pytest.mark.parametrize("roles", ROLES)
def test_attention_rollout(make_model, one, roles):
    model = make_model(roles=roles)
    output = model.fuse(one, return_attention=True)
    result = METHODS["attention_rollout"](_request(model, one)).scores
    for e, name in enumerate(model.expert_names):
        expected = []
        for own, attention in zip(views(model, e, one), output.attention[e], strict=True):
            layers = [layer[0].mean(0).detach().numpy() for layer in attention]
            expected.append(_naive_features(_naive_rollout(layers), [v[0].tolist() for v in own.valid]))
        np.testing.assert_allclose(result[name], np.mean(expected, axis=0), atol=1e-6)
    weights = output.weights[0].detach().numpy()
    mixture = sum(w * result[n] for w, n in zip(weights, model.expert_names, strict=True))
    np.testing.assert_allclose(result["mixture"], mixture, atol=1e-6)


@pytest.mark.parametrize("roles", ROLES)
def test_grad_rollout(make_model, one, roles):
    """The terms of a contribution that see less do not pass through the attention of the one that sees most."""
    model = make_model(seed=5, roles=roles)
    if roles == "construction":
        torch.nn.init.normal_(model.once_logit)

    def once(c):
        return model.once_logit[int(c < 0), 1].sigmoid().item()

    result = METHODS["grad_rollout"](_request(model, one)).scores
    tokens = Tokens(tuple(v.clone().requires_grad_() for v in one.values), one.valid)
    for e, name in enumerate(model.expert_names):
        expected, parts = [], views(model, e, tokens)
        nothing = Tokens(tokens.values, tuple(torch.zeros_like(v) for v in tokens.valid))
        networks = [model.experts[part.network] for part in model.parts[e]]
        said = [(n(own)[0] - n(nothing)[0])[0, 1].item() for n, own in zip(networks, parts, strict=True)]
        for number, (network, own, c) in enumerate(zip(networks, parts, said, strict=True)):
            logits, _, attention = network(own, return_attention=True)
            for layer in attention:
                layer.retain_grad()
            model.zero_grad()
            logits[0, 1].backward()
            counts = 1.0
            if name == "redundancy" and roles == "construction":  # the strongest for the label and against it
                counts = once(c) * ((c > 0 and c == max(said)) or (c < 0 and c == min(said)))
            elif number == 1:  # of what the redundancy network says, what adds up
                counts = 1 - once(c)
            layers = []
            for A in attention:
                heads = [
                    np.maximum(a, 0) * np.maximum(g * counts, 0)
                    for a, g in zip(A[0].detach().numpy(), A.grad[0].numpy(), strict=True)
                ]
                layers.append(np.mean(heads, axis=0))
            expected.append(_naive_features(_naive_rollout(layers), [v[0].tolist() for v in own.valid]))
        np.testing.assert_allclose(result[name], np.mean(expected, axis=0), atol=1e-6)


@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_integrated_gradients_are_complete(make_model, one, kind, fill):
    """Scores sum to the difference of the target between the sample and the baseline, which is the fill.

    Where redundancy turns from one modality to the other its gradient jumps, so the path needs more steps.
    """
    model = make_model(kind)
    result = METHODS["integrated_gradients"](
        _request(model, one, fill=fill, ig_steps=1024 if model.by_construction else 64)
    )
    keep = tuple(torch.zeros_like(v) for v in one.valid)
    with torch.no_grad():
        full, empty = model.fuse(one), model.fuse(model.remove(one, keep, fill))
    for e, name in enumerate([*model.expert_names, "mixture"]):
        values = [o.logits[0, 1] if name == "mixture" else o.expert_logits[0, e, 1] for o in (full, empty)]
        change = float(values[0] - values[1])
        assert result.scores[name].sum() == pytest.approx(change, abs=2e-3)
        assert abs(result.completeness_error[name]) < 2e-3


@pytest.mark.parametrize("steps", [1, 2, 32])
def test_integrated_gradients_are_those_of_captum(steps):
    torch.manual_seed(0)
    narrow, wide = torch.randn(6, 3), torch.randn(6)

    def value(left, right):
        return (left @ narrow).tanh().sum((1, 2)) * (right @ wide).sigmoid().mean(1)

    inputs = torch.randn(1, 5, 6), torch.randn(1, 4, 6)
    baselines = torch.randn(1, 5, 6), torch.zeros(1, 4, 6)
    expected = IntegratedGradients(value).attribute(inputs, baselines, n_steps=steps, method="gausslegendre")
    for scores, theirs in zip(path_integral(value, inputs, baselines, steps), expected, strict=True):
        torch.testing.assert_close(scores, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["i2moe", "fl-i2moe"])
@pytest.mark.parametrize("method", [m for m in METHODS if m != "random"])
def test_what_an_expert_cannot_see_scores_nothing(make_model, one, kind, method):
    model = make_model(kind, roles="construction")
    scores = METHODS[method](_request(model, one)).scores
    text, image = scores["unique_text"], scores["unique_image"]
    assert (text[7:] == 0).all() and (image[:7] == 0).all() and text[:5].any() and image[7:].any()


def test_random_is_seeded(make_model, one):
    model = make_model()
    a, b, c = (METHODS["random"](_request(model, one, seed=s)).scores["mixture"] for s in (1, 1, 2))
    assert (a == b).all() and not (a == c).any()


def test_target_of_several_labels_is_their_mean():
    assert Target((0, 2)).of(torch.tensor([[1.0, 9.0, 3.0]])).tolist() == [2.0]
