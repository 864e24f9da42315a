"""One sample encoded for a trained run, and what plays in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from interplay.config import Config
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoded, Encoder
from interplay.encoders.parts import Part
from interplay.errors import BadInput, refuse_missing, suggestion
from interplay.explanation.attribution.methods import METHODS, Attribution, Request
from interplay.explanation.attribution.target import Target
from interplay.explanation.game import players_of, tokens_of
from interplay.explanation.players import Players
from interplay.features.store import Features, encode_one, read_input
from interplay.modalities import MODALITIES
from interplay.models.run import Run
from interplay.models.tokens import Tokens
from interplay.results import MIXTURE


@dataclass(frozen=True)
class Prepared:
    """One sample, ready to be explained: what was encoded, and what each position is to a person."""

    sample: Sample
    kinds: dict[str, str]
    encoded: dict[str, Encoded]
    parts: dict[str, list[Part]]
    tokens: Tokens


def prepare_sample(
    run: Run, encoders: dict[str, Encoder], sample: Sample, stores: Mapping[str, Features] | None = None
) -> Prepared:
    """Encode a sample for a run, or read its stored features.

    Args:
        run: a trained run.
        encoders: modality -> its encoder.
        sample: the sample.
        stores: modality -> stored features to read from; encodes if None.

    Returns:
        The sample, encoded and projected.

    Raises:
        BadInput: a modality is missing, or one of them holds no feature.
    """
    encoded, parts = {}, {}
    refuse_missing(sample.id, sample.inputs, run.card.modalities)
    for modality, kind in run.card.modalities.items():
        content = read_input(sample, modality, kind)
        encoded[modality] = stores[modality].one(sample.id) if stores else encode_one(encoders[modality], content)
        parts[modality] = encoders[modality].parts(content)
        if not encoded[modality].valid.any():
            raise BadInput(f"{modality!r} of sample {sample.id!r} holds no feature", expected="at least one token")
    tokens = tokens_of(run.model, tuple(e.features for e in encoded.values()), tuple(e.valid for e in encoded.values()))
    return Prepared(sample, run.card.modalities, encoded, parts, tokens)


def players_in(prepared: Prepared, config: Config) -> Players:
    """The players of one sample: words and blocks of patches, or every feature by itself (`explain.token_groups`).

    Args:
        prepared: the encoded sample.
        config: the settings, of which `removal` and `explain` are used.
    """
    words, grid = config.explain.token_groups == "words", config.explain.grid
    kinds = prepared.kinds
    groups = [MODALITIES[kinds[m]].groups(p, token_groups=words, grid=grid) for m, p in prepared.parts.items()]
    return players_of(prepared.tokens, groups)


def attribute(
    run: Run,
    config: Config,
    tokens: Tokens,
    players: Players,
    labels: tuple[int, ...],
    methods: Sequence[str] | None = None,
) -> dict[str, Attribution]:
    """Scores of the players by each method: the sum over their features (positions without a feature have no score).

    Args:
        run: whose model is looked into.
        config: settings of `removal` and `explain`.
        tokens: one sample, a batch of 1.
        players: what plays.
        labels: the target is their mean logit.
        methods: names in METHODS; those of `explain.methods` if None.

    Returns:
        method -> its scores of the players, by every expert and the mixture.
    """
    starts = np.concatenate([[0], np.cumsum(tokens.lengths)])
    flat = [starts[m] + where for m, where in zip(players.modality, players.positions, strict=True)]
    request = Request(run.model, tokens, Target(labels), config.removal.fill, config.explain.ig_steps, config.seed)
    out = {}
    for name in config.explain.methods if methods is None else methods:
        result = METHODS[name](request)
        summed = {expert: np.array([scores[at].sum() for at in flat]) for expert, scores in result.scores.items()}
        out[name] = replace(result, scores=summed)
    return out


def refuse_other_fill(run: Run, config: Config) -> None:
    """Check that features which were encoded with their neighbours are removed without anything in their place.

    Args:
        run: a trained run.
        config: the settings, of which `removal` is used.

    Raises:
        BadInput: they are not.
    """
    if any(run.model.neighbours) and config.removal.fill != "attention":
        raise BadInput(
            f"{run.name} reads words with their neighbours; fill {config.removal.fill!r} would leave something there",
            expected='removal.fill "attention"',
            fix="explain by the run's own settings",
        )


def refuse_unknown_expert(run: Run, config: Config) -> None:
    """Raise BadInput if `explain.expert` is not an expert of the run, nor its mixture.

    Args:
        run: a trained run.
        config: the settings, of which `removal` and `explain` are used.

    Raises:
        BadInput: the run has no such expert.
    """
    known = [*run.model.expert_names, MIXTURE]
    if config.explain.expert not in known:
        came = f"unknown expert {config.explain.expert!r} of {run.name}{suggestion(config.explain.expert, known)}"
        raise BadInput(came, expected=f"one of {', '.join(known)}")
