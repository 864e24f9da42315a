"""One self-contained HTML file that shows why a model decided.

The file asks for nothing from anywhere: style, script, pictures and data lie inside it, and its own
Content-Security-Policy forbids the rest. Data travels as JSON in blocks the browser does not run; the script writes
it with `textContent` and attributes only, so no text of a sample can become markup.
"""

import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image, features

from interplay.errors import BadInput
from interplay.files import write_atomic
from interplay.modalities.pictures import as_rgb
from interplay.report.addresses import sample_addresses, value_addresses, whose
from interplay.report.agreement import agreement, agreement_text, compared
from interplay.report.bundle import asset, script_of
from interplay.report.claims import PAIR_KINDS, Claim, beside_claim, claim
from interplay.report.findings import headline
from interplay.report.names import FeatureName, describe_features, modality_panels
from interplay.report.ranking import Score, rank_pairs, strongest
from interplay.report.tables import CSV_COLUMNS, csv_feature, csv_head, csv_line, grid_places, tables_of
from interplay.report.waterfall import waterfall
from interplay.results import Explanation, Pair

Pictures = Mapping[str, Mapping[str, Image.Image]]

ENTRY = "main.js"
PICTURE_SIDE = 768
LOSSLESS_SIDE = 256  # pictures up to this side are small enough to keep every pixel
PAIR_COLUMNS = ("i", "j", "sii", "sii_se", "redundancy_gap", "redundancy_gap_se", "samples")


def render_page(
    explanations: Sequence[Explanation],
    pictures: Pictures,
    *,
    title: str = "Interplay",
    details: Mapping[str, str] | None = None,
    blur: bool = False,
) -> str:
    """The page as text.

    Args:
        explanations: what to show, in this order; the page opens on the first. Those of one sample are also shown side
            by side.
        pictures: sample id -> modality -> the picture its boxes refer to; one that is missing is drawn blank.
        title: the page's title.
        details: lines about the whole page, name -> text, shown beside the provenance.
        blur: hide pictures and texts until a reader wants to see them, also from screen readers.

    Raises:
        BadInput: there is nothing to show.
    """
    if not explanations:
        raise BadInput("there is no explanation to show", expected="at least one", fix="explain a sample first")
    style, script = asset("page.css"), script_of(ENTRY)
    policy = (
        f"default-src 'none'; img-src data:; style-src {source_of(style)}; script-src {source_of(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    addresses = sample_addresses([e.sample_id for e in explanations])
    index = {
        "samples": [
            {"id": e.sample_id, "target": e.target, "by": by, "address": address}
            for e, by, address in zip(explanations, _by(explanations), addresses, strict=True)
        ],
        "details": dict(details or {}),
        "columns": CSV_COLUMNS,
        "blur": blur,
    }
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        asset("template.html.j2")
    )
    return template.render(
        title=title,
        policy=policy,
        style=Markup(style),
        script=Markup(script),
        index=embed(index),
        blocks=[
            embed(
                _block(e, pictures.get(e.sample_id, {}), blur)
                | {"agreement": agreement_text(*alike, compared(explanations)) if alike else None}
            )
            for e, alike in zip(explanations, agreement(explanations), strict=True)
        ],
    )


def write_page(
    explanations: Sequence[Explanation],
    pictures: Pictures,
    path: str | Path,
    *,
    title: str = "Interplay",
    details: Mapping[str, str] | None = None,
    blur: bool = False,
) -> Path:
    """Write the page of `render_page` to a file: the whole page or nothing.

    Args:
        explanations: what is shown; several of one sample are shown side by side.
        pictures: the pictures of the samples.
        path: the file.
        title: the page's title.
        details: lines about where it comes from, name -> text.
        blur: whether pictures and texts are blurred until asked for.

    Returns:
        The path.

    Raises:
        BadInput: there is nothing to show.
        DiskFullError: the disk has no room; the file is as it was before.
    """
    path = Path(path)
    page = render_page(explanations, pictures, title=title, details=details, blur=blur)
    return write_atomic(path, page)  # the browser hashes the script with \n line ends, which it keeps


