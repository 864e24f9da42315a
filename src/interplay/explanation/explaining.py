"""Explain one prediction: attributions of every expert, and the pairs that act together or back each other up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from interplay.config import Config
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoded, Encoder, Part
from interplay.encoders.sources import public_name
from interplay.errors import BadInput, BudgetError
from interplay.explanation.attribution.methods import METHODS, Attribution, Request
from interplay.explanation.attribution.target import Target
from interplay.explanation.candidates import candidate_players, ranking_experts
from interplay.explanation.game import ON, Players, players_of, tokens_of, value_names
from interplay.explanation.groups import group, whole
from interplay.explanation.pairs import Estimate, Probe, probe_pairs
from interplay.explanation.what_if import what_if
from interplay.features.store import Features, encode_one, read_input
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
from interplay.models.run import Run
from interplay.models.tokens import Tokens
from interplay.results import (
    MIXTURE,
    Explanation,
    Feature,
    Input,
    Interval,
    Pair,
    PairScores,
    PairTable,
    Provenance,
    ValueFunction,
    pair_rows,
)


@dataclass(frozen=True)
class Prepared:
    """One sample, ready to be explained: what was encoded, and what each position is to a person."""

    sample: Sample
    encoded: dict[str, Encoded]
    parts: dict[str, list[Part]]
    tokens: Tokens


def prepare(
    run: Run, encoders: dict[str, Encoder], sample: Sample, stores: Mapping[str, Features] | None = None
) -> Prepared:
    """Encode a sample for a run, or read its features from `stores` (modality -> features) if they are given.

    Raises BadInput if it lacks a modality or one of them holds no feature.
    """
    encoded, parts = {}, {}
    for modality, kind in run.card.modalities.items():
        if modality not in sample.inputs:
            raise BadInput(
                f"sample {sample.id!r} has no {modality!r}",
                expected=f"the inputs {', '.join(run.card.modalities)}",
                fix="give one --input for each",
            )
        content = read_input(sample, modality, kind)
        encoded[modality] = stores[modality].one(sample.id) if stores else encode_one(encoders[modality], content)
        parts[modality] = encoders[modality].parts(content)
        if not encoded[modality].valid.any():
            raise BadInput(f"{modality!r} of sample {sample.id!r} holds no feature", expected="at least one token")
    tokens = tokens_of(run.model, tuple(e.features for e in encoded.values()), tuple(e.valid for e in encoded.values()))
    return Prepared(sample, encoded, parts, tokens)


def players_in(prepared: Prepared, config: Config) -> Players:
    """What plays in one sample: words and blocks of patches, or every feature by itself (`explain.players`)."""
    words, grid = config.explain.players == "words", config.explain.grid
    return players_of(prepared.tokens, [group(parts, words=words, grid=grid) for parts in prepared.parts.values()])


def explain_sample(
    run: Run,
    encoders: dict[str, Encoder],
    sample: Sample,
    *,
    config: Config | None = None,
    target: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Explain one prediction of a run.

    Args:
        config: settings of `removal` and `explain`; the run's own if None.
        target: the label to explain; the most probable one if None.
        progress: called with evaluations done and an upper bound of them.

    Raises:
        BadInput: for an unknown target, expert or attribution method, or an input that cannot be used.
    """
    config = config or run.config
    prepared = prepare(run, encoders, sample)
    with torch.inference_mode():
        output = run.model.fuse(prepared.tokens)
        probabilities = run.card.task.probabilities(output.logits)[0].tolist()
    prediction = dict(zip(run.card.labels, probabilities, strict=True))
    target = target or max(prediction, key=lambda label: prediction[label])
    _refuse_unknown("target", target, run.card.labels)
    refuse_unknown_expert(run, config)
    _refuse_unknown("rank_by", config.explain.rank_by, list(METHODS))
    label = run.card.labels.index(target)

    players = players_in(prepared, config)
    attributions = attribute(run, config, prepared.tokens, players, (label,))
    importance = ranking_experts(attributions[config.explain.rank_by].scores)
    limit, most = config.explain.candidates, config.explain.budget
    probe = probe_pairs(
        run.model,
        run.card.task,
        prepared.tokens,
        [label],
        fill=config.removal.fill,
        estimate=_within_budget(run, config),
        players=players,
        candidates=lambda players, m: candidate_players(players, importance, m, limit),
        precision=config.explain.precision,
        progress=(lambda done: progress(min(done, most), most)) if progress else None,
    )
    value = ValueFunction(on=config.explain.on, expert=config.explain.expert, fill=config.removal.fill)
    pairs = _pairs(probe, value)
    explanation = Explanation(
        sample_id=sample.id,
        inputs=_inputs(run, prepared),
        prediction=prediction,
        target=target,
        truth=list(sample.labels) if sample.split else None,
        label_kind=run.card.label_kind,
        value=value,
        routing=dict(zip(run.model.experts_named, output.weights[0].tolist(), strict=True)),
        features=_features(run, prepared, players),
        attributions={
            name: {expert: scores.tolist() for expert, scores in a.scores.items()} for name, a in attributions.items()
        },
        interval=_interval(probe),
        pairs=pairs,
        more_pairs=[
            PairTable(value=other, pairs=_pairs(probe, other))
            for name in probe.names
            if (other := value.model_copy(update={"expert": name})) != value
        ],
        evaluations=probe.evaluations,
        estimator=" and ".join(sorted({block.estimator for block in probe.blocks})),
        notes=_notes(run, config, prepared, players, probe, attributions),
        provenance=provenance_of(run, config),
        whatif=what_if(
            run.model,
            run.card.task,
            prepared.tokens,
            label,
            fill=config.removal.fill,
            players=players,
            pairs=pairs,
            modalities=list(run.card.modalities),
            seed=config.seed,
        ),
    )
    images = [m for m, kind in run.card.modalities.items() if kind == "image"]
    explanation.seen.update({m: Path(sample.inputs[m]) for m in images})
    return explanation


