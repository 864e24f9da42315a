"""A trained run as a predictor: its experts and their mixture, features removed from the fusion."""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float

from interplay.config import Config
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoder
from interplay.encoders.sources import public_name
from interplay.errors import refuse_unknown
from interplay.explanation.attribution.methods import METHODS, Attribution
from interplay.explanation.game import model_logits, value_names
from interplay.explanation.players import Players
from interplay.explanation.predictor import Opened, Predictor, Scores
from interplay.explanation.trained.prepared import (
    Prepared,
    attribute,
    players_in,
    prepare_sample,
    refuse_other_fill,
    refuse_unknown_expert,
)
from interplay.features.store import Features
from interplay.modalities import MODALITIES
from interplay.models.run import Run
from interplay.results import MIXTURE, Feature, Input, Provenance


@final
class TrainedPredictor(Predictor):
    """A run with its encoders, ready to explain samples of its modalities.

    Args:
        run: the trained run; its model stays where it is.
        encoders: modality -> its frozen encoder.
        config: settings of `removal` and `explain`; the run's own if None.
        stores: modality -> stored features, for samples that were encoded before; encodes anew if None.

    Raises:
        BadInput: an unknown attribution method, an expert that the run does not have, or a fill that is not for it.
    """

    def __init__(
        self,
        run: Run,
        encoders: dict[str, Encoder],
        config: Config | None = None,
        stores: Mapping[str, Features] | None = None,
    ) -> None:
        self.run, self.encoders, self.config, self.stores = run, encoders, config or run.config, stores
        refuse_unknown_expert(run, self.config)
        refuse_other_fill(run, self.config)
        for name in self.config.explain.methods:
            refuse_unknown("explain.methods", name, list(METHODS))
        refuse_unknown("explain.rank_by", self.config.explain.rank_by, list(METHODS))
        self.labels = run.card.labels
        self.label_kind = run.card.label_kind
        self.outputs = value_names(run.model)
        self.provenance = provenance_of(run, self.config)

    def open(self, sample: Sample) -> "OpenedSample":
        """Encode a sample, or read its stored features.

        Args:
            sample: the sample.

        Returns:
            The sample, opened.

        Raises:
            BadInput: the sample cannot be used.
        """
        prepared = prepare_sample(self.run, self.encoders, sample, self.stores)
        return OpenedSample(self.run, self.config, prepared)


