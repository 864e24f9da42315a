"""The whole way from rows to explanations as a scikit-learn estimator: fit, predict, score, explain."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np

from interplay.config import Config, make_config
from interplay.data.sample import Dataset, Sample
from interplay.encoders.frozen import Encoder
from interplay.errors import BadInput, RunExistsError, needs, refuse_unknown
from interplay.features.by_content import content_id, features_by_content
from interplay.features.hashes import ContentHashes
from interplay.features.store import Features
from interplay.interop.rows import counted_from_0, read_inputs, read_rows, resolve_kinds
from interplay.interop.targets import choose_splits, draw_seed, read_labels, warn_of_contradictions
from interplay.metrics import predicted_labels
from interplay.modalities import MODALITIES
from interplay.models.checkpoint import save_model
from interplay.models.device import pick_device
from interplay.models.run import Run, finish_run, start_run
from interplay.pipeline.encode import DEFAULT_STORE, encoders_for, load_encoders
from interplay.pipeline.explain import explain
from interplay.pipeline.train import train
from interplay.progress import SILENT
from interplay.progress.console import progress_or_default
from interplay.results import Explanations
from interplay.training.data import FeatureData, FeatureSet
from interplay.training.fit import predict_split

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(needs(error) or str(error), name=error.name) from error

SOURCE = Path("X")
"""What messages of the pipeline call the rows, which are no file."""


@final
class MultimodalClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of texts and pictures that explains itself, for `cross_val_score`, grid searches and pipelines.

    X is a data frame with one column a modality, or a list of mappings: texts, and pictures as paths, PIL images or
    arrays of bytes (height, width, 3). y holds one label a row, or (N, C) zeros and ones where several may hold; the
    columns of a data frame then name the labels.

    A fit keeps features of its rows in `store` by their content, so another fit on some of them encodes nothing anew.
    Rows that are predicted are encoded in memory where no fit has met them.

    Args:
        modalities: column -> kind ("text" or "image"); None for the columns text and image.
        settings: what differs from the default settings, by sections: {"training": {"epochs": 5}}.
        validation_fraction: share of the rows that chooses the best epoch.
        test_fraction: share of the rows that it is tested on, beside a linear probe; no training sees them, nor
            rows of the same content.
        random_state: decides which rows these are, the first weights, and every draw; None draws anew in each fit.
        store: folder of the feature store.
        verbose: whether progress is shown.

    Attributes:
        classes_: the labels, in the order of `predict_proba`'s columns.
        label_kind_: "single" (exactly one holds) or "multi".
        modalities_: modality -> kind.
        metrics_: split ("val" or "test") -> metric -> value, of the rows that no training sees.
        baselines_: what it has to beat on them: a linear probe, and labels' shares.
        calibration_: how far its probabilities are off.

    >>> MultimodalClassifier(random_state=3).get_params()["random_state"]
    3
    """

    def __init__(
        self,
        *,
        modalities: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        validation_fraction: float = 0.15,
        test_fraction: float = 0.15,
        random_state: int | np.random.RandomState | None = 0,
        store: str | Path = DEFAULT_STORE,
        verbose: bool = False,
    ) -> None:
        self.modalities, self.settings = modalities, settings
        self.validation_fraction, self.test_fraction = validation_fraction, test_fraction
        self.random_state, self.store, self.verbose = random_state, store, verbose

    @counted_from_0()
    def fit(self, X: Any, y: Any) -> "MultimodalClassifier":
        """Train on rows and their labels.

        Args:
            X: (N,) rows.
            y: (N,) labels, or (N, C) zeros and ones.

        Raises:
            BadInput: rows or labels that cannot be used, as many of one as of the other not, or too few of them.
            ConfigError: unknown settings.
        """
        seed, settings = draw_seed(self.random_state), dict(self.settings or {})
        if "seed" in settings:
            raise BadInput("settings holds a seed", expected="other settings alone", fix="give it as random_state")
        rows = read_rows(X)
        kinds = resolve_kinds(rows, self.modalities)
        classes, kind, held = read_labels(y, len(rows))
        names = tuple(str(one) for one in classes)
        samples = self._samples(rows, kinds, [tuple(names[at] for at in row) for row in held])
        contents = [sample.id for sample in samples]
        warn_of_contradictions(held, contents)
        splits = choose_splits(held, contents, self.validation_fraction, self.test_fraction, seed)
        samples = [replace(sample, split=split) for sample, split in zip(samples, splits, strict=True)]
        config = make_config(settings | {"seed": seed}, "settings")
        dataset = Dataset("X", SOURCE, kinds, names, kind, samples)
        encoders = _encoders(dataset, config)
        with (
            tempfile.TemporaryDirectory(prefix="interplay-") as scratch,
            progress_or_default(None if self.verbose else SILENT) as progress,
        ):
            stores = self._features(dataset, encoders, keep=True)
            run = train(dataset, config, Path(scratch) / "run", encoders=encoders, stores=stores, progress=progress)
            baselines, calibration = run.baselines, run.calibration
            assert baselines is not None and calibration is not None  # every training leaves both
            self.metrics_, self.baselines_, self.calibration_ = run.metrics, baselines, calibration
        run.model.to(pick_device(config.device))
        self._run = run
        self.classes_, self.label_kind_, self.modalities_ = classes, kind, kinds
        return self

    @counted_from_0()
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each label.

        Args:
            X: (N,) rows.

        Returns:
            (N, C); rows sum to 1 where exactly one label holds.

        Raises:
            BadInput: rows that cannot be used.
        """
        samples = self._opened(X)
        run = self._run
        dataset = Dataset("X", SOURCE, self.modalities_, tuple(run.card.labels), run.card.label_kind, samples)
        stores = self._features(dataset, _encoders(dataset, run.config), keep=False)
        data = FeatureData({"test": FeatureSet(samples, stores, run.card.task)}, run.config.training.batch_size, 0)
        logits, _ = predict_split(run.model, data, "test")
        return np.asarray(run.card.task.probabilities(logits.double()).numpy())

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row; where several may hold, those with a probability of a half or more.

        Args:
            X: (N,) rows.

        Returns:
            (N,) of `classes_`, or (N, C) zeros and ones.

        Raises:
            BadInput: rows that cannot be used.
        """
        found = predicted_labels(self.predict_proba(X), self.label_kind_, threshold=0.5)
        return self.classes_[found.argmax(axis=1)] if self.label_kind_ == "single" else found.astype(int)

    @counted_from_0()
    def explain(self, X: Any, target: Any = None) -> Explanations:
        """Why each row is predicted as it is: words and patches that act alone, together, or back each other up.

        Args:
            X: (N,) rows, or one row as a mapping.
            target: the label to explain, one of `classes_`; each row's most probable one if None.

        Returns:
            An explanation a row; in a notebook they show themselves.

        Raises:
            BadInput: rows that cannot be used, or an unknown label.
        """
        samples = self._opened(X, by_content=False)
        run = self._run
        if target is not None:
            refuse_unknown("target", str(target), run.card.labels)
        dataset = Dataset("X", SOURCE, self.modalities_, tuple(run.card.labels), run.card.label_kind, samples)
        return explain(
            run,
            samples,
            target=None if target is None else str(target),
            encoders=_encoders(dataset, run.config),
            progress=None if self.verbose else SILENT,
        )

    def save(self, folder: str | Path) -> Run:
        """Leave the fitted model in a folder as a run, for `open_run`, export and the command line.

        Args:
            folder: a new or empty folder.

        Returns:
            The run.

        Raises:
            RunExistsError: something is there already.
        """
        check_is_fitted(self, "metrics_")
        folder, run = Path(folder), self._run
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunExistsError(
                "something is there already", file=folder, expected="a new or empty folder", fix="choose another"
            )
        start_run(folder, run.config, run.origin, overwrite=False)
        save_model(run.model, run.card, folder / "model")
        return finish_run(folder, self.metrics_, self.baselines_, self.calibration_)

    def _opened(self, X: Any, *, by_content: bool = True) -> list[Sample]:
        """Rows as samples of a fitted classifier."""
        check_is_fitted(self, "metrics_")
        rows = read_rows(X)
        if self.modalities is None:
            resolve_kinds(rows, None)  # refuses columns that nothing is known of, as `fit` does
        return self._samples(rows, self.modalities_, [()] * len(rows), by_content=by_content)

    def _samples(
        self,
        rows: Sequence[Mapping[str, Any]],
        kinds: Mapping[str, str],
        labels: Sequence[tuple[str, ...]],
        *,
        by_content: bool = True,
    ) -> list[Sample]:
        """Rows as samples of no split, whose ids are their content or, for people, their numbers."""
        store = Path(self.store)
        hashes = ContentHashes(store)
        inputs = [read_inputs(row, number, kinds, store) for number, row in enumerate(rows)]
        ids = [content_id(one, hashes, at + 1) if by_content else f"row {at}" for at, one in enumerate(inputs)]
        return [
            Sample(name, "", one, held, row=at + 1)  # only of a sample of a split are the labels known to be the truth
            for at, (name, one, held) in enumerate(zip(ids, inputs, labels, strict=True))
        ]

    def _features(self, dataset: Dataset, encoders: Mapping[str, Encoder], *, keep: bool) -> dict[str, Features]:
        return {
            name: features_by_content(dataset, name, encoders[name], self.store, keep=keep)
            for name in dataset.modalities
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        tags.classifier_tags.multi_label = True
        return tags


def _encoders(dataset: Dataset, config: Config) -> dict[str, Encoder]:
    """The frozen encoders, which the next fit on such columns finds loaded."""
    if any(MODALITIES[kind].precomputed for kind in dataset.modalities.values()):
        return encoders_for(dataset, config)  # how wide features are depends on the data
    settings = config.model_dump_json(include={"encoders", "removal"})
    return _loaded(settings, tuple(dataset.modalities.items()), config.device)


@lru_cache(maxsize=1)
def _loaded(settings: str, modalities: tuple[tuple[str, str], ...], device: str) -> dict[str, Encoder]:
    return load_encoders(Config.model_validate_json(settings), dict(modalities), device)
