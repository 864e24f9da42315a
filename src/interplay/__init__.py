"""Interplay: which words and image patches act together, act alone, or back each other up.

The Python API has the shape of the command line; names are loaded when first used, so that opening a result does not
load PyTorch.

    from interplay import Config, explain, make_scenes, open_run, train, write_explanations
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from interplay.errors import needs

if TYPE_CHECKING:
    from interplay.config import Config, make_config, read_config
    from interplay.data.check import check_dataset
    from interplay.data.registry import open_dataset
    from interplay.data.scenes import make_scenes
    from interplay.explanation.functions.explain import explain_callable
    from interplay.explanation.functions.predictor import FunctionPredictor
    from interplay.explanation.predictor import Opened, Predictor
    from interplay.explanation.wrapped.wrap import wrap
    from interplay.hub.export import save_pretrained
    from interplay.hub.push import push_to_hub
    from interplay.interactions.scores import PairScores
    from interplay.interop.classifier import MultimodalClassifier
    from interplay.interop.games import SampleGame, shapiq_values
    from interplay.interop.presence import PresenceModel, with_attribution
    from interplay.models.run import Run, open_run, open_runs
    from interplay.pipeline.comparison import train_beside_others
    from interplay.pipeline.datasets import find_sample, new_sample
    from interplay.pipeline.encode import encode
    from interplay.pipeline.evaluate import evaluate
    from interplay.pipeline.explain import explain, run_predictor
    from interplay.pipeline.explanations import write_explanations
    from interplay.pipeline.modalities import measure_modalities
    from interplay.pipeline.report import make_report, report_run
    from interplay.pipeline.seeds import train_seeds
    from interplay.pipeline.train import train
    from interplay.pipeline.validate import plant_and_train, validate_run
    from interplay.report.findings import finding
    from interplay.report.page import write_page
    from interplay.report.reading import read_explanation
    from interplay.report.run_page import write_report
    from interplay.results import Explanation, Explanations
    from interplay.results.validity import Validity
    from interplay.study.config import make_study, read_study
    from interplay.study.running import run_study
    from interplay.study.writing import write_study

_HOMES = {
    "interplay.config": ("Config", "make_config", "read_config"),
    "interplay.data.check": ("check_dataset",),
    "interplay.data.registry": ("open_dataset",),
    "interplay.data.scenes": ("make_scenes",),
    "interplay.pipeline.comparison": ("train_beside_others",),
    "interplay.pipeline.datasets": ("find_sample", "new_sample"),
    "interplay.pipeline.encode": ("encode",),
    "interplay.pipeline.evaluate": ("evaluate",),
    "interplay.engine": ("open_engine",),
    "interplay.pipeline.explain": ("explain", "run_predictor"),
    "interplay.pipeline.explanations": ("write_explanations",),
    "interplay.pipeline.modalities": ("measure_modalities",),
    "interplay.pipeline.seeds": ("train_seeds",),
    "interplay.pipeline.train": ("train",),
    "interplay.report.findings": ("finding",),
    "interplay.report.page": ("write_page",),
    "interplay.pipeline.report": ("make_report", "report_run"),
    "interplay.report.reading": ("read_explanation",),
    "interplay.report.run_page": ("write_report",),
    "interplay.results": ("Explanation", "Explanations"),
    "interplay.results.validity": ("Validity",),
    "interplay.interactions.scores": ("PairScores",),
    "interplay.pipeline.validate": ("plant_and_train", "validate_run"),
    "interplay.explanation.functions.explain": ("explain_callable",),
    "interplay.explanation.functions.predictor": ("FunctionPredictor",),
    "interplay.explanation.predictor": ("Opened", "Predictor"),
    "interplay.explanation.wrapped.wrap": ("wrap",),
    "interplay.interop.classifier": ("MultimodalClassifier",),
    "interplay.interop.games": ("SampleGame", "shapiq_values"),
    "interplay.interop.presence": ("PresenceModel", "with_attribution"),
    "interplay.models.run": ("Run", "open_run", "open_runs"),
    "interplay.hub.export": ("save_pretrained",),
    "interplay.hub.push": ("push_to_hub",),
    "interplay.study.running": ("run_study",),
    "interplay.study.writing": ("write_study",),
    "interplay.study.config": ("make_study", "read_study"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of the pipeline
    "make_scenes",
    "open_dataset",
    "check_dataset",
    "Config",
    "make_config",
    "read_config",
    "encode",
    "train",
    "train_beside_others",
    "train_seeds",
    "evaluate",
    "measure_modalities",
    "open_run",
    "open_runs",
    "Run",
    "save_pretrained",
    "push_to_hub",
    "find_sample",
    "new_sample",
    "explain",
    "explain_callable",
    "wrap",
    "Predictor",
    "Opened",
    "FunctionPredictor",
    "run_predictor",
    "finding",
    "write_explanations",
    "write_page",
    "make_report",
    "write_report",
    "report_run",
    "validate_run",
    "plant_and_train",
    "read_study",
    "make_study",
    "run_study",
    "write_study",
    "Explanation",
    "Explanations",
    "read_explanation",
    "open_engine",
    "PairScores",
    "Validity",
    "PresenceModel",
    "with_attribution",
    "SampleGame",
    "shapiq_values",
    "MultimodalClassifier",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("interplay")
    if name not in _HOME:
        raise AttributeError(f"module 'interplay' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if (missing := needs(error)) is None:
            raise
        raise ModuleNotFoundError(missing, name=error.name) from error


def _show_in_notebooks() -> None:
    """Where IPython runs already, results show themselves as pages; nothing is imported for it elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is not None and getattr(shell, "display_formatter", None) is not None:
        import_module("interplay.report.notebook").register(shell.display_formatter)


_show_in_notebooks()
