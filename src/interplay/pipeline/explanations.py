"""Explanations as files: one page, and one JSON file each."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from interplay.data.registry import is_sensitive
from interplay.data.sample import Sample
from interplay.files import only_writer, refuse_blocked, write_atomic
from interplay.files.checksums import SUMS_FILE, write_sums
from interplay.modalities import drawn_as
from interplay.modalities.pictures import open_picture
from interplay.models.run import Run
from interplay.report.page import write_page
from interplay.results import Explanation


def write_each(explanations: Iterable[Explanation], out: Path) -> Iterator[Explanation]:
    """Explanations as they become ready, each of them written before the next one is begun.

    Args:
        explanations: the explanations.
        out: their folder.

    Yields:
        Each explanation.

    Raises:
        InUseError: another process writes explanations there.
    """
    with only_writer(out):
        (out / SUMS_FILE).unlink(missing_ok=True)  # of what is there now
        for number, explanation in enumerate(explanations, start=1):
            write_atomic(out / json_name(number, explanation), explanation.model_dump_json(indent=1) + "\n")
            yield explanation


def write_explanations(
    run: Run,
    explanations: Sequence[Explanation],
    samples: Sequence[Sample],
    out: Path | None = None,
    *,
    blur: bool | None = None,
) -> Path:
    """Write page.html and one JSON file per explanation.

    Args:
        run: a trained run.
        explanations: what is written.
        samples: those explained; more do no harm.
        out: the folder; `run.results`/explanations if None.
        blur: hide pictures and texts on the page until a reader wants to see them; where the labels are of hate speech
            if None.

    Returns:
        The page's path.

    Raises:
        InUseError: another process writes explanations there.
    """
    out = explanations_folder(run, out)
    images = drawn_as("image", run.card.modalities)
    explained = {explanation.sample_id for explanation in explanations}
    pictures = {s.id: {m: open_picture(s.inputs[m]) for m in images} for s in samples if s.id in explained}
    models = dict.fromkeys(explanation.provenance.model for explanation in explanations)
    title = f"{run.origin.data}: why {' and '.join(models)} decided so"
    blur = is_sensitive(run.card.labels) if blur is None else blur
    with only_writer(out):
        list(write_each(explanations, out))
        page = write_page(explanations, pictures, out / "page.html", title=title, blur=blur)
        write_sums(out, [page.name, *(json_name(number, one) for number, one in enumerate(explanations, start=1))])
        return page


def json_name(number: int, explanation: Explanation) -> str:
    """The file name of one explanation: number, sample and target, without characters that a file system may refuse.

    Args:
        number: its position.
        explanation: the explanation.
    """
    safe = re.sub(r"[^\w-]+", "_", f"{explanation.sample_id}-{explanation.target}", flags=re.ASCII)[:80]
    return f"{number:02d}-{safe}.json"


def explanations_folder(run: Run, out: Path | None = None) -> Path:
    """The folder of explanations, checked to be usable: called before the work.

    Args:
        run: a trained run.
        out: the folder; `run.results`/explanations if None.

    Raises:
        BadInput: it cannot be a folder.
    """
    out = out or run.results / "explanations"
    refuse_blocked(out)
    return out
