"""`interplay explain` that was killed: what it has written is kept as far as all of it still holds."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from interplay import open_dataset, open_run
from interplay.data.sample import Sample
from interplay.models.run import Run
from interplay.pipeline import unfinished
from interplay.pipeline.explain import explain_config
from interplay.pipeline.explanations import write_explanations
from interplay.pipeline.unfinished import STATE_FILE, explain_into, finish
from interplay.progress import Progress
from interplay.report.reading import read_explanation

FIXTURES = Path(__file__).parents[1] / "fixtures"
KILLED = """
import os, signal, sys
from pathlib import Path
from interplay import open_dataset, open_run
from interplay.pipeline.unfinished import explain_into
fixture, out = map(Path, sys.argv[1:])
each = explain_into(out, open_run(fixture / "run"), open_dataset(fixture / "scenes").split("test")[:3])
next(each), next(each)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Notes(Progress):
    """Keeps what it is given to show."""

    def __init__(self) -> None:
        self.lines = list[str]()

    def note(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def run() -> Run:
    return open_run(FIXTURES / "run-v1" / "run")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(open_dataset(FIXTURES / "run-v1" / "scenes").split("test")[:3])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the samples that are explained, by explanations that were made before."""
    explained = list[str]()
    made = read_explanation(FIXTURES / "run-v1" / "expected" / "01.json")

    def explain_each(run: Run, todo: list[Sample], **_: object) -> Iterator[object]:
        for sample in todo:
            explained.append(sample.id)
            yield made.model_copy(update={"sample_id": sample.id})

    monkeypatch.setattr(unfinished, "explain_each", explain_each)
    return explained


def begin(out: Path, run: Run, samples: list[Sample], count: int, **more: object) -> None:
    """Explain some samples and stop, as a process that is killed."""
    each = explain_into(out, run, samples, **more)  # type: ignore[arg-type]
    for _ in range(count):
        next(each)
    each.close()  # type: ignore[attr-defined]


def test_a_killed_command_goes_on_to_the_same_files(run: Run, samples: list[Sample], tmp_path: Path):
    explain = list(explain_into(tmp_path / "whole", run, samples))
    assert len(explain) == 3
    killed = subprocess.run([sys.executable, "-c", KILLED, FIXTURES / "run-v1", tmp_path / "broken"], timeout=600)
    assert killed.returncode == -signal.SIGKILL
    notes = Notes()
    again = list(explain_into(tmp_path / "broken", run, samples, progress=notes))
    assert notes.lines == [f"2 of 3 samples are explained in {tmp_path / 'broken'} already: they are kept."]
    pages = []
    for name, each in (("whole", explain), ("broken", again)):
        pages.append(write_explanations(run, each, samples, tmp_path / name).read_bytes())
        finish(tmp_path / name)
    whole, broken = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("whole", "broken"))
    assert whole == broken and pages[0] == pages[1] and STATE_FILE not in whole


def test_only_what_is_missing_is_explained(run: Run, samples: list[Sample], asked: list[str], tmp_path: Path):
    begin(tmp_path, run, samples, 2)
    assert asked == [s.id for s in samples[:2]]
    assert len(list(explain_into(tmp_path, run, samples))) == 3
    assert asked[2:] == [samples[2].id]
    assert len(list(explain_into(tmp_path, run, samples))) == 3 and len(asked) == 3, "the page alone was missing"
    finish(tmp_path)
    list(explain_into(tmp_path, run, samples))
    assert asked[3:] == [s.id for s in samples], "a finished folder is explained anew"


@pytest.mark.parametrize("what", ["settings", "target", "weights", "sample", "bit", "line"])
def test_what_no_longer_holds_is_explained_again(
    run: Run, samples: list[Sample], asked: list[str], tmp_path: Path, what: str
):
    begin(tmp_path, run, samples, 2)
    del asked[:]
    more: dict[str, object] = {}
    if what == "settings":
        more["config"] = explain_config(run, {"explain.budget": 500})
    elif what == "target":
        more["target"] = "storm"
    elif what == "weights":
        run = replace(run, weights="0" * 64)
    elif what == "sample":
        samples = [samples[0], replace(samples[1], inputs={**samples[1].inputs, "text": "Another text."}), samples[2]]
    elif what == "bit":
        path = next(tmp_path.glob("02-*.json"))
        path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    else:
        state = tmp_path / STATE_FILE
        state.write_text(state.read_text()[:-30])  # the power failed
    kept = 0 if what in ("settings", "target", "weights") else 1
    found = list(explain_into(tmp_path, run, samples, **more))  # type: ignore[arg-type]
    assert [one.sample_id for one in found] == [s.id for s in samples]
    assert asked == [s.id for s in samples[kept:]]


def test_of_several_models_whole_samples_are_kept(
    run: Run, samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = read_explanation(FIXTURES / "run-v1" / "expected" / "01.json")
    asked = list[str]()

    def explain_each(run: Run, todo: list[Sample], **_: object) -> Iterator[object]:
        for sample in todo:
            asked.append(sample.id)
            yield from [made.model_copy(update={"sample_id": sample.id})] * 2

    monkeypatch.setattr(unfinished, "explain_each", explain_each)
    other = replace(run, weights="1" * 64, config=explain_config(run, {"explain.budget": 500}))
    beside = [(other, other.config)]  # they differ in more than their seed: no mean
    begin(tmp_path, run, samples, 3, beside=beside)
    del asked[:]
    assert len(list(explain_into(tmp_path, run, samples, beside=beside))) == 6
    assert asked == [s.id for s in samples[1:]]
