"""From what samples answered to the figures of a validity report: means with standard errors, and discoveries."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from interplay.data.truth import Story
from interplay.evaluation.validity import WHOLE, Answers, Pairs
from interplay.probing.game import ON
from interplay.results import Calibration, Discovery, Estimate, Recovered

TOP = 5
SHARES = 10
NULL = 1e-9  # ideal scores below this are 0


def estimate(values: Sequence[float] | Float[np.ndarray, " n"]) -> Estimate:
    """Mean and standard error over samples; None where they cannot be told."""
    n = len(values)
    se = float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else None
    return Estimate(mean=float(np.mean(values)) if n else None, se=se, samples=n)


def calibrations(
    answers: Sequence[Answers], pairs: Sequence[Pairs], names: Sequence[str], stories: Sequence[str]
) -> list[Calibration]:
    """|v(S) - ideal| of every story and expert: over all sizes, by size, and by whole modality."""
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
                if rows.any()
                else (0.0, 0.0)
                for w in range(len(WHOLE))
            ]
            out.append(
                Calibration(
                    story=story,
                    expert=name,
                    error=estimate(error.mean(axis=1)),
                    by_share=[float(error[bins == b].mean()) if (bins == b).any() else None for b in range(SHARES)],
                    whole=dict(zip(WHOLE, means, strict=True)),
                )
            )
    return out


def recovered(pairs: Sequence[Pairs], names: Sequence[str], stories: dict[str, Story]) -> list[Recovered]:
    """How well every expert's scores find each story's planted pair."""
    out = []
    for k, (story, what) in enumerate(stories.items()):
        if what.score is None:
            continue
        for o, on in enumerate(ON):
            for e, name in enumerate(names):
                ranks, signs, sizes = [], [], []
                for p in pairs:
                    scores, ideal = p.scores[what.score][:, k, o, e], p.ideal[what.score][:, k, o]
                    planted = p.planted[:, k]
                    real = planted & (np.abs(ideal) > NULL)
                    if real.any() and (what.score == "sii" or p.holds[k]):
                        best = int(np.argmax(np.where(real, scores * np.sign(ideal), -np.inf)))
                        signs.append(float(scores[best] * ideal[best] > 0))
                        sizes.append((scores[best], ideal[best]))
                    if p.holds[k]:
                        ranks.append(ranking(scores, planted))
                auroc, rank = np.array(ranks).T if ranks else np.zeros((2, 0))
                size, true = np.array(sizes).T if sizes else np.zeros((2, 0))
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
                        slope=float((size * true).sum() / (true**2).sum()) if len(true) else None,
                        correlation=correlation(
                            np.concatenate([p.scores[what.score][:, k, o, e] for p in pairs]),
                            np.concatenate([p.ideal[what.score][:, k, o] for p in pairs]),
                        ),
                    )
                )
    return out


def ranking(scores: Float[np.ndarray, " P"], planted: Bool[np.ndarray, " P"]) -> tuple[float, int]:
    """AUROC of the planted pairs (ties half), and the rank of the best of them (ties count against it)."""
    mine, others = scores[planted], scores[~planted]
    wins = (mine[:, None] > others).mean() + 0.5 * (mine[:, None] == others).mean()
    return float(wins), 1 + int((others >= mine.max()).sum())


def correlation(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float | None:
    """Pearson's; None where one of them does not vary."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else None


def discoveries(
    nulls: Sequence[Pairs],
    pairs: Sequence[Pairs],
    names: Sequence[str],
    stories: dict[str, Story],
    level: float = 0.1,
) -> list[Discovery]:
    """Which pairs are called real, and how many of them are not, at a nominal false discovery rate.

    Every pair gets a conformal p-value: its rank among the null scores of other samples, (1 + how many are as large)
    / (1 + how many there are). SII by its size, the redundancy gap by its value. Then Benjamini and Hochberg's step-up
    over the pairs of all samples. With independent pairs that keeps the rate (Bates et al., 2023); pairs of one sample
    are not, so the rate is nominal, and what it came to is reported.

    Args:
        nulls: samples whose null pairs calibrate, chosen as `pairs` were; none of them may be in `pairs`.
    """
    out = []
    for k, (story, what) in enumerate(stories.items()):
        if (score := what.score) is None:
            continue
        for o, on in enumerate(ON):
            for e, name in enumerate(names):

                def size(p: Pairs, k: int = k, o: int = o, e: int = e, score: str = score) -> np.ndarray:
                    values = p.scores[score][:, k, o, e]
                    return np.abs(values) if score == "sii" else values

                def null(p: Pairs, k: int = k, o: int = o, score: str = score) -> np.ndarray:
                    return np.abs(p.ideal[score][:, k, o]) <= NULL

                reference = np.sort(np.concatenate([size(p)[null(p)] for p in nulls]))
                sizes, null_pairs = np.concatenate([size(p) for p in pairs]), np.concatenate([null(p) for p in pairs])
                above = len(reference) - np.searchsorted(reference, sizes, side="left")
                called = step_up((1 + above) / (1 + len(reference)), level)
                found, false, real = (int(x.sum()) for x in (called, called & null_pairs, ~null_pairs))
                flags = [p.outside[score][:, k, o, e][null(p)] for p in pairs]
                out.append(
                    Discovery(
                        story=story,
                        score=score,
                        on=on,
                        expert=name,
                        level=level,
                        found=found,
                        false=false,
                        planted=real,
                        rate=false / found if found else 0.0,
                        power=(found - false) / real if real else None,
                        uncalibrated=float(np.concatenate(flags).mean()),
                    )
                )
    return out


def step_up(p: Float[np.ndarray, " P"], level: float) -> Bool[np.ndarray, " P"]:
    """Benjamini and Hochberg: call the k smallest p-values, k the largest with p_(k) <= level k / P."""
    order = np.sort(p)
    below = np.flatnonzero(order <= level * np.arange(1, len(p) + 1) / len(p))
    return p <= order[below[-1]] if len(below) else np.zeros(len(p), dtype=bool)
