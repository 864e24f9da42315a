"""`interplay explain-model`: why a Hugging Face model decided as it did."""

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.explain import said
from interplay.cli.options import Blur, Device, Json
from interplay.errors import BadInput


def explain_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder with a Hugging Face model, or a hub id.")],
    text: Annotated[str | None, typer.Option(help="The text, for a model that reads.")] = None,
    image: Annotated[Path | None, typer.Option(help="The picture's file, for a model that looks.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="CLIP, SigLIP, in place of --text: which of these texts fits best? Models that write: which answer?",
        ),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(help="For BLIP, LLaVA and Qwen2-VL: the answer that is explained; what it writes if absent."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The label to explain; the most probable if absent.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Most evaluations: more, narrower intervals.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="In place of --budget: about how long each explanation may take.")
    ] = None,
    grid: Annotated[int | None, typer.Option(min=1, help="Most cells along the picture's longer side.")] = None,
    removal: Annotated[
        list[str] | None,
        typer.Option(
            metavar="drop|mean|grey|blur|inpaint",
            help="How patches are removed: left out, or painted. Repeatable: is the same said by both?",
        ),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option(
            metavar="mask|delete",
            help="How words are removed: masked, or deleted and the rest read again. Repeatable, as --removal.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for page and JSON.")] = Path("explanation"),
    blur: Blur = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Explain a model you already have: CLIP, SigLIP, ViLT, BLIP, LLaVA, Qwen2-VL, a text or an image classifier.

    Words and patches are removed where the model reads them. Leaves a page and a JSON file.
    """
    with console.working() as progress:
        from interplay.explanation.wrapped.wrap import wrap
        from interplay.models.device import pick_device
        from interplay.pipeline.explain_model import explain_and_write

        if budget is not None and seconds is not None:
            raise BadInput("--budget and --seconds were both given", expected="one of them")
        listed = None if labels is None else [one.strip() for one in labels.split(",") if one.strip()]
        if answer is not None and listed is not None:
            raise BadInput("--labels and --answer were both given", expected="one of them")
        listed = listed if answer is None else [answer]
        settings = {"labels": listed} | options.given({"grid": grid})
        first, *others = product(dict.fromkeys(removal or ["drop"]), dict.fromkeys(words or ["mask"]))
        predictors = [wrap(model, removal=first[0], words=first[1], **settings)]
        predictors[0].model.to(pick_device(device or "auto"))
        predictors += [predictors[0].removing(*other) for other in others]
        asked = {"text": text, "image": image, "target": target} | options.given({"budget": budget, "seconds": seconds})
        found, page = explain_and_write(predictors, asked, out, blur=bool(blur), progress=progress)
    if json:
        return console.print_json([one.model_dump(mode="json", by_alias=True) for one in found])
    return console.print_findings(said(found, several=len(found) > 1), page)
