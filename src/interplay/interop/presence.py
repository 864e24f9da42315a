"""One sample as a PyTorch model of which features are there, for Captum and Quantus, and their scores back.

Captum and Quantus remove a feature by writing a baseline over part of a tensor. Here the tensor says which features
are there, 1, and the baseline is 0: what they write over is removed as everywhere in Interplay.

    model = PresenceModel(predictor, opened)
    scores = captum.attr.ShapleyValueSampling(model).attribute(model.present, target=label)
    explanation = with_attribution(explanation, "captum_shapley", scores)
"""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from interplay.errors import BadInput, refuse_unknown
from interplay.explanation.explaining import output_asked
from interplay.explanation.players import SCALES
from interplay.explanation.predictor import Opened, Predictor, to_probabilities
from interplay.results import MIXTURE, Explanation


@final
class PresenceModel(torch.nn.Module):
    """What a model answers about one sample with some of its words and patches left: (B, n) of 0 and 1 -> (B, C).

    It has no gradient: methods that only call the model can use it, such as Captum's FeatureAblation, ShapleyValues,
    ShapleyValueSampling, KernelShap and Lime, and all that take its `perturbations_per_eval`.

    Args:
        predictor: the model.
        opened: the sample, as `predictor.open` returned it.
        output: name of an expert, or "mixture" for the model's own answer.
        scale: "logit" or "probability", what it answers with.

    Attributes:
        present: (1, n) ones, the sample as it is. Column j is `opened.features[j]`.
        modality: (1, n) the index of each feature's modality: a `feature_mask` by which Captum removes modalities.

    Raises:
        BadInput: the predictor has no such output, there is no such scale, or the sample has no feature.
    """

    def __init__(self, predictor: Predictor, opened: Opened, *, output: str = MIXTURE, scale: str = "logit") -> None:
        super().__init__()
        refuse_unknown("scale", scale, SCALES)
        if not opened.features:
            raise BadInput("the sample has no feature to remove", expected="at least one word or patch")
        names = list(opened.inputs)
        self._opened, self._scale, self._kind = opened, scale, predictor.label_kind
        self._output = list(predictor.outputs).index(output_asked(predictor, output))
        self.present = torch.ones(1, len(opened.features))
        self.modality = torch.tensor([[names.index(feature.modality) for feature in opened.features]])
        self.eval()  # Quantus asks for it; there is nothing here that training would change

    def forward(self, presence: Tensor) -> Tensor:
        """The model's answers.

        Args:
            presence: (B, n), or (B, ..., n) with axes of length 1 between; 1 where a feature is there and 0 where not.

        Returns:
            (B, C), one column a label, on the same device; in the same precision if `presence` is of floating point.

        Raises:
            BadInput: another number of features, numbers between 0 and 1, or a gradient is wanted.
        """
        stays = self._coalitions(presence)
        logits = self._opened.logits(stays)[:, self._output]
        answers = logits if self._scale == "logit" else to_probabilities(logits, self._kind)
        dtype = presence.dtype if presence.is_floating_point() else torch.float32
        return torch.from_numpy(np.ascontiguousarray(answers)).to(presence.device, dtype)

    def _coalitions(self, presence: Tensor) -> np.ndarray:
        n = self.present.shape[1]
        if presence.requires_grad:
            raise BadInput(
                "a gradient of the presence of features was asked for, and there is none",
                expected="a method that only calls the model",
                fix="take FeatureAblation, ShapleyValueSampling, KernelShap or Lime",
            )
        if presence.ndim < 2 or presence.flatten(1).shape[1] != n:
            raise BadInput(
                f"presence has shape {tuple(presence.shape)}", expected=f"(B, {n}), a column for each feature"
            )
        flat = presence.flatten(1)
        stays = flat == 1
        if bool((~stays & (flat != 0)).any()):
            found = flat[~stays & (flat != 0)][0].item()
            raise BadInput(
                f"presence holds {found:g}",
                expected="1 where a feature is there, and 0 where it is removed",
                fix="give baselines of 0, and take a method that removes features wholly",
            )
        return stays.cpu().numpy()


def with_attribution(
    explanation: Explanation, method: str, scores: Tensor | np.ndarray | Sequence[float], *, output: str | None = None
) -> Explanation:
    """An explanation with the scores of one more attribution method, for its page, figures and masking.

    Args:
        explanation: of the sample that the scores are of.
        method: what the page calls the method; scores of the same name and output are replaced.
        scores: (n,) or (1, n), one for each of the explanation's features.
        output: the output that they are of, by the name that the explanation has for it; that of its pair scores if
            None.

    Returns:
        A new explanation.

    Raises:
        BadInput: another number of scores, one that is not finite, or the explanation has no such output.
    """
    given: Any = scores.detach().cpu().numpy() if isinstance(scores, Tensor) else scores
    flat = np.asarray(given, dtype=np.float64)
    n = len(explanation.features)
    if flat.shape not in ((n,), (1, n)):
        raise BadInput(f"the scores have shape {flat.shape}", expected=f"({n},) or (1, {n}), one for each feature")
    if not np.isfinite(flat).all():
        raise BadInput(f"{(~np.isfinite(flat)).sum()} of {n} scores are not finite", expected="finite numbers")
    output = explanation.value.expert if output is None else output
    refuse_unknown("expert", output, [explanation.value.expert, *(t.value.expert for t in explanation.more_pairs)])
    by_output = explanation.attributions.get(method, {}) | {output: flat.ravel().tolist()}
    return explanation.model_copy(update={"attributions": explanation.attributions | {method: by_output}})
