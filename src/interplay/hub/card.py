"""The model card of a run: metadata and text, filled from what the run keeps."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interplay.hub import facts
from interplay.modalities import MODALITIES
from interplay.models.run import Run
from interplay.results.comparison import Comparison
from interplay.results.ensemble import EnsembleScores

if TYPE_CHECKING:
    from huggingface_hub import ModelCard, ModelCardData

TEMPLATE = Path(__file__).with_name("card.md")
METRICS = {
    "accuracy": ("accuracy", "accuracy"),
    "exact_match": ("accuracy", "exact match"),
    "macro_f1": ("f1", "macro F1"),
    "weighted_f1": ("f1", "weighted F1"),
    "micro_f1": ("f1", "micro F1"),
    "samples_f1": ("f1", "F1 by sample"),
    "auroc": ("roc_auc", "macro AUROC"),
    "map": ("mean_average_precision", "mAP"),
}
"""Metric of a run -> its type in the metadata of the hub, and its name."""

TASKS: dict[tuple[str, ...], str] = {("text",): "text-classification", ("image",): "image-classification"}
"""What all modalities are -> the hub's task. It has none for models that read and look and give labels: "other"."""


@dataclass(frozen=True)
class Licenses:
    """What the user states of licenses; None is nothing.

    Attributes:
        model: identifier of the model's license on the hub.
        data: what the data's license is, in words.
    """

    model: str | None = None
    data: str | None = None


@dataclass(frozen=True)
class Together:
    """What is known of several runs as one model.

    Attributes:
        folder: where it lies.
        scores: of the mean of their logits.
        comparison: how much better it is than the other models, if they were trained beside.
    """

    folder: Path
    scores: EnsembleScores
    comparison: Comparison | None = None


def model_card(name: str, runs: Sequence[Run], together: Together | None, licenses: Licenses) -> "ModelCard":
    """The model card of one run, or of several that are one model.

    Args:
        name: what to call the model, as it is opened.
        runs: the run or runs, with the configuration that is given to others.
        together: of several runs, what was measured of their mean.
        licenses: what the user states.
    """
    from huggingface_hub import ModelCard

    first = runs[0]
    scores = together.scores if together else None
    columns = facts.columns(runs, scores, together.comparison if together else None)
    lines: dict[str, list[str]] = {
        "what": facts.what(runs),
        "licenses": _license_lines(licenses),
        "data": facts.data(first),
        "measured": together_lines(together) if together else facts.measured(first),
        "calibration": facts.calibration(runs, scores),
        "validity": facts.validity(runs),
        "limits": facts.limits(runs, scores),
        "made": facts.made(runs, version("interplay")),
    }
    shown: dict[str, Any] = {part: [prose(line) for line in these] for part, these in lines.items()}
    return ModelCard.from_template(
        metadata(name, first, columns[facts.OWN], licenses),
        template_str=_compact(TEMPLATE.read_text(encoding="utf-8")),
        title=prose(name),
        code=load_code(name, first, several=together is not None),
        command=f"interplay explain {shlex.quote(name)} {_inputs(first)}",
        needs=prose(facts.needs(first)),
        encoders=table(*facts.encoders(first)),
        metrics=table(*_metric_rows(columns)),
        **shown,
    )


def together_lines(together: Together) -> list[str]:
    """What several runs have to beat as one model, and whether they do.

    Args:
        together: what was measured.
    """
    compared = together.comparison.sentences() if together.comparison else []
    return [f"The mean: {together.scores.baselines.sentence()}", *compared]


