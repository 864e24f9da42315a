"""Do pair scores follow importance? Their mean by bins of importance and in top-q% sets (METHOD 10, Fig. 4) [paper]."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


def relative(scores: Float[np.ndarray, " n"], modality: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Each player's share of its modality's |scores|; equal shares where all are 0.

    Args:
        scores: (n,) raw scores of the players.
        modality: (n,) index of each player's modality.
    """
    out = np.abs(scores).astype(float)
    for m in np.unique(modality):
        mine = modality == m
        total = out[mine].sum()
        out[mine] = out[mine] / total if total > 0 else 1 / mine.sum()
    return out


def pair_importance(
    scores: Float[np.ndarray, " n"], modality: Int[np.ndarray, " n"], pairs: Int[np.ndarray, "P 2"]
) -> Float[np.ndarray, " P"]:
    """A pair's importance to an expert: the product of its two players' shares of their modalities [ours].

    The product asks that both matter: a pair of one strong and one idle feature is no important pair.

    Args:
        scores: (n,) raw scores of the players.
        modality: (n,) index of each player's modality.
        pairs: (P, 2) the two players of each pair.
    """
    share = relative(scores, modality)
    return share[pairs[:, 0]] * share[pairs[:, 1]]


def by_bins(
    importance: Float[np.ndarray, " P"], scores: Float[np.ndarray, " P"], bins: int, rng: np.random.Generator
) -> Float[np.ndarray, " bins"]:
    """Mean score in each of `bins` bins of equally many pairs of one sample, least important first; ties at random.

    Args:
        importance: (P,) importance of the pairs to an expert.
        scores: (P,) scores of the pairs.
        bins: how many bins.
        rng: breaks ties.
    """
    order = np.lexsort((rng.random(len(scores)), importance))
    return np.array([scores[part].mean() if len(part) else np.nan for part in np.array_split(order, bins)])


def by_top(
    importance: Float[np.ndarray, " P"],
    scores: Float[np.ndarray, " P"],
    shares: Sequence[float],
    rng: np.random.Generator,
) -> Float[np.ndarray, " Q"]:
    """Mean score of the q% most important pairs of one sample, at least one; ties at random.

    Args:
        importance: (P,) importance of the pairs to an expert.
        scores: (P,) scores of the pairs.
        shares: the shares q, in percent.
        rng: breaks ties.
    """
    order = np.lexsort((rng.random(len(scores)), -importance))
    return np.array([scores[order[: max(1, round(len(order) * q / 100))]].mean() for q in shares])


def rank_correlation(importance: Float[np.ndarray, " P"], scores: Float[np.ndarray, " P"]) -> float:
    """Spearman's rank correlation over the pairs of one sample; NaN where either is constant.

    Args:
        importance: (P,) importance of the pairs to an expert.
        scores: (P,) scores of the pairs.
    """
    if len(scores) < 3 or np.ptp(importance) == 0 or np.ptp(scores) == 0:
        return np.nan
    return float(stats.spearmanr(importance, scores).statistic)
