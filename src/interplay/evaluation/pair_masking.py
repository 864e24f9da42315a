"""The causal test of pair scores: removing the pairs they rank first must cost more than removing others (METHOD 10).

Pairs of a set share no player, so a budget of k pairs always removes 2k players, k of each of their modalities [ours].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.evaluation.masking import Ask

OWN, MATCHED, RANDOM = 0, 1, 2
CONTROLS = ("ranked", "matched", "random")
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
    """Coalitions of one sample that leave out sets of pairs.

    Attributes:
        keep: (Q, 3, D, B, n) for each of Q rankings the players that stay: without the ranked pairs (the same in all
            D draws), without matched ones, without random ones, for each of B budgets.
        used: (Q, B) how many pairs are removed: fewer than the budget where there are no more.
    """

    keep: Bool[np.ndarray, "Q 3 D B n"]
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
    """The coalitions without the first k pairs of each ranking, and without k matched and k random pairs, for each k.

    Args:
        pairs: (P, 2) the two players of each pair.
        rankings: scores (P,) of the pairs, for each ranking.
        importance: (n,) importance of each player by itself.
        modality: (n,) index of each player's modality.
        budgets: the numbers k of pairs to remove.
        draws: how many random draws.
        rng: breaks ties, and draws the controls.
    """
    keep = np.ones((len(rankings), 3, draws, len(budgets), len(modality)), dtype=bool)
    used = np.zeros((len(rankings), len(budgets)), dtype=np.int64)
    for q, scores in enumerate(rankings):
        chosen = best_pairs(pairs, scores, max(budgets), rng)
        used[q] = np.minimum(budgets, len(chosen))
        for d in range(draws):
            for b, k in enumerate(budgets):
                matched = matched_pairs(chosen[:k], importance, modality, rng)
                sets = (chosen[:k], matched, random_pairs(chosen[:k], modality, rng))
                for which, out in enumerate(sets):
                    keep[q, which, d, b, out.ravel()] = False
    return PairMasks(keep, used)


def ask_pairs_masked(ask: Ask, masks: PairMasks) -> Float[np.ndarray, "Q 3 D B E1 C"]:
    """Logits without each set of pairs; equal coalitions are evaluated once.

    Args:
        ask: coalitions (m, n) -> logits (m, E1, C) of every expert and the mixture.
        masks: the coalitions.
    """
    n = masks.keep.shape[-1]
    distinct, back = np.unique(masks.keep.reshape(-1, n), axis=0, return_inverse=True)
    answers = ask(distinct)[back.ravel()]
    return answers.reshape(*masks.keep.shape[:-1], *answers.shape[1:])
