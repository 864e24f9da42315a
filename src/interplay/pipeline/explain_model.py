"""Explain one input of a Hugging Face model, and write its page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interplay.explanation.functions.explain import rgb
from interplay.explanation.wrapped.predictor import WrappedPredictor
from interplay.files import only_writer, refuse_blocked
from interplay.pipeline.explanations import write_each
from interplay.progress import SILENT, Progress
from interplay.report.page import write_page
from interplay.results import Explanation


def explain_and_write(
    predictors: Sequence[WrappedPredictor],
    asked: Mapping[str, Any],
    out: Path,
    *,
    blur: bool = False,
    progress: Progress = SILENT,
) -> tuple[list[Explanation], Path]:
    """Explain what a model answers, with parts removed in one way or several, and write page.html and JSON files.

    Args:
        predictors: of `interplay.wrap`, of one model: the first one's most probable label is explained by all.
        asked: the arguments of their `explain`: text, image, target, budget.
        out: the folder.
        blur: hide picture and text on the page until a reader wants to see them.
        progress: shows how far it is.

    Returns:
        The explanations, and the page's path.

    Raises:
        BadInput: an input cannot be used, or something is in the way of `out`.
    """
    refuse_blocked(out)
    image = asked.get("image")
    name = Path(image).stem if isinstance(image, str | Path) else "sample"
    asked = {**asked, "image": None if image is None else rgb(image)}
    found: list[Explanation] = []
    if predictors[0].kind.writes and not predictors[0].labels and asked.get("text") and asked["image"] is not None:
        written = predictors[0].writing(asked["text"], asked["image"])
        predictors = [written, *(written.removing(other.removal, other.words) for other in predictors[1:])]
    for predictor in predictors:
        one = predictor.explain(**asked, name=name, progress=progress)
        found.append(one)
        asked["target"] = found[0].target
        if asked.pop("seconds", None):  # the same for all ways, so that none is known better
            asked["budget"] = one.provenance.settings["budget"]
    known = found[0].provenance
    pictures = {} if asked["image"] is None else {name: {"image": asked["image"]}}
    title = f"{known.run}: why {known.model} decided so"
    with only_writer(out):
        list(write_each(found, out))
        return found, write_page(found, pictures, out / "page.html", title=title, blur=blur)
