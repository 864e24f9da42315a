"""Explain one input of a Hugging Face model, and write its page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interplay.explanation.functions.explain import rgb
from interplay.explanation.wrapped.predictor import WrappedPredictor
from interplay.files import refuse_blocked, write_atomic
from interplay.pipeline.explain import json_name
from interplay.progress import SILENT, Progress
from interplay.report.page import write_page
from interplay.results import Explanation


def explain_and_write(
    predictor: WrappedPredictor,
    asked: Mapping[str, Any],
    out: Path,
    *,
    blur: bool = False,
    progress: Progress = SILENT,
) -> tuple[Explanation, Path]:
    """Explain what the model answers, and write page.html and a JSON file.

    Args:
        predictor: of `interplay.wrap`.
        asked: the arguments of its `explain`: text, image, target, budget.
        out: the folder.
        blur: hide picture and text on the page until they are asked for.
        progress: shows how far it is.

    Returns:
        The explanation, and the page's path.

    Raises:
        BadInput: an input cannot be used, or something is in the way of `out`.
    """
    refuse_blocked(out)
    image = asked.get("image")
    name = Path(image).stem if isinstance(image, str | Path) else "sample"
    picture = None if image is None else rgb(image)
    explanation = predictor.explain(**{**asked, "image": picture}, name=name, progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / json_name(1, explanation), explanation.model_dump_json(indent=1) + "\n")
    known = explanation.provenance
    pictures = {name: {"image": picture}} if picture is not None else {}
    title = f"{known.run}: why {known.model} decided so"
    return explanation, write_page([explanation], pictures, out / "page.html", title=title, blur=blur)
