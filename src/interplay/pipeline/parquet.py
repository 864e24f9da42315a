"""Explanations of very many samples: a folder of Parquet files, written part by part, which goes on where it stopped.

A part holds some samples and is on disk whole or not at all. Which samples are there, parts themselves say: so nothing
is done twice and nothing lost, whenever a process is killed, which costs at most the samples of one part.
"""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from interplay.config import Config
from interplay.data.sample import Sample
from interplay.engine import SERIAL, Engine
from interplay.errors import DataError, RunExistsError
from interplay.files import only_writer, refuse_blocked, write_atomic
from interplay.models.run import Run
from interplay.pipeline.explain import explain_each
from interplay.progress import SILENT, Progress
from interplay.report.findings import finding
from interplay.results import Explanation

PART = 32
"""Samples of one file."""
FORMAT = "interplay/explanations/1"
PARTS = f"part-{'[0-9]' * 6}.parquet"
MADE_BY = b"interplay"  # key of a file's metadata

_PAIR = pyarrow.struct(
    [
        *((name, pyarrow.int32()) for name in ("i", "j")),
        *((name, pyarrow.string()) for name in ("feature_i", "feature_j")),
        *((name, pyarrow.float64()) for name in ("sii", "sii_se", "redundancy_gap", "redundancy_gap_se")),
    ]
)
SCHEMA = pyarrow.schema(
    [
        ("sample_id", pyarrow.string()),
        ("model", pyarrow.string()),
        ("run", pyarrow.string()),
        ("target", pyarrow.string()),
        ("probability", pyarrow.float64()),
        ("truth", pyarrow.list_(pyarrow.string())),
        ("finding", pyarrow.string()),
        ("estimator", pyarrow.string()),
        ("evaluations", pyarrow.int64()),
        ("pairs", pyarrow.list_(_PAIR)),
        ("explanation", pyarrow.string()),
    ]
)
"""A row each explanation: what one looks for, and all of it as JSON (docs/explanation-file.md)."""


def explain_to_parquet(
    run: Run,
    samples: Sequence[Sample],
    folder: Path,
    *,
    config: Config | None = None,
    target: str | None = None,
    beside: Sequence[tuple[Run, Config]] = (),
    engine: Engine = SERIAL,
    progress: Progress = SILENT,
) -> int:
    """Explain samples into a folder of Parquet files; those that it holds already are not explained again.

    Args:
        run: a trained run.
        samples: the samples, each id once.
        folder: where the files are, or will be.
        config: settings of `explain` and `removal`; the run's own if None.
        target: the label to explain; each sample's most probable one if None.
        beside: further runs, with the settings to explain them with, as `explain_each` takes them.
        engine: who explains.
        progress: shows how far it is.

    Returns:
        How many samples were explained by this call.

    Raises:
        RunExistsError: the folder holds explanations by other runs or settings.
        InUseError: another process writes to it.
        DataError: a file of it is damaged.
        And what `explain_each` raises.
    """
    refuse_blocked(folder)
    everyone = [(run, config or run.config), *beside]
    made_by = json.dumps(
        {
            "format": FORMAT,
            "target": target,
            "models": [[r.weights, r.origin.data_hash, c.model_dump(mode="json")] for r, c in everyone],
        },
        sort_keys=True,
    )
    with only_writer(folder):
        there = samples_in(folder, made_by)
        todo = [sample for sample in samples if sample.id not in there]
        if there:
            progress.note(f"{len(samples) - len(todo)} of {len(samples)} samples are explained in {folder} already.")
        each = explain_each(run, todo, config=config, target=target, beside=beside, engine=engine, progress=progress)
        last = max((int(part.stem.partition("-")[2]) for part in folder.glob(PARTS)), default=-1)
        for number, rows in enumerate(_by_part(each), start=last + 1):
            write_atomic(folder / f"part-{number:06d}.parquet", parquet_bytes(rows, made_by))
    return len(todo)


def samples_in(folder: Path, made_by: str | None = None) -> set[str]:
    """The ids of the samples that a folder holds explanations of.

    Args:
        folder: a folder of `explain_to_parquet`; it may be missing.
        made_by: what its files must say of runs and settings; anything if None.

    Raises:
        RunExistsError: they say something else.
        DataError: a file is damaged, or was not written by `explain_to_parquet`.
    """
    ids = set[str]()
    for part in sorted(folder.glob(PARTS)):
        try:
            table = pyarrow.parquet.read_table(part, columns=["sample_id"], page_checksum_verification=True)
            known = table.schema.metadata[MADE_BY].decode()
        except (OSError, pyarrow.ArrowException, KeyError, TypeError) as error:
            raise DataError(
                f"this file cannot be read ({type(error).__name__})",
                file=part,
                expected="a part that `interplay explain --parquet` (`explain_to_parquet` in Python) wrote",
                fix="delete it: its samples are explained again",
            ) from error
        if made_by is not None and known != made_by:
            raise RunExistsError(
                "explanations by another run, target or other settings are there already",
                file=folder,
                fix="choose another folder",
            )
        ids.update(table["sample_id"].to_pylist())
    return ids


def parquet_bytes(explanations: Sequence[Explanation], made_by: str) -> bytes:
    """One part.

    Args:
        explanations: its rows.
        made_by: what it says of runs and settings.
    """
    schema = SCHEMA.with_metadata({MADE_BY: made_by.encode()})
    table = pyarrow.Table.from_pylist([_row(one) for one in explanations], schema=schema)
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression="zstd", write_page_checksum=True)
    return out.getvalue()


def _row(one: Explanation) -> dict[str, Any]:
    def name(at: int) -> str:
        return one.features[at].text or f"{one.features[at].modality} {at}"

    scores = ("sii", "sii_se", "redundancy_gap", "redundancy_gap_se")
    return {
        "sample_id": one.sample_id,
        "model": one.provenance.model,
        "run": one.provenance.run,
        "target": one.target,
        "probability": one.prediction.get(one.target),
        "truth": one.truth,
        "finding": finding(one),
        "estimator": one.estimator,
        "evaluations": one.evaluations,
        "pairs": [
            {"i": p.i, "j": p.j, "feature_i": name(p.i), "feature_j": name(p.j)} | {s: getattr(p, s) for s in scores}
            for p in one.pairs
        ],
        "explanation": one.model_dump_json(by_alias=True),
    }


def _by_part(each: Iterable[Explanation]) -> Iterator[list[Explanation]]:
    """Explanations of PART samples at a time; those of one sample stay together. At Ctrl-C comes what is ready."""
    rows, samples = list[Explanation](), 0
    try:
        for _, group in groupby(each, key=lambda one: one.sample_id):
            rows += list(group)  # all of a sample or nothing: the iterator may be interrupted within it
            samples += 1
            if samples == PART:
                yield rows
                rows, samples = [], 0
    except KeyboardInterrupt:
        if rows:
            yield rows
        raise
    if rows:
        yield rows
