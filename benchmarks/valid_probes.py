"""Do pair scores find the truth that was planted? The default setting over seeds, and what each choice buys.

    python benchmarks/valid_probes.py [default] [choices] [movies] [--seeds 3] [--samples 200] [--movies FOLDER]

Runs and features are kept in --work, so that an interrupted measurement goes on. `movies` needs a folder in MM-IMDb
layout. Seconds are of whatever else the machine did, too.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from markdown_table import markdown

from interplay.config import make_config, nested
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset, Sample
from interplay.data.scenes import make_scenes
from interplay.data.scenes_story import STORIES
from interplay.data.table_write import write_table
from interplay.models.run import open_run
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.train import train
from interplay.pipeline.validate import plant_and_train, validate_run
from interplay.results import MIXTURE
from interplay.results.validity import Estimate, Validity

COPIES = 1600  # of 544 films, three each
SPLITS = {"train": 3000, "val": 300, "test": 1000}
WHOLE_TEXT = {"encoders.text.isolate": False}
CONTEXT = {**WHOLE_TEXT, "encoders.image.isolate": False, "encoders.image.size": 112, "encoders.image.pool": 2}
LAST = {"encoders.text.layer": 6, "encoders.image.layer": 12}
# The published setting takes hours here: its choices (last layers in context, a central crop, mean token for what is
# removed, no mask-aware training, dropout, its learning rate schedule) at the default's width and number of patches.
PAPER = {
    "preset": "paper",
    "fusion.width": 64,
    "fusion.routing_hidden": 64,
    "encoders.image.size": 112,
    "encoders.image.pool": 2,
    "training.learning_rate": 1e-3,
    "training.batch_size": 16,
    "training.epochs": 30,
}
# What is changed of the default, and the paper's settings.
CHOICES: dict[str, dict[str, Any]] = {
    "default": {},
    "one removed copy of a batch, not two": {"removal.copies": 1.0},
    "batches of 32, three removed copies": {"training.batch_size": 32, "removal.copies": 3.0},
    "the paper's choices": PAPER,
    "no mask-aware training": {"removal.mask_aware": False},
    "features in context (layers 2 and 6)": CONTEXT,
    "features in context, last layers": {**CONTEXT, **LAST},
    "no modality ever dropped whole": {"removal.drop_modality": 0.0, "removal.drop_all": 0.0},
    "no warm-up on whole samples": {"removal.warmup": 0.0},
    "fill mean": {"removal.fill": "mean"},
    "features not standardized": {"fusion.standardize": False},
    "constant learning rate": {"training.decay": 0.0},
    "half as long": {"training.epochs": 10},
    "copies learn the intact sample's answers": {"removal.target": "answers"},
}


def scenes(work: Path) -> Dataset:
    """Scenes with all five stories."""
    if not (work / "scenes").exists():
        make_scenes(work / "scenes", samples=SPLITS, stories=tuple(STORIES))
    return open_dataset(work / "scenes")


def measured(dataset: Dataset, work: Path, name: str, settings: dict[str, Any], samples: int) -> Validity:
    """Train with these settings and validate, or read what an earlier call left."""
    folder = work / name
    config, kept = make_config(nested({}, settings)), folder / f"validity-{samples}.json"
    start = time.perf_counter()
    if (folder / "run" / "metrics.json").exists() and (run := open_run(folder / "run")).config == config:
        if kept.exists():
            return Validity.model_validate_json(kept.read_text(encoding="utf-8"))
    else:
        run = train(dataset, config, folder / "run", store=work / "store", overwrite=True)
    trained = time.perf_counter()
    found = validate_run(run, dataset, encoders=open_encoders(run, "cpu"), samples=samples)
    kept.write_text(found.model_dump_json(), encoding="utf-8")
    print(f"{name}: trained in {trained - start:.0f} s, validated in {found.seconds:.0f} s", flush=True)
    return found


def over_seeds(rows: list[Estimate], digits: int = 3, worst: Callable[[list[float]], float] = min) -> str:
    """Mean over seeds of the samples' means, with the worst seed in brackets."""
    means = [row.mean for row in rows if row.mean is not None]
    return f"{np.mean(means):.{digits}f} ({worst(means):.{digits}f})" if means else "–"


