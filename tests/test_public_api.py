"""The public API, listed literally: a name that comes, goes or is renamed is a decision (docs/compatibility.md)."""

import contextlib
import inspect
import io
import subprocess
import sys

import pytest

import interplay
import interplay.interactions

# fmt: off
NAMES = [
    "Config", "Explanation", "Explanations", "FunctionPredictor", "MultimodalClassifier", "Opened",
    "PairScores", "Predictor", "PresenceModel", "Run", "SampleGame", "Validity", "check_dataset", "encode",
    "evaluate", "explain", "explain_callable", "find_sample", "finding", "make_config", "make_report",
    "make_scenes", "make_study", "measure_modalities", "new_sample", "open_dataset", "open_engine", "open_run",
    "open_runs", "plant_and_train", "push_to_hub", "read_config", "read_explanation", "read_study", "report_run",
    "run_predictor", "run_study", "save_pretrained", "shapiq_values", "train", "train_beside_others",
    "train_seeds", "validate_run", "with_attribution", "wrap", "write_explanations", "write_page",
    "write_report", "write_study",
]
INTERACTIONS = [
    "EXACT", "Estimator", "Game", "Interrupted", "Intervals", "PairScores", "Term", "TermGame", "Value",
    "block_evaluations", "block_pairs", "choose", "delta", "estimate_pairs", "exact_pairs", "gap_p_values",
    "hybrid_pairs", "independent_draws", "interval", "least_budget", "least_evaluations", "least_hybrid",
    "naive_pairs", "narrower", "paired_pairs", "redundancy_gap", "redundant_pairs", "refine_until",
    "refined_pairs", "sii_weights", "step_up", "student_quantile", "top_certain",
]
# fmt: on
CONSTANTS = {"EXACT", "Estimator", "Value"}  # values and type aliases, which have no docstring of their own


def test_names() -> None:
    assert sorted(interplay.__all__) == NAMES
    assert sorted(interplay.interactions.__all__) == INTERACTIONS


def test_dir_lists_them() -> None:
    assert {*NAMES, "__version__"} <= set(dir(interplay))
    assert set(INTERACTIONS) <= set(dir(interplay.interactions))


@pytest.mark.parametrize(
    "room, name", [(interplay, n) for n in NAMES] + [(interplay.interactions, n) for n in INTERACTIONS]
)
def test_each_can_be_imported_and_says_what_it_is(room, name: str) -> None:
    found = getattr(room, name)
    assert name in CONSTANTS or inspect.getdoc(found)


def test_help_is_enough_to_call_explain() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        help(interplay.explain)
    assert "Args:" in printed.getvalue() and "Returns:" in printed.getvalue()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        _ = interplay.explian


def test_the_version_is_that_of_the_installed_package() -> None:
    command = [sys.executable, "-m", "interplay", "--version"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == f"{interplay.__version__}\n"
