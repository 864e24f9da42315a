"""Pair scores of one prediction of a fusion model (METHOD 9, 10)."""

from collections.abc import Callable, Sequence

import numpy as np

from interplay.config import Fill, Precision
from interplay.explanation.game import model_value, players_of, value_names
from interplay.explanation.pairs import PairEstimator, Probe, score_pairs
from interplay.explanation.players import Players
from interplay.models.fusion import FusionModel
from interplay.models.task import Task
from interplay.models.tokens import Tokens


def probe_pairs(
    model: FusionModel,
    task: Task,
    tokens: Tokens,
    labels: Sequence[int],
    *,
    fill: Fill,
    estimate: PairEstimator,
    players: Players | None = None,
    candidates: Callable[[Players, int], np.ndarray] | None = None,
    precision: Precision = "fp32",
    batch_size: int = 512,
    progress: Callable[[int], None] | None = None,
) -> Probe:
    """Score every cross-modal pair of candidate players of one sample of a fusion model.

    Args:
        model: the fusion model, in evaluation mode.
        task: the labels and their kind (single or multi), which decide how logits become probabilities.
        tokens: one sample, a batch of 1.
        labels: what to score the pairs for, all from the same evaluations.
        fill: what takes the place of removed features: "mean", "zero" or "attention" (nothing: they leave attention).
        estimate: (game, rows, columns) -> their scores, for each pair of modalities; by `backgrounds`, say.
            Coalitions evaluated for one pair of modalities are not evaluated again for the next.
        players: what plays; every feature by itself if None.
        candidates: (players, modality index) -> the players of it that may form pairs; all if None.
        precision: as `model_logits`.
        batch_size: how many coalitions are evaluated at a time.
        progress: called with the evaluations done.

    Returns:
        The scores of all pairs of modalities.
    """
    players = players or players_of(tokens)
    return score_pairs(
        model_value(model, task, tokens, labels, fill, players, precision=precision),
        players,
        labels,
        value_names(model),
        estimate=estimate,
        candidates=candidates,
        batch_size=batch_size,
        progress=progress,
    )
