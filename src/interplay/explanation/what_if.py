"""What the model answers when a person takes out single features, two of them, a whole modality or all but one.

What it answers without more of them is estimated from these (terms of one and of two on the logit, as a second-order
Möbius expansion around the whole); how good that is, is measured on sets drawn at random.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, islice
from math import log, sqrt
from statistics import fmean

import numpy as np
from jaxtyping import Bool, Float

from interplay.explanation.players import Players
from interplay.interactions.intervals import student_quantile
from interplay.results import Pair, WhatIf

MOST = 700  # answers: a few percent of what the pair scores ask for
CHECKED = (3, 4, 6, 8)  # how many features are taken out where the estimate is checked
SETS, FEWEST = 12, 6  # sets of each size: at most, and fewest for a summary
CORE = 10  # features of the strongest pairs, of which all pairs are asked about before the weakest of the others
TRIES = 5  # for one set all pairs of which were asked about
EDGE = 1e-12


def what_if(
    probabilities: Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, " m"]],
    players: Players,
    *,
    pairs: Sequence[Pair],
    modalities: Sequence[str],
    most: int = MOST,
    seed: int = 0,
) -> WhatIf:
    """The model's probability of a label without single players, without two, and without or with whole modalities.

    Players that form pairs come before others, and pairs by the size of their larger score, strongest first, but for
    those within the `CORE` strongest features; two candidates of one modality, which have no score, take what is left.

    Args:
        probabilities: coalitions (m, n) of players that stay -> (m,) the label's probability, in double precision.
        players: what plays.
        pairs: the scored pairs of the players.
        modalities: their names, in the model's order.
        most: answers asked for, at most; whole, nothing and modalities are always among them.
        seed: of the sets that the estimate is checked on.
    """
    candidates = sorted({at for pair in pairs for at in (pair.i, pair.j)})
    singles = [*candidates, *(at for at in range(len(players)) if at not in set(candidates))]
    alone = list(modalities) if len(modalities) > 2 else []  # of two, the answers without the other
    singles = singles[: max(0, most - 2 - len(modalities) - len(alone))]
    within = [(a, b) for a in candidates for b in candidates if a < b and players.modality[a] == players.modality[b]]
    strongest = sorted(pairs, key=lambda p: -max(abs(p.sii or 0.0), abs(p.redundancy_gap or 0.0)))
    sets, room = _sets_and_twos(len(singles), len(modalities), most)
    twos = _twos([(min(p.i, p.j), max(p.i, p.j)) for p in strongest], within, room, bool(sets))
    more = _sets(candidates, twos, sets, np.random.default_rng(seed))

    everyone = np.arange(len(players))
    single = [[at] for at in singles]
    each = [players.of(m) for m in range(len(modalities))]
    others = [np.setdiff1d(everyone, own) for own in each[: len(alone)]]
    gone = [[], everyone, *each, *others, *single, *map(list, twos), *more]
    left = np.ones((len(gone), len(players)), dtype=bool)
    for row, out in zip(left, gone, strict=True):
        row[np.asarray(out, dtype=np.intp)] = False
    found = iter(probabilities(left).tolist())
    whole, nothing = next(found), next(found)
    without_modality = dict(zip(modalities, islice(found, len(modalities)), strict=True))
    only_modality = dict(zip(alone, islice(found, len(alone)), strict=True))
    one = dict(zip(singles, islice(found, len(singles)), strict=True))
    both = dict(zip(twos, islice(found, len(twos)), strict=True))
    return WhatIf(
        whole=whole,
        nothing=nothing,
        without_modality=without_modality,
        only_modality=only_modality,
        without=[one.get(at) for at in range(len(players))],
        i=[i for i, _ in both],
        j=[j for _, j in both],
        without_both=list(both.values()),
        off=_off(more, list(found), whole, one, both),
        evaluations=len(gone),
    )


def room_for_pairs(players: int, modalities: int) -> int:
    """How many pairs are asked about; where no more are scored, their scores do not change what is asked.

    Args:
        players: their number.
        modalities: their number.
    """
    return _sets_and_twos(players, modalities, MOST)[1]


def _sets_and_twos(singles: int, modalities: int, most: int) -> tuple[int, int]:
    """How many sets of each size in CHECKED, and how many pairs, are left room for."""
    room = most - 2 - modalities * (2 if modalities > 2 else 1) - singles
    sets = SETS if room > 2 * SETS * len(CHECKED) else 0
    return sets, room - sets * len(CHECKED)


def _twos(
    strongest: Sequence[tuple[int, int]], within: Sequence[tuple[int, int]], most: int, core: bool
) -> list[tuple[int, int]]:
    """Which two are taken out together: without some of one modality no set of three could be estimated."""
    first = set(list(dict.fromkeys(at for two in strongest for at in two))[:CORE]) if core else set()
    close = [two for two in (*strongest, *within) if first.issuperset(two)]
    kept = dict.fromkeys([*strongest[: max(0, most - len(close))], *close, *strongest, *within])
    return list(kept)[: max(0, most)]


def _sets(
    candidates: Sequence[int], twos: Sequence[tuple[int, int]], sets: int, rng: np.random.Generator
) -> list[list[int]]:
    """Sets of each size in CHECKED, at random among those all pairs of which are in `twos`."""
    known, out = set(twos), []
    for size in CHECKED:
        found = set()
        for _ in range(sets * TRIES):
            chosen: list[int] = []
            for at in rng.permutation(candidates).tolist():
                if all((min(at, other), max(at, other)) in known for other in chosen):
                    chosen.append(at)
                if len(chosen) == size:
                    found.add(tuple(sorted(chosen)))
                    break
            if len(found) == sets:
                break
        out += [list(one) for one in sorted(found)] if len(found) >= FEWEST else []
    return out


def _off(
    sets: Sequence[Sequence[int]],
    answers: Sequence[float],
    whole: float,
    one: Mapping[int, float],
    both: Mapping[tuple[int, int], float],
) -> dict[int, float]:
    """Size -> how far about 95 of 100 estimates are off at most, on the logit (assets/whatif.js makes the estimate).

    The root mean square of estimate less answer, times Student's t of as many sets.
    """
    start, squares = _logit(whole), dict[int, list[float]]()
    for gone, answer in zip(sets, answers, strict=True):
        alone = {at: _logit(one[at]) - start for at in gone}
        pairs = sum(_logit(both[i, j]) - start - alone[i] - alone[j] for i, j in combinations(gone, 2))
        squares.setdefault(len(gone), []).append((start + sum(alone.values()) + pairs - _logit(answer)) ** 2)
    return {
        size: float(student_quantile(np.array([len(found)]), 0.95)[0]) * sqrt(fmean(found))
        for size, found in squares.items()
    }


def _logit(p: float) -> float:
    inside = min(1 - EDGE, max(EDGE, p))
    return log(inside / (1 - inside))
