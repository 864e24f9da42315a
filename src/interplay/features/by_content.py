"""Features of samples that are known by their content: each is encoded once, whatever dataset it comes in.

The store keeps a folder for each dataset, so one with a row more is encoded anew. Where the id of a sample says its
content, what any folder of the store holds can be used: folds of a cross-validation need nothing twice.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from interplay.data.sample import Dataset, Sample
from interplay.encoders.frozen import Encoded, Encoder
from interplay.errors import BadInput, DataError
from interplay.features.hashes import ContentHashes
from interplay.features.store import Features, open_features, read_input, store_features
from interplay.features.writing import readable, refuse_unusable
from interplay.progress import Advance

PREFIX = "content-"
BATCH = 32  # inputs encoded at a time where nothing is stored


def content_id(inputs: Mapping[str, str | Path], hashes: ContentHashes, row: int = 0) -> str:
    """The id of a sample that is known by its content: equal for equal texts and equal bytes of files.

    Args:
        inputs: modality -> the text, or the path of a file.
        hashes: where hashes of files are remembered.
        row: row of the table that names the files, counted from 1, for the message.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for modality, content in sorted(inputs.items()):
        try:
            known = hashes.of(content) if isinstance(content, Path) else content
        except (OSError, ValueError) as error:
            fix = "correct the path, or remove the row"
            raise DataError(f"cannot read the file: {error}", file=content, row=row or None, fix=fix) from None
        digest.update(json.dumps([modality, isinstance(content, Path), known]).encode())
    return PREFIX + digest.hexdigest()


def features_by_content(
    dataset: Dataset,
    modality: str,
    encoder: Encoder,
    root: str | Path,
    *,
    keep: bool = True,
    progress: Advance | None = None,
) -> Features:
    """The features of one modality, where only the samples are encoded that no folder of the store holds.

    Args:
        dataset: samples with ids of `content_id`, some of which may be there several times.
        modality: name of the modality.
        encoder: the modality's encoder.
        root: the store's folder.
        keep: whether what is encoded is stored, as a folder more; else it is in memory alone.
        progress: called with (stored, total) samples that are new.

    Returns:
        The features of a folder that holds all samples, or of several, put together in memory.

    Raises:
        DataError, BadInput, DiskFullError: as `store_features` does.
    """
    samples = {sample.id: sample for sample in dataset.samples}
    assert all(name.startswith(PREFIX) for name in samples), "ids say no content"
    alike = [name for name in dataset.modalities if readable(name) == readable(modality)]
    if len(alike) > 1:  # the folders of both would have the same name
        raise BadInput(
            f"the modalities {' and '.join(map(repr, alike))} differ in signs alone", fix="rename one of them"
        )
    places: dict[str, Features] = {}
    for folder in _folders(Path(root), modality, encoder):
        features = open_features(folder)
        if samples.keys() <= features.rows.keys():
            return features
        places |= dict.fromkeys(samples.keys() & features.rows.keys(), features)
    new = [sample for name, sample in samples.items() if name not in places]
    if new:
        if keep:
            found = store_features(replace(dataset, samples=new), modality, encoder, root, progress=progress)
        else:
            found = _in_memory(new, modality, encoder, Path(root), progress)
        places |= {sample.id: found for sample in new}
    return _together([(name, places[name]) for name in samples])


def _folders(root: Path, modality: str, encoder: Encoder) -> list[Path]:
    """Folders of the store that hold features of this encoder, by name."""
    found = []
    for meta in sorted(root.glob(f"{readable(modality)}-*/meta.json")):
        try:
            written = json.loads(meta.read_text(encoding="utf-8"))
            mine = written["encoder"]["fingerprint"] == encoder.fingerprint and written["ids"][0].startswith(PREFIX)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # damaged: nothing of it is used
            continue
        if mine and not meta.parent.name.endswith(".partial"):
            found.append(meta.parent)
    return found


def _in_memory(
    samples: Sequence[Sample], modality: str, encoder: Encoder, root: Path, progress: Advance | None
) -> Features:
    """Features as the store would give them, of which nothing is written."""
    encoded: list[Encoded] = []
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        encoded += encoder.encode([read_input(sample, modality, encoder.kind) for sample in batch])
        for sample, one in zip(batch, encoded[start:], strict=True):
            refuse_unusable(sample, one, modality)
        if progress:
            progress(len(encoded), len(samples))
    return Features(
        root,
        np.concatenate([one.features.half().numpy() for one in encoded]),
        np.concatenate([one.valid.numpy() for one in encoded]),
        np.cumsum([0, *(len(one.features) for one in encoded)]).astype(np.int64),
        {sample.id: row for row, sample in enumerate(samples)},
        [one.truncated for one in encoded],
        encoder.neighbours,
    )


def _together(places: Sequence[tuple[str, Features]]) -> Features:
    """The samples of several folders as one; a single folder stays on disk."""
    first = places[0][1]
    if all(features is first for _, features in places):
        return first
    parts = [(f, f.rows[name]) for name, f in places]
    spans = [f.span(name) for name, f in places]
    return Features(
        first.folder,
        np.concatenate([f.values[span] for (f, _), span in zip(parts, spans, strict=True)]),
        np.concatenate([f.valid[span] for (f, _), span in zip(parts, spans, strict=True)]),
        np.cumsum([0, *(span.stop - span.start for span in spans)]).astype(np.int64),
        {name: row for row, (name, _) in enumerate(places)},
        [f.truncated[row] for f, row in parts],
        first.neighbours,
    )
