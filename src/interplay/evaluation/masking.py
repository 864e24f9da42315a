"""Faithfulness by top-K% masking: what is lost when the top features go, or stay alone (METHOD 8)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.evaluation.estimates import jackknife
from interplay.metrics import confusions, macro_f1, micro_f1, predicted_labels
from interplay.results.validity import Estimate

WITHOUT, ALONE = 0, 1
Ask = Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, "m E1 C"]]
"""Coalitions of players that stay -> logits of every expert and the mixture."""


def counts_of(players: int, shares: Sequence[float]) -> Int[np.ndarray, " K"]:
    """How many of a modality's players are its top K%: max(1, ceil(n K / 100)) [follow-up].

    >>> counts_of(42, [5.0, 10.0, 25.0]).tolist()
    [3, 5, 11]

    Args:
        players: n, how many players the modality has.
        shares: the shares K, in percent.
    """
    return np.maximum(1, np.ceil(players * np.array(shares) / 100)).astype(np.int64)


def top_players(
    scores: Float[np.ndarray, " n"],
    modality: Int[np.ndarray, " n"],
    shares: Sequence[float],
    rng: np.random.Generator,
) -> Bool[np.ndarray, "K n"]:
    """The top K% of every modality by score, for each K; ties are broken at random.

    Args:
        scores: (n,) raw scores of the players.
        modality: (n,) index of each player's modality.
        shares: the shares K, in percent.
        rng: breaks ties.
    """
    out = np.zeros((len(shares), len(scores)), dtype=bool)
    for m in np.unique(modality):
        mine = np.flatnonzero(modality == m)
        rank = np.empty(len(mine), dtype=np.int64)
        rank[np.lexsort((rng.random(len(mine)), -scores[mine]))] = np.arange(len(mine))
        out[:, mine] = rank < counts_of(len(mine), shares)[:, None]
    return out


def ask_masked(
    ask: Ask,
    maps: Float[np.ndarray, "R E1 n"],
    modality: Int[np.ndarray, " n"],
    shares: Sequence[float],
    draws: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "RD E1 K 2 C"]:
    """Logits of one sample with the top K% removed (`WITHOUT`), and with only them (`ALONE`).

    Each expert's map, and the mixture's, is evaluated at that same output. After the R maps come `draws` random
    rankings of the same counts, the control, evaluated at every output.

    Args:
        ask: coalitions (m, n) -> logits (m, E1, C) of every expert and the mixture.
        maps: (R, E1, n) scores by R methods, for each output.
        modality: (n,) index of each player's modality.
        shares: the shares K, in percent.
        draws: how many random draws.
        rng: breaks ties.
    """
    R, E1, n = maps.shape
    K = len(shares)
    by_map = [top_players(maps[r, e], modality, shares, rng) for r in range(R) for e in range(E1)]
    by_chance = [top_players(scores, modality, shares, rng) for scores in rng.random((draws, n))]
    top = np.stack([*by_map, *by_chance])
    asked = np.stack([~top, top], axis=2)  # (R E1 + draws, K, 2, n)
    answers = ask(asked.reshape(-1, n))
    answers = answers.reshape(len(top), K, 2, E1, -1)
    own = np.arange(E1)
    mapped = answers[: R * E1].reshape(R, E1, K, 2, E1, -1)[:, own, :, :, own]  # the paired axis comes first
    chance = np.moveaxis(answers[R * E1 :], 3, 1)
    return np.concatenate([np.moveaxis(mapped, 0, 1), chance])


def mean_over(probabilities: Float[np.ndarray, "N *V C"], target: Bool[np.ndarray, "N C"]) -> Float[np.ndarray, "N *V"]:
    """The mean probability of each sample's target labels.

    Args:
        probabilities: (N, *V, C).
        target: (N, C) bool.
    """
    weight = target / target.sum(axis=1, keepdims=True)
    return np.einsum("n...c,nc->n...", probabilities, weight)


@dataclass(frozen=True)
class CountMetric:
    """A task metric as a function of counts summed over samples, so that leave-one-out values are cheap.

    Attributes:
        counts: (logits (N, C), truth (N, C)) -> (N, k) rows.
        of: (k,) summed rows -> the metric; NaN if undefined.
    """

    counts: Callable[[Float[np.ndarray, "N C"], Bool[np.ndarray, "N C"]], Float[np.ndarray, "N k"]]
    of: Callable[[Float[np.ndarray, " k"]], float]


def _counts(single: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def counts(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
        predicted = predicted_labels(logits, "single" if single else "multi", threshold=0.0)
        return np.concatenate(confusions(predicted, truth), axis=1).astype(float)

    return counts


def _of_sums(metric: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray], float]:
    return lambda sums: metric(*np.split(sums, 3))


def scores_of(single: bool) -> dict[str, CountMetric]:
    """The task metrics whose drop is measured: accuracy (micro F1 if several labels may hold) and macro F1.

    With one label a sample the micro F1 is the accuracy.

    Args:
        single: whether exactly one label holds.
    """
    first = "accuracy" if single else "micro_f1"
    counts = _counts(single)
    return {first: CountMetric(counts, _of_sums(micro_f1)), "macro_f1": CountMetric(counts, _of_sums(macro_f1))}


def metric_drop(
    score: CountMetric, full: Float[np.ndarray, "N C"], masked: Float[np.ndarray, "N C"], truth: Bool[np.ndarray, "N C"]
) -> Estimate:
    """metric(full) - metric(masked) over the samples, with its jackknife standard error.

    Args:
        score: the metric.
        full: (N, C) logits of the intact samples.
        masked: (N, C) logits with features removed.
        truth: (N, C) bool, the labels that hold.
    """
    rows = np.concatenate([score.counts(full, truth), score.counts(masked, truth)], axis=1)

    def drop(sums: np.ndarray) -> float:
        before, after = np.split(sums, 2)
        return score.of(before) - score.of(after)

    return jackknife(drop, rows)
