"""Several models that answer the same question, explained as one: the mean of their logits [ours].

What one training leaves to chance, the mean of several leaves out in part: of k models the part of an answer that
differs from training to training is 1 / sqrt(k) as large.
"""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from jaxtyping import Bool, Float

from interplay.data.sample import Sample
from interplay.errors import BadInput
from interplay.explanation.predictor import Opened, Predictor, Scores

HOLDS = {"single": "exactly one holds", "multi": "any number holds"}


@final
class Ensemble(Predictor):
    """The mean of several predictors' logits, output by output.

    Where experts' contributions add up in each, so do their means: the ensemble's roles are the means of its members'
    roles. Of a single label the mean of logits is the normalised geometric mean of probabilities.

    Args:
        members: the predictors, two or more, alike in labels and outputs.

    Raises:
        BadInput: there are fewer than two, or they differ in labels or outputs.
    """

    def __init__(self, members: Sequence[Predictor]) -> None:
        if len(members) < 2:
            raise BadInput(f"an ensemble of {len(members)} models", expected="two or more")
        first = members[0]
        for one in members[1:]:
            for what in ("labels", "outputs"):
                here, there = (getattr(each, what) for each in (one, first))
                if list(here) != list(there):
                    raise BadInput(
                        f"the {what} of {one.provenance.run} are {', '.join(here)}",
                        expected=f"{', '.join(there)}, those of {first.provenance.run}: only then is there a mean",
                    )
            if one.label_kind != first.label_kind:
                raise BadInput(
                    f"of the labels of {one.provenance.run}, {HOLDS[one.label_kind]}",
                    expected=f"that {HOLDS[first.label_kind]}, as of {first.provenance.run}",
                )
        self.members = members
        self.labels, self.label_kind, self.outputs = first.labels, first.label_kind, first.outputs
        names = [one.provenance.run for one in members]
        seeds = ", ".join(str(one.provenance.settings.get("training_seed", "?")) for one in members)
        self.provenance = first.provenance.model_copy(
            update={
                "run": ", ".join(names),
                "model": f"mean of {len(members)} {first.provenance.model or 'models'}",
                "members": names,
                "weights": "",
                "settings": first.provenance.settings | {"training_seed": seeds},
            }
        )

    def open(self, sample: Sample) -> "OpenedTogether":
        """Prepare one sample, by each member.

        Args:
            sample: the sample.

        Raises:
            BadInput: the sample cannot be used, or members split it into other features.
        """
        return OpenedTogether([one.open(sample) for one in self.members])


@final
class OpenedTogether(Opened):
    """One sample, opened by each of several predictors.

    Args:
        members: the sample as each member opened it.

    Raises:
        BadInput: members split it into other features, or remove features otherwise.
    """

    def __init__(self, members: Sequence[Opened]) -> None:
        first = members[0]
        for one in members[1:]:
            if list(one.features) != list(first.features):
                raise BadInput(
                    "the models split this sample into other features", expected="the same encoders and settings"
                )
            if (one.level, one.fill) != (first.level, first.fill):
                raise BadInput(
                    f"the models remove features by {one.level} {one.fill!r} and {first.level} {first.fill!r}",
                    expected="one way for all of them",
                )
        self._members = members
        self.level, self.fill, self.features, self.inputs = first.level, first.fill, first.features, first.inputs
        self.adds_up = all(one.adds_up for one in members)
        self.routing: Mapping[str, float] = {}  # weights of means would not give the mean of mixtures
        self.notes = self._notes_of_all()

    def logits(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m E C"]:
        """The mean of what the members answer with only some features left.

        Args:
            coalitions: (m, n), True where a feature stays.
        """
        answers = [one.logits(coalitions).astype(np.float64) for one in self._members]
        return np.asarray(np.mean(answers, axis=0))

    def logits_by_model(self, coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "k m C"]:
        """The mean of what the members answer, and what each of them does.

        Args:
            coalitions: (m, n), True where a feature stays.
        """
        answers = [one.logits(coalitions)[:, -1].astype(np.float64) for one in self._members]
        return np.stack([np.mean(answers, axis=0), *answers])

    def attributions(self, label: int, methods: Sequence[str]) -> Mapping[str, Scores]:
        """The mean of the members' scores by each method.

        Args:
            label: index of the label whose logit is attributed.
            methods: names of `interplay.explanation.attribution.methods.METHODS`.
        """
        found = [one.attributions(label, methods) for one in self._members]
        self.notes = self._notes_of_all()
        return {
            method: {name: np.mean([each[method][name] for each in found], axis=0) for name in scores}
            for method, scores in found[0].items()
        }

    def _notes_of_all(self) -> list[str]:
        """What is said of every member once, and that these are means."""
        every = dict.fromkeys(note for one in self._members for note in one.notes)
        return [f"All numbers are of the mean of the logits of {len(self._members)} models.", *every]
