"""Removing features: what each fill leaves behind, and the law of what training removes."""

import torch
from scipy.stats import kstest

from interplay.config.sections import FILLS
from interplay.models.tokens import Tokens, draw_keep, remove


def _tokens(B=3, lengths=(6, 4), D=5):
    generator = torch.Generator().manual_seed(0)
    values = tuple(torch.randn(B, T, D, generator=generator) for T in lengths)
    return Tokens(values, tuple(torch.ones(B, T, dtype=torch.bool) for T in lengths))


def _keep(tokens, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(v.shape, generator=generator) < 0.5 for v in tokens.valid)


def test_fills_leave_what_they_say():
    tokens = _tokens()
    keep, means = _keep(tokens), (torch.full((5,), 2.0), torch.full((5,), 3.0))
    mean, zero, attention = (remove(tokens, keep, fill, means) for fill in ("mean", "zero", "attention"))
    for m, kept in enumerate(keep):
        assert torch.equal(mean.values[m][kept], tokens.values[m][kept])
        assert (mean.values[m][~kept] == means[m]).all() and (zero.values[m][~kept] == 0).all()
        assert torch.equal(mean.valid[m], tokens.valid[m]) and torch.equal(zero.valid[m], tokens.valid[m])
        assert torch.equal(attention.valid[m], kept) and torch.equal(attention.values[m], tokens.values[m])


def test_keeping_all_changes_nothing():
    tokens = _tokens()
    keep = tuple(torch.ones_like(v) for v in tokens.valid)
    for fill in FILLS:
        kept = remove(tokens, keep, fill, (torch.zeros(5), torch.zeros(5)))
        assert all(
            torch.equal(a, b) for a, b in zip(kept.values + kept.valid, tokens.values + tokens.valid, strict=True)
        )


def test_padding_stays_out_of_attention():
    tokens = _tokens()
    valid = (tokens.valid[0].clone(), tokens.valid[1])
    valid[0][:, 4:] = False
    keep = tuple(torch.ones_like(v) for v in valid)
    assert not remove(Tokens(tokens.values, valid), keep, "attention", (torch.zeros(5),) * 2).valid[0][:, 4:].any()


def test_law_of_mask_aware_training():
    """The kept share of a sample is uniform, but for those that lose exactly one modality whole, or everything."""
    B, T = 4000, 500
    valid = (torch.ones(B, T, dtype=torch.bool), torch.ones(B, T, dtype=torch.bool))
    text, image = (k.float().mean(1) for k in draw_keep(valid, 0.25, 0.1, torch.Generator().manual_seed(0)))
    lost = ((text == 0) & (image == 1)) | ((text == 1) & (image == 0))
    standard_error = (0.25 * 0.75 / B) ** 0.5
    assert abs(float(lost.float().mean()) - 0.25) < 4 * standard_error
    nothing = (text == 0) & (image == 0)
    assert abs(float(nothing.float().mean()) - 0.1) < 4 * (0.1 * 0.9 / B) ** 0.5
    share = ((text + image) / 2)[~lost & ~nothing].numpy()
    assert kstest(share, "uniform").pvalue > 1e-3
