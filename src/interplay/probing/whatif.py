"""What the model answers when a person takes out single features, two of them, or a whole modality."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float

from interplay.config import Fill
from interplay.models.fusion import FusionModel
from interplay.probing.game import Players, model_logits
from interplay.removal import Tokens
from interplay.results import Pair, WhatIf
from interplay.task import Task

MOST = 700  # answers: a few percent of what the pair scores ask for


def what_if(
    model: FusionModel,
    task: Task,
    tokens: Tokens,
    label: int,
    *,
    fill: Fill,
    players: Players,
    pairs: Sequence[Pair],
    modalities: Sequence[str],
    most: int = MOST,
) -> WhatIf:
    """The mixture's probability of a label without single players, without two, and without whole modalities.

    Players that form pairs come before others, and pairs by the size of their larger score, strongest first; two
    candidates of one modality, which have no score, take what room is left.

    Args:
        tokens: one sample, a batch of 1.
        pairs: the scored pairs of the players.
        modalities: their names, in the model's order.
        most: answers asked for, at most; whole, nothing and modalities are always among them.
    """
    candidates = sorted({at for pair in pairs for at in (pair.i, pair.j)})
    singles = [*candidates, *(at for at in range(len(players)) if at not in set(candidates))]
    singles = singles[: max(0, most - 2 - len(modalities))]
    within = [(a, b) for a in candidates for b in candidates if a < b and players.modality[a] == players.modality[b]]
    strongest = sorted(pairs, key=lambda p: -max(abs(p.sii or 0.0), abs(p.redundancy_gap or 0.0)))
    twos = [*((p.i, p.j) for p in strongest), *within][: max(0, most - 2 - len(modalities) - len(singles))]

    everyone = np.arange(len(players))
    gone = [[], everyone, *(players.of(m) for m in range(len(modalities))), *([at] for at in singles), *map(list, twos)]
    left = np.ones((len(gone), len(players)), dtype=bool)
    for row, out in zip(left, gone, strict=True):
        row[np.asarray(out, dtype=np.intp)] = False
    found = _probabilities(model, task, tokens, label, fill, players, left).tolist()
    start = 2 + len(modalities)
    one = dict(zip(singles, found[start : start + len(singles)], strict=True))
    return WhatIf(
        whole=found[0],
        nothing=found[1],
        without_modality=dict(zip(modalities, found[2:start], strict=True)),
        without=[one.get(at) for at in range(len(players))],
        i=[i for i, _ in twos],
        j=[j for _, j in twos],
        without_both=found[start + len(singles) :],
        evaluations=len(gone),
    )


def _probabilities(
    model: FusionModel,
    task: Task,
    tokens: Tokens,
    label: int,
    fill: Fill,
    players: Players,
    left: Bool[np.ndarray, "m n"],
) -> Float[np.ndarray, " m"]:
    """In double precision: single precision calls 1 what has a logit of 17, and the page needs the logit back."""
    logits = model_logits(model, tokens, fill, players)(left)[:, -1]
    return task.probabilities(torch.from_numpy(logits).double())[:, label].numpy()
