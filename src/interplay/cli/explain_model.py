"""`interplay explain-model`: why a Hugging Face model decided as it did."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import Blur, Device, Json


def explain_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder with a Hugging Face model, or a hub id.")],
    text: Annotated[str | None, typer.Option(help="The text, for a model that reads.")] = None,
    image: Annotated[Path | None, typer.Option(help="The picture's file, for a model that looks.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="For CLIP and SigLIP in place of --text: which of these texts fits best?"),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The label to explain; the most probable if absent.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Most evaluations: more, narrower intervals.")] = None,
    grid: Annotated[int | None, typer.Option(min=1, help="Most cells along the picture's longer side.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for page and JSON.")] = Path("explanation"),
    blur: Blur = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Explain a model you already have: CLIP, SigLIP, ViLT, a text classifier or a vision transformer.

    Words and patches are removed where the model reads them. Leaves a page and a JSON file.
    """
    with console.working() as progress:
        from interplay.explanation.wrapped.wrap import wrap
        from interplay.models.device import pick_device
        from interplay.pipeline.explain_model import explain_and_write

        listed = None if labels is None else [one.strip() for one in labels.split(",") if one.strip()]
        predictor = wrap(model, labels=listed, **options.given({"grid": grid}))
        predictor.model.to(pick_device(device or "auto"))
        asked = {"text": text, "image": image, "target": target} | options.given({"budget": budget})
        explanation, page = explain_and_write(predictor, asked, out, blur=bool(blur), progress=progress)
    if json:
        return console.print_json(explanation.model_dump(mode="json", by_alias=True))
    from interplay.report.findings import finding

    return console.print_findings([finding(explanation)], page)