def default_table(found: list[Validity]) -> str:
    """The pair stories on the mixture: means over seeds, and the worst seed."""
    rows = []
    for k, first in enumerate(found[0].recovered):
        if first.expert != MIXTURE:
            continue
        each = [v.recovered[k] for v in found]
        errors = [c.error for v in found for c in v.calibrations if (c.story, c.expert) == (first.story, MIXTURE)]
        called = [v.discoveries[k] for v in found]
        rows.append(
            [
                *(first.story, first.score, first.on, sum(r.auroc.samples for r in each)),
                *(over_seeds([r.auroc for r in each]), over_seeds([r.first for r in each], 2)),
                *(over_seeds([r.top for r in each], 2), over_seeds([r.sign for r in each], 2)),
                *(over_seeds([r.sign_without for r in each], 2), over_seeds(errors, worst=max)),
                *(over_seeds([r.slope for r in each], 2), over_seeds([d.rate for d in called], 3, max)),
                *(over_seeds([d.power for d in called], 2), over_seeds([d.uncalibrated for d in called], 3, max)),
            ]
        )
    header = ["story", "score", "value", "samples", "AUROC", "first", "in top 5", "sign", "sign elsewhere"]
    return markdown([*header, "error of v(S)", "slope", "false", "found", "null intervals without 0"], rows)


def error_table(found: list[Validity]) -> str:
    """|v(S) - ideal| of the mixture, by story, over seeds; and its answers without a whole modality."""
    rows = []
    for k, first in enumerate(found[0].calibrations):
        if first.expert == MIXTURE:
            each = [v.calibrations[k] for v in found]
            pairs = [np.mean([c.whole[name] for c in each], axis=0) for name in first.whole]
            rows.append(
                [first.story, over_seeds([c.error for c in each], worst=max), *(f"{a:.2f} / {i:.2f}" for a, i in pairs)]
            )
    errors = [np.mean([c.error.mean for c in v.calibrations if c.expert == MIXTURE]) for v in found]
    rows.append(["all", f"{np.mean(errors):.3f} ({max(errors):.3f})", *[""] * len(found[0].calibrations[0].whole)])
    whole = [f"{name}: answer / ideal" for name in found[0].calibrations[0].whole]
    return markdown(["story", "error of v(S) (worst seed)", *whole], rows)


def expert_table(found: Validity, on: str) -> str:
    """Which expert finds which story: AUROC of the planted pair, and top 5."""
    experts = list(dict.fromkeys(r.expert for r in found.recovered))
    at = {(r.story, r.expert): r for r in found.recovered if r.on == on}
    rows = []
    for story, score in found.stories.items():
        if score:
            cells = [at[story, expert] for expert in experts]
            rows.append([story, score, *(f"{_plain(c.auroc)} / {_plain(c.top)}" for c in cells)])
    return markdown(["story", "score", *experts], rows)


def _plain(e: Estimate) -> str:
    return "–" if e.mean is None else f"{e.mean:.2f}"


def choice_table(found: dict[str, Validity]) -> str:
    """A row for each choice: error of v(S), and AUROC / top 5 / sign of each pair story on the mixture."""
    rows = []
    for name, v in found.items():
        errors = [c.error.mean for c in v.calibrations if c.expert == MIXTURE and c.error.mean is not None]
        accuracy = [a for story in v.stories if (a := v.metrics[f"accuracy/{story}"]) is not None]
        row = [name, f"{min(accuracy):.3f}", f"{np.mean(errors):.3f}"]
        for r in v.recovered:
            if r.expert == MIXTURE and r.on == "probability":
                row.append(" / ".join(_plain(e) for e in (r.auroc, r.top, r.sign)))
        row.append(f"{v.evaluations / v.seconds:.0f}")
        rows.append(row)
    stories = [f"{story}: AUROC / top 5 / sign" for story, score in next(iter(found.values())).stories.items() if score]
    return markdown(["choice", "worst accuracy", "error of v(S)", *stories, "evaluations a second"], rows)


