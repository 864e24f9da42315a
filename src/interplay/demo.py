"""The demo: scenes made, a model trained, one prediction of each story explained. The whole path in one function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from interplay import pipeline
from interplay.config import Config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset, Sample
from interplay.data.scenes import make_scenes


def run_demo(
    out: Path,
    *,
    samples: int,
    overwrite: bool = False,
    report: pipeline.Report | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Make scenes, train fl-i2moe with the default settings, explain one test sample per story, write the page.

    What is already there from an interrupted demo is used. Returns metrics, findings in words and the page's path.
    """
    data, folder = out / "scenes", out / "run"
    if overwrite or not data.exists():
        say(f"Making {samples} scenes in {data}")
        make_scenes(data, samples=samples, overwrite=overwrite)
    dataset = open_dataset(data)
    say("Encoding with frozen encoders, then training fl-i2moe; most of the time goes here")
    run = pipeline.train(dataset, Config(), folder, store=out / "features", overwrite=overwrite, report=report)
    say("Explaining one prediction of each story")
    chosen = {label: sample for label in dataset.labels if (sample := example_of(dataset, label))}
    explanations = [pipeline.explain(run, [sample], target=label, report=report)[0] for label, sample in chosen.items()]
    page = pipeline.write_explanations(run, explanations, list(chosen.values()))
    return {
        "metrics": run.metrics,
        "findings": [pipeline.finding(e) for e in explanations],
        "page": page.resolve(),
    }


def example_of(dataset: Dataset, label: str) -> Sample | None:
    """The first test sample in which a label holds, carried by as much evidence as it ever is."""

    def pieces(sample: Sample) -> int:
        evidence = sample.evidence[label]
        return len(evidence.words) + len(evidence.cells)

    holding = [s for s in dataset.split("test") if label in s.labels]
    return max(holding, key=pieces, default=None)
