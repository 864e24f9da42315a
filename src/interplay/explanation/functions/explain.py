"""Explain any function of words and pixels in one call."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from interplay.config import ExplainConfig
from interplay.errors import BadInput, BudgetError
from interplay.explanation.explaining import explain_opened
from interplay.explanation.functions.predictor import FunctionPredictor, Scale
from interplay.explanation.functions.removal import ImageFill
from interplay.explanation.pace import settle_budget, too_short
from interplay.interactions.game import WholeNumber
from interplay.kinds import LabelKind
from interplay.modalities.pictures import as_rgb, open_picture
from interplay.progress import SILENT, Progress
from interplay.results import Explanation

BUDGET = 4096


def explain_callable(
    function: Callable[..., Any],
    *,
    text: str | None = None,
    image: str | Path | Image.Image | np.ndarray | None = None,
    labels: Sequence[str] = ("score",),
    label_kind: LabelKind | None = None,
    returns: Scale = "probabilities",
    target: str | None = None,
    budget: WholeNumber | None = None,
    seconds: float | None = None,
    grid: int = 6,
    fill: ImageFill = "mean",
    batch: bool = False,
    name: str = "sample",
    seed: int = 0,
    settings: ExplainConfig | None = None,
    progress: Progress = SILENT,
) -> Explanation:
    """Explain what any function answers about a text and a picture: which words and which cells act together.

    Words and cells are removed from the input itself (level "input", METHOD 6); the model may never have seen such
    inputs. Pair scores are of words with cells, so they need both a text and a picture.

    Args:
        function: called as `function(text, picture)`, or with the one of them that is given. Text is a str, the
            picture a PIL image in RGB; with `batch` both are lists of equal length. Returns one number for each label
            (a float if there is one); with `batch` a row of these for each input.
        text: the text.
        image: a file, a PIL image, or an array (height, width, 3) of bytes.
        labels: the names of the numbers that the function returns.
        label_kind: "single" if exactly one label holds (the probabilities sum to 1), "multi" if each may hold; "single"
            for several labels and "multi" for one if None.
        returns: whether the function returns probabilities or logits. Other scores are taken as logits.
        target: the label to explain; the most probable one if None.
        budget: most evaluations for the pair scores, 4,096 if None; the candidates and what-if ask some hundred more.
        seconds: in place of a budget: about how long it may take. The explanation says how many evaluations that was,
            as a budget that repeats it.
        grid: cells of the picture along its longer side.
        fill: what a removed cell is painted with: the picture's "mean" colour, or "grey".
        batch: whether the function takes lists, which is faster for most models.
        name: what the explanation calls the sample.
        seed: decides every draw.
        settings: any other settings of `explain`; their budget gives way to `budget`.
        progress: shows how far it is.

    Returns:
        The explanation; `interplay.write_page([it], {name: {"image": picture}}, "page.html")` makes its page.

    Raises:
        BadInput: an input that cannot be used, an unknown target, or a budget too small for so many features.
        PredictorError: the function fails, answers in a wrong shape, not finite, or changes between calls.
    """
    kind = label_kind or ("single" if len(labels) > 1 else "multi")
    predictor = FunctionPredictor(function, labels, label_kind=kind, returns=returns, grid=grid, fill=fill, batch=batch)
    opened = predictor.open_inputs(text, None if image is None else rgb(image), name)
    most = settle_budget(opened, budget, seconds, default=BUDGET, seed=seed)
    settings = (settings or ExplainConfig()).model_copy(update={"budget": most})
    advance = progress.stage(f"Explain {name}")
    try:
        return explain_opened(predictor, opened, name, settings=settings, target=target, seed=seed, progress=advance)
    except BudgetError as error:
        raise too_short(error, seconds, most, error.fix) from error


def rgb(image: str | Path | Image.Image | np.ndarray, max_side: int | None = None) -> Image.Image:
    """The picture upright and in RGB, transparency on white.

    Args:
        image: a file, a PIL image, or an array (height, width, 3) of bytes.
        max_side: longer side of the result, pixels; None leaves pictures in memory as they are.

    Raises:
        BadInput: the file cannot be read, or the array is another one.
    """
    if isinstance(image, str | Path):
        return open_picture(Path(image).expanduser())
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise BadInput(
                f"the image is an array of {image.dtype} {image.shape}", expected="uint8 (height, width, 3), RGB"
            )
        return as_rgb(Image.fromarray(image), max_side)
    return as_rgb(image, max_side)