def movies(source: Path, work: Path) -> Dataset:
    """Films in MM-IMDb layout as a table: the longest plot, the poster, the genres."""
    if not (work / "films").exists():
        splits = json.loads((source / "split.json").read_text(encoding="utf-8"))
        samples = []
        for split, name in (("train", "train"), ("val", "dev"), ("test", "test")):
            for film in splits[name]:
                about = json.loads((source / "dataset" / f"{film}.json").read_text(encoding="utf-8"))
                inputs: dict[str, str | Path] = {
                    "plot": max(about["plot"], key=len),
                    "poster": source / "dataset" / f"{film}.jpeg",
                }
                samples.append(Sample(str(film), split, inputs, tuple(sorted(about["genres"]))))
        genres = tuple(sorted({genre for s in samples for genre in s.labels}))
        kinds: dict[str, Any] = {"plot": "text", "poster": "image"}
        write_table(Dataset("films", source, kinds, genres, "multi", samples), work / "films")
    return open_dataset(work / "films")


def measure_movies(source: Path, work: Path, samples: int) -> Validity:
    """Plant stickers and words into real films, train on them with the default setting, validate."""
    kept = work / f"movies-{samples}.json"
    if kept.exists():
        return Validity.model_validate_json(kept.read_text(encoding="utf-8"))
    films = movies(source, work)
    settings = {"encoders.text.max_tokens": 64}
    own = make_config(nested({}, {**settings, "training.epochs": 1}))
    folder = work / "movies-run"
    run = open_run(folder) if (folder / "metrics.json").exists() else train(films, own, folder, store=work / "store")
    config = make_config(nested({}, settings))
    copy, trained = plant_and_train(run, films, work / "movies", config=config, samples=COPIES, store=work / "store")
    found = validate_run(trained, copy, encoders=open_encoders(trained, "cpu"), samples=samples)
    kept.write_text(found.model_dump_json(), encoding="utf-8")
    return found


def show(title: str, table: str) -> None:
    """One table under its title."""
    print(f"### {title}\n\n{table}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["default", "choices"])
    for name, default in (("seeds", 3), ("samples", 200), ("few", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--work", type=Path, default=Path(".interplay") / "valid_probes")
    parser.add_argument("--movies", type=Path, help="a folder in MM-IMDb layout")
    parser.add_argument("--only", nargs="*", help="choices to measure; all if absent")
    asked = parser.parse_args()
    work: Path = asked.work
    if "default" in asked.parts:
        seeds = range(asked.seeds)
        found = [measured(scenes(work), work, f"seed{s}", {"seed": s}, asked.samples) for s in seeds]
        show(f"Default setting, {asked.seeds} seeds: mean (worst seed)", default_table(found))
        show("Answers against the exact posterior, mixture", error_table(found))
        for on in ("probability", "logit"):
            show(f"Which expert finds which story, {on}, seed 0: AUROC / in top 5", expert_table(found[0], on))
    if "choices" in asked.parts:
        names = asked.only or list(CHOICES)
        folders = {name: "seed0" if name == "default" else f"choice-{name}" for name in names}
        each = {name: measured(scenes(work), work, folders[name], CHOICES[name], asked.few) for name in names}
        show(f"Choices, seed 0, {asked.few} samples a story, mixture's probability", choice_table(each))
        for name in ("default", "the paper's choices"):
            if name in each:
                show(
                    f"Which expert finds which story, {name}, logit: AUROC / in top 5",
                    expert_table(each[name], "logit"),
                )
    if "movies" in asked.parts:
        found = [measure_movies(asked.movies, work, asked.samples)]
        show("Words and stickers planted into films, default setting", default_table(found))
        show("Answers against the exact posterior, films", error_table(found))


if __name__ == "__main__":
    main()
