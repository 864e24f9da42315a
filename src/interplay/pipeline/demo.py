"""The demo: scenes made, a model trained, one prediction of each story explained. The whole path in one function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from interplay.config import Config, make_config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset, Sample
from interplay.data.scenes import make_scenes
from interplay.data.scenes_story import STORIES
from interplay.errors import REPLACE, RunExistsError
from interplay.evaluation.claims import is_right
from interplay.files import only_writer
from interplay.models.run import Run, open_run
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.explain import explain
from interplay.pipeline.explanations import write_explanations
from interplay.pipeline.train import train
from interplay.progress import SILENT, Progress
from interplay.report.claims import claim
from interplay.report.findings import finding
from interplay.results import Explanation, Explanations

DEMO = make_config({"removal": {"copies": 1.0}, "training": {"monitor": "last"}})
"""One copy is enough for scenes. The last epoch said more ANDs right than that of the best score (RESULTS, claims)."""


def run_demo(
    out: Path,
    *,
    samples: int,
    config: Config | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Make scenes, train fl-i2moe, explain one test sample per story, write the page.

    What an earlier demo left is used: an interrupted one is continued, a finished one is only explained again.

    Args:
        out: the folder for all of it.
        samples: how many scenes.
        config: DEMO if None.
        overwrite: start afresh.
        progress: shows the stages.
        say: called with a sentence as each stage begins.

    Returns:
        Metrics, findings in words, whether each is what was planted (`right`), and the page's path.

    Raises:
        RunExistsError: what is there was made with another number of samples or other settings.
    """
    config = config or DEMO
    with only_writer(out):
        return _demo(out, samples, config, overwrite, progress, say)


def _demo(
    out: Path, samples: int, config: Config, overwrite: bool, progress: Progress, say: Callable[[str], None]
) -> dict[str, Any]:
    dataset = _scenes(out / "scenes", samples, overwrite, progress, say)
    run = _run(dataset, out, config, overwrite, progress, say)
    say("Explaining one prediction of each story")
    chosen = {label: sample for label in dataset.labels if (sample := example_of(dataset, label))}
    encoders = open_encoders(run, config.device)
    explanations = Explanations()
    for label, sample in chosen.items():
        explanations += explain(
            run, [sample], target=label, encoders=encoders, progress=progress.prefixed(f"{label}: ")
        )
    page = write_explanations(run, explanations, list(chosen.values()))
    right = [_is_right(e, label, sample) for e, (label, sample) in zip(explanations, chosen.items(), strict=True)]
    return {
        "metrics": run.metrics,
        "findings": [finding(e) for e in explanations],
        "right": right,
        "page": page.resolve(),
    }


def _is_right(explanation: Explanation, label: str, sample: Sample) -> bool:
    """Whether what is said of a sample is what was planted into it; never where the model gets it wrong."""
    said, evidence = claim(explanation), sample.evidence[label]
    return explanation.prediction[label] >= 0.5 and is_right(said, explanation, STORIES[label], evidence)


def _scenes(folder: Path, samples: int, overwrite: bool, progress: Progress, say: Callable[[str], None]) -> Dataset:
    if overwrite or not folder.exists():
        say(f"Making {samples} scenes in {folder}")
        make_scenes(folder, samples=samples, overwrite=overwrite, progress=progress.stage("Draw"))
    dataset = open_dataset(folder)
    if len(dataset.samples) != samples:
        there = f"an earlier demo left {len(dataset.samples)} scenes"
        raise RunExistsError(
            there,
            file=folder,
            expected=f"{samples}",
            fix="use the same --samples, --overwrite, or another --out (samples=, overwrite=True, out= in Python)",
        )
    return dataset


def _run(
    dataset: Dataset,
    out: Path,
    config: Config,
    overwrite: bool,
    progress: Progress,
    say: Callable[[str], None],
) -> Run:
    """The demo's model: the one that is there if it is finished, else trained."""
    folder = out / "run"
    if not overwrite and (folder / "metrics.json").exists():
        run = open_run(folder)
        if run.config != config:
            raise RunExistsError("a run with other settings is there", file=folder, fix=REPLACE)
        say(
            f"Using the model an earlier demo trained in {folder} (--overwrite, or overwrite=True in Python, redoes it)"
        )
        return run
    say("Encoding with frozen encoders, then training fl-i2moe; most of the time goes here")
    return train(dataset, config, folder, store=out / "features", overwrite=overwrite, progress=progress)


def example_of(dataset: Dataset, label: str) -> Sample | None:
    """The first test sample in which a label holds and all of its evidence is present; None if there is none.

    Args:
        dataset: the dataset.
        label: the label.
    """

    def pieces(sample: Sample) -> int:
        evidence = sample.evidence[label]
        return len(evidence.words) + len(evidence.cells)

    holding = [s for s in dataset.split("test") if label in s.labels]
    return max(holding, key=pieces, default=None)