def _within_budget(run: Run, config: Config) -> Estimate:
    """Estimates by `explain.estimator`, the budget shared equally by the pairs of modalities; until the SII asked about
    is known to `explain.width`, if that is set."""
    explain, modalities = config.explain, len(run.card.modalities)
    blocks = max(1, modalities * (modalities - 1) // 2)
    budget = explain.budget // blocks

    def narrow(scores: PairScores) -> bool:
        at = (0, ON.index(explain.on), value_names(run.model).index(explain.expert))
        bounds = interval(scores.output(at))
        return explain.width is not None and bool((bounds.sii_high - bounds.sii_low <= explain.width).all())

    def estimate(game: Game, rows: np.ndarray, columns: np.ndarray) -> PairScores:
        asked: dict[str, Any] = {"budget": budget, "seed": config.seed, "estimator": explain.estimator}
        try:
            if explain.width is None:
                return estimate_pairs(game, rows, columns, **asked)
            return refine_until(refined_pairs(game, rows, columns, **asked), narrow)
        except BudgetError as error:
            if blocks == 1:
                raise
            shared = f"explain.budget, {explain.budget}, is shared by {blocks} pairs of modalities, and {error.problem}"
            raise BudgetError(shared, expected=f"{error.expected} for each", fix=error.fix) from error

    return estimate


def refuse_unknown_expert(run: Run, config: Config) -> None:
    """Raise BadInput if a run has not the expert that is asked about."""
    known = [*run.model.experts_named, MIXTURE]
    if config.explain.expert not in known:
        raise BadInput(f"unknown expert {config.explain.expert!r} of {run.name}", expected=f"one of {', '.join(known)}")


def _refuse_unknown(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise BadInput(f"unknown {what} {name!r}", expected=f"one of {', '.join(known)}")


def attribute(
    run: Run, config: Config, tokens: Tokens, players: Players, labels: tuple[int, ...]
) -> dict[str, Attribution]:
    """Every method's scores of the players: the sum over their features (positions that hold none are left out).

    The target is the mean logit of `labels`.
    """
    starts = np.concatenate([[0], np.cumsum(tokens.lengths)])
    flat = [starts[m] + where for m, where in zip(players.modality, players.positions, strict=True)]
    request = Request(run.model, tokens, Target(labels), config.removal.fill, config.explain.ig_steps, config.seed)
    out = {}
    for name, method in METHODS.items():
        result = method(request)
        summed = {expert: np.array([scores[at].sum() for at in flat]) for expert, scores in result.scores.items()}
        out[name] = replace(result, scores=summed)
    return out


def _inputs(run: Run, prepared: Prepared) -> dict[str, Input]:
    inputs = {}
    for modality, kind in run.card.modalities.items():
        content, cut = prepared.sample.inputs[modality], prepared.encoded[modality].truncated
        if kind == "text":
            inputs[modality] = Input(kind="text", text=str(content), truncated=cut)
        elif kind == "image":
            inputs[modality] = Input(kind="image", path=getattr(content, "name", str(content)))
        else:
            inputs[modality] = Input(kind="features", path=getattr(content, "name", str(content)), truncated=cut)
    return inputs


def _features(run: Run, prepared: Prepared, players: Players) -> list[Feature]:
    names = list(run.card.modalities)
    features = []
    for index, (m, where) in enumerate(zip(players.modality, players.positions, strict=True)):
        part = whole([prepared.parts[names[m]][p] for p in where], prepared.sample.inputs[names[m]])
        features.append(Feature(index=index, modality=names[m], text=part.text, span=part.span, box=part.box))
    return features


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
    """Of t; where one draw leaves no standard error, none is told either."""
    return float(student_quantile(np.array([max(1, draws - 1)]), level)[0])


def _notes(
    run: Run,
    config: Config,
    prepared: Prepared,
    players: Players,
    probe: Probe,
    attributions: dict[str, Attribution],
) -> list[str]:
    """What a reader of the numbers must know."""
    notes = []
    for modality, one in prepared.encoded.items():
        if one.truncated:
            notes.append(f"The last {one.truncated} tokens of {modality} were cut off: the encoder takes no more.")
    playing = {int(p) for block in probe.blocks for p in block.pairs.flat}
    if len(playing) < len(players):
        notes.append(
            f"Pairs were formed among {len(playing)} of {len(players)} features, those most important to the experts "
            f"by {config.explain.rank_by}; pairs of others were not looked at, which is not a score of 0."
        )
    notes += [f"Pair scores: {choice}." for choice in dict.fromkeys(b.choice for b in probe.blocks) if choice]
    notes += _level(run)
    notes += off_training(run, config)
    if config.removal.fill == "attention":
        notes.append("Integrated gradients start from the mean token, since fill 'attention' has no value of its own.")
    errors = attributions["integrated_gradients"].completeness_error
    notes.append(f"Integrated gradients of the mixture miss completeness by {errors[MIXTURE]:+.2g} on the logit.")
    return notes


def off_training(run: Run, config: Config) -> list[str]:
    """What the answers with features removed cannot be trusted for, because training never asked for them."""
    trained = run.config.removal
    if not trained.mask_aware or not trained.copies:
        return [
            "The model was never trained with features removed, so what it answers then, and the sign of pair scores, "
            "can be arbitrary."
        ]
    if trained.fill != config.removal.fill:
        return [
            f"Features were removed by fill {config.removal.fill!r}, but the model was trained with {trained.fill!r}: "
            "what it answers then, and the sign of pair scores, can be arbitrary."
        ]
    return []


def _level(run: Run) -> list[str]:
    """What removing a feature means, given how features were encoded (METHOD 6)."""
    given = [m for m, kind in run.card.modalities.items() if kind == "features"]
    encoded = {m: kind for m, kind in run.card.modalities.items() if m not in given}
    notes = []
    if encoded and all(run.config.encoder(m, kind).isolate for m, kind in encoded.items()):
        notes.append(
            "Every word and every patch was encoded by itself: a feature that is removed is removed from the whole "
            "model, not only from the fusion."
        )
    elif encoded:
        notes.append(
            "Features were encoded in context: one that stays still carries something of those that are removed, and "
            "pair scores spread to its neighbours."
        )
    if given:
        notes.append(
            f"The features of {', '.join(given)} were computed beforehand: whether one that stays still carries "
            "something of those that are removed is not known here."
        )
    return notes


def provenance_of(run: Run, config: Config) -> Provenance:
    """Where the numbers of a run come from, with the settings that decide them; no paths."""
    explain = config.explain
    return Provenance(
        run=run.name,
        data=f"{run.origin.data} ({run.origin.data_hash})",
        versions=run.origin.versions,
        seed=config.seed,
        model=run.config.fusion.kind,
        encoders={m: public_name(run.config.encoder(m, kind).model) for m, kind in run.card.modalities.items()},
        settings={
            "budget": explain.budget,
            "estimator": explain.estimator,
            "width": explain.width,
            "precision": explain.precision,
            "players": explain.players,
            "grid": explain.grid,
            "candidates": explain.candidates,
            "rank_by": explain.rank_by,
            "ig_steps": explain.ig_steps,
            "mask_aware": run.config.removal.mask_aware,
            "preset": run.config.preset,
            "training_seed": run.config.seed,
        },
    )
