"""Run a study: train every variant with every seed, measure each run stage by stage, write tables, figures and pages.

<study>/
  study.json                 what was asked: options, every variant's settings; data, versions, command, seconds
  <variant>/seed<n>/
    run/                     as written by `interplay train`
    *.safetensors            a file a stage; stories.json where the truth is known
  tables/*.csv               a row each number, with the files it comes from
  figures/*.svg, *.png
  example.html               one sample explained by dense and fl-i2moe
  study.html                 all of it to look at

An interrupted study goes on with the stage it was in: a stage whose file is there and was measured under the same
settings is not measured again.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from interplay.config import Config, config_toml
from interplay.data.sample import Dataset, Sample
from interplay.data.truth import read_truth
from interplay.engine import SERIAL, Engine
from interplay.errors import ConfigError, DataError
from interplay.files import only_writer, refuse_blocked, write_atomic
from interplay.models.device import pick_device
from interplay.models.run import Run
from interplay.pipeline.datasets import find_sample
from interplay.pipeline.encode import DEFAULT_STORE
from interplay.pipeline.train import finished_run, refuse_bad_splits, train
from interplay.pipeline.validate import validate_run
from interplay.progress import SILENT, Progress
from interplay.results.validity import Validity
from interplay.study import pair_stages, stages
from interplay.study.arrays import Arrays, read_arrays, write_arrays
from interplay.study.config import Study, StudyConfig
from interplay.study.encoded import EncodedDataset, Encodings
from interplay.study.measured import Measured, Results

MASKING_OPTIONS = ("split", "samples", "shares", "random_draws")
PAIR_OPTIONS = ("split", "samples", "pair_samples", "candidates", "backgrounds")
PAIR_MASKING_OPTIONS = (*PAIR_OPTIONS, "budgets", "draws")
STORY_BACKGROUNDS = 8


def run_study(
    study: Study,
    dataset: Dataset,
    out: Path,
    *,
    store: str | Path = DEFAULT_STORE,
    overwrite: bool = False,
    engine: Engine = SERIAL,
    progress: Progress = SILENT,
    say: Callable[[str], None] = print,
) -> Results:
    """Train and measure whatever is not there yet.

    Args:
        study: the study.
        dataset: the dataset.
        out: the study's folder.
        store: folder of the feature store.
        overwrite: whether runs of other configurations are replaced.
        engine: who encodes, and who trains and measures runs. Workers of a cluster read `dataset` and `store`, and
            write to `out`: folders that all of them share.
        progress: shows the stages.
        say: called with a sentence now and then.

    Returns:
        All runs and what was measured of them.

    Raises:
        RunExistsError: a run of another configuration is where one of the study's should go.
        InUseError: another process works on the study.
        And what `refuse_unfit` raises.
    """
    refuse_blocked(out)
    refuse_unfit(study, dataset)
    encoded = EncodedDataset(dataset, store, engine=engine, progress=progress)
    asked = [(variant, seed) for variant in study.variants for seed in study.options.seeds]
    needed = _Needed(study, encoded, out, overwrite)
    with only_writer(out):
        for variant in study.variants:  # workers find features stored
            encoded.open(study.config(variant, study.options.seeds[0]))
        if engine is not SERIAL:  # what workers leave in files is read below, as that of an interrupted study is
            # Workers open features themselves: memory maps would be sent as copies.
            alone = partial(_as_it_is, replace(needed, encoded=EncodedDataset(dataset, store)))
            list(engine.map(alone, _measure_one, asked, name="Train and measure", progress=progress))
        return Results(study, encoded, list(_measured(needed, asked, progress, say)))


@dataclass(frozen=True)
class _Needed:
    """What training and measuring a run needs."""

    study: Study
    encoded: EncodedDataset
    out: Path
    overwrite: bool


def _as_it_is(needed: _Needed) -> _Needed:
    return needed


def _measure_one(needed: _Needed, asked: tuple[str, int], progress: Progress) -> Iterator[None]:
    """Train and measure one run, whose files are what is wanted."""
    for _ in _measured(needed, [asked], progress, lambda line: None):
        yield


def _measured(
    needed: _Needed, asked: Sequence[tuple[str, int]], progress: Progress, say: Callable[[str], None]
) -> Iterator[Measured]:
    """Runs, trained and measured one after another, or read where they are finished."""
    study, encoded, out = needed.study, needed.encoded, needed.out
    options, samples = study.options, encoded.dataset.split(study.options.split)
    for variant, seed in asked:
        say(f"{variant}, seed {seed}")
        folder = f"{folder_name(variant)}/seed{seed}"
        shown = progress.prefixed(f"{variant} {seed}: ")
        run = trained(study.config(variant, seed), out / folder / "run", encoded, needed.overwrite, shown)
        yield measure_run(variant, seed, run, encoded, samples, options, out, folder, shown)


def refuse_unfit(study: Study, dataset: Dataset) -> None:
    """Check what would make a study fail after hours: called before the work.

    Args:
        study: the study.
        dataset: the dataset.

    Raises:
        DataError: a split is empty or too small.
        BadInput: there is no such example.
        ConfigError: two variants would share a folder, or a ranking is not an attribution method.
    """
    refuse_bad_splits(dataset)
    options = study.options
    if len(samples := dataset.split(options.split)) < 2:
        raise DataError(
            f"the split {options.split!r} has {len(samples)} samples", file=dataset.source, expected="at least 2"
        )
    if len(dataset.modalities) < 2:
        raise DataError(
            "the data has one modality", file=dataset.source, expected="at least two, which pairs can cross"
        )
    if options.example is not None:
        find_sample(dataset, options.example)
    folders: dict[str, str] = {}
    for variant, config in study.variants.items():
        other = folders.setdefault(folder_name(variant).casefold(), variant)
        if other != variant:
            raise ConfigError(f"the variants {other!r} and {variant!r} have one folder", fix="rename one of them")
        if config.explain.rank_by not in stages.MAPS:
            raise ConfigError(
                f"explain.rank_by of {variant!r} is {config.explain.rank_by!r}",
                expected=f"one of {', '.join(stages.MAPS)}",
            )


def folder_name(variant: str) -> str:
    """The folder name of a variant.

    Args:
        variant: name of the variant.
    """
    return re.sub(r"[^\w.-]+", "-", variant).strip("-.") or "variant"


def trained(config: Config, folder: Path, encoded: EncodedDataset, overwrite: bool, progress: Progress) -> Run:
    """The run in a folder, if it is of this configuration and data; else a newly trained one.

    Args:
        config: the run's configuration.
        folder: the run's folder.
        encoded: the dataset's encoders and stored features.
        overwrite: whether runs of other configurations are replaced.
        progress: shows the stages.
    """
    dataset, one = encoded.dataset, encoded.open(config)
    if (run := finished_run(folder, dataset, config, one.stores)) is not None:
        return run
    return train(
        dataset,
        config,
        folder,
        encoders=one.encoders,
        stores=one.stores,
        overwrite=overwrite,
        progress=progress,
    )


def measure_run(
    variant: str,
    seed: int,
    run: Run,
    encoded: EncodedDataset,
    samples: list[Sample],
    options: StudyConfig,
    out: Path,
    folder: str,
    progress: Progress,
) -> Measured:
    """Every stage of one run: measured, or read if it was measured before.

    Args:
        variant: name of the variant.
        seed: the seed of the run.
        run: the run.
        encoded: the dataset's encoders and stored features.
        samples: the samples of the study's split.
        options: the study's options.
        out: the study's folder.
        folder: the run's folder inside `out`.
        progress: shows the stages.
    """
    one = encoded.open(run.config)
    run.model.to(pick_device(run.config.device))

    def bench(stage: str) -> stages.Bench:
        return stages.Bench(run, one.encoders, one.stores, samples, options, progress.stage(stage))

    def stage(name: str, asked: tuple[str, ...], how: Callable[[], Arrays], layout: int = 1) -> Arrays:
        path, key = out / folder / f"{name}.safetensors", stage_key(run, options, asked, layout)
        if (kept := read_arrays(path, key)) is None:
            write_arrays(path, kept := how(), key)
        return kept

    attributions = stage("attributions", ("split", "samples"), lambda: stages.attribute_samples(bench("attribute")))
    masking = stage("masking", MASKING_OPTIONS, lambda: stages.mask_samples(bench("mask"), attributions))
    pairs = stage("pairs", PAIR_OPTIONS, lambda: pair_stages.measure_pairs(bench("pairs"), attributions))
    pair_masking = stage(
        "pair_masking",
        PAIR_MASKING_OPTIONS,
        lambda: pair_stages.mask_pairs(bench("mask pairs"), attributions, pairs),
        layout=2,  # 1 had no second differences
    )
    stories = _stories(run, encoded.dataset, one, options, out / folder / "stories.json", progress)
    return Measured(variant, seed, folder, run, attributions, masking, pairs, pair_masking, stories)


def stage_key(run: Run, options: StudyConfig, asked: tuple[str, ...], layout: int = 1) -> str:
    """A hash of everything that decides a stage's result: the run's settings and weights, its data, the options used.

    Args:
        run: the run.
        options: the study's options.
        asked: names of those options.
        layout: number of what the stage's file holds.
    """
    heeded = {name: value for name, value in options.model_dump().items() if name in asked}
    layouts = [layout] if layout > 1 else []
    content = json.dumps([config_toml(run.config), run.origin.data_hash, run.weights, heeded, *layouts])
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _stories(
    run: Run,
    dataset: Dataset,
    one: Encodings,
    options: StudyConfig,
    path: Path,
    progress: Progress,
) -> Validity | None:
    """Pair scores against the truth, where it is known."""
    try:
        read_truth(dataset.source)
    except DataError:
        return None
    key = stage_key(run, options, ("pair_samples",))
    if (kept := _read_stories(path, key)) is not None:
        return kept
    found = validate_run(
        run,
        dataset,
        encoders=one.encoders,
        stores=one.stores,
        samples=options.pair_samples,
        backgrounds=STORY_BACKGROUNDS,
        progress=progress,
    )
    validity = json.loads(found.model_dump_json())
    write_atomic(path, json.dumps({"key": key, "sha256": _sum(validity), "validity": validity}, indent=1) + "\n")
    return found


def _read_stories(path: Path, key: str) -> Validity | None:
    """What was measured before; None if it is missing, damaged, or was measured under other settings."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] != key or kept.get("sha256", found := _sum(kept["validity"])) != found:  # older ones have none
            return None
        return Validity.model_validate(kept["validity"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _sum(validity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(validity).encode()).hexdigest()


def write_provenance(results: Results, out: Path, command: str, started: float) -> None:
    """Write study.json: where every number comes from.

    Args:
        results: all that was measured.
        out: the study's folder.
        command: the command line.
        started: when the study began, in seconds since 1970.
    """
    first = results.runs[0].run
    content: dict[str, Any] = {
        "command": command,
        "data": f"{first.origin.data} ({first.origin.data_hash})",
        "notes": list(results.dataset.notes),
        "versions": first.origin.versions,
        "options": results.study.options.model_dump(exclude={"variants"}),
        "variants": {name: config.model_dump(exclude_none=True) for name, config in results.study.variants.items()},
        "seconds": {run.folder: run.seconds() for run in results.runs},
        "seconds_of_this_call": round(time.time() - started, 1),
    }
    write_atomic(out / "study.json", json.dumps(content, indent=1) + "\n")
