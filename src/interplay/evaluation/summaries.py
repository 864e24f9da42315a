"""From what samples answered to the figures of a validity report: means with standard errors, and discoveries."""

from collections.abc import Callable, Sequence

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


def recovered(pairs: Sequence[Pairs], names: Sequence[str], stories: dict[str, Story]) -> list[Recovered]:
    """How well every expert's scores find each story's planted pair."""
    out = []
    for k, (story, what) in enumerate(stories.items()):
        if what.score is None:
            continue
        for o, on in enumerate(ON):
            for e, name in enumerate(names):
                ranks, sizes, moments = [], [], []
                signs: list[float] = []
                elsewhere: list[float] = []
                for p in pairs:
                    scores, ideal = p.scores[what.score][:, k, o, e], p.ideal[what.score][:, k, o]
                    moments.append(_moments(scores, ideal))
                    if p.holds[k]:
                        ranks.append(ranking(scores, p.planted[:, k]))
                    real = p.planted[:, k] & (np.abs(ideal) > NULL)
                    if real.any() and (what.score == "sii" or p.holds[k]):
                        best = int(np.argmax(np.where(real, scores * np.sign(ideal), -np.inf)))
                        (signs if p.holds[k] else elsewhere).append(float(scores[best] * ideal[best] > 0))
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
                        slope=jackknife(_ratio, np.array(sizes).reshape(-1, 2)),
                        correlation=jackknife(_correlation, np.array(moments).reshape(-1, 6)),
                    )
                )
    return out


def jackknife(statistic: Callable[[Float[np.ndarray, " k"]], float], rows: Float[np.ndarray, "n k"]) -> Estimate:
    """A statistic of the samples' summed `rows`, with its standard error by leaving out one sample at a time.

    Pairs of one sample depend on each other; samples do not (Efron and Tibshirani, An Introduction to the Bootstrap,
    ch. 11).
    """
    n, total = len(rows), rows.sum(axis=0)
    value = statistic(total)
    if not np.isfinite(value):
        return Estimate(mean=None, samples=n)
    without = np.array([statistic(total - row) for row in rows])
    se = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return Estimate(mean=value, se=se if n > 1 and np.isfinite(se) else None, samples=n)


def _ratio(sums: Float[np.ndarray, " 2"]) -> float:
    return float(sums[0] / sums[1]) if sums[1] else np.nan


def _moments(a: Float[np.ndarray, " P"], b: Float[np.ndarray, " P"]) -> Float[np.ndarray, " 6"]:
    return np.array([len(a), a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum()])


def _correlation(sums: Float[np.ndarray, " 6"]) -> float:
    """Pearson's, of what `_moments` sums."""
    n, a, b, aa, bb, ab = sums
    variances = (n * aa - a * a) * (n * bb - b * b)
    return float((n * ab - a * b) / np.sqrt(variances)) if variances > 0 else np.nan


def ranking(scores: Float[np.ndarray, " P"], planted: Bool[np.ndarray, " P"]) -> tuple[float, int]:
    """AUROC of the planted pairs (ties half), and the rank of the best of them (ties count against it)."""
    mine, others = scores[planted], scores[~planted]
    wins = (mine[:, None] > others).mean() + 0.5 * (mine[:, None] == others).mean()
    return float(wins), 1 + int((others >= mine.max()).sum())


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
                sizes, null_pairs = [size(p) for p in pairs], [null(p) for p in pairs]
                above = len(reference) - np.searchsorted(reference, np.concatenate(sizes), side="left")
                calls = step_up((1 + above) / (1 + len(reference)), level)
                called = np.split(calls, np.cumsum([len(x) for x in sizes])[:-1])
                counts = np.array(
                    [(c.sum(), (c & z).sum(), (~z).sum()) for c, z in zip(called, null_pairs, strict=True)]
                )
                found, false, real = counts.T.astype(float)
                flags = [(p.outside[score][null(p), k, o, e].sum(), null(p).sum()) for p in pairs]
                out.append(
                    Discovery(
                        story=story,
                        score=score,
                        on=on,
                        expert=name,
                        level=level,
                        found=int(found.sum()),
                        false=int(false.sum()),
                        planted=int(real.sum()),
                        rate=jackknife(_ratio, np.stack([false, found], axis=1)),
                        power=jackknife(_ratio, np.stack([found - false, real], axis=1)),
                        uncalibrated=jackknife(_ratio, np.array(flags, dtype=float)),
                    )
                )
    return out


def step_up(p: Float[np.ndarray, " P"], level: float) -> Bool[np.ndarray, " P"]:
    """Benjamini and Hochberg: call the k smallest p-values, k the largest with p_(k) <= level k / P."""
    order = np.sort(p)
    below = np.flatnonzero(order <= level * np.arange(1, len(p) + 1) / len(p))
    return p <= order[below[-1]] if len(below) else np.zeros(len(p), dtype=bool)
