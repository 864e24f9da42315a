"""Do experts own what their names say? Roles by construction beside roles by losses, on scenes whose truth is known.

    python benchmarks/ownership.py [--settings demo] [--roles construction losses] [--seeds 3] [--samples 100]
    python benchmarks/ownership.py --runs RUN RUN RUN [--samples 100]      # runs of generated scenes that are there

Prints one table: a column for each training; rows for accuracy, for which expert finds which planted pair, and for
what each expert adds where a label holds. Then, over all of them, whether pair scores find the planted pairs and how
far answers are from the exact posterior (the tables of valid_probes.py). Runs and features are kept in --work, so that
an interrupted measurement goes on.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markdown_table import markdown
from valid_probes import default_table, error_table, show

from interplay.config import make_config, nested
from interplay.data.known import SLOTS, STORIES
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.data.scenes import make_scenes
from interplay.data.scenes_story import STORIES as FIVE
from interplay.data.truth import carried_by_both, read_truth
from interplay.evaluation.ideal import logit
from interplay.explanation.trained.prepared import prepare_sample
from interplay.models.contributions import only
from interplay.models.run import Run, open_run
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import DEFAULT_STORE, encode, open_encoders
from interplay.pipeline.train import train
from interplay.pipeline.validate import stored_features, validate_run
from interplay.results import MIXTURE
from interplay.results.validity import Validity

SCENES = 2400  # as many as the demo makes
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "default, small pictures": {"encoders.image.size": 112, "encoders.image.pool": 2},
    "demo": {"removal.copies": 1.0},
    "demo, small pictures": {"removal.copies": 1.0, "encoders.image.size": 112, "encoders.image.pool": 2},
}
OWNERS = {"sii": "synergy", "redundancy_gap": "redundancy"}


@dataclass(frozen=True)
class Measured:
    """What one training gave.

    Attributes:
        seconds: processor time of the training; None where it was not measured.
        validity: accuracy, and pair scores by expert, against the truth.
        added: story -> (samples, 3, experts) what each adds to the label's logit where the label holds: its logit by
            its weight, with everything, text only, image only.
        logits: story -> (samples, 3), the mixture's.
        once: story -> the share that counts once of what speaks for it, and of what speaks against it; empty where no
            share is learned.
    """

    experts: list[str]
    seconds: float | None
    validity: Validity
    added: dict[str, np.ndarray]
    logits: dict[str, np.ndarray]
    once: dict[str, tuple[float, float]]


def trained(dataset: Dataset, work: Path, name: str, settings: dict[str, Any]) -> Run:
    """Train, or read what an earlier call left; processor seconds go beside the run."""
    folder, store, config = work / name, work / "store", make_config(nested({}, settings))
    if (folder / "run" / "metrics.json").exists() and (found := open_run(folder / "run")).config == config:
        return found
    encode(dataset, config, store=store)
    start = time.process_time()
    run = train(dataset, config, folder / "run", store=store, overwrite=True)
    (folder / "seconds.json").write_text(json.dumps(time.process_time() - start), encoding="utf-8")
    return run


def measured(run: Run, dataset: Dataset, store: Path, samples: int) -> Measured:
    """Validate and ask for contributions."""
    encoders = open_encoders(run, "cpu")
    stores = stored_features(dataset, encoders, store)
    validity = validate_run(run, dataset, encoders=encoders, stores=stores, samples=samples)
    added, logits = {}, {}
    for story in validity.stories:
        added[story], logits[story] = contributions(run, dataset, story, encoders, stores, samples)
    times = run.folder.parent / "seconds.json"
    seconds = json.loads(times.read_text(encoding="utf-8")) if times.exists() else None
    share = run.model.once_logit
    once = {} if share is None else dict(zip(run.card.labels, share.detach().sigmoid().T.tolist(), strict=True))
    return Measured(run.model.expert_names, seconds, validity, added, logits, once)


@torch.inference_mode()
def contributions(
    run: Run, dataset: Dataset, story: str, encoders: Any, stores: Any, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """What every expert adds to a label where it holds, carried by both its slots if it has two."""
    truth, label = read_truth(dataset.source), run.card.labels.index(story)
    holding = [s for s in dataset.split("test") if story in s.labels]
    both = [s for s in holding if carried_by_both(STORIES[story], truth[s.id])]
    holding = both or holding  # of a veto no sample is carried by both
    sides = [list(run.card.modalities).index(name) for name in ("text", "image")]
    added, logits = [], []
    for sample in holding[:samples]:
        tokens = prepare_sample(run, encoders, sample, stores).tokens
        outputs = [run.model.fuse(t) for t in (tokens, *(only(tokens, (m,)) for m in sides))]
        added.append([(o.weights[0] * o.expert_logits[0, :, label]).tolist() for o in outputs])
        logits.append([float(o.logits[0, label]) for o in outputs])
    return np.array(added), np.array(logits)


def rows_of(found: Measured) -> dict[str, str]:
    """Measure -> its value, in the order of the table."""
    v, rows = found.validity, {}
    rows["accuracy: " + ", ".join(v.stories)] = ", ".join(f"{v.metrics[f'accuracy/{s}']:.3f}" for s in v.stories)
    at = {(r.story, r.expert): r for r in v.recovered if r.on == "logit"}
    for story, score in v.stories.items():
        if score is None:
            continue
        own = at[story, OWNERS[score]].slope.mean
        for expert in (*found.experts, MIXTURE):
            r = at[story, expert]
            share = "–" if not own or r.slope.mean is None else f"{r.slope.mean / own:+.2f}"
            owner = ", its owner" if expert == OWNERS[score] else ""
            rows[f"pair of {story} by {expert}{owner}: AUROC / top 5 / score to the owner's"] = (
                f"{number(r.auroc.mean)} / {number(r.top.mean)} / {share}"
            )
    whole = {c.story: c.whole for c in v.calibrations if c.expert == MIXTURE}
    for story in v.stories:
        exact = [float(logit(np.array(whole[story][name][1]))) for name in ("everything", "no image", "no text")]
        means = found.logits[story].mean(axis=0)
        rows[f"{story}, logit of the mixture (exact): everything / text only / image only"] = " / ".join(
            f"{mean:.1f} ({one:.1f})" for mean, one in zip(means, exact, strict=True)
        )
        for e, expert in enumerate(found.experts):
            rows[f"{story}, {expert} adds"] = " / ".join(f"{x:+.1f}" for x in found.added[story][:, :, e].mean(axis=0))
        if story in found.once:
            rows[f"{story}: share that counts once of what is for it / against it"] = " / ".join(
                map(number, found.once[story])
            )
        kinds = {SLOTS[slot].kind for slot in STORIES[story].slots}
        if len(kinds) == 1:
            modality = "text" if kinds == {"word"} else "image"
            sizes, right = np.abs(found.added[story][:, 0]), found.experts.index(f"unique_{modality}")
            rows[f"{story}: share of what is added that {found.experts[right]} adds"] = (
                f"{np.mean(sizes[:, right] / sizes.sum(axis=1)):.2f}"
            )
    rows["processor seconds of the training"] = "–" if found.seconds is None else f"{found.seconds:.0f}"
    return rows


def number(value: float | None) -> str:
    """Two decimals; what is undefined is a dash."""
    return "–" if value is None else f"{value:.2f}"


def trainings(asked: argparse.Namespace) -> Iterator[tuple[str, Run, Dataset, Path]]:
    """Name of the column, run, data and store of everything that is to be measured."""
    work: Path = asked.work
    if asked.runs:
        for folder in asked.runs:
            run = open_run(folder)
            yield str(folder), run, data_of(run), asked.store
        return
    if not (work / "scenes").exists():
        make_scenes(work / "scenes", samples=SCENES, stories=tuple(FIVE))
    dataset = open_dataset(work / "scenes")
    for seed in range(asked.seeds):
        for roles in asked.roles:
            settings = {**SETTINGS[asked.settings], "fusion.roles": roles, "seed": seed}
            name = f"{asked.settings.replace(', ', '-').replace(' ', '-')}-{roles}-{seed}"
            yield f"{roles}, seed {seed}", trained(dataset, work, name, settings), dataset, work / "store"


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", type=Path, metavar="RUN", help="measure these and train none")
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="with --runs: where their features are")
    parser.add_argument("--settings", choices=list(SETTINGS), default="demo")
    parser.add_argument("--roles", nargs="+", choices=["construction", "losses"], default=["construction", "losses"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=100, help="test samples of each story")
    parser.add_argument("--work", type=Path, default=Path(".interplay") / "ownership")
    asked, found = parser.parse_args(), {}
    for name, run, dataset, store in trainings(asked):
        found[name] = measured(run, dataset, store, asked.samples)
        print(f"{name} done", flush=True)
    columns = {name: rows_of(one) for name, one in found.items()}
    first = next(iter(columns.values()))
    table = [[row, *(column[row] for column in columns.values())] for row in first]
    show("What each expert finds and adds", markdown(["measure", *columns], table))
    validities = [one.validity for one in found.values()]
    show(f"Planted pairs by the mixture's scores, {len(found)} trainings: mean (worst)", default_table(validities))
    show("Answers against the exact posterior, mixture", error_table(validities))


if __name__ == "__main__":
    main()