@final
class OpenedSample(Opened):
    """One sample of a trained run. Its features are words and blocks of patches, or tokens and patches."""

    level = "feature"

    def __init__(self, run: Run, config: Config, prepared: Prepared) -> None:
        self._run, self._config, self._prepared = run, config, prepared
        self._players = players_in(prepared, config)
        self.fill = config.removal.fill
        self.features = _features(run, prepared, self._players)
        self.inputs = _inputs(run, prepared)
        self.adds_up = run.model.by_construction
        self.routing = {} if self.adds_up else _routing(run, prepared)
        self.notes = self._own_notes = _notes(run, config, prepared)
        # Prepared once: pair scores and what-if ask the same tables.
        precision = config.explain.precision
        self._ask = model_logits(run.model, prepared.tokens, self.fill, self._players, precision=precision)

    def logits(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E C"]:
        """The logits of every expert and the mixture with only some players left.

        Args:
            coalitions: (m, n) bool, True where a player stays.
        """
        return self._ask(coalitions)

    def attributions(self, label: int, methods: Sequence[str]) -> Mapping[str, Scores]:
        """Scores of the players by each method (METHOD 7).

        Args:
            label: index of the label whose logit is attributed.
            methods: names in METHODS.
        """
        found = attribute(self._run, self._config, self._prepared.tokens, self._players, (label,), methods)
        if "integrated_gradients" in found:
            self.notes = [*self._own_notes, *_completeness(self._config, found["integrated_gradients"])]
        return {name: one.scores for name, one in found.items()}


def _routing(run: Run, prepared: Prepared) -> dict[str, float]:
    with torch.inference_mode():
        weights = run.model.route(prepared.tokens)[0].tolist()
    return dict(zip(run.model.expert_names, weights, strict=True))


def _inputs(run: Run, prepared: Prepared) -> dict[str, Input]:
    inputs = {}
    for modality, kind in run.card.modalities.items():
        content, cut = prepared.sample.inputs[modality], prepared.encoded[modality].truncated
        inputs[modality] = MODALITIES[kind].input_of(content, cut)
    return inputs


def _features(run: Run, prepared: Prepared, players: Players) -> list[Feature]:
    names, kinds = list(run.card.modalities), run.card.modalities
    features = []
    for index, (m, where) in enumerate(zip(players.modality, players.positions, strict=True)):
        own = [prepared.parts[names[m]][p] for p in where]
        part = MODALITIES[kinds[names[m]]].whole(own, prepared.sample.inputs[names[m]])
        features.append(Feature(index=index, modality=names[m], text=part.text, span=part.span, box=part.box))
    return features


def _notes(run: Run, config: Config, prepared: Prepared) -> list[str]:
    """What a reader of the numbers must know of how this sample was encoded, and how features are removed."""
    notes = []
    for modality, one in prepared.encoded.items():
        if one.truncated:
            notes.append(f"The last {one.truncated} tokens of {modality} were cut off: the encoder takes no more.")
    notes += level_notes(run)
    if len(run.model.experts) > 1 and not run.model.by_construction:
        notes.append(
            "Roles are what the losses asked of the experts in training; an expert may say what is not its own."
        )
    if any(run.model.neighbours):
        notes.append(
            "Attributions are of the sample as it is: what a word adds through a neighbour's encoding is credited to "
            "that neighbour."
        )
        if config.explain.token_groups == "none":
            notes.append(
                "A word is one feature where it was encoded with its neighbours: its pieces do not play apart."
            )
    notes += off_training(run, config)
    if config.explain.precision != "fp32":
        notes.append(f"The model answered in {config.explain.precision}.")
    return notes


def _completeness(config: Config, found: Attribution) -> list[str]:
    """How exact integrated gradients are."""
    notes = []
    if config.removal.fill == "attention":
        notes.append("Integrated gradients start from the mean token, since fill 'attention' has no value of its own.")
    error = found.completeness_error[MIXTURE]
    return [*notes, f"Integrated gradients of the mixture miss completeness by {error:+.2g} on the logit."]


def off_training(run: Run, config: Config) -> list[str]:
    """Warnings about answers: whether training saw features removed, by the same fill, and labels as often as they are.

    Args:
        run: a trained run.
        config: the settings, of which `removal` and `explain` are used.

    Returns:
        Sentences; none if training and explanation remove alike, and probabilities are meant to be labels' shares.
    """
    trained, notes = run.config.removal, []
    if run.config.training.class_weights == "balanced":
        notes.append(
            "Labels counted alike in training, however rare (class_weights balanced): probabilities of rare labels are "
            "higher than the shares of samples in which they hold."
        )
    if not trained.mask_aware or not trained.copies:
        return [
            *notes,
            "The model was never trained with features removed, so what it answers then, and the sign of pair scores, "
            "can be arbitrary.",
        ]
    if trained.fill != config.removal.fill:
        return [
            *notes,
            f"Features were removed by fill {config.removal.fill!r}, but the model was trained with {trained.fill!r}: "
            "what it answers then, and the sign of pair scores, can be arbitrary.",
        ]
    return notes


def level_notes(run: Run) -> list[str]:
    """Sentences: what removing a feature means, given how features were encoded (METHOD 6).

    Args:
        run: a trained run.
    """
    given = [m for m, kind in run.card.modalities.items() if MODALITIES[kind].precomputed]
    encoded = {m: kind for m, kind in run.card.modalities.items() if m not in given}
    notes = []
    if encoded and all(run.config.encoder(m, kind).isolate for m, kind in encoded.items()):
        near = [f"{k} to each side in {m}" for m, k in run.card.neighbours.items() if k]
        how = (
            f"Words were encoded with others as far as they are left ({', '.join(near)}), the rest by itself"
            if near
            else "Every word and every patch was encoded by itself"
        )
        notes.append(f"{how}: a feature that is removed is removed from the whole model, not only from the fusion.")
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
    """Where the numbers of a run come from, with the settings that decide them, without paths of this machine.

    Args:
        run: a trained run.
        config: the settings, of which `removal` and `explain` are used.
    """
    explain = config.explain
    return Provenance(
        run=run.name,
        data=f"{run.origin.data} ({run.origin.data_hash})",
        versions=run.origin.versions,
        seed=config.seed,
        model=run.config.fusion.kind,
        weights=run.weights,
        encoders={m: public_name(run.config.encoder(m, kind).model) for m, kind in run.card.modalities.items()},
        settings={
            "budget": explain.budget,
            "estimator": explain.estimator,
            "max_interval_width": explain.max_interval_width,
            "precision": explain.precision,
            "token_groups": explain.token_groups,
            "grid": explain.grid,
            "candidates": explain.candidates,
            "rank_by": explain.rank_by,
            "ig_steps": explain.ig_steps,
            "mask_aware": run.config.removal.mask_aware,
            "preset": run.config.preset,
            "training_seed": run.config.seed,
        },
    )
