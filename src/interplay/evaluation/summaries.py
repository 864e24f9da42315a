"""From what samples answered to the figures of a validity report: distance from the ideal, planted pairs recovered."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from interplay.data.truth import Story
from interplay.evaluation.estimates import estimate, jackknife, ratio
from interplay.evaluation.ideal import NULL
from interplay.evaluation.validity import WHOLE, SampleAnswers, SamplePairs
from interplay.explanation.players import SCALES
from interplay.results.validity import Calibration, Recovered

TOP = 5
SHARES = 10
ROUNDING = 1e-5
"""Scores that are all smaller than this share of the strongest, of any expert, are 0 but for single precision: by
construction a unique expert has no score of a pair across modalities, and the order of such scores means nothing."""


def calibrations(
    answers: Sequence[SampleAnswers], pairs: Sequence[SamplePairs], names: Sequence[str], stories: Sequence[str]
) -> list[Calibration]:
    """|v(S) - ideal| of every story and expert: over all sizes, by size, and by whole modality.

    Args:
        answers: the model's and the exact answers, for each sample.
        pairs: the pair scores of each sample.
        names: names of the experts and the mixture, in the order of the scores.
        stories: names of the stories.
    """
    model, ideal = (np.stack([getattr(a, what) for a in answers]) for what in ("model", "ideal"))  # N K L E1, N K L
    share = np.stack([a.share for a in answers])
    bins = np.minimum((share * SHARES).astype(int), SHARES - 1)
    holds = np.stack([p.holds for p in pairs])
    whole, whole_ideal = (np.stack([getattr(a, what) for a in answers]) for what in ("whole", "ideal_whole"))
    out = []
    for k, story in enumerate(stories):
        full = ideal[:, -1, k] > 0.5  # the last subset is everything: where the label holds
        rows = holds[:, k] if holds[:, k].any() else full  # by both slots, where a story has two
        for e, name in enumerate(names):
            error = np.abs(model[:, :, k, e] - ideal[:, :, k])
            means = [
                (float(whole[rows, w, k, e].mean()), float(whole_ideal[rows, w, k].mean()))
                for w in range(len(WHOLE))
                if rows.any()
            ]
            out.append(
                Calibration(
                    story=story,
                    expert=name,
                    error=estimate(error.mean(axis=1)),
                    by_share=[float(error[bins == b].mean()) if (bins == b).any() else None for b in range(SHARES)],
                    whole=dict(zip(WHOLE, means, strict=False)),
                )
            )
    return out


def recovered(pairs: Sequence[SamplePairs], names: Sequence[str], stories: dict[str, Story]) -> list[Recovered]:
    """How well every expert's scores find each story's planted pair.

    Samples in which all of an expert's scores are 0 but for rounding are not counted for it (`ROUNDING`).

    Args:
        pairs: the pair scores of each sample.
        names: names of the experts and the mixture, in the order of the scores.
        stories: story -> its definition.
    """
    out = []
    for k, (story, what) in enumerate(stories.items()):
        if what.score is None:
            continue
        for o, on in enumerate(SCALES):
            for e, name in enumerate(names):
                ranks, sizes, moments = [], [], []
                signs: list[float] = []
                elsewhere: list[float] = []
                for p in pairs:
                    scores, ideal = p.scores[what.score][:, k, o, e], p.ideal[what.score][:, k, o]
                    moments.append(_moments(scores, ideal))
                    if np.abs(scores).max() <= ROUNDING * np.abs(p.scores[what.score][:, k, o]).max():
                        continue
                    if p.holds[k]:
                        ranks.append(ranking(scores, p.planted[:, k]))
                    real = p.planted[:, k] & (np.abs(ideal) > NULL)
                    if real.any() and (what.score == "sii" or p.holds[k]):
                        best = int(np.argmax(np.where(real, scores * np.sign(ideal), -np.inf)))
                        (signs if p.holds[k] else elsewhere).append(float(scores[best] * ideal[best] > 0))
                        if p.holds[k]:
                            sizes.append((scores[best] * ideal[best], ideal[best] ** 2))
                auroc, rank = np.array(ranks).T if ranks else np.zeros((2, 0))
                out.append(
                    Recovered(
                        story=story,
                        score=what.score,
                        on=on,
                        expert=name,
                        auroc=estimate(auroc),
                        first=estimate((rank <= 1).astype(float)),
                        top=estimate((rank <= TOP).astype(float)),
                        sign=estimate(signs),
                        sign_without=estimate(elsewhere),
                        slope=jackknife(ratio, np.array(sizes).reshape(-1, 2)),
                        correlation=jackknife(_correlation, np.array(moments).reshape(-1, 6)),
                    )
                )
    return out


def _moments(a: Float[np.ndarray, " P"], b: Float[np.ndarray, " P"]) -> Float[np.ndarray, " 6"]:
    return np.array([len(a), a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum()])


def _correlation(sums: Float[np.ndarray, " 6"]) -> float:
    """Pearson's, of what `_moments` sums."""
    n, a, b, aa, bb, ab = sums
    variances = (n * aa - a * a) * (n * bb - b * b)
    return float((n * ab - a * b) / np.sqrt(variances)) if variances > 0 else np.nan


def ranking(scores: Float[np.ndarray, " P"], planted: Bool[np.ndarray, " P"]) -> tuple[float, int]:
    """AUROC of the planted pairs (ties count half), and the rank of the best one (ties count against it).

    Args:
        scores: (P,) scores of the pairs.
        planted: (P,) bool, the planted pairs.
    """
    mine, others = scores[planted], scores[~planted]
    wins = (mine[:, None] > others).mean() + 0.5 * (mine[:, None] == others).mean()
    return float(wins), 1 + int((others >= mine.max()).sum())
