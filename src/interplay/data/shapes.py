"""The shapes of features that a dataset brings."""

from pathlib import Path

from interplay.data.sample import Dataset
from interplay.modalities import MODALITIES
from interplay.modalities.features import refuse_other_width


def feature_shapes(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Modality -> (D, the longest T), of all modalities that are features. Reads how the files begin, no more.

    Args:
        dataset: any dataset; without such modalities the answer is empty.

    Raises:
        DataError: a file cannot be read, or its D is another than that of the others.
    """
    out = {}
    for modality in (m for m, kind in dataset.modalities.items() if MODALITIES[kind].precomputed):
        width, longest = 0, 0
        for sample in dataset.samples:
            path, row = Path(sample.inputs[modality]), sample.row or None
            length, own = MODALITIES[dataset.modalities[modality]].shape(path, row)
            width, longest = width or own, max(longest, length)
            refuse_other_width(path, row, own, width)
        out[modality] = (width, longest)
    return out
