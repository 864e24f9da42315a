"""One sample as a shapiq game, and an explanation's scores as shapiq's values, with names for its plots.

game = SampleGame(predictor, opened)
shapiq.KernelSHAPIQ(game.n_players, index="SII", max_order=2).approximate(2000, game)
values, names = shapiq_values(explanation)
shapiq.network_plot(values, feature_names=names)
"""

from collections import Counter
from collections.abc import Sequence
from typing import final

import numpy as np
from jaxtyping import Float

from interplay.errors import BadInput, GameError, needs, refuse_unknown
from interplay.explanation.explaining import output_asked
from interplay.explanation.players import SCALES
from interplay.explanation.predictor import Opened, Predictor, value_function
from interplay.interactions.exact import MOST_PLAYERS
from interplay.report.names import FeatureName, describe_features, name_features
from interplay.results import MIXTURE, Explanation

try:
    import shapiq
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(needs(error) or str(error), name=error.name) from error


@final
class SampleGame(shapiq.Game):
    """What a model answers about one sample with some of its words and patches left, as shapiq calls it.

    Approximators, `shapiq.ExactComputer` (up to some 20 features: it asks about all 2^n coalitions) and what else takes
    a game can use it. It is normalized: its value with nothing left is subtracted, and kept in `normalization_value`.

    Args:
        predictor: the model.
        opened: the sample, as `predictor.open` returned it.
        target: the label whose answer is the value; the most probable one if None.
        output: name of an expert, or "mixture" for the model's own answer.
        scale: "logit" or "probability".

    Attributes:
        target: the label.
        names: what each player is called, each once.

    Raises:
        BadInput: an unknown label, output or scale, or a sample without features.
    """

    def __init__(
        self,
        predictor: Predictor,
        opened: Opened,
        *,
        target: str | None = None,
        output: str = MIXTURE,
        scale: str = "logit",
    ) -> None:
        n = len(opened.features)
        refuse_unknown("scale", scale, SCALES)
        if not n:
            raise BadInput("the sample has no feature to remove", expected="at least one word or patch")
        at = list(predictor.outputs).index(output_asked(predictor, output))
        if target is None:
            target = predictor.labels[int(opened.logits(np.ones((1, n), dtype=bool))[0, -1].argmax())]
        refuse_unknown("target", target, predictor.labels)
        self.target, self.names = target, unique_names(name_features(opened.features, opened.inputs))
        label, column = list(predictor.labels).index(target), SCALES.index(scale)
        value = value_function(opened, predictor.label_kind, [label])
        self._value = lambda coalitions: value(coalitions)[:, 0, column, at]
        nothing = float(self._value(np.zeros((1, n), dtype=bool))[0])
        super().__init__(n, normalize=True, normalization_value=nothing, player_names=self.names)

    def value_function(self, coalitions: np.ndarray) -> Float[np.ndarray, " m"]:
        """The answers, not yet normalized; shapiq calls it.

        Args:
            coalitions: (m, n), True or 1 where a feature stays.
        """
        return np.asarray(self._value(np.asarray(coalitions).astype(bool)), dtype=np.float64)

    def exact_values(self, index: str, order: int) -> shapiq.InteractionValues:
        """The values of an index from all 2^n coalitions.

        Args:
            index: an index of shapiq, such as "SII".
            order: the largest sets that are scored.

        Raises:
            GameError: for more than 20 features.
        """
        if self.n_players > MOST_PLAYERS:
            raise GameError(
                f"exact values of {self.n_players} features need 2^{self.n_players} evaluations",
                expected=f"at most {MOST_PLAYERS} features",
                fix="take one of shapiq's approximators, or a coarser grid of patches",
            )
        return super().exact_values(index, order)


def shapiq_values(explanation: Explanation, *, output: str | None = None) -> tuple[shapiq.InteractionValues, list[str]]:
    """An explanation's pair scores as shapiq's values of index "SII", and the names of its features for shapiq's plots.

    SII of a single feature is its Shapley value: where the explanation has these on the logit, as its pair scores are,
    they are there as order 1. Pairs that were not scored are not stored: shapiq shows 0 for them. Redundancy gaps and
    standard errors have no place there.

    Args:
        explanation: with pair scores.
        output: the expert whose scores are taken, or "mixture"; that of the explanation's own pairs if None.

    Returns:
        The values, and a name for each feature, each once.

    Raises:
        BadInput: the explanation has no pair scores of this output.
    """
    output = output or explanation.value.expert
    scored = [pair for pair in explanation.table(output) if pair.sii is not None]
    if not scored:
        have = [explanation.value.expert, *(table.value.expert for table in explanation.more_pairs)]
        raise BadInput(
            f"the explanation of {explanation.sample_id!r} has no pair scores of {output!r}",
            expected=f"pairs of {', '.join(have)}" if explanation.pairs else "an explanation of two or more modalities",
        )
    singles = _shapley_on_logit(explanation, output)
    found: dict[tuple[int, ...], float] = {(i,): value for i, value in enumerate(singles)}
    found |= {(min(pair.i, pair.j), max(pair.i, pair.j)): float(pair.sii) for pair in scored if pair.sii is not None}
    exact = not singles and all(pair.sii_se == 0 for pair in scored)
    values = shapiq.InteractionValues(
        found,
        index="SII",
        min_order=1 if singles else 2,
        max_order=2,
        n_players=len(explanation.features),
        estimated=not exact,
        estimation_budget=explanation.evaluations,
    )
    return values, unique_names(describe_features(explanation))


def unique_names(names: Sequence[FeatureName]) -> list[str]:
    """What features are called in shapiq's plots: the word or the patch's place, numbered where two are alike.

    >>> unique_names([FeatureName(label, "") for label in ("cat", "a", "cat", "row 1, column 2")])
    ['cat', 'a', 'cat (2)', 'row 1, column 2']

    Args:
        names: as pages have them.
    """
    seen: Counter[str] = Counter()
    out: list[str] = []
    for name in names:
        seen[name.label] += 1
        out.append(name.label if seen[name.label] == 1 else f"{name.label} ({seen[name.label]})")
    return out if len(set(out)) == len(out) else [f"{at + 1}: {name}" for at, name in enumerate(out)]


def _shapley_on_logit(explanation: Explanation, output: str) -> Sequence[float]:
    """Shapley values of an output in the unit of its pair scores; empty where there are none."""
    if explanation.shapley is None or explanation.value.on != "logit":
        return ()
    # Of a model whose experts do not add up they are log-odds, which are the logit where a label stands by itself.
    if explanation.contributions is None and explanation.label_kind == "single":
        return ()
    return explanation.shapley.values.get(output, ())
