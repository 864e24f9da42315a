"""Explanations into a folder, one by one: what an interrupted command has written is kept, and the same one goes on.

Beside them lies `unfinished.jsonl` until the page is written. Its first line is what was asked for: the models by their
weights, all settings, the label. Each further line names an explanation that was written whole, with its SHA-256 and
that of the sample's inputs. Explanations are kept as far as all of it still holds, in the order of the samples.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interplay.config import Config
from interplay.data.sample import Sample
from interplay.engine import SERIAL, Engine
from interplay.files import only_writer, write_atomic
from interplay.files.checksums import SUMS_FILE, sha256_of
from interplay.modalities import drawn_as
from interplay.models.run import Run
from interplay.pipeline.explain import are_one_model, explain_each
from interplay.pipeline.explanations import json_name
from interplay.progress import SILENT, Progress
from interplay.results import Explanation

STATE_FILE = "unfinished.jsonl"


def explain_into(
    out: Path,
    run: Run,
    samples: Sequence[Sample],
    *,
    config: Config | None = None,
    target: str | None = None,
    engine: Engine = SERIAL,
    progress: Progress = SILENT,
    beside: Sequence[tuple[Run, Config]] = (),
) -> Iterator[Explanation]:
    """Explain samples, each explanation written before the next is begun; those that are kept come first.

    Args:
        out: the folder of explanations.
        run: a trained run.
        samples: the samples.
        config: settings of `explain` and `removal`; the run's own if None.
        target: the label to explain; each sample's most probable one if None.
        engine: who explains.
        progress: shows the stages, and what is kept.
        beside: further runs, with the settings to explain them with, as `explain_each` takes them.

    Yields:
        Every explanation, in the order of the samples.

    Raises:
        InUseError: another process writes explanations there.
        And what `explain_each` raises.
    """
    everyone = [(run, config or run.config), *beside]
    each = len(everyone) + are_one_model(run, beside)  # explanations of one sample
    models = [[r.name, r.weights, r.origin.data_hash, c.model_dump(mode="json")] for r, c in everyone]
    asked = json.dumps({"interplay": version("interplay"), "target": target, "models": models}, sort_keys=True)
    with only_writer(out):
        kept = _kept(out, asked, samples, each)
        todo = samples[len(kept) // each :]
        if kept:
            progress.note(
                f"{len(samples) - len(todo)} of {len(samples)} samples are explained in {out} already: they are kept."
            )
        yield from kept
        ready = explain_each(run, todo, config=config, target=target, engine=engine, progress=progress, beside=beside)
        for number, one in enumerate(ready if todo else (), start=len(kept) + 1):
            if number == len(kept) + 1:  # not before: of a request that is refused nothing is left
                (out / SUMS_FILE).unlink(missing_ok=True)  # of what was there
                lines = [_line(out, n, k, samples[(n - 1) // each]) for n, k in enumerate(kept, start=1)]
                write_atomic(out / STATE_FILE, "".join(line + "\n" for line in (asked, *lines)))
            write_atomic(out / json_name(number, one), one.model_dump_json(indent=1) + "\n")
            with (out / STATE_FILE).open("a", encoding="utf-8") as state:
                state.write(_line(out, number, one, samples[(number - 1) // each]) + "\n")
            yield one


def finish(out: Path) -> None:
    """Forget what was written one by one: all of it is there, with its page.

    Args:
        out: the folder of explanations.
    """
    (out / STATE_FILE).unlink(missing_ok=True)


def _kept(out: Path, asked: str, samples: Sequence[Sample], each: int) -> list[Explanation]:
    """What the same command has written: whole samples from the first on, up to the first that is not as it was."""
    try:
        first, *lines = (out / STATE_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    found = list[Explanation]()
    for line in lines[: each * len(samples)] if first == asked else ():
        sample = samples[len(found) // each]
        try:
            written = json.loads(line)
            content = (out / written["file"]).read_bytes()
            if hashlib.sha256(content).hexdigest() != written["sha256"] or written["inputs"] != _inputs_sum(sample):
                break
            found.append(_read(content, sample))
        except (OSError, ValueError, LookupError, TypeError):
            break
    return found[: len(found) // each * each]


def _read(content: bytes, sample: Sample) -> Explanation:
    explanation = Explanation.model_validate_json(content)
    pictured = drawn_as("image", {m: one.kind for m, one in explanation.inputs.items()})
    explanation.remember_pictures({m: c for m, c in sample.inputs.items() if isinstance(c, Path) and m in pictured})
    return explanation


def _line(out: Path, number: int, one: Explanation, sample: Sample) -> str:
    name = json_name(number, one)
    line: dict[str, Any] = {"file": name, "sha256": sha256_of(out / name), "inputs": _inputs_sum(sample)}
    return json.dumps(line)


def _inputs_sum(sample: Sample) -> str:
    """SHA-256 of a sample's id, texts and files."""
    inputs = {m: sha256_of(c) if isinstance(c, Path) and c.is_file() else str(c) for m, c in sample.inputs.items()}
    return hashlib.sha256(json.dumps([sample.id, inputs], sort_keys=True).encode()).hexdigest()