def embed(value: object) -> Markup:
    r"""The value as JSON that is safe inside a script block: pure ASCII, without `<`, `>` or `&`.

    >>> print(embed("</script>"))
    "\u003c/script\u003e"

    Args:
        value: a value of JSON.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _by(explanations: Sequence[Explanation]) -> list[str]:
    """Whose answer each is; runs of one name that explain the same are numbered, so that they can be distinguished."""
    out: list[str] = []
    times: Counter[tuple[str, str, str]] = Counter()
    for one in explanations:
        by = whose(one)
        same = one.sample_id, one.target, by
        times[same] += 1
        out.append(by if times[same] == 1 else f"{by}, {times[same]}")
    return out


def _block(explanation: Explanation, pictures: Mapping[str, Image.Image], blur: bool) -> dict[str, Any]:
    """One explanation as the page's scripts read it.

    Its JSON with the pairs as columns, a third of the size, and what the scripts only draw: the headline, what the
    logit adds up from, names, which pairs stand out, addresses, and the cells of its CSV.
    """
    tables = tables_of(explanation)
    places = grid_places(explanation.features)
    said = claim(explanation)
    sums = waterfall(explanation)
    plain = explanation.model_dump(mode="json", by_alias=True, exclude={"pairs", "more_pairs"})
    plain["pairs"] = _columns(explanation.pairs)
    plain["more_pairs"] = [
        {"value": table.value.model_dump(mode="json"), "pairs": _columns(table.pairs)}
        for table in explanation.more_pairs
    ]
    return {
        "explanation": plain,
        "panels": modality_panels(explanation),
        "places": places,
        "names": _names(describe_features(explanation)),
        "veiled_names": _names(describe_features(explanation, veiled=True)) if blur else None,
        "headline": headline(explanation),
        "beside_claim": beside_claim(explanation),
        "veiled_headline": headline(explanation, veiled=True) if blur else None,
        "claimed": list(said.features),
        "first_look": _first_look(explanation, said),
        "waterfall": asdict(sums) | {"parts": list(sums.parts.items())} if sums else None,
        "rankings": [asdict(rank_pairs(table.pairs, explanation.interval)) for table in tables],
        "addresses": value_addresses([table.value for table in tables]),
        "csv": {
            "heads": [csv_line(csv_head(explanation, table.value)) for table in tables],
            "features": [csv_line(csv_feature(f, at, places)) for at, f in enumerate(explanation.features)],
        },
        "pictures": {modality: _picture(picture) for modality, picture in pictures.items()},
    }


def _first_look(explanation: Explanation, said: Claim) -> dict[str, str | int]:
    """Which pairs are linked before a person chooses: the claimed one, if its score is the largest of its kind."""
    if said.kind == "not_asked":
        return {"kind": "both", "links": 4}
    kind: str
    score: Score
    kind, score = ("redundancy", "redundancy_gap") if said.kind == "either" else ("synergy", "sii")
    best = strongest(explanation, score)
    if said.kind in PAIR_KINDS and best is not None and {best[0].i, best[0].j} == set(said.features):
        return {"kind": kind, "links": 1}
    return {"kind": "both", "links": 0}


def _names(names: Sequence[FeatureName]) -> list[tuple[str, str]]:
    return [(name.label, name.phrase) for name in names]


def _columns(pairs: Sequence[Pair]) -> dict[str, list[float | int | None]]:
    return {name: [getattr(pair, name) for pair in pairs] for name in PAIR_COLUMNS}


def _picture(picture: Image.Image) -> dict[str, str | int]:
    """The picture as a data URI, encoded anew (nothing but pixels survives) and at most PICTURE_SIDE wide or high."""
    pixels = as_rgb(picture)  # a new image: no EXIF, no profile
    width, height = pixels.size
    pixels.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    kind = "webp" if features.check("webp") else "png"
    buffer = io.BytesIO()
    pixels.save(
        buffer, kind, **({"quality": 90, "lossless": max(pixels.size) <= LOSSLESS_SIDE} if kind == "webp" else {})
    )
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"uri": f"data:image/{kind};base64,{data}", "width": width, "height": height}


def source_of(text: str) -> str:
    """The Content-Security-Policy source of exactly this text.

    Args:
        text: a script or style, as it stands in the page.
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
