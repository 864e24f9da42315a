"""Explain one prediction of any predictor: how important each feature is, and which pairs act together or back up."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import special

from interplay.config import ExplainConfig
from interplay.data.sample import Sample
from interplay.errors import BudgetError, refuse_unknown
from interplay.explanation.candidates import candidate_players, ranking_maps
from interplay.explanation.pairs import PairEstimator, Probe, pair_rows, score_pairs
from interplay.explanation.players import SCALES, Players
from interplay.explanation.predictor import (
    Opened,
    Predictor,
    Scores,
    probabilities_by_model,
    to_probabilities,
    value_function,
)
from interplay.explanation.what_if import what_if
from interplay.interactions import (
    EXACT,
    Game,
    estimate_pairs,
    independent_draws,
    interval,
    refine_until,
    refined_pairs,
    student_quantile,
)
from interplay.interactions.scores import PairScores
from interplay.interactions.shapley import shapley_values
from interplay.modalities import drawn_as
from interplay.progress import Advance
from interplay.report.claims import EDGE
from interplay.results import MIXTURE, Explanation, Interval, Pair, PairTable, Shapley, ValueFunction, WhatIf
from interplay.results.explanation import SIDE, Member
from interplay.words import is_written_without_blanks

MOST_ORDERS = 8  # random orders of the features, for their Shapley values


def explain_sample(
    predictor: Predictor,
    sample: Sample,
    *,
    settings: ExplainConfig | None = None,
    target: str | None = None,
    seed: int = 0,
    progress: Advance | None = None,
    opened: Opened | None = None,
) -> Explanation:
    """Explain one prediction.

    Args:
        predictor: the model that decided: a trained run, a function of words and pixels, or any other.
        sample: what it decided about.
        settings: what is computed, and with how many evaluations; the defaults if None.
        target: the label to explain; the most probable one if None.
        seed: decides every draw of the estimators.
        progress: called with evaluations done and an upper bound of them.
        opened: the sample, where the predictor has opened it already.

    Returns:
        The explanation, in plain data.

    Raises:
        BadInput: an unknown target, output or attribution method, a sample that cannot be used, or a budget too small.
    """
    settings = settings or ExplainConfig()
    output_asked(predictor, settings.expert)  # before the sample is encoded
    opened = opened or predictor.open(sample)
    explanation = explain_opened(
        predictor, opened, sample.id, settings=settings, target=target, seed=seed, progress=progress
    )
    pictured = drawn_as("image", {m: one.kind for m, one in opened.inputs.items()})
    explanation.remember_pictures({m: c for m, c in sample.inputs.items() if isinstance(c, Path) and m in pictured})
    return explanation.model_copy(update={"truth": list(sample.labels)}) if sample.split else explanation


def explain_opened(
    predictor: Predictor,
    opened: Opened,
    sample_id: str,
    *,
    settings: ExplainConfig,
    target: str | None = None,
    seed: int = 0,
    progress: Advance | None = None,
) -> Explanation:
    """Explain one prediction of a sample that a predictor has already opened.

    Args:
        predictor: the model to explain.
        opened: the sample, as `predictor.open` returned it.
        sample_id: the id written into the explanation.
        settings: what is computed, and with how many evaluations.
        target: the label to explain; the most probable one if None.
        seed: decides every draw of the estimators.
        progress: called with evaluations done and an upper bound of them.

    Returns:
        The explanation, in plain data.

    Raises:
        BadInput: an unknown target or output, or an unknown attribution method.
        BudgetError: the budget of evaluations is too small.
    """
    output = output_asked(predictor, settings.expert)
    players = _players(opened)
    answers = opened.logits(np.ones((1, len(players)), dtype=bool))
    whole = to_probabilities(answers[:, -1], predictor.label_kind)[0]
    prediction = dict(zip(predictor.labels, np.clip(whole, 0.0, 1.0).tolist(), strict=True))
    target = target or max(prediction, key=lambda label: prediction[label])
    refuse_unknown("target", target, predictor.labels)
    label = list(predictor.labels).index(target)

    attributions = opened.attributions(label, tuple(dict.fromkeys((*settings.methods, settings.rank_by))))
    limit, most = settings.candidates, settings.budget
    importance = [*_importance(opened, attributions.get(settings.rank_by), label, len(players))]
    if any(len(players.of(m)) > limit for m in range(len(opened.inputs))):  # else all are candidates
        importance.append(_importance_alone(opened, players, label))
    probe = score_pairs(
        value_function(opened, predictor.label_kind, [label]),
        players,
        [label],
        predictor.outputs,
        estimate=_within_budget(settings, predictor.outputs, output, len(opened.inputs), seed),
        candidates=lambda players, m: candidate_players(players, importance, m, limit),
        progress=(lambda done: progress(min(done, most), most)) if progress else None,
    )
    value = ValueFunction(on=settings.scale, expert=output, fill=opened.fill, level=opened.level)
    pairs = _pairs(probe, value)
    by_model = probabilities_by_model(opened, predictor.label_kind, label)
    asked, *members = what_if(by_model, players, pairs=pairs, modalities=list(opened.inputs), seed=seed)
    contributions, bias = _contributions(opened, predictor.outputs, answers[0, :, label])
    return Explanation(
        sample_id=sample_id,
        inputs=dict(opened.inputs),
        prediction=prediction,
        by_member=_members(opened, predictor, label, members),
        target=target,
        label_kind=predictor.label_kind,
        value=value,
        routing=dict(opened.routing),
        contributions=contributions,
        bias=bias,
        features=list(opened.features),
        attributions=_plain(attributions, settings.methods),
        interval=_interval(probe),
        pairs=pairs,
        more_pairs=[
            PairTable(value=other, pairs=_pairs(probe, other))
            for name in probe.names
            if (other := value.model_copy(update={"expert": name})) != value
        ],
        evaluations=probe.evaluations,
        estimator=" and ".join(sorted({block.estimator for block in probe.blocks})),
        notes=[*_notes(settings, len(players), probe, bool(attributions)), *opened.notes, *_characters(opened)],
        provenance=predictor.provenance.model_copy(update={"seed": seed}),
        whatif=asked,
        shapley=_shapley(opened, predictor, label, most, seed),
    )


def _members(opened: Opened, predictor: Predictor, label: int, asked: Sequence[WhatIf]) -> list[Member]:
    """What each model answers whose mean is explained; nothing for one model."""
    out = []
    whole = opened.logits_by_model(np.ones((1, len(opened.features)), dtype=bool))[1:, 0]
    for run, logits, answers in zip(predictor.provenance.members, whole, asked, strict=True):
        given = int(logits.argmax()) == label if predictor.label_kind == "single" else answers.whole >= SIDE
        out.append(Member(run=run, probability=answers.whole, given=given, whatif=answers))
    return out


def _shapley(opened: Opened, predictor: Predictor, label: int, budget: int, seed: int) -> Shapley | None:
    """What each feature gives to every output, from a twentieth of the budget; None where that is too little.

    Where experts do not add up, the model's own answer is the log-odds of its probability: one unit for every model.
    """
    n = len(opened.features)
    orders = min(MOST_ORDERS, budget // 20 // (2 * (n + 1)))
    if orders < 2 or not n:
        return None

    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E1"]:
        logits = opened.logits(coalitions)
        out = logits[:, :, label].astype(np.float64)
        if not opened.adds_up:
            p = to_probabilities(logits[:, -1], predictor.label_kind)[:, label].astype(np.float64)
            out[:, -1] = special.logit(p.clip(EDGE, 1 - EDGE))
        return out

    values, errors = shapley_values(value, n, orders, np.random.default_rng(seed))
    by_output = [dict(zip(predictor.outputs, part.T.tolist(), strict=True)) for part in (values, errors)]
    return Shapley(values=by_output[0], se=by_output[1], orders=orders, evaluations=2 * orders * (n + 1))


def _contributions(
    opened: Opened, outputs: Sequence[str], logits: Float[np.ndarray, " E1"]
) -> tuple[dict[str, float] | None, float | None]:
    """What each expert adds to the target's logit on the whole sample, and the bias; None where they do not add up."""
    if not opened.adds_up:
        return None, None
    *added, total = logits.astype(np.float64).tolist()
    return dict(zip(outputs[:-1], added, strict=True)), total - sum(added)


