"""Frozen encoders, and the features they make of a dataset: read from the store where they are, else encoded."""

import re
from functools import partial
from pathlib import Path

from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.data.shapes import feature_shapes
from interplay.encoders.frozen import Encoder
from interplay.encoders.reach import open_reader
from interplay.engine import SERIAL, Engine
from interplay.errors import BadInput, DataError
from interplay.features.store import Features, store_features
from interplay.modalities import MODALITIES
from interplay.models.device import pick_device
from interplay.models.run import Run
from interplay.progress import SILENT, Progress

PLAIN = re.compile("[A-Za-z0-9]")
DEFAULT_STORE = Path(".interplay") / "features"


def load_encoders(
    config: Config,
    modalities: dict[str, str],
    device: str = "auto",
    shapes: dict[str, tuple[int, int]] | None = None,
) -> dict[str, Encoder]:
    """The frozen encoder of every modality. Two modalities with equal settings share one.

    Args:
        config: the configuration.
        modalities: modality -> kind.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        shapes: (width, longest sequence) of each modality that is features already.
    """
    loaded: dict[tuple[str, ...], Encoder] = {}
    out: dict[str, Encoder] = {}
    for modality, kind in modalities.items():
        settings = config.encoder(modality, kind)
        kind_of = MODALITIES[kind]
        key = (kind, settings.model_dump_json(), modality if kind_of.precomputed else "")
        if key not in loaded:
            encoder = kind_of.load_encoder(settings, modality, (shapes or {}).get(modality))
            loaded[key] = encoder.to(pick_device(device))
        out[modality] = loaded[key]
    return out


def encoders_for(dataset: Dataset, config: Config) -> dict[str, Encoder]:
    """The frozen encoders of a dataset's modalities.

    Args:
        dataset: the dataset.
        config: the configuration.
    """
    return load_encoders(config, dict(dataset.modalities), config.device, feature_shapes(dataset))


def encode(
    dataset: Dataset,
    config: Config,
    *,
    store: str | Path = DEFAULT_STORE,
    encoders: dict[str, Encoder] | None = None,
    engine: Engine = SERIAL,
    progress: Progress = SILENT,
) -> dict[str, Features]:
    """The features of every modality: read from the store, or encoded and stored.

    Args:
        dataset: the dataset.
        config: the configuration.
        store: folder of the feature store.
        encoders: modality -> its frozen encoder; loaded if None.
        engine: who encodes: this process, or workers of a cluster, which read the samples' files; this one writes.
        progress: shows the stages.

    Raises:
        DataError: an input cannot be read, or its encoder reads nothing of it.
    """
    encoders = encoders or encoders_for(dataset, config)
    refuse_unread_texts(dataset, config)
    return {
        modality: store_features(
            dataset,
            modality,
            encoders[modality],
            store,
            engine=engine,
            setup=partial(_on_its_device, encoders[modality], config.device),
            progress=progress.stage(f"Encode {modality}"),
        )
        for modality in dataset.modalities
    }


def _on_its_device(encoder: Encoder, device: str) -> Encoder:
    """An encoder where this process computes: a worker may have other devices than who sends it."""
    return encoder.to(pick_device(device))


def refuse_unread_texts(dataset: Dataset, config: Config) -> None:
    """Check that the tokenizer of every text encoder reads something in every text, naming all rows at once.

    Texts of Latin letters or digits are read by any; only others are looked at.

    Args:
        dataset: the dataset.
        config: the configuration.

    Raises:
        DataError: there is a text of which an encoder reads nothing.
    """
    for modality, kind in dataset.modalities.items():
        if kind != "text":
            continue
        odd = [s for s in dataset.samples if not PLAIN.search(str(s.inputs[modality]))]
        reader = open_reader(config.encoder(modality, kind)) if odd else None
        if reader is None:
            continue
        reached = reader.read([str(s.inputs[modality]) for s in odd])
        if bad := [s for s, one in zip(odd, reached, strict=True) if not one.tokens]:
            first = ", ".join(s.id for s in bad[:10])
            raise DataError(
                f"{len(bad)} texts in {modality!r} hold nothing that the encoder reads: {first}",
                expected="at least one character that it knows in every text",
                fix="correct or remove these rows (`interplay data check --fix OUT` does), or choose another encoder",
                file=dataset.source,
                row=bad[0].row or None,
            )


def open_encoders(run: Run, device: str = "auto") -> dict[str, Encoder]:
    """The encoders of a run.

    Args:
        run: a trained run.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        BadInput: one of them is not the one that the run was trained on.
    """
    shapes = {m: (run.card.widths[m], run.card.lengths[m]) for m in run.card.modalities}
    encoders = load_encoders(run.config, run.card.modalities, device, shapes)
    for modality, encoder in encoders.items():
        if run.card.encoders[modality] not in (encoder.fingerprint, *encoder.earlier):
            raise BadInput(
                f"the encoder of {modality!r} ({run.config.encoder(modality, encoder.kind).model}) has other weights "
                f"or settings than the run was trained on",
                expected=f"fingerprint {run.card.encoders[modality][:12]}, got {encoder.fingerprint[:12]}",
                fix="restore the encoder, or train again",
            )
    return encoders
