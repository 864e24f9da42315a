"""Run + samples -> explanations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from interplay.config import Config, make_config, nested
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoder
from interplay.engine import SERIAL, Engine
from interplay.errors import BadInput
from interplay.explanation.ensemble import Ensemble, OpenedTogether
from interplay.explanation.explaining import explain_sample
from interplay.explanation.predictor import Opened, Predictor
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.explanation.trained.prepared import refuse_unknown_expert
from interplay.models.device import pick_device
from interplay.models.run import Run
from interplay.pipeline.datasets import refuse_other_run
from interplay.pipeline.encode import open_encoders
from interplay.progress import SILENT, Progress
from interplay.progress.console import progress_or_default
from interplay.results import Explanation, Explanations


def explain(
    run: Run | Sequence[Run],
    samples: Sequence[Sample],
    *,
    config: Config | None = None,
    target: str | None = None,
    encoders: dict[str, Encoder] | None = None,
    engine: Engine = SERIAL,
    progress: Progress | None = None,
) -> Explanations:
    """Explain samples of a dataset, or new ones, with a trained run.

    Args:
        run: as `open_run` gives it. Several explain each sample side by side, after their mean where they differ in
            their seed alone.
        samples: of `find_sample`, `new_sample` or a dataset.
        config: settings that differ from those the run was trained with; its own if None.
        target: the label to explain; each sample's most probable one if None.
        encoders: the run's frozen encoders by modality, where they are open already.
        engine: who explains samples: this process, or the workers of a cluster (`interplay.engine.open_engine`).
        progress: where to show how far it is; of None, bars on a terminal and in a notebook, and nothing elsewhere.

    Returns:
        One explanation a sample, or as many as there are models, in their order, in a list that shows itself.

    Raises:
        BadInput: for a label, an expert or an input that the run does not know.
    """
    runs = [run] if isinstance(run, Run) else list(run)
    if not runs:
        raise BadInput("no run is given", expected="one or more, as `open_run` gives them")
    first, *more = runs
    beside = [(other, config or other.config) for other in more]
    with progress_or_default(progress) as shown:
        each = explain_each(
            first,
            samples,
            config=config,
            target=target,
            encoders=encoders,
            engine=engine,
            progress=shown,
            beside=beside,
        )
        return Explanations(each)


def explain_each(
    run: Run,
    samples: Sequence[Sample],
    *,
    config: Config | None = None,
    target: str | None = None,
    encoders: dict[str, Encoder] | None = None,
    engine: Engine = SERIAL,
    progress: Progress = SILENT,
    beside: Sequence[tuple[Run, Config]] = (),
) -> Iterator[Explanation]:
    """Explain samples one by one, yielding each explanation as it is ready, in the order of the samples.

    After each explanation come those of the same sample and target by the runs of `beside`. Runs that differ only in
    their seed are one model, too: where all of them do, the explanation of their mean (`Ensemble`) comes first, and
    chooses the target.

    Args:
        run: a trained run.
        samples: the samples.
        config: settings of `explain` and `removal`; the run's own if None.
        target: the label to explain; each sample's most probable one if None.
        encoders: modality -> its frozen encoder; loaded if None.
        engine: who explains samples. Workers of a cluster get the models as they are; files of samples they read.
        progress: shows the stages.
        beside: further runs, with the settings to explain them with.

    Raises:
        BadInput: a sample or setting cannot be used, or a run of `beside` has other labels or modalities, or lacks the
            expert asked for.
    """
    everyone = [(run, config or run.config), *beside]
    folders = [one.folder.resolve() for one, _ in everyone]
    if twice := [folder for folder in folders if folders.count(folder) > 1]:
        raise BadInput(f"the run {twice[0].name} is put beside itself", expected="other runs, each once")
    for one, settings in everyone:  # before the work: what is explained already would be lost
        refuse_other_run(run, one)
        refuse_unknown_expert(one, settings)
    predictors: list[TrainedPredictor] = []
    for one, settings in everyone:
        alike = next((p for p in predictors if same_encoders(p.run, one)), None)
        given = (encoders if one is run else None) or (alike.encoders if alike else open_encoders(one, settings.device))
        predictors.append(TrainedPredictor(one, given, settings))
    together = are_one_model(run, beside)
    if beside and not together:
        progress.note("These runs differ in more than their seed: each is explained by itself, and there is no mean.")
    ready = partial(_on_their_devices, _Explaining(predictors, together, target))
    numbered = [(number, len(samples), sample) for number, sample in enumerate(samples, start=1)]
    yield from engine.map(ready, _explain_one, numbered, name="Explain", progress=progress)


@dataclass(frozen=True)
class _Explaining:
    """What explains samples: the runs, whether their mean does, too, and the label to explain (None: the likeliest)."""

    predictors: list[TrainedPredictor]
    together: bool
    target: str | None


def _on_their_devices(explaining: _Explaining) -> _Explaining:
    """The models and encoders where this process computes: a worker may have other devices than who sends them."""
    for predictor in explaining.predictors:
        device = pick_device(predictor.config.device)
        predictor.run.model.to(device)
        for encoder in predictor.encoders.values():
            encoder.to(device)
    return explaining


def _explain_one(
    explaining: _Explaining, numbered: tuple[int, int, Sample], progress: Progress
) -> Iterator[Explanation]:
    """One sample by each model, after their mean: the first chooses the label."""
    (number, count, sample), predictors = numbered, explaining.predictors
    opened = [predictor.open(sample) for predictor in predictors]
    models: list[tuple[Predictor, Config, Opened]] = [
        (predictor, predictor.config, one) for predictor, one in zip(predictors, opened, strict=True)
    ]
    if explaining.together:
        models.insert(0, (Ensemble(predictors), predictors[0].config, OpenedTogether(opened)))
    label = explaining.target
    for predictor, settings, one in models:
        known = predictor.provenance
        who = f" by {f'the {known.model}' if known.members else known.run}" if len(predictors) > 1 else ""
        advance = progress.stage(f"Explain {sample.id} ({number} of {count}){who}")
        explanation = explain_sample(
            predictor,
            sample,
            settings=settings.explain,
            target=label,
            seed=settings.seed,
            progress=advance,
            opened=one,
        )
        advance(explanation.evaluations, explanation.evaluations)  # the number before was an upper bound
        label = explanation.target
        yield explanation


def run_predictor(run: Run, config: Config | None = None) -> TrainedPredictor:
    """A trained run as a predictor, which opens samples to be asked about with features removed.

    Args:
        run: as `open_run` gives it; its model moves to the device of the settings.
        config: settings of `explain` and `removal`; the run's own if None.

    Raises:
        BadInput: other encoders than the run's, or settings that do not fit it.
    """
    settings = config or run.config
    run.model.to(pick_device(settings.device))
    return TrainedPredictor(run, open_encoders(run, settings.device), settings)


def same_encoders(run: Run, other: Run) -> bool:
    """Whether two runs read features of the same encoders.

    Args:
        run: a trained run.
        other: another one.
    """
    return (run.card.encoders, run.config.encoders, run.config.device) == (
        other.card.encoders,
        other.config.encoders,
        other.config.device,
    )


def are_one_model(run: Run, beside: Sequence[tuple[Run, Config]]) -> bool:
    """Whether several runs differ in their seed alone, so that their mean is explained, too.

    Args:
        run: a trained run.
        beside: further runs, with the settings to explain them with.
    """
    return bool(beside) and all(differ_in_seed(run, one) for one, _ in beside)


def differ_in_seed(run: Run, other: Run) -> bool:
    """Whether two runs were trained alike, on the same data, but for their seed.

    Args:
        run: a trained run.
        other: another one.
    """
    alike = other.config.model_copy(update={"seed": run.config.seed}) == run.config
    return alike and run.origin.data_hash == other.origin.data_hash and same_encoders(run, other)


def explain_config(run: Run, settings: dict[str, Any]) -> Config:
    """The run's configuration with dotted settings laid over it.

    Args:
        run: a trained run.
        settings: dotted key -> value, as in "explain.budget": 4096.
    """
    return make_config(nested(run.config.model_dump(exclude_none=True), settings), "the options given")
