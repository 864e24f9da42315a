"""Causal tests of pair scores: what is lost without the pairs that they rank first (METHOD 10), and how pairs interact.

Removing the first pairs must cost more than removing others [paper]. But losing two features costs what losing each
costs, less their interaction, so that this cannot favour pairs that act together. The second difference can [ours]:
with T the first players of k pairs and I the second,

- when all else is there: v(N) - v(N - T) - v(N - I) + v(N - T - I);
- when nothing else is: v(T + I) - v(T) - v(I) + v(empty), the Harsanyi dividend of T and I as two players, by which
  F_syn of Ky, Ghamizi and Cordy (arXiv 2605.22168) judges explainers.

Pairs of a set share no player, so a budget of k pairs always removes 2k players, k of each of their modalities [ours].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.evaluation.masking import Ask

OWN, MATCHED, RANDOM = 0, 1, 2
CONTROLS = ("ranked", "matched", "random")
WITHOUT, WITHOUT_FIRST, WITHOUT_SECOND, ALONE, FIRST_ALONE, SECOND_ALONE = range(6)
"""Which coalitions of one set of pairs are evaluated, in the order of the axis of 6."""
NEAR = 3  # players on either side in importance that a matched one is drawn from


def best_pairs(
    pairs: Int[np.ndarray, "P 2"], scores: Float[np.ndarray, " P"], most: int, rng: np.random.Generator
) -> Int[np.ndarray, "k 2"]:
    """The pairs with the highest scores, best first, without using a player twice; missing scores are never taken.

    Args:
        pairs: (P, 2) the two players of each pair.
        scores: (P,) scores of the pairs; NaN where missing.
        most: how many pairs, at most.
        rng: breaks ties.
    """
    order = np.lexsort((rng.random(len(scores)), -scores))
    chosen: list[np.ndarray] = []
    used: set[int] = set()
    for at in order:
        i, j = pairs[at].tolist()
        if len(chosen) < most and not np.isnan(scores[at]) and i not in used and j not in used:
            chosen.append(pairs[at])
            used |= {i, j}
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)


def random_pairs(
    chosen: Int[np.ndarray, "k 2"], modality: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Int[np.ndarray, "k 2"]:
    """Random pairs of the same modalities as the chosen ones, without using a player twice.

    Args:
        chosen: (k, 2) the pairs to be compared with.
        modality: (n,) index of each player's modality.
        rng: draws the pairs.
    """
    out = np.empty_like(chosen)
    for m in np.unique(modality[chosen]):
        here = modality[chosen] == m
        out[here] = rng.permutation(np.flatnonzero(modality == m))[: int(here.sum())]
    return out


def matched_pairs(
    chosen: Int[np.ndarray, "k 2"],
    importance: Float[np.ndarray, " n"],
    modality: Int[np.ndarray, " n"],
    rng: np.random.Generator,
) -> Int[np.ndarray, "k 2"]:
    """Control pairs of the same modalities whose players are about as important by themselves.

    Each chosen player is replaced by one of those ranked next to it in its modality (`NEAR` on either side, without
    chosen and already drawn ones). Where a modality has no other left, chosen players are used: a control that is
    harder to beat.

    Args:
        chosen: (k, 2) the pairs to be compared with.
        importance: (n,) importance of each player by itself.
        modality: (n,) index of each player's modality.
        rng: draws the pairs.
    """
    out = np.empty_like(chosen)
    taken = set(chosen.flat)
    for place in np.ndindex(*chosen.shape):
        player = int(chosen[place])
        mine = np.flatnonzero(modality == modality[player])
        order = mine[np.argsort(-importance[mine], kind="stable")].tolist()
        at = order.index(player)
        drawn = set(out.flat[: int(np.ravel_multi_index(place, chosen.shape))])
        before = [p for p in reversed(order[:at]) if p not in taken and p not in drawn][:NEAR]
        after = [p for p in order[at + 1 :] if p not in taken and p not in drawn][:NEAR]
        free = before + after or [p for p in order if p not in drawn]
        out[place] = rng.choice(free)
    return out


@dataclass(frozen=True)
class PairMasks:
    """Coalitions of one sample with and without sets of pairs.

    Attributes:
        keep: (Q, 3, D, B, 6, n) for each of Q rankings the players that stay: of the ranked pairs (the same in all
            D draws), of matched ones, of random ones, for each of B budgets; without the pairs (`WITHOUT`), their first
            players, their second, and with nothing but these.
        used: (Q, B) how many pairs are removed: fewer than the budget where there are no more.
    """

    keep: Bool[np.ndarray, "Q 3 D B 6 n"]
    used: Int[np.ndarray, "Q B"]


def pair_masks(
    pairs: Int[np.ndarray, "P 2"],
    rankings: Sequence[Float[np.ndarray, " P"]],
    importance: Float[np.ndarray, " n"],
    modality: Int[np.ndarray, " n"],
    budgets: Sequence[int],
    draws: int,
    rng: np.random.Generator,
) -> PairMasks:
    """The coalitions without the first k pairs of each ranking, k matched ones and k random ones, and of them alone.

    Args:
        pairs: (P, 2) the two players of each pair.
        rankings: scores (P,) of the pairs, for each ranking.
        importance: (n,) importance of each player by itself.
        modality: (n,) index of each player's modality.
        budgets: the numbers k of pairs to remove.
        draws: how many random draws.
        rng: breaks ties, and draws the controls.
    """
    keep = np.ones((len(rankings), 3, draws, len(budgets), 6, len(modality)), dtype=bool)
    used = np.zeros((len(rankings), len(budgets)), dtype=np.int64)
    for q, scores in enumerate(rankings):
        chosen = best_pairs(pairs, scores, max(budgets), rng)
        used[q] = np.minimum(budgets, len(chosen))
        for d in range(draws):
            for b, k in enumerate(budgets):
                matched = matched_pairs(chosen[:k], importance, modality, rng)
                sets = (chosen[:k], matched, random_pairs(chosen[:k], modality, rng))
                for which, out in enumerate(sets):
                    keep[q, which, d, b] = _kept(out, len(modality))
    return PairMasks(keep, used)


def _kept(pairs: Int[np.ndarray, "k 2"], n: int) -> Bool[np.ndarray, "6 n"]:
    first, second = (np.isin(np.arange(n), side) for side in pairs.T)
    both = first | second
    return np.stack([~both, ~first, ~second, both, first, second])


def ask_pairs_masked(ask: Ask, masks: PairMasks) -> Float[np.ndarray, "Q 3 D B 6 E1 C"]:
    """Logits with and without each set of pairs; equal coalitions are evaluated once.

    Args:
        ask: coalitions (m, n) -> logits (m, E1, C) of every expert and the mixture.
        masks: the coalitions.
    """
    n = masks.keep.shape[-1]
    distinct, back = np.unique(masks.keep.reshape(-1, n), axis=0, return_inverse=True)
    answers = ask(distinct)[back.ravel()]
    return answers.reshape(*masks.keep.shape[:-1], *answers.shape[1:])


def second_differences(
    values: Float[np.ndarray, "*V 6"], ends: tuple[Float[np.ndarray, "*V"], Float[np.ndarray, "*V"]]
) -> Float[np.ndarray, "*V 2"]:
    """How sets of pairs interact when all else is there, and when nothing is: above 0 together, below 0 backing up.

    Args:
        values: (*V, 6) values of the coalitions of each set.
        ends: (*V) each, the value of everything and of nothing.
    """
    everything, nothing = ends
    full = everything - values[..., WITHOUT_FIRST] - values[..., WITHOUT_SECOND] + values[..., WITHOUT]
    empty = values[..., ALONE] - values[..., FIRST_ALONE] - values[..., SECOND_ALONE] + nothing
    return np.stack([full, empty], axis=-1)