def metadata(name: str, run: Run, test: Mapping[str, float | None], licenses: Licenses) -> "ModelCardData":
    """What the hub reads of a card: task, tags, license and test metrics. Nothing is claimed that is not known.

    The dataset's type is "custom": a hub id would say that it is that dataset.

    Args:
        name: what to call the model.
        run: the run, or one of several.
        test: metric -> value on the test split; None where undefined.
        licenses: what the user states.
    """
    from huggingface_hub import EvalResult, ModelCardData

    kinds = tuple(sorted(set(run.card.modalities.values())))
    task = TASKS.get(kinds, "other")
    known = {metric: value for metric, value in test.items() if metric in METRICS and value is not None}
    if run.card.label_kind == "multi":  # a mean over labels; what the hub calls accuracy is the exact match
        known.pop("accuracy", None)
    results = [
        EvalResult(
            task_type=task,
            dataset_type="custom",
            dataset_name=run.origin.data,
            dataset_split="test",
            metric_type=METRICS[metric][0],
            metric_name=f"test {METRICS[metric][1]}",
            metric_value=value,
        )
        for metric, value in known.items()
        if isfinite(value)
    ]
    several = ["multimodal"] if len(run.card.modalities) > 1 else []
    label_kind = "single-label" if run.card.label_kind == "single" else "multi-label"
    return ModelCardData(
        library_name="interplay",
        license=licenses.model,
        pipeline_tag=task,
        tags=["interplay", run.config.fusion.kind, *kinds, *several, f"{label_kind}-classification", "explainability"],
        model_name=name,
        eval_results=results or None,
    )


def load_code(name: str, run: Run, *, several: bool) -> str:
    """Python that opens a model and explains a sample: at most five lines.

    Args:
        name: the model's folder, or its name on the hub.
        run: the run, or one of several.
        several: whether it is several runs as one model.
    """
    kinds = run.card.modalities
    sample = ", ".join(f"{json.dumps(m)}: {json.dumps(_example(kind))}" for m, kind in kinds.items())
    opened, one = ("runs", "runs[0]") if several else ("run", "run")
    return "\n".join(
        [
            "import interplay",
            f"{opened} = interplay.open_{opened}({json.dumps(name)})",
            f"sample = interplay.new_sample({one}, {{{sample}}})",
            f"explanation = interplay.explain({opened}, [sample])[0]",
            "print(interplay.finding(explanation))",
        ]
    )


def renamed(text: str, old: str, new: str) -> str:
    """A card whose load code, command and title call the model by another name; all else stays as it is.

    Args:
        text: the card's text, without metadata.
        old: the name it was written with.
        new: the name on the hub.
    """
    for before, after in (
        (f"interplay.open_run({json.dumps(old)})", f"interplay.open_run({json.dumps(new)})"),
        (f"interplay.open_runs({json.dumps(old)})", f"interplay.open_runs({json.dumps(new)})"),
        (f"`interplay explain {shlex.quote(old)} ", f"`interplay explain {new} "),
        (f"# {prose(old)}\n", f"# {prose(new)}\n"),
    ):
        text = text.replace(before, after, 1)
    return text


def prose(text: str) -> str:
    r"""Text as Markdown shows it literally, in one line: names of labels and data may hold anything.

    >>> prose("a|b <i> [x](y)")
    'a\\|b \\<i\\> \\[x\\](y)'

    Args:
        text: the text.
    """
    return re.sub(r"([\\`*\[\]<>|#]|(?<![a-z])_|_(?![a-z]))", r"\\\1", " ".join(text.split()))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown.

    Args:
        header: names of the columns.
        rows: the cells.
    """
    lines = [header, ["---"] * len(header), *([prose(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _metric_rows(columns: Mapping[str, Mapping[str, float | None]]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [name, *(_number(values.get(metric)) for values in columns.values())]
        for metric, (_, name) in METRICS.items()
        if metric in columns[facts.OWN]
    ]
    return ["metric", *map(prose, columns)], rows


def _number(value: float | None) -> str:
    return "–" if value is None or not isfinite(value) else f"{value:.3f}"


def _license_lines(licenses: Licenses) -> list[str]:
    model = f"Of the model: {licenses.model}." if licenses.model else "Of the model: none was stated."
    return [model, f"Of the data: {licenses.data}." if licenses.data else "Of the data: none was stated."]


def _example(kind: str) -> str:
    one = MODALITIES[kind]
    return f"{one.kind}{(one.suffixes or ('.png',))[0]}" if one.file else "your text"


def _inputs(run: Run) -> str:
    return " ".join(f"--input {m}={json.dumps(_example(kind))}" for m, kind in run.card.modalities.items())


def _compact(template: str) -> str:
    """Loops without the empty lines that their own lines would leave."""
    return re.sub(r"(\{% [^%]* %\})\n", r"\1", template)
