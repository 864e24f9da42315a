"""How much of a model's answers rests on one modality, and how much on several at once: measures in print.

Arrays over coalitions of M modalities hold 2^M values: at place k is the coalition to which modality m belongs where
bit m of k is set, so that the first is of nothing and the last of everything.

- EMAP (Hessel and Lee, EMNLP 2020): how good the best sum of a function of the text and one of the picture would be.
- SHAPE (Hu, Li and Zhou, IJCAI 2022): each modality's share of the metric, and what only several give together.
- InterSHAP (Wenderoth, Hemker, Simidjievski and Jamnik, AAAI 2025): the share of interactions in a model's answers.
- MM-SHAP (Parcalabescu and Frank, ACL 2023): each modality's share of the Shapley values of all features.

What replaces a modality is the run's own fill [ours]; InterSHAP draws it from other samples, SHAPE takes zeros.
"""

from math import factorial

import numpy as np
from jaxtyping import Float

from interplay.evaluation.estimates import jackknife, ratio
from interplay.results.validity import Estimate


def modality_shapley(values: Float[np.ndarray, "S *V"]) -> Float[np.ndarray, "M *V"]:
    """The Shapley value of each modality.

    Args:
        values: of every coalition of the M modalities, S = 2^M.
    """
    M = _modalities(values)
    out = np.zeros((M, *values.shape[1:]))
    for m in range(M):
        for k in range(len(values)):
            if not k >> m & 1:
                size = k.bit_count()
                weight = factorial(size) * factorial(M - size - 1) / factorial(M)
                out[m] += weight * (values[k | 1 << m] - values[k])
    return out


def modality_interactions(values: Float[np.ndarray, "S *V"]) -> Float[np.ndarray, "M M *V"]:
    """Half the Shapley interaction index of each two modalities, so that all add up to everything less nothing.

    On the diagonal is each modality's Shapley value less the rest of its row: what it does by itself.

    Args:
        values: of every coalition of the M modalities, S = 2^M.
    """
    M = _modalities(values)
    out = np.zeros((M, M, *values.shape[1:]))
    for a in range(M):
        for b in range(a):
            for k in range(len(values)):
                if not (k >> a & 1 or k >> b & 1):
                    size = k.bit_count()
                    weight = factorial(size) * factorial(M - size - 2) / factorial(M - 1) / 2
                    with_a, with_b = k | 1 << a, k | 1 << b
                    out[a, b] += weight * (values[with_a | with_b] - values[with_a] - values[with_b] + values[k])
            out[b, a] = out[a, b]
    own = modality_shapley(values) - out.sum(axis=1)
    out[np.arange(M), np.arange(M)] = own
    return out


def intershap(values: Float[np.ndarray, "S N"]) -> Estimate:
    """The share of interactions in sum |interaction| + sum |what each modality does by itself|, over all samples.

    Args:
        values: the explained label's probability in N samples, for every coalition.
    """
    sizes = np.abs(modality_interactions(values))
    every = sizes.sum(axis=(0, 1))
    return jackknife(ratio, np.stack([every - np.trace(sizes), every], axis=1))


def cooperation(metric: Float[np.ndarray, " S"]) -> float:
    """By how much the metric rises from nothing to everything beyond what each modality alone raises it.

    Args:
        metric: of every coalition of modalities.
    """
    alone = sum(metric[1 << m] - metric[0] for m in range(_modalities(metric)))
    return float(metric[-1] - metric[0] - alone)


def additive_projection(logits: Float[np.ndarray, "N N C"]) -> Float[np.ndarray, "N C"]:
    """The logits that a model would give each sample if its two modalities only added up (EMAP).

    Args:
        logits: of every pairing of one sample's first modality with another's second; samples lie on the diagonal.
    """
    return logits.mean(axis=1) + logits.mean(axis=0) - logits.mean(axis=(0, 1))


def modality_share(sizes: Float[np.ndarray, "N M"]) -> list[Estimate]:
    """Each modality's share of what is there in all samples, as MM-SHAP of the sizes of Shapley values.

    Args:
        sizes: each sample's sum of sizes in each modality.
    """
    total = sizes.sum(axis=1)
    return [jackknife(ratio, np.stack([sizes[:, m], total], axis=1)) for m in range(sizes.shape[1])]


def _modalities(values: np.ndarray) -> int:
    return len(values).bit_length() - 1
