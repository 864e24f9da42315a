"""Which pairs are called real at a nominal false discovery rate, and how many of them are not."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from interplay.data.truth import Story
from interplay.evaluation.estimates import jackknife, ratio
from interplay.evaluation.ideal import NULL
from interplay.evaluation.validity import SamplePairs
from interplay.explanation.players import SCALES
from interplay.interactions import step_up
from interplay.results.validity import Discovery

SURE = 1.645
"""Standard errors above the estimate: a tail is below its bound in 95% of draws of samples."""


def discoveries(
    nulls: Sequence[SamplePairs],
    pairs: Sequence[SamplePairs],
    names: Sequence[str],
    stories: dict[str, Story],
    level: float = 0.1,
) -> list[Discovery]:
    """Which pairs are declared real at a nominal false discovery rate, and how many of them are not.

    Every pair gets a p-value, a bound on how often null pairs of other samples score as much (`tail`): SII by its size,
    the redundancy gap by its value. Then Benjamini and Hochberg's step-up over the pairs of all samples.

    Args:
        nulls: samples whose null pairs calibrate, chosen as `pairs` were; none of them may be in `pairs`.
        pairs: samples whose pairs are tested.
        names: names of the experts and the mixture, in the order of the scores.
        stories: story -> its definition.
        level: the nominal false discovery rate.
    """
    out = []
    for k, (story, what) in enumerate(stories.items()):
        if (score := what.score) is None:
            continue
        for o, on in enumerate(SCALES):
            for e, name in enumerate(names):

                def size(p: SamplePairs, k: int = k, o: int = o, e: int = e, score: str = score) -> np.ndarray:
                    values = p.scores[score][:, k, o, e]
                    return np.abs(values) if score == "sii" else values

                def null(p: SamplePairs, k: int = k, o: int = o, score: str = score) -> np.ndarray:
                    return np.abs(p.ideal[score][:, k, o]) <= NULL

                sizes, null_pairs = [size(p) for p in pairs], [null(p) for p in pairs]
                calls = step_up(tail([size(p)[null(p)] for p in nulls], np.concatenate(sizes), level), level)
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
                        rate=jackknife(ratio, np.stack([false, found], axis=1)),
                        power=jackknife(ratio, np.stack([found - false, real], axis=1)),
                        uncalibrated=jackknife(ratio, np.array(flags, dtype=float)),
                    )
                )
    return out


def tail(
    nulls: Sequence[Float[np.ndarray, " _"]], sizes: Float[np.ndarray, " P"], level: float
) -> Float[np.ndarray, " P"]:
    """p-values: an upper bound on the share of null pairs whose size is as large, from samples of null pairs.

    The share is (1 + how many are) / (1 + how many there are), a conformal p-value (Bates et al., 2023). That is
    enough for independent pairs, but pairs of one sample rise and fall together: a few odd samples may hold most of
    the large ones. So `SURE` standard errors of the share, as a ratio over samples, are added [ours]. Shares above
    `level`, which are never declared real, are left as they are.

    Args:
        nulls: the sizes of each sample's null pairs; with fewer than 2 samples every p-value is 1.
        sizes: (P,) the sizes of the pairs to be tested.
        level: p-values above it are not corrected for dependence.
    """
    if len(nulls) < 2:
        return np.ones(len(sizes))
    ordered, counts = [np.sort(values) for values in nulls], np.array([len(values) for values in nulls])
    everything = np.sort(np.concatenate(ordered))
    p = (1 + len(everything) - np.searchsorted(everything, sizes)) / (1 + len(everything))
    low = np.flatnonzero(p <= level)
    above = np.stack([len(values) - np.searchsorted(values, sizes[low]) for values in ordered], axis=1)
    off = above - p[low, None] * counts
    K = len(nulls)
    p[low] += SURE * np.sqrt(K / (K - 1) * (off**2).sum(axis=1)) / counts.sum()
    return np.minimum(p, 1)