def output_asked(predictor: Predictor, expert: str) -> str:
    """The output that an explanation is about: by default the mixture, which is the last output of any predictor.

    Args:
        predictor: the model to explain.
        expert: name of an output, or "mixture".

    Raises:
        BadInput: the predictor has no such output.
    """
    if expert == MIXTURE:
        return predictor.outputs[-1]
    refuse_unknown("expert", expert, predictor.outputs)
    return expert


def _plain(attributions: Mapping[str, Scores], methods: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """The scores of the methods asked for, as lists."""
    return {
        method: {name: np.asarray(scores, float).tolist() for name, scores in by.items()}
        for method, by in attributions.items()
        if method in methods
    }


def _players(opened: Opened) -> Players:
    names = list(opened.inputs)
    return Players(
        np.array([names.index(feature.modality) for feature in opened.features], dtype=np.int64),
        tuple(np.array([at]) for at in range(len(opened.features))),
    )


def _importance(opened: Opened, scores: Mapping[str, np.ndarray] | None, label: int, n: int) -> Sequence[np.ndarray]:
    """Importance maps (n,) that choose the candidates: by the attribution asked for, or else by leave-one-out [ours].

    Leave-one-out is the drop of the model's own logit without each feature: n + 1 evaluations of any model.
    """
    if scores is not None:
        return ranking_maps(scores, opened.adds_up)
    left = np.concatenate([np.ones((1, n), dtype=bool), ~np.eye(n, dtype=bool)])
    logits = opened.logits(left)[:, -1, label]
    return [logits[0] - logits[1:]]


def _importance_alone(opened: Opened, players: Players, label: int) -> Float[np.ndarray, " n"]:
    """How far the model's own logit falls without each feature where its modality alone is left [ours].

    Of two features of which either would do, one by itself changes nothing of the whole, so maps of the whole rank it
    by chance. n + M evaluations of any model with n features and M modalities.
    """
    own = players.modality == np.arange(len(opened.inputs))[:, None]
    without = own[players.modality] & ~np.eye(len(players), dtype=bool)
    logits = opened.logits(np.concatenate([own, without]))[:, -1, label]
    return np.asarray(logits[: len(own)][players.modality] - logits[len(own) :])


def _within_budget(settings: ExplainConfig, outputs: Sequence[str], output: str, M: int, seed: int) -> PairEstimator:
    """An estimator whose budget is shared equally by the pairs of the M modalities.

    It stops earlier once every SII interval of the output is at most `max_interval_width` wide, if that is set.
    """
    most, blocks = settings.max_interval_width, max(1, M * (M - 1) // 2)
    budget = settings.budget // blocks

    def narrow(scores: PairScores) -> bool:
        at = (0, SCALES.index(settings.scale), list(outputs).index(output))
        bounds = interval(scores.output(at))
        return most is not None and bool((bounds.sii_high - bounds.sii_low <= most).all())

    def estimate(game: Game, rows: np.ndarray, columns: np.ndarray) -> PairScores:
        asked: dict[str, Any] = {"budget": budget, "seed": seed, "estimator": settings.estimator}
        try:
            if most is None:
                return estimate_pairs(game, rows, columns, **asked)
            return refine_until(refined_pairs(game, rows, columns, **asked), narrow)
        except BudgetError as error:
            if blocks == 1:
                raise
            shared = (
                f"explain.budget, {settings.budget}, is shared by {blocks} pairs of modalities, and {error.problem}"
            )
            raise BudgetError(shared, expected=f"{error.expected} for each", fix=error.fix) from error

    return estimate


def _pairs(probe: Probe, value: ValueFunction) -> list[Pair]:
    index = range(len(probe.players))
    return [row for block in probe.scores(value.on, value.expert) for row in pair_rows(block, index)]


def _interval(probe: Probe, level: float = 0.95) -> Interval:
    """Student's t for the fewest independent draws behind a score of each kind; 0 where all are exact."""
    sii, gap = [0.0], [0.0]
    for block in probe.blocks:
        if block.estimator in EXACT:
            continue
        draws = int(independent_draws(block).min())
        sii.append(_quantile(draws if block.sii_draws is None else block.sii_draws, level))
        gap.append(_quantile(draws, level))
    return Interval(level=level, sii=max(sii), redundancy_gap=max(gap)) if probe.blocks else Interval()


def _quantile(draws: int, level: float) -> float:
    """Student's t quantile for this many draws; a single draw, which has no standard error, is treated as two."""
    return float(student_quantile(np.array([max(1, draws - 1)]), level)[0])


def _notes(settings: ExplainConfig, n: int, probe: Probe, looked_into: bool) -> list[str]:
    """What a reader of the pair scores must know."""
    notes = []
    playing = {int(p) for block in probe.blocks for p in block.pairs.flat}
    rank_by = settings.rank_by if looked_into else "leave-one-out"
    if probe.blocks and len(playing) < n:
        notes.append(
            f"Pairs were formed among {len(playing)} of {n} features, those most important to the experts "
            f"by {rank_by}; pairs of others were not looked at, which is not a score of 0."
        )
    if not looked_into:
        notes.append(
            "This model cannot be looked into, so there are no attributions, only answers with features removed."
        )
    return notes + [f"Pair scores: {choice}." for choice in dict.fromkeys(b.choice for b in probe.blocks) if choice]


def _characters(opened: Opened) -> list[str]:
    """A sentence about texts that have no blanks to part their words."""
    texts = [name for name, given in opened.inputs.items() if given.text and is_written_without_blanks(given.text)]
    return [
        f"{name} holds a script that puts no blanks between words (such as Chinese, Japanese or Thai): there each "
        "character is a feature of its own, or as few as the model reads as one."
        for name in texts
    ]
