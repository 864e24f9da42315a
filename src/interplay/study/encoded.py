"""A dataset with its encoders and stored features, opened once for all runs and stages of a study."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.encoders.frozen import Encoder
from interplay.engine import SERIAL, Engine
from interplay.features.store import Features
from interplay.pipeline.encode import encode, encoders_for
from interplay.progress import SILENT, Progress


@dataclass(frozen=True)
class Encodings:
    """What one configuration makes of a dataset.

    Attributes:
        encoders: modality -> its frozen encoder.
        stores: modality -> the stored features of every sample.
    """

    encoders: dict[str, Encoder]
    stores: Mapping[str, Features]


@final
class EncodedDataset:
    """A dataset, encoded once for each set of encoders: configurations that agree on them share one opening.

    Opening reads and hashes every input file and hashes the encoders' weights, so no stage does it again.

    Args:
        dataset: what is encoded.
        store: the folder of the feature store.
        engine: who encodes what is not stored yet.
        progress: shows how that goes.
    """

    def __init__(
        self, dataset: Dataset, store: str | Path, *, engine: Engine = SERIAL, progress: Progress = SILENT
    ) -> None:
        self.dataset, self.store, self.engine, self.progress = dataset, Path(store), engine, progress
        self._opened: dict[str, Encodings] = {}

    def open(self, config: Config) -> Encodings:
        """The encoders and stored features of one configuration.

        Args:
            config: its `encoders`, and `device` where they compute.

        Returns:
            The same object for every configuration with these encoders on this device.

        Raises:
            DataError: an input cannot be read or holds no feature.
            EncoderError: an encoder cannot be loaded.
        """
        settings = {m: config.encoder(m, kind).model_dump() for m, kind in self.dataset.modalities.items()}
        key = json.dumps([config.device, settings])
        if key not in self._opened:
            encoders = encoders_for(self.dataset, config)
            stores = encode(
                self.dataset,
                config,
                store=self.store,
                encoders=encoders,
                engine=self.engine,
                progress=self.progress,
            )
            self._opened[key] = Encodings(encoders, stores)
        return self._opened[key]
